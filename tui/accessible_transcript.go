package tui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"dpslab/profiles/wholefile"
	"dpslab/workflow"
)

// transcript lists the exchanges and shows one of them.
func (l *linear) transcript(ctx context.Context, name string) error {
	for {
		all := l.status(name).Exchanges.Recording()
		if all.Len() == 0 {
			l.say("Nothing was sent in this session.")
			return nil
		}
		var choices []string
		for i := range all.Len() {
			x, err := all.Read(i)
			if err != nil {
				choices = append(choices, err.Error())
				continue
			}
			choices = append(choices, workflow.Line(workflow.Event{Kind: workflow.ExchangeFinished, Exchange: x})+", "+x.Service)
		}
		n, err := l.menu(ctx, "Which exchange?", choices, "back")
		if err != nil || n < 0 {
			return err
		}
		x, err := all.Read(n)
		if err != nil {
			l.problem(err)
			continue
		}
		if err := l.examine(ctx, name, x); err != nil {
			return err
		}
	}
}

// examine shows an exchange and offers what can be done with it.
func (l *linear) examine(ctx context.Context, name string, x *workflow.Exchange) error {
	l.exchange(x)
	copies := workflow.Copies(x)
	choices := []string{"send it again"}
	for _, c := range copies {
		choices = append(choices, "copy it as "+c.Name+" to a file: "+c.About)
	}
	n, err := l.menu(ctx, "What shall be done with this exchange?", choices, "back to the list")
	switch {
	case err != nil || n < 0:
		return err
	case n == 0:
		return l.resend(ctx, name, x)
	}
	l.copy(copies[n-1])
	return nil
}

// resend sends a request again, after asking unless repeating it is harmless.
func (l *linear) resend(ctx context.Context, name string, x *workflow.Exchange) error {
	if !workflow.Repeatable(x) {
		yes, err := l.sure(ctx, effectOfResending(x), "again")
		if err != nil || !yes {
			return err
		}
	}
	err := l.wait(ctx, func(ctx context.Context) error { return l.session.Resend(ctx, name, x) })
	if err != nil {
		return l.toldOf(ctx, err)
	}
	l.say("Sent again: the newest exchange is what came back.")
	return nil
}

func (l *linear) copy(c workflow.Copy) {
	if c.Why != "" {
		l.say("There is no such form: %s", c.Why)
		return
	}
	path := filepath.Join(l.session.StateDir(), c.File)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = wholefile.Write(path, []byte(c.Text+"\n"), 0o600)
	}
	if err != nil {
		l.problem(fmt.Errorf("write the %s copy: %w", c.Name, err))
		return
	}
	l.say("The %s copy is in %s", c.Name, path)
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
