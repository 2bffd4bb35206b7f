package ui

import (
	"fmt"
	"slices"
	"strings"

	"dpslab/tui/theme"
)

// Lines fits the text of a box into w by h cells: broken anew where it is too
// wide, then without empty lines, at last with a row that says how many more there
// are.
func Lines(th *theme.Theme, lines []string, w, h int) []string {
	rows := Reflow(lines, w)
	h = max(h, 1)
	if len(rows) > h {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r string) bool { return r == "" })
	}
	if len(rows) > h {
		rows = append(rows[:h-1:h-1], th.Dim.Text(fmt.Sprintf("%s %d more rows on a higher screen", th.Ellipsis, len(rows)-h+1)))
	}
	for i, r := range rows {
		rows[i] = Cut(r, w, th.Ellipsis)
	}
	return rows
}

// Reflow fits lines that were broken for a wider place into w cells, without
// cutting any. Where all of them fit they stay as they are; else plain paragraphs
// are broken anew, and other lines go on below, under their own indentation.
func Reflow(lines []string, w int) []string {
	fits := true
	for _, l := range lines {
		fits = fits && Width(l) <= w
	}
	if fits || w <= 0 {
		return lines
	}
	var out, paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			out = append(out, Wrap(strings.Join(paragraph, " "), w)...)
		}
		paragraph = nil
	}
	for _, l := range lines {
		plain := strings.TrimSpace(l) != "" && !strings.ContainsAny(l[:1], " \x1b") && !strings.Contains(l, "\x1b")
		if plain {
			paragraph = append(paragraph, l)
			continue
		}
		flush()
		if Width(l) <= w || strings.Contains(l, "\x1b") {
			out = append(out, l)
			continue
		}
		body := strings.TrimLeft(l, " ")
		lead := Blank(min(len(l)-len(body), w/3))
		for i, r := range Wrap(body, max(w-len(lead)-2, 1)) {
			if i == 1 {
				lead += "  "
			}
			out = append(out, lead+r)
		}
	}
	flush()
	return out
}
