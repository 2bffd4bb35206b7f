package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// form asks for a few short texts at once. What is wrong is said under the
// fields, and nothing that was typed is lost.
type form struct {
	th     *theme.Theme
	title  string
	lines  []string // what it is about, already safe to draw
	fields []formField
	at     int
	wrong  string
	// submit takes the texts, in the order of the fields, or says what is wrong.
	submit func(values []string) (cmd tea.Cmd, wrong string)
}

// formField is one of the texts. Its hint says what an empty one means.
type formField struct {
	label string
	about string // told while the field has the focus
	input ui.Input
	// check says of a text while it is typed what is wrong with it, else what it
	// means; nil: only submit does.
	check func(value string) (told, wrong string)
}

// says is what is told under the fields of the one with the focus.
func (f *formField) says() (told, wrong string) {
	if value := f.input.Value(); f.check != nil && value != "" {
		if told, wrong = f.check(value); told != "" || wrong != "" {
			return told, wrong
		}
	}
	return f.about, ""
}

func newFormField(label, value, hint, about string) formField {
	in := ui.NewInput(value)
	in.Hint = hint
	return formField{label: label, about: about, input: in}
}

func (o *form) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InForm)
	if len(o.fields) == 1 {
		keymap.Disable(bs, keymap.NextField, "there is one field")
		keymap.Disable(bs, keymap.PrevField, "there is one field")
	}
	return bs
}

func (o *form) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	if b.Disabled != "" {
		return false, nil
	}
	switch b.Action {
	case keymap.Back:
		return true, nil
	case keymap.Accept:
		values := make([]string, len(o.fields))
		for i := range o.fields {
			values[i] = o.fields[i].input.Value()
		}
		cmd, wrong := o.submit(values)
		o.wrong = wrong
		return wrong == "", cmd
	case keymap.NextField:
		o.at = (o.at + 1) % len(o.fields)
	case keymap.PrevField:
		o.at = (o.at + len(o.fields) - 1) % len(o.fields)
	default:
		f := &o.fields[o.at]
		f.input.Handle(k)
		if f.check != nil {
			o.wrong = "" // the field itself tells
		}
	}
	return false, nil
}

func (o *form) view(w, h int) []string {
	th := o.th
	bw := min(w-4, 76)
	rows := ui.Lines(th, o.lines, bw-4, h-len(o.fields)-6)
	rows = append(rows, "")
	labelW := 0
	for _, f := range o.fields {
		labelW = max(labelW, ui.Width(f.label))
	}
	for i := range o.fields {
		f := &o.fields[i]
		marker, label := "  ", th.Dim.Text(ui.Pad(f.label, labelW, ""))
		if i == o.at {
			marker, label = th.Accent.Text(th.Marker)+" ", th.Selected.Text(ui.Pad(f.label, labelW, ""))
		}
		rows = append(rows, marker+label+"  "+o.value(f, i == o.at, bw-4-labelW-4))
	}
	about, wrong := o.fields[o.at].says()
	if o.wrong != "" {
		wrong = o.wrong
	}
	st := th.Dim
	if wrong != "" {
		about, st = wrong, th.Bad
	}
	rows = append(rows, "")
	for _, r := range append(ui.Wrap(th.Clean(about), bw-4), "")[:2] {
		rows = append(rows, st.Text(r))
	}
	return ui.Box(th, o.title, rows, bw)
}

// value is a field's text; an empty one without the focus shows what that means.
func (o *form) value(f *formField, focused bool, w int) string {
	if !focused && f.input.Value() == "" {
		return o.th.Dim.Text(ui.Cut("("+f.input.Hint+")", w, o.th.Ellipsis))
	}
	return f.input.View(o.th, w, focused)
}
