package tui

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles/wholefile"
	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// messages of the transcript.
type (
	searchMsg struct{}
	foundMsg  struct {
		in     *screen.Transcript
		part   screen.Sought
		places []int
	}
	readMsg struct {
		in      *screen.Transcript
		numbers []int
		from    workflow.Recording
		xs      []*workflow.Exchange
		errs    []error
	}
	readOneMsg struct {
		x    *workflow.Exchange
		err  error
		then func(*workflow.Exchange) screen.Intent
	}
	resentMsg struct{ err error }
	wroteMsg  struct {
		what, path string
		err        error
	}
)

// transcriptIntent does what the transcript proposed; ok is false for an intent
// of another screen.
func (a *app) transcriptIntent(i screen.Intent) (cmd tea.Cmd, ok bool) {
	switch i := i.(type) {
	case screen.CopyExchange:
		a.overlay = a.newCopyMenu(i.Exchange)
	case screen.ResendExchange:
		return a.resend(i.Exchange), true
	case screen.SaveTranscript:
		a.overlay = a.newSaveMenu(i)
	case screen.ReadExchange:
		return a.readExchange(i), true
	default:
		return nil, false
	}
	return nil, true
}

// transcriptResult takes in what a command of the transcript brought back.
func (a *app) transcriptResult(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case searchMsg:
		a.searching = false // a screen looks on when it is observed
	case foundMsg:
		a.searching = false
		msg.in.Found(msg.part, msg.places)
	case readMsg:
		a.exchangesRead(msg)
	case readOneMsg:
		return tea.Batch(a.exchangeRead(msg), a.release()), true
	case resentMsg:
		if msg.err != nil {
			return a.refused("Not sent again", msg.err), true
		}
		return a.say("Sent again: the newest exchange is what came back."), true
	case wroteMsg:
		if msg.err != nil {
			return a.say("The " + msg.what + " could not be written: " + told(msg.err)), true
		}
		return a.say("The " + msg.what + " is in " + msg.path), true
	default:
		return nil, false
	}
	return nil, true
}

func (a *app) showTranscript() {
	t := screen.NewTranscript(a.th, a.calling(), a.observed())
	if a.side != nil && a.side.device == "" {
		t.Locked = "no device is chosen whose rights it could be sent with"
	}
	if a.readOnly {
		t.Locked = readOnly
	}
	a.push(t)
}

// calling names whose exchanges the transcript shows: the device on the bench,
// or the one whose target is looked at.
func (a *app) calling() string {
	switch {
	case a.side != nil && a.side.device != "":
		return a.side.device
	case a.side != nil:
		return "enrollments"
	}
	return a.bench.Device()
}

// lookOn lets the transcript read what it shows and search on between two keys.
func (a *app) lookOn() tea.Cmd {
	t, ok := a.current().(*screen.Transcript)
	if !ok {
		return nil
	}
	return tea.Batch(a.readWanted(t), a.searchOn(t))
}

