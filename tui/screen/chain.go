package screen

import (
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// Chain shows a device's certificates in the places where they matter: files,
// what was sent, what DPS holds, what the enrollment names, what IoT Hub knows.
type Chain struct {
	th     *theme.Theme
	device string
	loaded bool
	err    error
	view   workflow.ChainView
	now    time.Time
	list   ui.List
	detail ui.Scroll
	text   ui.Scroll
	inside bool // the keys go to the text of the chosen certificate
	wide   bool // the text stands beside the tree, in the last view
}

// NewChain opens the chain of a device; what it shows comes by [Chain.SetView].
func NewChain(th *theme.Theme, device string) *Chain { return &Chain{th: th, device: device} }

// SetView takes in what was read, or why it could not be. The cursor stays on
// its certificate; the first time it goes to where the chain breaks, else to the
// device.
func (c *Chain) SetView(v workflow.ChainView, err error) {
	before := c.selected()
	c.view, c.err = v, err
	c.list.SetLen(len(v.Elements))
	at := -1
	if before != nil {
		at = slices.IndexFunc(v.Elements, func(e workflow.ChainElement) bool { return e.SHA256 == before.SHA256 && e.SHA1 == before.SHA1 })
	}
	if at < 0 {
		at = slices.IndexFunc(v.Elements, func(e workflow.ChainElement) bool { return e.Role == "device" })
		if len(v.Breaks) > 0 {
			at = v.Breaks[0].Element
		}
		c.detail.Reset()
		c.text.Reset()
	}
	c.list.Cursor = max(at, 0)
	c.loaded = true
}

// Device is the profile's name.
func (c *Chain) Device() string { return c.device }

// Title implements Screen.
func (c *Chain) Title() string {
	return c.th.Strong.Text(c.th.Clean(c.device)) + " " + c.th.Dim.Text(c.th.Dot) + " chain"
}

// Capturing implements Screen.
func (c *Chain) Capturing() bool { return false }

// Observe implements Screen.
func (c *Chain) Observe(_ *workflow.Status, now time.Time) { c.now = now }

func (c *Chain) selected() *workflow.ChainElement {
	if c.list.Cursor < 0 || c.list.Cursor >= len(c.view.Elements) {
		return nil
	}
	return &c.view.Elements[c.list.Cursor]
}

// Bindings implements Screen.
func (c *Chain) Bindings() []keymap.Binding {
	bs := keymap.For(keymap.InChain)
	e := c.selected()
	none := ""
	switch {
	case e == nil:
		none = "there is no certificate"
	case e.PEM == "":
		none = "no file here holds this certificate"
	}
	for _, a := range []keymap.Action{keymap.Open, keymap.Copy, keymap.CopyCommand} {
		keymap.Disable(bs, a, none)
	}
	if e == nil {
		for _, a := range scrolling {
			keymap.Disable(bs, a, none)
		}
	}
	switch {
	case c.inside:
		KeepStill(bs, &c.text)
	case c.wide:
		KeepStill(bs, &c.text, keymap.PageUp, keymap.PageDown)
	default:
		KeepStill(bs, &c.detail, keymap.PageUp, keymap.PageDown)
	}
	for i := range bs {
		switch {
		case c.inside && bs[i].Action == keymap.Down:
			bs[i].Label, bs[i].Help = "up down", "scroll"
		case c.inside && bs[i].Action == keymap.PageDown:
			bs[i].Footer = 0
		case c.inside && bs[i].Action == keymap.Back:
			bs[i].About = "back to the tree"
		case c.inside && bs[i].Action == keymap.Open:
			bs[i].Footer = 0
		}
	}
	return bs
}

// Handle implements Screen.
func (c *Chain) Handle(k tea.KeyMsg) Intent {
	b, why, acts := pressed(c.Bindings(), k)
	if !acts {
		return why
	}
	switch b.Action {
	case keymap.Back:
		if c.inside {
			c.inside = false
			return nil
		}
		return LeaveScreen{}
	case keymap.Open:
		c.inside = !c.inside
	case keymap.Copy:
		return CopyText{What: "certificate", Text: strings.TrimRight(c.selected().PEM, "\n"), File: "copied-certificate.pem"}
	case keymap.CopyCommand:
		return CopyText{What: "openssl command", Text: opensslCommand(c.selected()), File: "copied-command.sh"}
	default:
		c.move(b.Action)
	}
	return nil
}

// opensslCommand shows the same text. openssl x509 reads the first certificate
// of a file only; for the others the file goes through a PKCS #7 list.
func opensslCommand(e *workflow.ChainElement) string {
	file := workflow.ShellWord(e.File)
	if e.Position == 1 {
		return "openssl x509 -in " + file + " -noout -text -fingerprint -sha256"
	}
	return "openssl crl2pkcs7 -nocrl -certfile " + file + " | openssl pkcs7 -print_certs -noout -text"
}

func (c *Chain) move(a keymap.Action) {
	scroll := &c.detail
	if c.inside || c.wide && (a == keymap.PageUp || a == keymap.PageDown) {
		scroll = &c.text
	}
	if c.inside || a == keymap.PageUp || a == keymap.PageDown {
		scroll.Handle(a)
		return
	}
	before := c.list.Cursor
	c.list.Handle(a)
	if c.list.Cursor != before {
		c.detail.Reset()
		c.text.Reset()
	}
}
