package tui

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// wait does something that asks a service outside a run. What comes meanwhile is
// printed, and questions are put to the person; the line "stop" gives it up.
func (l *linear) wait(ctx context.Context, f func(context.Context) error) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- f(inner) }()
	lines := l.lines
	for {
		select {
		case err := <-done:
			l.take()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		case <-l.feed.ready:
			l.take()
		case q := <-l.ask.questions:
			l.answer(ctx, q)
		case line, more := <-lines:
			switch {
			case !more:
				lines = nil
			case strings.TrimSpace(line) == "stop":
				stop()
			case strings.TrimSpace(line) != "":
				l.say("This waits for an answer; stop gives it up.")
			}
		}
	}
}

// write asks for one message line by line and sends it as it stands.
func (l *linear) write(ctx context.Context, name string) error {
	l.say("First the properties, one a line as name: value; an empty line ends them. Then the body, in one line.")
	m := message{properties: map[string]string{}}
	for {
		line, err := l.read(ctx, "Property, or empty:")
		if err != nil {
			return err
		}
		if line == "" {
			break
		}
		key, value, ok := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); !ok || key == "" {
			l.say("%q is no property: write name: value.", line)
			continue
		}
		m.properties[key] = strings.TrimSpace(value)
	}
	for {
		body, err := l.read(ctx, "Body, or empty to send nothing:")
		if err != nil {
			return err
		}
		if body == "" {
			l.say("Nothing was sent.")
			return nil
		}
		if err := bodyError(body); err != nil {
			l.say("%v", err)
			continue
		}
		m.body = body
		break
	}
	return l.follow(ctx, name, func() (string, error) { return l.session.Send(name, m.body, m.properties) })
}

// receive asks the device's hub for a message, and what becomes of it.
func (l *linear) receive(ctx context.Context, name string) error {
	l.say("Asking IoT Hub for a message to %s; stop gives up.", name)
	var m *workflow.CloudMessage
	err := l.wait(ctx, func(ctx context.Context) (err error) {
		m, err = l.session.Receive(ctx, name)
		return err
	})
	switch {
	case err != nil:
		return l.toldOf(ctx, err)
	case m == nil:
		l.say("No message waits for %s at its hub.", name)
		return nil
	}
	l.cloudMessage(m)
	n, err := l.menu(ctx, "What becomes of it?", []string{
		"complete: it was dealt with, the hub deletes it",
		"give back: abandon it; it waits again, and counts as delivered once more",
		"reject: it cannot be dealt with and goes to the dead letters",
	}, "leave it: it stays locked for a minute and waits again then")
	if err != nil || n < 0 {
		return err
	}
	how := []workflow.Settlement{workflow.Complete, workflow.Abandon, workflow.Reject}[n]
	err = l.wait(ctx, func(ctx context.Context) error { return l.session.Settle(ctx, name, m.LockToken, how) })
	if err != nil {
		return l.toldOf(ctx, err)
	}
	l.say("%s", settledText[how])
	return nil
}

// lookUp asks DPS how the device's registration stands.
func (l *linear) lookUp(ctx context.Context, name string) error {
	l.say("Asking DPS how the registration of %s stands; stop gives up.", name)
	var s *screen.LookedUp
	err := l.wait(ctx, func(ctx context.Context) (err error) {
		s, err = lookedUp(ctx, l.session, name)
		return err
	})
	if err != nil {
		return l.toldOf(ctx, err)
	}
	for _, f := range screen.StandingFacts(s.Registration) {
		l.say("%s: %s", f[0], f[1])
	}
	differ := screen.StandingDifferences(s)
	if len(differ) == 0 {
		l.say("%s", screen.SameStanding)
		return nil
	}
	l.say("%s", screen.OtherStanding)
	for _, d := range differ {
		l.say("%s", d)
	}
	return nil
}

// toldOf tells an error, and returns it only when the session ends with it.
func (l *linear) toldOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	l.problem(err)
	return nil
}

func (l *linear) cloudMessage(m *workflow.CloudMessage) {
	l.say("Message number %d, delivered %s.", m.Sequence, deliveries(m.Deliveries))
	if m.MessageID != "" {
		l.say("message ID: %s", m.MessageID)
	}
	if !m.Enqueued.IsZero() {
		l.say("sent: %s", m.Enqueued.Local().Format(time.DateTime))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
		l.say("property %s: %s", name, m.Properties[name])
	}
	l.say("body: %s", m.Body)
}
