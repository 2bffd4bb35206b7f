package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

func newLinear(t *testing.T, out io.Writer, echoes bool) *linear {
	t.Helper()
	store := emptyStore(t.TempDir())
	feed, ask := NewFeed(), NewAsker()
	l := &linear{feed: feed, ask: ask, th: newTheme(t, theme.Options{Name: "none"}), out: out, called: "dpslab", echoes: echoes, lines: make(chan string, 10), statuses: map[string]*workflow.Status{}}
	l.session = workflow.NewSession(workflow.Config{Store: store, Sink: feed.Put, Ask: ask.Ask})
	t.Cleanup(func() { _ = l.session.Close() })
	return l
}

// A secret is asked for with the echo off, which comes back whatever happens.
func TestAccessibleSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lines []string
		ended bool // the input
		want  answer
	}{
		{"answered", []string{"s3cret"}, false, answer{text: "s3cret"}},
		{"the input ends", nil, true, answer{err: ErrDeclined}},
	} {
		var out strings.Builder
		l := newLinear(t, &out, true)
		hidden := 0
		l.hide = func() (func(), error) { hidden++; return func() { hidden-- }, nil }
		for _, line := range c.lines {
			l.lines <- line
		}
		if c.ended {
			close(l.lines)
		}
		q := &question{Question: workflow.Question{Prompt: "Pass phrase of a\x1b[2Jb", Secret: true}, ctx: context.Background(), reply: make(chan answer, 1)}
		l.answer(context.Background(), q)
		if got := <-q.reply; got.text != c.want.text || !errors.Is(got.err, c.want.err) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if hidden != 0 || strings.Contains(out.String(), "s3cret") || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: echo hidden %d times too often, said %q", c.name, hidden, out.String())
		}
	}
}

// A question whose run has ended is no longer waited for.
func TestAccessibleQuestionIsWithdrawn(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := newLinear(t, &out, false)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	q := &question{ctx: ctx, reply: make(chan answer, 1)}
	l.answer(context.Background(), q)
	if got := <-q.reply; !errors.Is(got.err, ErrDeclined) {
		t.Errorf("%+v", got)
	}
}

// What is typed during a run steers it or says why not.
func TestAccessibleSteering(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := newLinear(t, &out, false)
	for _, line := range []string{"", "stop", "pause", "2s", "faster", "send {\"t\": 1}"} {
		l.steer("truck-7", line)
	}
	for _, want := range []string{"cancelling", "no run is under way", `"faster" is none of stop, pause, resume`, "truck-7"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// Everything hostile that a service, a file or a run may say becomes plain text.
func TestAccessibleSaysOnlyText(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := newLinear(t, &out, false)
	bad := "\x1b[2J\x07\r\x9b31m\u202e温度"
	for _, k := range []workflow.EventKind{workflow.StepStarted, workflow.StepSkipped, workflow.Noted, workflow.Warned, workflow.StepFinished} {
		l.event(workflow.Event{Kind: k, At: time.Now(), Step: workflow.StepID(bad), Text: bad, Outcome: workflow.Failed})
	}
	l.problem(&workflow.Problem{Op: bad, Summary: bad, Why: bad, Fix: bad, Code: bad})
	l.exchange(&workflow.Exchange{Method: bad, URL: bad, RequestBody: bad, Status: 200, ResponseBody: bad, ResponseHeader: map[string][]string{bad: {bad}}})
	for _, r := range out.String() {
		if r != '\n' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0) {
			t.Fatalf("%q gets out in %q", r, out.String())
		}
	}
}

// A step that never ran has nothing to undo: nothing is asked.
func TestAccessibleUndoOfNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := newLinear(t, &out, true)
	p := workflow.ProfileOf(workflow.Answers{"identity.registration_id": "d"})
	if err := l.session.Save("d", p); err != nil {
		t.Fatal(err)
	}
	l.lines <- "1"
	if err := l.undo(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "There is nothing to undo") || strings.Contains(got, "set aside") {
		t.Errorf("said %q", got)
	}
}

// A long list of devices is read out in parts, and can be left.
func TestAccessibleListInParts(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("press-%05d", i))
	}
	var out strings.Builder
	l := newLinear(t, &out, false)
	l.lines <- ""
	l.lines <- "enough"
	if err := l.list(t.Context(), names); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !strings.Contains(text, "press-00039") || strings.Contains(text, "press-00040") || !strings.Contains(text, "40 of 10000. Enter goes on") {
		t.Errorf("said %q", text)
	}
}
