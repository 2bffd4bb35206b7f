package ui

import "strings"

// dots is a field of dots, some set.
type dots struct {
	w, h int
	on   []bool
}

func newDots(w, h int) dots { return dots{w, h, make([]bool, w*h)} }

func (d dots) set(x, y int) {
	if x >= 0 && x < d.w && y >= 0 && y < d.h {
		d.on[y*d.w+x] = true
	}
}

// line sets the dots between two of them, one for every step of the longer way.
func (d dots) line(x0, y0, x1, y1 int) {
	n := max(abs(x1-x0), abs(y1-y0))
	for i := 1; i < n; i++ {
		d.set(x0+(x1-x0)*i/n, y0+(y1-y0)*i/n)
	}
}

func abs(n int) int { return max(n, -n) }

// brailleBit is the bit of each dot of a braille cell, by row and column
// (Unicode block U+2800, dots 1 to 8).
var brailleBit = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (d dots) braille() []string {
	rows := make([]string, d.h/4)
	for cy := range rows {
		var b strings.Builder
		for cx := range d.w / 2 {
			cell := rune(0)
			for y := range 4 {
				for x := range 2 {
					if d.on[(4*cy+y)*d.w+2*cx+x] {
						cell |= brailleBit[y][x]
					}
				}
			}
			if cell == 0 {
				b.WriteByte(' ')
			} else {
				b.WriteRune(0x2800 + cell)
			}
		}
		rows[cy] = b.String()
	}
	return rows
}

func (d dots) stars() []string {
	rows := make([]string, d.h)
	for y := range rows {
		var b strings.Builder
		for x := range d.w {
			if d.on[y*d.w+x] {
				b.WriteByte('*')
			} else {
				b.WriteByte(' ')
			}
		}
		rows[y] = b.String()
	}
	return rows
}
