package screen

import (
	"fmt"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// scrolled is the part of a text that is seen in h rows of w cells. When not all
// of it is seen, the last row says which part that is, and how to see the rest.
func scrolled(th *theme.Theme, s *ui.Scroll, rows []string, w, h int, how string) []string {
	if len(rows) > h {
		h--
	}
	seen, above, below := s.Window(rows, max(1, h))
	out := make([]string, 0, len(seen)+1)
	for _, r := range seen {
		out = append(out, "  "+ui.Cut(r, w-2, th.Ellipsis))
	}
	if above+below > 0 {
		text := fmt.Sprintf("rows %d to %d of %d", above+1, above+len(seen), len(rows))
		if mark := direction(th, above, below); mark != "" {
			text = mark + " " + text
		}
		if how != "" {
			text += "; " + how
		}
		out = append(out, "  "+th.Dim.Text(ui.Cut(text, w-2, th.Ellipsis)))
	}
	return out
}

// failed is what stands on a screen that has nothing to show: what went wrong, why
// and what to do.
func failed(th *theme.Theme, err error, w int) []string {
	rows := []string{""}
	for _, r := range ui.Problem(th, unusable(err), w-6) {
		rows = append(rows, "   "+r)
	}
	return rows
}

// scrolling are the keys that scroll.
var scrolling = []keymap.Action{keymap.Up, keymap.Down, keymap.PageUp, keymap.PageDown, keymap.First, keymap.Last}

// KeepStill disables the keys that scroll, or those that are named, where the last
// view had everything in sight.
func KeepStill(bs []keymap.Binding, s *ui.Scroll, only ...keymap.Action) {
	if s.Scrolls() {
		return
	}
	if only == nil {
		only = scrolling
	}
	for _, a := range only {
		keymap.Disable(bs, a, "everything is in sight")
	}
}

// direction points to where there is more.
func direction(th *theme.Theme, above, below int) string {
	switch {
	case above > 0 && below > 0:
		return th.Up + th.Down
	case above > 0:
		return th.Up
	case below > 0:
		return th.Down
	}
	return ""
}

// paged is the part of a text that is seen in h rows, for panes that pgup and
// pgdown scroll: its first and last row give way to how much is out of sight.
func paged(th *theme.Theme, s *ui.Scroll, rows []string, h int) []string {
	seen, above, below := s.Window(rows, max(h, 0))
	if len(seen) < 3 || above+below == 0 {
		return seen
	}
	out := append([]string(nil), seen...)
	if above > 0 {
		out[0] = th.Dim.Text(fmt.Sprintf("%s %d earlier rows, pgup shows them", th.Up, above+1))
	}
	if below > 0 {
		out[len(out)-1] = th.Dim.Text(fmt.Sprintf("%s %d more rows, pgdown shows them", th.Down, below+1))
	}
	return out
}

// beginning is as much of a text as fits in h rows; when that is not all, the last
// one says how the rest is seen.
func beginning(th *theme.Theme, rows []string, h int, how string) []string {
	if len(rows) <= h {
		return rows
	}
	h = max(h, 1)
	return append(rows[:h-1:h-1], th.Dim.Text(th.Ellipsis+" "+how))
}
