package ui

import (
	"math"
	"strconv"
	"strings"

	"dpslab/tui/theme"
)

// Chart draws a line over numbered messages with both axes labelled. It is our
// own because it must work at 8 rows, without colour, and in ASCII, and because
// it is redrawn with every message: braille gives 2 by 4 dots a cell, and the
// dots are set in one pass.
type Chart struct {
	Values []float64
	Have   []bool // false: that message had no number; nil: all have
	First  int    // number of the first value
	Of     int    // how many there will be; the line grows towards it
}

// View draws the chart in exactly w by h cells; h counts the two rows of the
// axis below, which a chart of less than four rows goes without.
func (c Chart) View(th *theme.Theme, w, h int) []string {
	plotH := h - 2
	bare := plotH < 2
	if bare {
		plotH = h
	}
	if plotH < 2 || w < 16 {
		return Fit(nil, w, h, "")
	}
	low, high := c.span()
	labels := []string{number(low, high-low), number(high, high-low)}
	lw := max(Width(labels[0]), Width(labels[1])) + 1
	plotW := w - lw - 2
	grid := c.draw(plotW, plotH, low, high, th.ASCII())
	rows := make([]string, 0, h)
	for y := range plotH {
		label, axis := "", th.V
		switch y {
		case 0:
			label, axis = labels[1], th.TeeLeft
		case plotH - 1:
			label, axis = labels[0], th.TeeLeft
		}
		rows = append(rows, th.Dim.Text(PadLeft(label, lw, "")+" "+axis)+th.Accent.Text(grid[y]))
	}
	if bare {
		return rows
	}
	rows = append(rows, th.Dim.Text(Blank(lw+1)+th.BottomLeft+strings.Repeat(th.H, plotW)))
	first, last := c.ends(plotW, th.ASCII())
	return append(rows, Pad(Blank(lw+2)+th.Dim.Text(Spread("message "+strconv.Itoa(first), strconv.Itoa(last), plotW, "")), w, ""))
}

// span is the range of values, with room above and below, never empty.
func (c Chart) span() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i, v := range c.Values {
		if c.has(i) {
			low, high = min(low, v), max(high, v)
		}
	}
	switch {
	case low > high:
		return 0, 1
	case low == high:
		return low - 1, high + 1
	}
	return low, high
}

func (c Chart) has(i int) bool {
	return (c.Have == nil || c.Have[i]) && !math.IsNaN(c.Values[i]) && !math.IsInf(c.Values[i], 0)
}

// shown is the part of the values that fits dots columns, and how many messages
// the width stands for.
func (c Chart) shown(dots int) (from, domain int) {
	n := len(c.Values)
	domain = max(n, min(c.Of-c.First+1, dots), 2)
	if n > dots {
		return n - dots, dots
	}
	return 0, domain
}

func (c Chart) ends(w int, ascii bool) (first, last int) {
	from, domain := c.shown(dotsAcross(w, ascii))
	return c.First + from, c.First + from + domain - 1
}

func dotsAcross(w int, ascii bool) int {
	if ascii {
		return w
	}
	return 2 * w
}

// draw sets the dots of the line and turns them into rows.
func (c Chart) draw(w, h int, low, high float64, ascii bool) []string {
	dx, dy := dotsAcross(w, ascii), h
	if !ascii {
		dy = 4 * h
	}
	dots := newDots(dx, dy)
	from, domain := c.shown(dx)
	lastX, lastY, open := 0, 0, false
	for i := from; i < len(c.Values); i++ {
		if !c.has(i) {
			open = false
			continue
		}
		x := (i - from) * (dx - 1) / max(domain-1, 1)
		y := int(math.Round((high - c.Values[i]) / (high - low) * float64(dy-1)))
		if open {
			dots.line(lastX, lastY, x, y)
		}
		dots.set(x, y)
		lastX, lastY, open = x, y, true
	}
	if ascii {
		return dots.stars()
	}
	return dots.braille()
}

// number writes a value with as many decimals as the range needs.
func number(v, span float64) string {
	switch {
	case math.Abs(v) >= 1e7:
		return strconv.FormatFloat(v, 'e', 1, 64)
	case span >= 20:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case span >= 2:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
