package tui

import (
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// reason tells why a question is asked, what may be answered, and what is wrong
// with the answer that stands there.
type reason struct {
	th     *theme.Theme
	field  workflow.Field
	value  string
	wrong  error
	scroll ui.Scroll
}

func (a *app) newReason(f workflow.Field) *reason {
	o := &reason{th: a.th, field: f}
	if a.wizard != nil {
		o.value, o.wrong = a.wizard.State(f.Key)
	}
	return o
}

func (o *reason) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InHelp)
	screen.KeepStill(bs, &o.scroll)
	return bs
}

func (o *reason) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	o.scroll.Handle(b.Action)
	return b.Action == keymap.Back, nil
}

func (o *reason) view(w, h int) []string {
	bw := min(w-4, 76)
	rows := o.rows(bw - 4)
	seen, above, below := o.scroll.Window(rows, max(1, min(len(rows), h-2)))
	title := "Why " + o.field.Label + "?"
	if above+below > 0 {
		title += " (up and down scroll)"
	}
	return ui.BoxMore(o.th, title, seen, above, below, bw)
}

func (o *reason) rows(w int) []string {
	th := o.th
	rows := ui.Wrap(th.Clean(o.field.Why()), w)
	if o.wrong != nil {
		rows = append(rows, "")
		for i, r := range ui.Wrap(th.Clean(o.field.Label+" "+o.wrong.Error()), w-2) {
			lead := "  "
			if i == 0 {
				lead = th.Bad.Text(th.Failed) + " "
			}
			rows = append(rows, lead+th.Bad.Text(r))
		}
	}
	if len(o.field.Options) > 0 {
		rows = append(rows, "")
	}
	for _, c := range o.field.Options {
		mark := th.Off
		if c.Value == o.value {
			mark = th.On
		}
		for i, r := range ui.Wrap(th.Clean(c.Label+": "+c.Help), w-2) {
			lead := "  "
			if i == 0 {
				lead = mark + " "
			}
			rows = append(rows, lead+r)
		}
	}
	rows = append(rows, "")
	if o.field.Example != "" {
		rows = append(rows, th.Dim.Text("for example ")+ui.Cut(th.Clean(o.field.Example), w-12, th.Ellipsis))
	}
	if o.field.Unset != "" {
		rows = append(rows, th.Dim.Text("left empty  ")+ui.Cut(th.Clean(o.field.Unset), w-12, th.Ellipsis))
	}
	if o.field.Key == "name" {
		return append(rows, th.Dim.Text("in the profile: the file's name"))
	}
	return append(rows, th.Dim.Text("in the profile: "+o.field.Key))
}

// pages lists the wizard's pages, to go to one.
type pages struct {
	a    *app
	list ui.List
}

func (a *app) newPages() *pages {
	o := &pages{a: a}
	o.list.SetLen(len(workflow.Pages()))
	o.list.Cursor = int(a.wizard.Page())
	return o
}

func (o *pages) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InPages)
	if why := o.blocked(); why != "" {
		keymap.Disable(bs, keymap.Accept, why)
	}
	return bs
}

func (o *pages) blocked() string { return o.a.wizard.Blocked(workflow.Page(o.list.Cursor)) }

func (o *pages) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	switch {
	case b.Action == keymap.Jump:
		o.list.Cursor = int(k.String()[0] - '1')
		if o.blocked() != "" {
			return false, nil
		}
		return true, o.a.dispose(o.a.wizard.JumpTo(workflow.Page(o.list.Cursor)))
	case b.Disabled != "":
		return false, nil
	case b.Action == keymap.Accept:
		return true, o.a.dispose(o.a.wizard.JumpTo(workflow.Page(o.list.Cursor)))
	}
	o.list.Handle(b.Action)
	return b.Action == keymap.Back, nil
}

func (o *pages) view(w, _ int) []string {
	th := o.a.th
	bw := min(w-4, 64)
	var rows []string
	for i, p := range workflow.Pages() {
		name := fmt.Sprintf("%d %s", i+1, p.Title())
		note := ""
		switch {
		case p == o.a.wizard.Page():
			note = "  you are here"
		case o.a.wizard.Empty(p):
			note = "  asks nothing for this device"
		case o.a.wizard.Blocked(p) != "":
			note = "  not yet"
		}
		lead := "  "
		if i == o.list.Cursor {
			lead, name = th.Accent.Text(th.Marker)+" ", th.Selected.Text(name)
		}
		rows = append(rows, lead+name+th.Dim.Text(note))
	}
	rows = append(rows, "")
	about := append(ui.Wrap(th.Clean(o.blocked()), bw-4), "", "")[:2] // the box keeps its size
	return ui.Box(th, "Go to a page", append(rows, about...), bw)
}