// searchOn searches the next part. A search that was begun anew ends the one
// before.
func (a *app) searchOn(t *screen.Transcript) tea.Cmd {
	if a.searching {
		if a.sought != nil && !t.Current(*a.sought) {
			a.endSearch()
		}
		return nil
	}
	if !t.Searching() {
		return nil
	}
	a.searching = true
	part, ok := t.Sought()
	if !ok {
		return func() tea.Msg { return searchMsg{} }
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.sought, a.endSearch = &part, cancel
	return a.do(func() tea.Msg {
		defer cancel()
		places, err := part.In.Search(ctx, part.Text, part.Found)
		if err != nil {
			return searchMsg{} // nobody wants to know any more
		}
		return foundMsg{t, part, places}
	})
}

// readWanted reads the exchanges that are looked at.
func (a *app) readWanted(t *screen.Transcript) tea.Cmd {
	numbers := t.Wanted()
	if len(numbers) == 0 || a.reading {
		return nil
	}
	a.reading = true
	m := readMsg{in: t, numbers: numbers, from: t.Pick(numbers)}
	return a.do(func() tea.Msg {
		for i := range m.numbers {
			x, err := m.from.Read(i)
			m.xs, m.errs = append(m.xs, x), append(m.errs, err)
		}
		return m
	})
}

func (a *app) exchangesRead(m readMsg) {
	a.reading = false
	for i, n := range m.numbers {
		m.in.Take(n, m.xs[i], m.errs[i])
	}
}

// readExchange reads one exchange for something that is done with it. Keys typed
// meanwhile are meant for what comes of it and wait.
func (a *app) readExchange(i screen.ReadExchange) tea.Cmd {
	a.awaits++
	return a.do(func() tea.Msg {
		x, err := i.From.Read(0)
		return readOneMsg{x, err, i.Then}
	})
}

func (a *app) exchangeRead(m readOneMsg) tea.Cmd {
	if m.err != nil {
		return a.say(told(m.err))
	}
	return a.dispose(m.then(m.x))
}

// newCopyMenu offers an exchange's request in several forms.
func (a *app) newCopyMenu(x *workflow.Exchange) *menu {
	var items []menuItem
	for _, c := range workflow.Copies(x) {
		items = append(items, menuItem{
			name: c.Name, about: c.About, why: c.Why,
			do: func() tea.Cmd { return a.copyText(c.Name+" copy", c.File, func() string { return c.Text }) },
		})
	}
	return newMenu(a.th, "Copy the request as", []string{a.exchangeLine(x)}, items)
}

func (a *app) exchangeLine(x *workflow.Exchange) string {
	return a.th.Dim.Text(a.th.Clean(ui.Head(x.Method+" "+x.URL, 200)))
}

// newSaveMenu offers to write the transcript to a file.
func (a *app) newSaveMenu(i screen.SaveTranscript) *menu {
	device := a.calling()
	all := fmt.Sprintf("%d shown", i.Shown.Len())
	text := func(name string, xs workflow.Recording) menuItem {
		return menuItem{
			name: name + ", as text", about: "headers, bodies, TLS facts and timing as this screen shows them, secrets masked",
			do: func() tea.Cmd {
				return a.writeFile("transcript", device+"-transcript.txt", func(w io.Writer) error { return screen.WriteLines(w, xs.All()) })
			},
		}
	}
	har := func(name string, xs workflow.Recording) menuItem {
		return menuItem{
			name: name + ", as HAR", about: "an HTTP archive for a browser's network tools, secrets masked",
			do: func() tea.Cmd {
				return a.writeFile("archive", device+"-transcript.har", func(w io.Writer) error { return workflow.HAR(w, xs.All()) })
			},
		}
	}
	items := []menuItem{text("this exchange", i.Chosen), text("all "+all, i.Shown), har("this exchange", i.Chosen), har("all "+all, i.Shown)}
	return newMenu(a.th, "Save to "+a.th.Clean(a.filesDir()), nil, items)
}

// filesDir is the folder for files that people asked for.
func (a *app) filesDir() string {
	if a.session == nil {
		return "a file"
	}
	return a.session.StateDir()
}

// writeFile writes a file below the state directory, where no service and no
// other user sees it.
func (a *app) writeFile(what, name string, content func(io.Writer) error) tea.Cmd {
	return a.do(func() tea.Msg {
		m := wroteMsg{what: what, path: filepath.Join(a.session.StateDir(), name)}
		m.err = writeNew(m.path, content)
		return m
	})
}

// writeNew writes a file as a whole or not at all.
func writeNew(path string, content func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := wholefile.Create(path, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = file.Discard() }()
	if err := content(file); err != nil {
		return err
	}
	return file.Replace()
}

// resend sends a request again: at once when repeating it is harmless, else
// after asking.
func (a *app) resend(x *workflow.Exchange) tea.Cmd {
	name := a.calling()
	send := func() tea.Cmd {
		return a.do(func() tea.Msg { return resentMsg{a.session.Resend(context.Background(), name, x)} })
	}
	if workflow.Repeatable(x) {
		return tea.Batch(a.say("sending "+x.Method+" "+x.Operation+" again"), send())
	}
	a.overlay = &confirm{
		th: a.th, title: "Send this request again?", verb: "sends it",
		lines: append([]string{a.exchangeLine(x), ""}, ui.Wrap(effectOfResending(x), 72)...),
		yes:   send,
	}
	return nil
}

// effectOfResending is what a request that is not harmless does a second time.
func effectOfResending(x *workflow.Exchange) string {
	effect := "It takes effect once more: a message is sent twice, an operation begun twice."
	if x.Method == http.MethodDelete {
		effect = "It deletes what stands under this address now."
	}
	return effect + " The identity or the rights are the ones it was sent with."
}
