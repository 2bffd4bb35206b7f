package tui

import (
	"fmt"
	"slices"
	"strings"

	"dpslab/tui/keymap"
	"dpslab/tui/ui"
)

// The least size at which the workbench draws itself.
const (
	leastWidth  = 60
	leastHeight = 16
)

func (a *app) tooSmall() bool { return a.w < leastWidth || a.h < leastHeight }

// View implements tea.Model: header, screen, footer, and what lies over them,
// in exactly w by h cells.
func (a *app) View() (frame string) {
	defer func() {
		if r := recover(); r != nil {
			a.crash, frame = trace(r), ""
			if a.program != nil {
				go a.program.Quit() // Send blocks inside the event loop
			}
		}
	}()
	if a.w <= 0 || a.h <= 0 {
		return ""
	}
	return strings.Join(a.rows(), "\n")
}

func (a *app) rows() []string {
	if a.tooSmall() {
		return a.smallRows()
	}
	s := a.current()
	body := a.h - 2
	rows := make([]string, 0, a.h)
	rows = append(rows, ui.Spread(" "+s.Title(), a.badge(), a.w-1, a.th.Ellipsis)+" ")
	rows = append(rows, s.View(a.w, body)...)
	rows = append(rows, a.footer())
	if a.overlay != nil {
		inner := ui.Centre(rows[1:a.h-1], a.overlay.view(a.w, body), a.w)
		rows = append(append(rows[:1:1], inner...), a.footer())
	}
	if a.toast != "" {
		rows = a.withToast(rows)
	}
	return ui.Fit(rows, a.w, a.h, a.th.Ellipsis)
}

// badge says which lab serves this session.
func (a *app) badge() string {
	only := ""
	if a.readOnly {
		only = a.th.Warn.Text("read-only")
	}
	if a.lab == nil || a.readOnly && a.w < 80 { // the warning matters more than the address
		return only
	}
	if only != "" {
		only += "  "
	}
	text := a.scenarios() + only + "lab " + a.th.OK.Text(a.th.Live) + " " + a.th.Clean(a.lab.Address)
	if a.lab.Joined {
		text += " (joined)"
	}
	return text
}

func (a *app) footer() string {
	if a.overlay != nil {
		return ui.Footer(a.th, a.overlay.bindings(), a.w)
	}
	bs := a.bindings()
	for _, g := range a.globals() {
		if g.Action != keymap.Quit || g.Disabled == "" {
			bs = append(bs, g)
		}
	}
	return ui.Footer(a.th, bs, a.w)
}

// globals are the keys that work everywhere, without those that the current
// screen or a text field has for itself.
func (a *app) globals() []keymap.Binding {
	s, own := a.current(), a.bindings()
	var out []keymap.Binding
	for _, g := range keymap.For(keymap.Global) {
		g.Keys = slices.DeleteFunc(slices.Clone(g.Keys), func(k string) bool {
			b, taken := keymap.Match(own, k)
			return taken && b.Disabled == "" || s.Capturing() && len(k) == 1
		})
		switch {
		case len(g.Keys) == 0:
			continue
		case g.Action == keymap.Help && g.Keys[0] == "f1":
			g.Label = "F1"
		case g.Action == keymap.Quit && s != a.stack[0]:
			g.Disabled = "go back to the devices first"
		}
		out = append(out, g)
	}
	return out
}

func (a *app) withToast(rows []string) []string {
	bw := a.w - 2
	lines := ui.Wrap(a.th.Clean(a.toast), bw-4)
	box := ui.Box(a.th, "", lines, bw)
	y := max(1, a.h-1-len(box))
	for i, b := range box {
		if y+i < a.h-1 {
			rows[y+i] = " " + b
		}
	}
	return rows
}

func (a *app) smallRows() []string {
	text := fmt.Sprintf("dpslab needs a terminal of %d by %d cells; this one has %d by %d. Make it larger, or press ctrl+c to leave.", leastWidth, leastHeight, a.w, a.h)
	return ui.Fit(ui.Wrap(text, a.w), a.w, a.h, a.th.Ellipsis)
}
