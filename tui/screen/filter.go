package screen

import (
	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/ui"
)

// filter is a text that narrows a list down while it is typed. The arrows go on
// moving in the list.
type filter struct {
	ui.Input
	typing bool // the keys go to the text
}

func newFilter(hint string) filter {
	f := filter{Input: ui.NewInput("")}
	f.Hint = hint
	return f
}

// key takes a key while the text has them. changed says that the list has to be
// sifted anew, moves that the key is one for the list.
func (f *filter) key(k tea.KeyMsg, a keymap.Action) (changed, moves bool) {
	switch a {
	case keymap.Accept:
		f.typing = false
	case keymap.Back:
		f.drop()
		return true, false
	case keymap.Up, keymap.Down:
		return false, true
	default:
		return f.Handle(k), false
	}
	return false, false
}

// drop forgets the text, and gives the keys back.
func (f *filter) drop() {
	f.typing = false
	f.Set("")
}

// on says whether the filter is to be seen.
func (f *filter) on() bool { return f.typing || f.Value() != "" }

// pressed finds what a key means among a screen's bindings. acts is false when
// there is nothing more to do about it: it is none of the screen's keys, or one
// that cannot act, and then the intent says why.
func pressed(bs []keymap.Binding, k tea.KeyMsg) (b keymap.Binding, why Intent, acts bool) {
	b, known := keymap.Match(bs, k.String())
	switch {
	case !known:
		return b, nil, false
	case b.Disabled != "":
		return b, denied(b), false
	}
	return b, nil, true
}
