// Package ui holds the pieces that screens are made of: fields, lists, the step
// rail, the swim-lane, the chart, boxes.
//
// Rules of the package: a piece is drawn into a rectangle it is told and
// returns rows of exactly that width, so that no terminal ever wraps; all
// measuring is by grapheme cluster (package ansi), the way the renderer does it;
// nothing reads a clock; text from outside has gone through theme.Clean before.
package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Width is how many cells a string takes, escape sequences not counted. Most
// strings are plain for the most part: what is takes a cell a byte, up to the last
// byte of it, which may belong to a cluster with what follows.
func Width(s string) int {
	plain := 0
	for plain < len(s) && s[plain] >= ' ' && s[plain] <= '~' {
		plain++
	}
	if plain == len(s) {
		return plain
	}
	plain = max(0, plain-1)
	return plain + ansi.StringWidth(s[plain:])
}

// Cut shortens s to at most w cells and ends it with tail when something was
// taken away. A tail that does not fit is cut itself.
func Cut(s string, w int, tail string) string {
	switch {
	case w <= 0:
		return ""
	case Width(s) <= w:
		return s
	case Width(tail) > w:
		return ansi.Truncate(s, w, "")
	}
	return ansi.Truncate(s, w, tail)
}

// CutLeft keeps the end of s in at most w cells, with tail in front of it. It
// is for paths, whose end says more than their beginning.
func CutLeft(s string, w int, tail string) string {
	have := Width(s)
	switch {
	case w <= 0:
		return ""
	case have <= w:
		return s
	case Width(tail) > w:
		return DropLeft(s, have-w)
	}
	return tail + DropLeft(s, have-w+Width(tail))
}

// DropLeft takes the first n cells away, and the whole of a wide character that
// the border halves.
func DropLeft(s string, n int) string {
	want := Width(s) - n
	out := ansi.TruncateLeft(s, n, "")
	if Width(out) > want {
		out = ansi.TruncateLeft(s, n+1, "")
	}
	return out
}

// Pad makes s exactly w cells: cut with tail, or filled with blanks.
func Pad(s string, w int, tail string) string {
	s = Cut(s, w, tail)
	return s + Blank(w-Width(s))
}

// PadLeft is Pad with the blanks in front.
func PadLeft(s string, w int, tail string) string {
	s = Cut(s, w, tail)
	return Blank(w-Width(s)) + s
}

// Blank is n blanks; none when n is negative.
func Blank(n int) string {
	if n <= 0 {
		return ""
	}
	return strings.Repeat(" ", n)
}

// Spread puts left and right at the ends of w cells. The right one gives way
// when both do not fit.
func Spread(left, right string, w int, tail string) string {
	lw, rw := Width(left), Width(right)
	if lw+rw+1 > w {
		if w-lw-1 < 4 {
			return Pad(left, w, tail)
		}
		right = Cut(right, w-lw-1, tail)
		rw = Width(right)
	}
	return left + Blank(w-lw-rw) + right
}

// Fit returns exactly h rows of exactly w cells.
func Fit(rows []string, w, h int, tail string) []string {
	out := make([]string, max(h, 0))
	for i := range out {
		if i < len(rows) {
			out[i] = Pad(rows[i], w, tail)
		} else {
			out[i] = Blank(w)
		}
	}
	return out
}

// Beside joins two blocks of rows with a separator, row by row. Both must have
// been fitted to the same height.
func Beside(left []string, sep string, right []string) []string {
	out := make([]string, min(len(left), len(right)))
	for i := range out {
		out[i] = left[i] + sep + right[i]
	}
	return out
}

// Over draws box on top of rows with its top left corner at x, y. Both keep
// their width, also where the edge of the box halves a wide character.
func Over(rows, box []string, x, y int) []string {
	for i, b := range box {
		if y+i < 0 || y+i >= len(rows) {
			continue
		}
		row := rows[y+i]
		bw, rw := Width(b), Width(row)
		left := Pad(ansi.Truncate(row, x, ""), x, "")
		right := DropLeft(row, x+bw)
		// A wide character under the right edge leaves one cell too few.
		gap := rw - x - bw - Width(right)
		reset := ""
		if strings.Contains(row, "\x1b") {
			reset = ansi.ResetStyle // the cut may have left a style open
		}
		rows[y+i] = left + reset + b + Blank(gap) + right
	}
	return rows
}
