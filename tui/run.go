package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	xterm "golang.org/x/term"

	"dpslab/tui/term"
	"dpslab/tui/term/noprobe"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// init gives the process its terminal type back: by now Bubble Tea, which this
// package imports, has been initialised.
func init() { noprobe.Restore() }

// ErrSignal is returned by [Run] when the process was told to end: SIGHUP,
// SIGTERM, or a cancelled context. Everything is saved by then.
var ErrSignal = errors.New("the workbench was told to end")

// ErrNoTerminal is returned by [Run] when input or output is no terminal.
var ErrNoTerminal = errors.New("the workbench needs a terminal")

// Options are what the command line gives the workbench. Session, Feed, In and
// Out are needed.
type Options struct {
	Session *workflow.Session // its sink is Feed.Put
	Feed    *Feed
	Ask     *Asker // its Ask is the session's
	In, Out *os.File

	ASCII, NoColor bool   // asked for; the environment may ask for them as well
	Theme          string // one of theme.Names; empty: "dark"
	Open           string // open this device at once
	Program        string // what the person called this program; empty: "dpslab"
}

// terminalFiles is the terminal itself, for a program that needs one: an editor.
// Both are nil where there is none.
type terminalFiles struct{ in, out *os.File }

// endLimit is how long Run waits for a cancelled run to end.
const endLimit = 3 * time.Second

// Run shows the workbench until the person leaves, the context ends or the
// terminal is lost. It returns with the terminal restored, nothing running, and
// a half-filled wizard saved, after printing to Out what happened.
func Run(ctx context.Context, o Options) error {
	if !xterm.IsTerminal(int(o.In.Fd())) || !xterm.IsTerminal(int(o.Out.Fd())) {
		return ErrNoTerminal
	}
	th, err := theme.New(theme.Options{
		Name:    o.Theme,
		ASCII:   o.ASCII || term.WantsASCII(os.Getenv),
		NoColor: o.NoColor || term.WantsNoColor(os.Getenv),
	})
	if err != nil {
		return err
	}
	out := term.NewOutput(o.Out)
	a := newApp(o.Session, th)
	a.clip = term.Clipboard{Out: out, Getenv: os.Getenv}
	a.tty = terminalFiles{o.In, o.Out}
	a.open = o.Open
	if o.Program != "" {
		a.calledAs = o.Program
	}
	// With the size known, the first frame is a whole one.
	if w, h, err := xterm.GetSize(int(o.Out.Fd())); err == nil {
		a.w, a.h = w, h
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	err = drive(ctx, a, o.Feed, o.Ask, signals, term.Input{File: o.In}, out)
	if err != nil && a.crash == "" && lost(o.In) {
		// Bubble Tea may meet the lost terminal before its signal meets us.
		err = ErrSignal
	}
	say(o.Out, farewell(a))
	if a.crash != "" {
		say(os.Stderr, "dpslab failed inside. What it was doing:\n\n"+a.crash)
	}
	return err
}

// lost reports whether a terminal has gone: nothing can be asked of it any more.
func lost(f *os.File) bool {
	_, err := xterm.GetState(int(f.Fd()))
	return err != nil
}

// say writes a last word. The terminal may be gone, and then nobody misses it.
func say(w io.Writer, text string) { _, _ = io.WriteString(w, text) }

// drive runs the program on an input and an output.
func drive(ctx context.Context, a *app, feed *Feed, ask *Asker, signals <-chan os.Signal, in io.Reader, out io.Writer) error {
	a.readOnly = a.session.ReadOnly()
	a.lookout.tookNames(a.session.MarkNames())
	a.home.SetNames(a.session.Names())
	a.draft, _ = a.session.Draft()
	p := tea.NewProgram(lean{a},
		tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen(),
		tea.WithoutSignalHandler(), // it would not save anything, and knows no SIGHUP
	)
	a.program = p
	stop := make(chan struct{})
	start := func(f func(send func(tea.Msg), stop <-chan struct{})) { go guard(p, func() { f(p.Send, stop) }) }
	start(feed.pump)
	start(a.lookout.run)
	if ask != nil {
		start(ask.relay)
	}
	start(func(send func(tea.Msg), stop <-chan struct{}) {
		select {
		case <-signals:
			send(hangupMsg{})
		case <-ctx.Done():
			send(hangupMsg{})
		case <-stop:
		}
	})
	_, err := p.Run()
	close(stop)
	return errors.Join(a.end(feed), outcome(a, err))
}

// lean is the app as it goes over a line: the blanks that fill a row are left
// out, because the renderer clears the rest of a row with three bytes. It can do
// so from when it has been told how wide the terminal is.
type lean struct{ *app }

func (l lean) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := l.app.Update(msg)
	return l, cmd
}

