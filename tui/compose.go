package tui

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles/wholefile"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// messages of a message that a person writes.
type (
	// draftedMsg is the file in which it is written.
	draftedMsg struct {
		device, path, command string
		before                time.Time // of the file, when the editor is opened
		err                   error
	}
	// composedMsg is what the editor left behind.
	composedMsg struct {
		device, path string
		saved        bool
		written      message
		wrong        error // with what was written
		err          error // of the editor or the file
	}
	sentMsg struct{ err error }
)

// message is one that a person wrote: properties, an empty line, the body.
type message struct {
	body       string
	properties map[string]string
}

// messageHelp stands above a message in the editor. A text that JSON cannot
// begin with marks its lines.
const messageHelp = `// A message for IoT Hub, sent once and as it stands.
// Lines that begin with // are left out. First come the properties, one
// "name: value" a line; then an empty line; then the body.
// Save and leave the editor to send it; leave without saving to send nothing.
`

// compose begins a message, or goes on with the one that was written before and
// not sent.
func (a *app) compose() tea.Cmd {
	device := a.bench.Device()
	return a.do(func() tea.Msg {
		m := draftedMsg{device: device}
		if m.command, m.err = editorOf(os.Getenv); m.err == nil {
			m.path, m.err = messageFile(a.session.StateDir(), device)
			m.before = modified(m.path)
		}
		return m
	})
}

// openEditor gives the terminal to the person's editor.
func (a *app) openEditor(m draftedMsg) tea.Cmd {
	if m.err != nil {
		return a.refused("No message could be begun", m.err)
	}
	return a.runEditor(m.command, m.path, func(err error) tea.Msg { return readMessage(m, err) })
}

// runEditor gives the terminal to an editor of a file until it ends.
func (a *app) runEditor(command, path string, then func(error) tea.Msg) tea.Cmd {
	// A shell splits a variable like "code --wait"; the path is its argument.
	cmd := exec.Command("/bin/sh", "-c", command+` "$1"`, "sh", path)
	// Bubble Tea would hand over its own reader and writer, and an editor wants a
	// terminal.
	if a.tty.in != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = a.tty.in, a.tty.out, a.tty.out
	}
	return tea.ExecProcess(cmd, then)
}

// readMessage takes in what the editor left.
func readMessage(d draftedMsg, err error) composedMsg {
	m := composedMsg{device: d.device, path: d.path, saved: !modified(d.path).Equal(d.before)}
	if err != nil {
		m.err = fmt.Errorf("the editor: %w", err)
		return m
	}
	text, err := os.ReadFile(d.path)
	if err != nil {
		m.err = err
		return m
	}
	m.written, m.wrong = parseMessage(string(text))
	if m.wrong == nil {
		m.wrong = workflow.CheckMessage(workflow.RunOptions{Body: m.written.body, Verbatim: true, Properties: m.written.properties})
	}
	return m
}

// errNoEditor says what to do about it.
var errNoEditor = errors.New("there is no editor: set VISUAL or EDITOR to the command of one, such as nano")

// editorOf is the command of the person's editor.
func editorOf(getenv func(string) string) (string, error) {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if v := strings.TrimSpace(getenv(name)); v != "" {
			return v, nil
		}
	}
	for _, name := range []string{"nano", "vi"} {
		if path, err := exec.LookPath(name); err == nil {
			return workflow.ShellWord(path), nil
		}
	}
	return "", errNoEditor
}

// messageFile is where a device's message is written. It stays until it is sent,
// so that nothing that was typed is lost.
func messageFile(dir, device string) (string, error) {
	path := filepath.Join(dir, device+"-message.txt")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	first := messageHelp + "source: dpslab\n\n{\"temperature\": 21.5}\n"
	return path, wholefile.Write(path, []byte(first), 0o600)
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// composed sends what was written, or says what is wrong with it and offers the
// editor again.
func (a *app) composed(m composedMsg) tea.Cmd {
	switch {
	case m.err != nil:
		return a.say("Nothing was sent: " + told(m.err) + ". What was written is in " + m.path + ", and m opens it again.")
	case !m.saved:
		return a.say("Nothing was saved in the editor, so nothing was sent.")
	case m.wrong != nil:
		a.overlay = a.newRewrite(m.wrong)
		return a.grace.begin()
	}
	written := m.written
	if a.bench != nil && !a.bench.Busy() {
		a.bench.Starting()
	}
	return a.do(func() tea.Msg {
		if _, err := a.session.Send(m.device, written.body, written.properties); err != nil {
			return sentMsg{err}
		}
		// It is sent as far as this program is concerned: the next one begins
		// anew, and this one stands in the transcript.
		if err := os.Remove(m.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return saidMsg("The message is on its way; its draft could not be removed: " + told(err))
		}
		return sentMsg{}
	})
}

func (a *app) messageSent(m sentMsg) tea.Cmd {
	if m.err == nil {
		return a.say("The message is on its way; the transcript shows what the hub says.")
	}
	if a.bench != nil {
		a.bench.Refuse(nil)
	}
	return a.refused("Not sent; the message is kept, m opens it again", m.err)
}

// newRewrite says what is wrong with a message.
func (a *app) newRewrite(err error) *menu {
	var lines []string
	for _, r := range ui.Wrap(a.th.Clean(told(err)), 70) {
		lines = append(lines, a.th.Bad.Text(r))
	}
	return newMenu(a.th, "The message was not sent", lines, []menuItem{
		{name: "open it again", about: "the editor opens with what was written", do: func() tea.Cmd { return a.compose() }},
		{name: "leave it", about: "what was written is kept: m opens it again later", do: func() tea.Cmd { return nil }},
	})
}

// parseMessage reads what a person wrote: properties, an empty line, the body. A
// text without an empty line, or one that begins with a bracket, is all body.
func parseMessage(text string) (message, error) {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "//") })
	m := message{properties: map[string]string{}}
	end := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "" })
	if end < 0 || strings.HasPrefix(lines[0], "{") || strings.HasPrefix(lines[0], "[") {
		end = 0
	}
	for _, l := range lines[:end] {
		name, value, ok := strings.Cut(l, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return m, fmt.Errorf("the line %q above the first empty line is no property: write name: value, or put the body after an empty line", l)
		}
		m.properties[name] = strings.TrimSpace(value)
	}
	m.body = strings.TrimSpace(strings.Join(lines[end:], "\n"))
	if m.body == "" {
		return m, errors.New("the message has no body: it comes after the first empty line")
	}
	return m, bodyError(m.body)
}

// bodyError is what is wrong with a body that begins like JSON.
func bodyError(body string) error {
	if strings.ContainsAny(body[:1], "{[") {
		return checkJSON(body)
	}
	return nil
}

// checkJSON says where a body that begins like JSON stops being it.
func checkJSON(body string) error {
	var v any
	err := json.Unmarshal([]byte(body), &v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + strings.Count(body[:min(int(syntax.Offset), len(body))], "\n")
		return fmt.Errorf("the body begins like JSON and is none, line %d of it: %w", line, err)
	}
	return err
}
