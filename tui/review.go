package tui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// review shows a text that scrolls, and asks what to do about it. What it has no
// action for cannot be chosen; without any it only shows.
type review struct {
	th     *theme.Theme
	title  string
	draw   func(w int) []string
	send   func() tea.Cmd
	edit   func() tea.Cmd
	drop   func() tea.Cmd
	keep   func() tea.Cmd // what esc does beside closing
	fix    func() tea.Cmd // mends what the text is about
	fixes  string         // what fix does
	scroll ui.Scroll
}

func (o *review) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InReview)
	for action, f := range map[keymap.Action]func() tea.Cmd{keymap.Yes: o.send, keymap.Edit: o.edit, keymap.Drop: o.drop, keymap.Fix: o.fix} {
		if f == nil {
			why := "there is nothing to send"
			if action == keymap.Fix {
				why = "no key mends this"
			}
			keymap.Disable(bs, action, why)
		}
	}
	screen.KeepStill(bs, &o.scroll)
	for i := range bs {
		if bs[i].Action == keymap.Back && o.drop == nil {
			bs[i].Help, bs[i].About = "close", "close this"
		}
		if bs[i].Action == keymap.Fix && o.fix != nil {
			bs[i].About = o.fixes
		}
	}
	return bs
}

func (o *review) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	if b.Disabled != "" {
		return false, nil
	}
	switch b.Action {
	case keymap.Yes:
		return true, o.send()
	case keymap.Edit:
		return true, o.edit()
	case keymap.Drop:
		return true, o.drop()
	case keymap.Fix:
		return true, o.fix()
	case keymap.Back:
		if o.keep == nil {
			return true, nil
		}
		return true, o.keep()
	}
	o.scroll.Handle(b.Action)
	return false, nil
}

func (o *review) view(w, h int) []string {
	bw := min(w-4, 96)
	rows := o.draw(bw - 4)
	if o.fix != nil {
		rows = append(rows, "", "  "+o.th.Strong.Text("key")+" "+o.th.Key.Text("f")+" "+ui.Cut("to "+o.th.Clean(o.fixes), bw-12, o.th.Ellipsis))
	}
	seen, above, below := o.scroll.Window(rows, max(1, min(len(rows), h-4)))
	title := o.title
	if above+below > 0 {
		title = fmt.Sprintf("%s (rows %d to %d of %d)", title, above+1, above+len(seen), len(rows))
	}
	return ui.BoxMore(o.th, title, seen, above, below, bw)
}
