package ui

import (
	"cmp"
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
	return th.Key.Text(cmp.Or(b.Brief, b.Label)) + " " + b.Help
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
		rows = append(rows, helpRow(th, b, w)...)
	}
	return rows
}

func helpRow(th *theme.Theme, b keymap.Binding, w int) []string {
	const keyW = 14
	about, key, text := b.About, th.Key, th.Plain
	if b.Dangerous {
		about = th.Warning + " " + about
	}
	if b.Disabled != "" {
		about += " (not now: " + b.Disabled + ")"
		key, text = th.Dim, th.Dim
	}
	var rows []string
	for i, r := range Wrap(about, w-keyW) {
		lead := Blank(keyW)
		if i == 0 {
			lead = "  " + key.Text(Pad(b.Label, keyW-2, th.Ellipsis))
		}
		rows = append(rows, lead+text.Text(r))
	}
	return rows
}
