package tui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	xterm "golang.org/x/term"

	"dpslab/tui/term"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// RunAccessible is the workbench for screen readers, braille lines and
// terminals that can do nothing: the same abilities as [Run], without an
// alternate screen and without repainting anything. It asks numbered questions,
// prints a line for each event, and writes no control character but the
// newline. Input may be a pipe. It returns when the person leaves, the input
// ends or the context does ([ErrSignal]).
func RunAccessible(ctx context.Context, o Options) error {
	th, err := theme.New(theme.Options{Name: "none", ASCII: o.ASCII || term.WantsASCII(os.Getenv)})
	if err != nil {
		return err
	}
	l := &linear{session: o.Session, feed: o.Feed, ask: o.Ask, th: th, out: o.Out, called: o.Program, statuses: map[string]*workflow.Status{}}
	if l.called == "" {
		l.called = "dpslab"
	}
	l.echoes = xterm.IsTerminal(int(o.In.Fd()))
	l.hide = func() (func(), error) { return term.HideEcho(o.In) }
	l.lines = make(chan string)
	left := make(chan struct{})
	defer close(left)
	go readLines(o.In, l.lines, left)
	err = l.devices(ctx, o.Open)
	l.end()
	switch {
	case errors.Is(err, errLeave), errors.Is(err, io.EOF):
		return nil
	case ctx.Err() != nil:
		return ErrSignal
	}
	return err
}

// errLeave is how a person leaves the program from anywhere.
var errLeave = errors.New("the person leaves")

// linear is one accessible session. Everything it says goes through say and
// ask, so that nothing a terminal would obey gets out.
type linear struct {
	session *workflow.Session
	feed    *Feed
	ask     *Asker
	th      *theme.Theme
	out     io.Writer
	called  string

	lines  chan string // what the person types; closed at the end of the input
	echoes bool        // the terminal shows what is typed, its newline included
	hide   func() (show func(), err error)

	statuses map[string]*workflow.Status // of the devices that ran or were opened
	ran      []*workflow.Status
}

// readLines hands over the input line by line. It is left behind in a read when
// the program ends.
func readLines(in io.Reader, lines chan<- string, left <-chan struct{}) {
	defer close(lines)
	s := bufio.NewScanner(in)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		select {
		case lines <- strings.TrimRight(s.Text(), "\r"):
		case <-left:
			return
		}
	}
}

// say prints one line, or several for a text that has them.
func (l *linear) say(format string, args ...any) {
	for _, line := range l.th.CleanLines(fmt.Sprintf(format, args...) + "\n") {
		fmt.Fprintln(l.out, strings.TrimRight(line, " "))
	}
}

// gap prints an empty line.
func (l *linear) gap() { fmt.Fprintln(l.out) }

// read asks for one line. While it waits, events that come by themselves are
// printed.
func (l *linear) read(ctx context.Context, prompt string) (string, error) {
	fmt.Fprint(l.out, l.th.Clean(prompt)+" ")
	for {
		select {
		case line, more := <-l.lines:
			if !l.echoes || !more {
				l.gap()
			}
			if !more {
				l.say("The input has ended.")
				return "", io.EOF
			}
			return strings.TrimSpace(line), nil
		case <-l.feed.ready:
			l.take()
		case <-ctx.Done():
			l.gap()
			return "", context.Cause(ctx)
		}
	}
}

// menu asks for one of some numbered choices; 0 goes back, and -1 is returned.
func (l *linear) menu(ctx context.Context, title string, choices []string, back string) (int, error) {
	l.gap()
	l.say("%s", title)
	for i, c := range choices {
		l.say("%d %s", i+1, c)
	}
	l.say("0 %s", back)
	for {
		answer, err := l.read(ctx, fmt.Sprintf("Number, 0 to %d:", len(choices)))
		if err != nil {
			return 0, err
		}
		n, err := strconv.Atoi(answer)
		if err == nil && n >= 0 && n <= len(choices) {
			return n - 1, nil
		}
		l.say("%q is none of the numbers 0 to %d.", answer, len(choices))
	}
}

// sure asks before something that cannot be undone: the word must be typed.
func (l *linear) sure(ctx context.Context, what, word string) (bool, error) {
	l.say("%s", what)
	answer, err := l.read(ctx, "Type "+word+" to do it, anything else keeps everything:")
	return answer == word, err
}

// problem prints what went wrong, why and what to do.
func (l *linear) problem(err error) {
	var p *workflow.Problem
	if !errors.As(err, &p) {
		l.say("Error: %v", err)
		return
	}
	l.say("Error: %s", p.Error())
	for _, part := range []struct{ label, text string }{
		{"Why", p.Why}, {"Fix", p.Fix}, {"Service's code", p.Code}, {"Rule", p.Rule},
	} {
		if part.text != "" {
			l.say("%s: %s", part.label, part.text)
		}
	}
	if p.Status != 0 {
		l.say("HTTP status: %d", p.Status)
	}
}

// take prints the events that have come and keeps the statuses up to date.
func (l *linear) take() (finished bool) {
	for _, e := range l.feed.take() {
		if st := l.statuses[e.Device]; st != nil {
			st.Apply(e)
		}
		l.event(e)
		finished = finished || e.Kind == workflow.RunFinished
	}
	return finished
}

// event prints one event.
func (l *linear) event(e workflow.Event) {
	switch e.Kind {
	case workflow.LabOpened:
		verb := "started"
		if e.Lab.Joined {
			verb = "joined"
		}
		l.say("lab: %s on %s, ID scope %s", verb, e.Lab.Address, e.Lab.IDScope)
	case workflow.StepStarted:
		l.say("%s: begins", e.Step.Title())
	case workflow.StepFinished:
		text := e.Text
		if text == "" || text == string(e.Outcome) {
			l.say("%s: %s", e.Step.Title(), e.Outcome)
			return
		}
		l.say("%s: %s: %s", e.Step.Title(), e.Outcome, text)
	case workflow.StepSkipped:
		l.say("%s: nothing to do: %s", e.Step.Title(), e.Text)
	default:
		lead := ""
		if e.Step != "" { // what is told beside the runs belongs to no step
			lead = e.Step.Title() + ": "
		}
		for line := range strings.SplitSeq(workflow.Line(e), "\n") {
			if line != "" {
				l.say("%s%s", lead, line)
			}
		}
	}
}

// end stops what runs and prints what happened.
func (l *linear) end() {
	l.session.Cancel()
	l.session.Wait()
	l.take()
	l.gap()
	fmt.Fprint(l.out, lastWords(l.th, l.ran, l.called))
}
