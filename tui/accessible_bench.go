package tui

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"dpslab/workflow"
)

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
		n, err := l.menu(ctx, "What shall be done with "+name+"?", []string{
			"run all steps", "run one step", "send telemetry", "explain the last error", "transcript of requests and answers",
			"change the profile", "make a new certificate", "retire: delete what runs made at the services", "remove the device from this machine",
		}, "back to the devices")
		if err != nil || n < 0 {
			return err
		}
		do := []func(context.Context, string) error{l.runAll, l.runOne, l.send, l.explain, l.transcript, l.change, l.renew, l.retire, l.remove}
		if err := do[n](ctx, name); err != nil {
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

func (l *linear) runOne(ctx context.Context, name string) error {
	var titles []string
	for _, s := range workflow.Steps() {
		titles = append(titles, s.Title+": "+s.About)
	}
	n, err := l.menu(ctx, "Which step?", titles, "none")
	if err != nil || n < 0 {
		return err
	}
	step := workflow.Steps()[n].ID
	resume := step == workflow.StepRegistration && workflow.Resumable(l.session.Device(name).State)
	return l.run(ctx, name, workflow.RunOptions{Only: []workflow.StepID{step}, Resume: resume})
}

func (l *linear) renew(ctx context.Context, name string) error {
	return l.run(ctx, name, workflow.RunOptions{Only: []workflow.StepID{workflow.StepCertificates}, Force: true})
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

// retire lists what runs made at the services, asks, and deletes it.
func (l *linear) retire(ctx context.Context, name string) error {
	items, err := l.session.RetirePlan(ctx, name)
	switch {
	case err != nil:
		l.problem(err)
		return nil
	case len(items) == 0:
		l.say("Nothing is known that a run made at a service and that is still there.")
		return nil
	}
	for _, i := range items {
		text := i.What
		if len(i.Shared) > 0 {
			text += " stays: " + strings.Join(i.Shared, ", ") + " use it too"
		}
		l.say("%s", text)
	}
	yes, err := l.sure(ctx, "This is deleted at the services; files here stay.", name)
	if err != nil || !yes {
		return err
	}
	return l.follow(ctx, name, func() (string, error) { return l.session.Retire(name, workflow.RetireOptions{}) })
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
	l.say("Running. While it runs: stop, pause, resume, or a pause between messages such as 2s, each with enter.")
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
			l.steer(strings.TrimSpace(line))
		case <-ctx.Done():
			l.session.Cancel()
			l.session.Wait()
			l.take()
			return context.Cause(ctx)
		}
	}
}

// steer obeys what is typed during a run.
func (l *linear) steer(line string) {
	var err error
	switch line {
	case "":
	case "stop":
		l.say("cancelling")
		l.session.Cancel()
	case "pause", "resume":
		err = l.session.Pause(line == "pause")
	default:
		var d time.Duration
		if d, err = time.ParseDuration(line); err == nil {
			err = l.session.SetInterval(d)
		} else {
			l.say("%q is none of stop, pause, resume, or a time such as 2s.", line)
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

// transcript lists the exchanges and shows one of them.
func (l *linear) transcript(ctx context.Context, name string) error {
	for {
		all := l.status(name).Exchanges
		if len(all) == 0 {
			l.say("Nothing was sent in this session.")
			return nil
		}
		var choices []string
		for _, x := range all {
			choices = append(choices, workflow.Line(workflow.Event{Kind: workflow.ExchangeFinished, Exchange: x})+", "+x.Service)
		}
		n, err := l.menu(ctx, "Which exchange?", choices, "back")
		if err != nil || n < 0 {
			return err
		}
		l.exchange(all[n])
		answer, err := l.read(ctx, "c copies it as a curl command to a file; enter goes on:")
		if err != nil {
			return err
		}
		if answer == "c" {
			l.copyCurl(all[n])
		}
	}
}

func (l *linear) exchange(x *workflow.Exchange) {
	l.say("request: %s %s", x.Method, x.URL)
	l.headers(x.RequestHeader)
	l.body(x.RequestBody)
	if x.Status == 0 {
		l.say("no answer: %s", x.Error)
		return
	}
	l.say("answer: %d %s, %s, %.0f ms", x.Status, x.Reason, x.Proto, x.Timing.Total)
	l.headers(x.ResponseHeader)
	l.body(x.ResponseBody)
	if t := x.TLS; t != nil {
		l.say("TLS: %s, %s, server name %s, %d client certificates sent", t.Version, t.CipherSuite, t.ServerName, len(t.Client))
	}
}

func (l *linear) headers(h map[string][]string) {
	var names []string
	for n := range h {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		for _, v := range h[n] {
			l.say("  %s: %s", n, v)
		}
	}
}

func (l *linear) body(text string) {
	if text != "" {
		l.say("  body: %s", text)
	}
}

func (l *linear) copyCurl(x *workflow.Exchange) {
	path := filepath.Join(l.session.StateDir(), "copied-request.sh")
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = renameio.WriteFile(path, []byte(workflow.Curl(x)+"\n"), 0o600)
	}
	if err != nil {
		l.problem(errors.Join(errors.New("the curl command could not be written"), err))
		return
	}
	l.say("The curl command is in %s", path)
}
