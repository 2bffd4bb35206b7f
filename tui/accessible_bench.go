package tui

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// ability is one thing that can be done with a device.
type ability struct {
	name string
	do   func(ctx context.Context, name string) error
}

// abilities are what the bench can do, in the order in which a new device needs
// it. The last number never moves: it takes the device away.
func (l *linear) abilities(name string) []ability {
	all := []ability{
		{"run all steps", l.runAll},
		{"run one step", l.runOne},
		{"run a step and all that follow", l.runRest},
		{"run a step as if it had not run", l.redo},
		{"send telemetry", l.send},
		{"write one message and send it as it stands", l.write},
		{"receive a message to the device", l.receive},
		{"transcript of requests and answers", l.transcript},
		{"certificates: files, what was sent, DPS, enrollment, IoT Hub", l.chain},
		{"explain the last error", l.explain},
		{"change the profile", l.change},
		{"undo one step", l.undo},
		{"ask DPS how the registration stands, without registering", l.lookUp},
		{"what its target holds: enrollments, groups, registration records, CAs, API Management certificates", l.heldOf},
		{"retire: delete what runs made at the services", l.retire},
		{"remove the device from this machine", l.remove},
	}
	if from, ok := screen.Mends(l.status(name)); ok {
		mend := func(ctx context.Context, name string) error {
			return l.run(ctx, name, workflow.RunOptions{From: from})
		}
		all = slices.Insert(all, 0, ability{"mend the last error: run " + from.Title() + " and what follows", mend})
	}
	return all
}

// bench is the menu of one device.
func (l *linear) bench(ctx context.Context, name string) error {
	for {
		l.gap()
		l.say("%s", l.summary(name))
		if err := l.session.Device(name).Err; err != nil {
			l.problem(err)
		}
		for i, s := range l.status(name).Steps {
			l.say("step %d, %s: %s. %s", i+1, s.Title, s.State, s.Text)
		}
		abilities := l.abilities(name)
		var choices []string
		for _, a := range abilities {
			choices = append(choices, a.name)
		}
		n, err := l.menu(ctx, "What shall be done with "+name+"?", choices, "back to the devices")
		if err != nil || n < 0 {
			return err
		}
		if err := abilities[n].do(ctx, name); err != nil {
			return err
		}
		if !slices.Contains(l.names(), name) {
			return nil
		}
	}
}

func (l *linear) names() []string {
	names, err := l.session.Names()
	if err != nil {
		l.problem(err)
	}
	return names
}

func (l *linear) runAll(ctx context.Context, name string) error {
	return l.run(ctx, name, workflow.RunOptions{Resume: workflow.Resumable(l.session.Device(name).State)})
}

// whichStep asks for one of the device's steps.
func (l *linear) whichStep(ctx context.Context, name string) (id workflow.StepID, chosen bool, err error) {
	steps := l.status(name).Steps
	var titles []string
	for _, s := range steps {
		titles = append(titles, s.Title+": "+s.About)
	}
	n, err := l.menu(ctx, "Which step?", titles, "none")
	if err != nil || n < 0 {
		return "", false, err
	}
	return steps[n].ID, true, nil
}

// resumes says whether a run that begins with a step goes on with a registration
// that an earlier one began.
func (l *linear) resumes(name string, step workflow.StepID) bool {
	return step == workflow.StepRegistration && workflow.Resumable(l.session.Device(name).State)
}

func (l *linear) runOne(ctx context.Context, name string) error {
	step, chosen, err := l.whichStep(ctx, name)
	if err != nil || !chosen {
		return err
	}
	return l.run(ctx, name, workflow.RunOptions{Only: []workflow.StepID{step}, Resume: l.resumes(name, step)})
}

func (l *linear) runRest(ctx context.Context, name string) error {
	step, chosen, err := l.whichStep(ctx, name)
	if err != nil || !chosen {
		return err
	}
	return l.run(ctx, name, workflow.RunOptions{From: step, Resume: l.resumes(name, step)})
}

// redo runs a step as if it had not run; a new certificate asks first.
func (l *linear) redo(ctx context.Context, name string) error {
	step, chosen, err := l.whichStep(ctx, name)
	if err != nil || !chosen {
		return err
	}
	if step == workflow.StepCertificates {
		yes, err := l.sure(ctx, newCertificate+".", "new")
		if err != nil || !yes {
			return err
		}
	}
	return l.run(ctx, name, workflow.RunOptions{Only: []workflow.StepID{step}, Force: true})
}

