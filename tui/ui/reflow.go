package ui

import "strings"

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
