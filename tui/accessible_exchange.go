package tui

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"dpslab/profiles/wholefile"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// examine shows an exchange and offers what can be done with it.
func (t *linearTranscript) examine(ctx context.Context, x *workflow.Exchange) error {
	t.exchange(x)
	all := []ability{{"send it again", func(ctx context.Context, name string) error { return t.resend(ctx, name, x) }}}
	for _, c := range workflow.Copies(x) {
		all = append(all, ability{"copy it as " + c.Name + " to a file: " + c.About, func(context.Context, string) error { t.copy(c); return nil }})
	}
	all = append(all, ability{"compare it with another: choose that one next", func(context.Context, string) error { t.mark = x; return nil }})
	if before := t.mark; before != nil {
		all = append(all, ability{"say what differs from " + before.Method + " " + before.Operation + " of " + before.Started.Local().Format("15:04:05.000") + ", chosen before", func(context.Context, string) error {
			t.compare(before, x)
			return nil
		}})
	}
	var choices []string
	for _, a := range all {
		choices = append(choices, a.name)
	}
	n, err := t.menu(ctx, "What shall be done with this exchange?", choices, "back to the list")
	if err != nil || n < 0 {
		return err
	}
	return all[n].do(ctx, t.name)
}

// compare says what differs, line by line.
func (t *linearTranscript) compare(before, x *workflow.Exchange) {
	t.say("Lines with a minus are only in the one chosen before, those with a plus only in this one.")
	for _, line := range screen.Differences(t.th, before, x) {
		t.say("%s", line)
	}
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
	m := x.Timing
	l.say("timing: DNS %.1f ms, connect %.1f ms, TLS %.1f ms, wait %.1f ms, total %.1f ms", m.DNS, m.Connect, m.TLS, m.Wait, m.Total)
	l.tls(x)
}

// tls tells what the handshake agreed on, and which certificates were really sent.
func (l *linear) tls(x *workflow.Exchange) {
	t := x.TLS
	if t == nil {
		return
	}
	l.say("TLS: %s, %s, server name %s, %d client certificates sent", t.Version, t.CipherSuite, t.ServerName, len(t.Client))
	for _, c := range t.Client {
		l.say("  sent: %s, issued by %s, until %s", c.Subject, c.Issuer, c.NotAfter.UTC().Format("2 Jan 2006 15:04 MST"))
		l.say("  its SHA-1: %s", c.SHA1)
		l.say("  its SHA-256: %s", c.SHA256)
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
