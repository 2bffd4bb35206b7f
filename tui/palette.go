package tui

import (
	"cmp"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// palette lists what can be done here, by words instead of keys. Choosing a line
// is pressing its key, so that it does exactly what the key does.
type palette struct {
	th    *theme.Theme
	all   []keymap.Binding
	shown []keymap.Binding
	input ui.Input
	list  ui.List
}

// chosenMsg is the key of a line that was chosen.
type chosenMsg struct{ key tea.KeyMsg }

// movements are keys that need no words: whoever opens the palette has them.
var movements = []keymap.Action{
	keymap.Up, keymap.Down, keymap.PageUp, keymap.PageDown, keymap.First, keymap.Last,
	keymap.Choose, keymap.Jump, keymap.NextField, keymap.PrevField, keymap.Pane, keymap.Palette,
}

// places are the screens whose keys the palette knows of when none of this screen
// fits.
var places = []keymap.Context{keymap.OnHome, keymap.OnBench, keymap.InTranscript, keymap.InChain, keymap.InLab, keymap.InEnrollments}

func (a *app) newPalette() *palette {
	p := &palette{th: a.th, input: ui.NewInput("")}
	for _, b := range append(a.bindings(), a.globals()...) {
		if slices.Contains(movements, b.Action) || len(b.Keys) == 0 {
			continue
		}
		p.all = append(p.all, b)
	}
	p.sift()
	return p
}

func (o *palette) sift() {
	o.shown = nil
	words := strings.Fields(strings.ToLower(o.input.Value()))
	fits := func(b keymap.Binding) bool {
		text := strings.ToLower(b.Help + " " + b.About)
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	}
	for _, b := range o.all {
		if fits(b) {
			o.shown = append(o.shown, b)
		}
	}
	if len(o.shown) == 0 { // it may be a key of another screen
		for _, b := range keymap.All() {
			if slices.Contains(places, b.Context) && !slices.Contains(movements, b.Action) && fits(b) {
				b.Disabled = "a key of the screen " + string(b.Context)
				o.shown = append(o.shown, b)
			}
		}
	}
	o.rank(words)
	o.list.Cursor = 0
	o.list.SetLen(len(o.shown))
}

// rank puts what is called by the words first, then what only tells of them, and
// what cannot be done now after what can.
func (o *palette) rank(words []string) {
	if len(words) == 0 {
		return
	}
	worth := func(b keymap.Binding) (n int) {
		name := strings.ToLower(b.Help)
		switch {
		case strings.HasPrefix(name, words[0]):
		case strings.Contains(name, words[0]):
			n = 1
		default:
			n = 2
		}
		if b.Disabled != "" {
			n += 3
		}
		return n
	}
	slices.SortStableFunc(o.shown, func(a, b keymap.Binding) int { return cmp.Compare(worth(a), worth(b)) })
}

func (o *palette) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InPalette)
	switch {
	case len(o.shown) == 0:
		keymap.Disable(bs, keymap.Accept, "nothing fits what was typed")
	case o.shown[o.list.Cursor].Disabled != "":
		keymap.Disable(bs, keymap.Accept, o.shown[o.list.Cursor].Disabled)
	}
	return bs
}

func (o *palette) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	switch {
	case b.Disabled != "":
		return false, nil
	case b.Action == keymap.Back:
		return true, nil
	case b.Action == keymap.Up:
		o.list.Move(-1)
	case b.Action == keymap.Down:
		o.list.Move(1)
	case b.Action == keymap.Accept:
		key := keyNamed(o.shown[o.list.Cursor].Keys[0])
		return true, func() tea.Msg { return chosenMsg{key} }
	case o.input.Handle(k):
		o.sift()
	}
	return false, nil
}

func (o *palette) view(w, h int) []string {
	th := o.th
	bw := min(w-4, 76)
	rows := []string{o.input.View(th, bw-4, true), ""}
	room := max(1, min(len(o.all), h-9))
	from, to := o.list.Window(room)
	for i := from; i < to; i++ {
		rows = append(rows, o.row(o.shown[i], i == o.list.Cursor, bw-4))
	}
	if len(o.shown) == 0 {
		rows = append(rows, th.Dim.Text("nothing fits; other words, or esc"))
	}
	for len(rows) < room+2 { // the box keeps its size while somebody types
		rows = append(rows, "")
	}
	rows = append(rows, "")
	var about []string
	if len(o.shown) > 0 {
		b := o.shown[o.list.Cursor]
		about = ui.Wrap(b.About, bw-4)
		if b.Disabled != "" {
			about = ui.Wrap("not now: "+b.Disabled+"; "+b.About, bw-4)
		}
	}
	rows = append(rows, append(about, "", "")[:2]...)
	above, below := o.list.Unseen()
	return ui.BoxMore(th, "What would you like to do?", rows, above, below, bw)
}

func (o *palette) row(b keymap.Binding, selected bool, w int) string {
	th := o.th
	about := b.About
	if b.Disabled != "" {
		about = "not now: " + b.Disabled
	}
	name := ui.Pad(b.Help, 14, th.Ellipsis)
	key := ui.Pad(b.Label, 8, th.Ellipsis)
	text := ui.Cut(about, w-27, th.Ellipsis)
	switch {
	case selected:
		return th.Accent.Text(th.Marker) + " " + th.Selected.Text(name) + " " + th.Key.Text(key) + "  " + text
	case b.Disabled != "":
		return th.Dim.Text("  " + name + " " + key + "  " + text)
	}
	return "  " + name + " " + th.Key.Text(key) + "  " + th.Dim.Text(text)
}

// keyNamed is the key of a name in the key map: the way back from
// tea.KeyMsg.String. A test holds it to the whole map.
func keyNamed(name string) tea.KeyMsg {
	for t := tea.KeyCtrlAt; t <= tea.KeyBackspace; t++ { // control keys
		if k := (tea.KeyMsg{Type: t}); k.String() == name {
			return k
		}
	}
	for t := tea.KeyRunes; t > tea.KeyRunes-100; t-- { // arrows, pages, functions
		if k := (tea.KeyMsg{Type: t}); k.String() == name && name != "" {
			return k
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}