func (l lean) View() string {
	frame := l.app.View()
	if !l.app.sized {
		return frame
	}
	rows := strings.Split(frame, "\n")
	for i, r := range rows {
		rows[i] = strings.TrimRight(r, " ")
	}
	return strings.Join(rows, "\n")
}

// guard ends the program when one of its goroutines panics; otherwise the
// process would die with the terminal in raw mode.
func guard(p *tea.Program, f func()) {
	defer func() {
		if r := recover(); r != nil {
			p.Send(crashMsg{trace(r)})
		}
	}()
	f()
}

// end stops what runs, takes in its last events, and saves the draft.
func (a *app) end(feed *Feed) error {
	a.session.Cancel()
	if a.side != nil {
		a.side.close()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.session.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(endLimit):
	}
	a.events(feed.take())
	for i, s := range a.ran {
		if s.Running { // its last events were on their way to a program that had ended
			a.ran[i] = a.session.History(s.Device)
		}
	}
	if a.wizard == nil || len(a.wizard.Answers()) == 0 {
		return nil
	}
	if a.editing() {
		if err, _ := a.keepEdit(a.wizard.Editing(), a.wizard.Answers())().(saidMsg); err != "" {
			return errors.New(string(err))
		}
		return nil
	}
	keep := func() error { return a.session.SaveDraft(a.wizard.Answers()) }
	if err := a.drafts.keep(a.drafts.wish(), keep); err != nil {
		return fmt.Errorf("keep the half-filled wizard: %w", err)
	}
	return nil
}

// outcome turns the end of the program into an error.
func outcome(a *app, err error) error {
	switch {
	case a.crash != "":
		return errors.New("the workbench failed inside; its trace was printed")
	case a.signalled:
		return ErrSignal
	case err != nil:
		return fmt.Errorf("the terminal: %w", err)
	}
	return nil
}

// farewell is what is left on the terminal: what happened to each device that
// ran, and how to do it again without a screen.
func farewell(a *app) string {
	var b strings.Builder
	b.WriteString(lastWords(a.th, a.ran, a.calledAs))
	if a.editing() && !maps.Equal(a.wizard.Answers(), a.wizard.Unchanged()) {
		fmt.Fprintf(&b, "The changes of %s are kept, unsaved: %s, then p, goes on with them.\n", a.th.Clean(a.wizard.Editing()), a.calledAs)
	}
	if a.wizard != nil && !a.editing() && len(a.wizard.Answers()) > 0 {
		fmt.Fprintf(&b, "The half-described device is kept: %s, then n, goes on with it.\n", a.calledAs)
	}
	return b.String()
}

// lastWords says of each device that ran how it stands and how to do it again.
func lastWords(th *theme.Theme, ran []*workflow.Status, called string) string {
	var b strings.Builder
	for _, s := range ran {
		name := th.Clean(s.Device)
		fmt.Fprintf(&b, "%s: %s\n", name, th.Clean(standingOf(s, called)))
		for _, dir := range sortedFolders(s) {
			fmt.Fprintf(&b, "  files in %s\n", th.Clean(dir))
		}
		fmt.Fprintf(&b, "  the same without a screen: %s run %s\n", called, name)
	}
	return b.String()
}

// standingOf is where a device stands after its last run here, in one sentence.
func standingOf(s *workflow.Status, called string) string {
	text := "its run was left under way"
	switch {
	case s.Running:
	case s.Outcome == workflow.Cancelled:
		text = "cancelled"
		if s.Step(workflow.StepRegistration).State == workflow.StepStopped {
			text += "; " + called + " run " + s.Device + " --resume goes on"
		}
	case s.Problem != nil:
		text = s.Problem.Error()
	case s.Registration.AssignedHub != "":
		text = "assigned to " + s.Registration.AssignedHub + " as " + s.Registration.DeviceID
	default:
		text = "done"
	}
	if n := s.Telemetry.Sent; n > 0 {
		text += fmt.Sprintf("; %d of %d messages accepted", n, s.Telemetry.Of)
	}
	return text
}
