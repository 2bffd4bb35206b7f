package ui

import (
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/theme"
)

// Input is a line of text being edited. Editing is done by bubbles/textinput;
// drawing is done here, because the cursor must show without colour, never
// blink (an idle screen writes no byte), and wide characters must fit exactly.
type Input struct {
	m    textinput.Model
	Mask bool   // show mask characters instead of what is typed
	Hint string // what an empty answer means; shown dim behind the cursor
}

// NewInput starts with value and the cursor behind it.
func NewInput(value string) Input {
	m := textinput.New()
	// The library's paste key reads the clipboard of the machine the program
	// runs on, which over SSH is the wrong one.
	m.KeyMap.Paste.SetEnabled(false)
	m.Focus()
	in := Input{m: m}
	in.Set(value)
	return in
}

// Set replaces the text and puts the cursor behind it.
func (in *Input) Set(value string) {
	in.m.SetValue(value)
	in.m.CursorEnd()
}

// Value is the text as typed.
func (in *Input) Value() string { return in.m.Value() }

// Handle edits the text and says whether it changed. Line ends in a paste are
// dropped: they come with what people copy and are never part of a name.
func (in *Input) Handle(k tea.KeyMsg) (changed bool) {
	if k.Type == tea.KeyRunes && k.Paste {
		k.Runes = []rune(strings.NewReplacer("\r", "", "\n", "", "\t", " ").Replace(string(k.Runes)))
		k.Paste = false
		if len(k.Runes) == 0 {
			return false
		}
	}
	before := in.m.Value()
	in.m, _ = in.m.Update(k)
	return in.m.Value() != before
}

// View draws the field in exactly w cells. The cursor shows only when focused.
func (in *Input) View(th *theme.Theme, w int, focused bool) string {
	runes := []rune(in.m.Value())
	pos := min(in.m.Position(), len(runes))
	before, after := string(runes[:pos]), string(runes[pos:])
	if in.Mask {
		before, after = strings.Repeat(th.Mask, pos), strings.Repeat(th.Mask, len(runes)-pos)
	} else {
		before, after = th.Clean(before), th.Clean(after)
	}
	if !focused {
		return Pad(before+after, w, th.Ellipsis)
	}
	before = CutLeft(before, w-1, th.Ellipsis)
	room := w - Width(before)
	if hint := th.Clean(in.Hint); hint != "" && len(runes) == 0 {
		hint = Cut("("+hint+")", w, th.Ellipsis)
		if th.Colourless() {
			return Pad(th.Caret+Cut(hint, w-1, th.Ellipsis), w, "")
		}
		return Pad(th.Cursor.Text(hint[:1])+th.Dim.Text(hint[1:]), w, "")
	}
	if th.Colourless() {
		return Pad(before+th.Caret+Cut(after, room-1, th.Ellipsis), w, "")
	}
	under, rest := firstCluster(after)
	if under == "" || Width(under) > room {
		under, rest = " ", ""
	}
	rest = Cut(rest, room-Width(under), th.Ellipsis)
	return Pad(before+th.Cursor.Text(under)+rest, w, "")
}
