package ui

import (
	"strings"

	"dpslab/tui/theme"
)

// Box draws rows in a frame of w cells with a title in its upper edge. The
// rows get w-4 cells each.
func Box(th *theme.Theme, title string, rows []string, w int) []string {
	inner := max(w-4, 0)
	head := ""
	if title != "" {
		head = " " + Cut(title, max(inner-2, 0), th.Ellipsis) + " "
	}
	line := max(w-3-Width(head), 0)
	out := make([]string, 0, len(rows)+2)
	out = append(out, th.Accent.Text(th.TopLeft+th.H)+th.Strong.Text(head)+th.Accent.Text(strings.Repeat(th.H, line)+th.TopRight))
	for _, r := range rows {
		out = append(out, th.Accent.Text(th.V)+" "+Pad(r, inner, th.Ellipsis)+" "+th.Accent.Text(th.V))
	}
	return append(out, th.Accent.Text(th.BottomLeft+strings.Repeat(th.H, max(w-2, 0))+th.BottomRight))
}

// sliver is how many cells beside a box are too few to be read.
const sliver = 2

// Centre draws a box in the middle of rows that are w cells wide.
func Centre(rows, box []string, w int) []string {
	if len(box) == 0 {
		return rows
	}
	x := max(0, (w-Width(box[0]))/2)
	y := max(0, (len(rows)-len(box))/2)
	if x <= sliver { // what would be left of the rows beside it says nothing any more
		for i := y; i < min(y+len(box), len(rows)); i++ {
			rows[i] = Blank(w)
		}
	}
	return Over(rows, box, x, y)
}
