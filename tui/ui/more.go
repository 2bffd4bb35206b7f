package ui

import (
	"fmt"
	"strings"

	"dpslab/tui/theme"
)

// More says how much of a list or a text is out of sight: "↑ 3 above  ↓ 12 more".
// It is empty when all of it is seen.
func More(th *theme.Theme, above, below int) string {
	var parts []string
	if above > 0 {
		parts = append(parts, fmt.Sprintf("%s %d above", th.Up, above))
	}
	if below > 0 {
		parts = append(parts, fmt.Sprintf("%s %d more", th.Down, below))
	}
	return strings.Join(parts, "  ")
}

// Rule is a line of w cells under a list or a text, with a margin of one cell at
// either end. What is out of sight stands near its left end.
func Rule(th *theme.Theme, w, above, below int) string {
	more := More(th, above, below)
	line := max(w-2, 0)
	if more == "" || Width(more)+6 > line {
		return Pad(" "+th.Dim.Text(strings.Repeat(th.H, line)), w, "")
	}
	rest := line - Width(more) - 4
	return Pad(" "+th.Dim.Text(th.H+th.H+" "+more+" "+strings.Repeat(th.H, rest)), w, "")
}

// BoxMore is [Box] around the part of a text that is seen: its lower edge says
// how much is out of sight.
func BoxMore(th *theme.Theme, title string, rows []string, above, below, w int) []string {
	box := Box(th, title, rows, w)
	more := More(th, above, below)
	if more == "" || Width(more)+6 > w {
		return box
	}
	rest := w - Width(more) - 5
	box[len(box)-1] = th.Accent.Text(th.BottomLeft+th.H) + " " + th.Dim.Text(more) + " " + th.Accent.Text(strings.Repeat(th.H, rest)+th.BottomRight)
	return box
}

// Unseen is how many rows of the list are above and below the part that the last
// [List.Window] named.
func (l *List) Unseen() (above, below int) {
	return l.top, max(0, l.Len-l.top-l.height)
}
