package ui

import (
	"slices"
	"strings"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
)

// Footer draws the keys that act now, as many as fit in w cells, the most
// important first.
func Footer(th *theme.Theme, bs []keymap.Binding, w int) string {
	bs = slices.DeleteFunc(slices.Clone(bs), func(b keymap.Binding) bool { return b.Footer == 0 || b.Disabled != "" })
	slices.SortStableFunc(bs, func(a, b keymap.Binding) int { return a.Footer - b.Footer })
	// Help is the way to everything that does not fit: its place is kept.
	help := slices.IndexFunc(bs, func(b keymap.Binding) bool { return b.Action == keymap.Help })
	room := w - 1
	var tail string
	if help >= 0 {
		tail = footerKey(th, bs[help])
		room -= Width(tail) + 2
		bs = slices.Delete(bs, help, help+1)
	}
	var parts []string
	for _, b := range bs {
		part := footerKey(th, b)
		if Width(part) > room {
			break
		}
		parts = append(parts, part)
		room -= Width(part) + 2
	}
	if tail != "" {
		parts = append(parts, tail)
	}
	return Pad(" "+strings.Join(parts, "  "), w, th.Ellipsis)
}

func footerKey(th *theme.Theme, b keymap.Binding) string {
	return th.Key.Text(b.Label) + " " + b.Help
}

// HelpRows draws all bindings, grouped by context, in w cells. A disabled one
// says why.
func HelpRows(th *theme.Theme, bs []keymap.Binding, w int) []string {
	var rows []string
	group := keymap.Context("")
	for _, b := range bs {
		if b.Context != group {
			if group != "" {
				rows = append(rows, "")
			}
			group = b.Context
			rows = append(rows, th.Strong.Text(string(group)))
		}
		key := Pad(b.Label, 11, th.Ellipsis)
		about := b.About
		if b.Dangerous {
			about = th.Warning + " " + about
		}
		if b.Disabled != "" {
			rows = append(rows, th.Dim.Text(Pad("  "+key+" "+about+" - not now: "+b.Disabled, w, th.Ellipsis)))
			continue
		}
		rows = append(rows, Pad("  "+th.Key.Text(key)+" "+about, w, th.Ellipsis))
	}
	return rows
}
