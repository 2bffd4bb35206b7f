package tui

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/renameio/v2"

	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// messages of the transcript.
type (
	searchMsg struct{}
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
	case resentMsg:
		if msg.err != nil {
			return a.say(msg.err.Error()), true
		}
		return a.say("Sent again: the newest exchange is what came back."), true
	case wroteMsg:
		if msg.err != nil {
			return a.say("The " + msg.what + " could not be written: " + msg.err.Error()), true
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

// searchOn lets a long search go on between two keys.
func (a *app) searchOn() tea.Cmd {
	t, ok := a.current().(*screen.Transcript)
	if !ok || a.searching || !t.Searching() {
		return nil
	}
	a.searching = true
	return func() tea.Msg { return searchMsg{} }
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
	all := fmt.Sprintf("%d shown", len(i.Shown))
	one := []*workflow.Exchange{i.Chosen}
	text := func(name string, xs []*workflow.Exchange) menuItem {
		return menuItem{
			name: name + ", as text", about: "headers, bodies, TLS facts and timing as this screen shows them, secrets masked",
			do: func() tea.Cmd {
				return a.writeFile("transcript", device+"-transcript.txt", func() ([]byte, error) {
					s, err := screen.Lines(xs)
					return []byte(s), err
				})
			},
		}
	}
	har := func(name string, xs []*workflow.Exchange) menuItem {
		return menuItem{
			name: name + ", as HAR", about: "an HTTP archive for a browser's network tools, secrets masked",
			do: func() tea.Cmd {
				return a.writeFile("archive", device+"-transcript.har", func() ([]byte, error) { return workflow.HAR(xs) })
			},
		}
	}
	items := []menuItem{text("this exchange", one), text("all "+all, i.Shown), har("this exchange", one), har("all "+all, i.Shown)}
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
func (a *app) writeFile(what, name string, content func() ([]byte, error)) tea.Cmd {
	return a.do(func() tea.Msg {
		m := wroteMsg{what: what, path: filepath.Join(a.session.StateDir(), name)}
		data, err := content()
		if err == nil {
			err = os.MkdirAll(a.session.StateDir(), 0o700)
		}
		if err == nil {
			err = renameio.WriteFile(m.path, data, 0o600)
		}
		m.err = err
		return m
	})
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