// send asks how many messages, how often, and what they say.
func (l *linear) send(ctx context.Context, name string) error {
	o := workflow.RunOptions{Only: []workflow.StepID{workflow.StepTelemetry}}
	for _, ask := range []struct {
		prompt string
		take   func(string) error
	}{
		{"How many messages? Empty: as the profile says.", func(s string) (err error) { o.Count, err = strconv.Atoi(s); return err }},
		{"Pause between two, as 500ms, 1s or 2m? Empty: as the profile says.", func(s string) error {
			d, err := time.ParseDuration(s)
			o.Interval = &d
			return err
		}},
		{"What do they say? Empty: the profile's body.", func(s string) error { o.Body = s; return nil }},
	} {
		answer, err := l.read(ctx, ask.prompt)
		if err != nil {
			return err
		}
		if answer == "" {
			continue
		}
		if err := ask.take(answer); err != nil {
			l.say("%q does not say that; nothing was sent.", answer)
			return nil
		}
	}
	if err := workflow.CheckMessage(o); err != nil {
		l.problem(err)
		return nil
	}
	return l.run(ctx, name, o)
}

// run starts steps and prints what happens until they have ended.
func (l *linear) run(ctx context.Context, name string, o workflow.RunOptions) error {
	return l.follow(ctx, name, func() (string, error) { return l.session.Start(name, o) })
}

func (l *linear) follow(ctx context.Context, name string, start func() (string, error)) error {
	st := l.status(name)
	if _, err := start(); err != nil {
		l.problem(err)
		return nil
	}
	if !slices.Contains(l.ran, st) {
		l.ran = append(l.ran, st)
	}
	l.say("Running. While it runs: stop, pause, resume, a pause between messages such as 2s, or send and a message, each with enter.")
	lines := l.lines
	for {
		select {
		case <-l.feed.ready:
			if l.take() {
				l.outcome(st)
				return nil
			}
		case q := <-l.ask.questions:
			l.answer(ctx, q)
		case line, more := <-lines:
			if !more {
				lines = nil // the run goes on to its end
				continue
			}
			l.steer(name, strings.TrimSpace(line))
		case <-ctx.Done():
			l.session.Cancel()
			l.session.Wait()
			l.take()
			return context.Cause(ctx)
		}
	}
}

// steer obeys what is typed during a run.
func (l *linear) steer(name, line string) {
	var err error
	body, sends := strings.CutPrefix(line, "send ")
	switch {
	case line == "":
	case line == "stop":
		l.say("cancelling")
		l.session.Cancel()
	case line == "pause", line == "resume":
		err = l.session.Pause(line == "pause")
	case sends:
		if _, err = l.session.Send(name, strings.TrimSpace(body), nil); err == nil {
			l.say("The message is put between the others.")
		}
	default:
		var d time.Duration
		if d, err = time.ParseDuration(line); err == nil {
			err = l.session.SetInterval(d)
		} else {
			l.say("%q is none of stop, pause, resume, send and a message, or a time such as 2s.", line)
			return
		}
	}
	if err != nil {
		l.problem(err)
	}
}

// answer puts a run's question to the person; a secret is not shown.
func (l *linear) answer(ctx context.Context, q *question) {
	show := func() {}
	if q.Secret && l.echoes {
		var err error
		if show, err = l.hide(); err != nil {
			q.reply <- answer{err: err}
			return
		}
	}
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(q.ctx, cancel)()
	text, err := l.read(both, q.Prompt+":")
	show()
	if q.Secret && l.echoes && err == nil {
		l.gap() // the newline was not shown either
	}
	if err != nil {
		err = ErrDeclined
	}
	q.reply <- answer{text: text, err: err}
}

// outcome says how a run ended.
func (l *linear) outcome(st *workflow.Status) {
	if st.Problem != nil {
		l.problem(st.Problem)
		return
	}
	l.say("%s: %s", st.Device, standingOf(st, l.called))
}

func (l *linear) explain(_ context.Context, name string) error {
	st := l.status(name)
	if st.Problem == nil {
		l.say("The last run left no error.")
		return nil
	}
	l.problem(st.Problem)
	return nil
}

func (l *linear) remove(ctx context.Context, name string) error {
	if l.session.ReadOnly() {
		l.say("Nothing was removed: %s.", readOnly)
		return nil
	}
	yes, err := l.sure(ctx, "This deletes the profile, the state, the private key and the certificates of "+name+" from this machine. What DPS and IoT Hub hold stays.", "remove")
	if err != nil || !yes {
		return err
	}
	files, err := l.session.Remove(name)
	if err != nil {
		l.problem(err)
		return nil
	}
	l.say("%s is removed, %d files with it.", name, len(files))
	return nil
}
