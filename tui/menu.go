package tui

import (
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// menu offers a few things to do; one of them is done, or none.
type menu struct {
	th    *theme.Theme
	title string
	lines []string // what it is about, already safe to draw
	items []menuItem
	list  ui.List
}

// menuItem is one of the things. One with a reason cannot be chosen.
type menuItem struct {
	name, about string
	why         string
	do          func() tea.Cmd
}

func newMenu(th *theme.Theme, title string, lines []string, items []menuItem) *menu {
	m := &menu{th: th, title: title, lines: lines, items: items}
	m.list.SetLen(len(items))
	return m
}

func (o *menu) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InMenu)
	if len(o.items) > 0 {
		keymap.Disable(bs, keymap.Accept, o.items[o.list.Cursor].why)
	}
	return bs
}

func (o *menu) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	switch {
	case b.Action == keymap.Back:
		return true, nil
	case b.Action == keymap.Accept && b.Disabled == "":
		return true, o.items[o.list.Cursor].do()
	}
	o.list.Handle(b.Action)
	return false, nil
}

func (o *menu) view(w, h int) []string {
	th := o.th
	bw := min(w-4, 76)
	rows := ui.Lines(th, o.lines, bw-4, max(h-len(o.items)-3, h/2))
	if len(rows) > 0 {
		rows = append(rows, "")
	}
	nameW := 0
	for _, it := range o.items {
		nameW = max(nameW, ui.Width(it.name))
	}
	nameW = min(nameW, bw/3)
	from, to := o.list.Window(max(1, min(len(o.items), h-len(rows)-5)))
	for i := from; i < to; i++ {
		rows = append(rows, o.row(o.items[i], i == o.list.Cursor, nameW, bw-4))
	}
	// What a row cuts is told in full for the chosen one.
	if o.cuts(bw - 4 - nameW - 4) {
		rows = append(rows, "")
		rows = append(rows, append(ui.Wrap(o.items[o.list.Cursor].text(), bw-4), "")[:2]...)
	}
	above, below := o.list.Unseen()
	return ui.BoxMore(th, o.title, rows, above, below, bw)
}

// cuts says whether the text of some item is longer than w cells.
func (o *menu) cuts(w int) bool {
	return slices.ContainsFunc(o.items, func(it menuItem) bool { return ui.Width(it.text()) > w })
}

// text is what is said of an item.
func (it menuItem) text() string {
	if it.why != "" {
		return "not now: " + it.why
	}
	return it.about
}

func (o *menu) row(it menuItem, selected bool, nameW, w int) string {
	th := o.th
	name := ui.Pad(it.name, nameW, th.Ellipsis)
	about := ui.Cut(it.text(), w-nameW-4, th.Ellipsis)
	switch {
	case selected:
		return th.Accent.Text(th.Marker) + " " + th.Selected.Text(name) + "  " + about
	case it.why != "":
		return th.Dim.Text("  " + name + "  " + about)
	}
	return "  " + name + "  " + th.Dim.Text(about)
}
