package screen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"dpslab/tui/ui"
)

// body adds a body: JSON indented, its objects and lists as rows that fold, and
// every other text as it is.
func (r *report) body(key, s string) {
	if s == "" {
		return
	}
	r.rows = append(r.rows, "")
	text, isJSON := pretty(s)
	lines := strings.Split(text, "\n")
	if !isJSON {
		for _, line := range r.th.CleanLines(s) {
			r.line(line, "")
		}
		return
	}
	path := []string{key}
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if depth+1 < len(path) {
			path = path[:depth+1]
		}
		if !opens(line) {
			r.line(r.th.Clean(line), "")
			continue
		}
		// A member is known by its name, an element by its place.
		name := strings.TrimRight(strings.TrimSpace(line), " {[")
		if name == "" {
			name = fmt.Sprint(i)
		}
		path = append(path[:depth+1], name)
		fold := strings.Join(path, "/")
		if !r.closed[fold] {
			r.line(r.th.Clean(line), fold)
			continue
		}
		end := closing(lines, i)
		r.line(r.th.Clean(line)+r.th.Dim.Text(" "+rowsInside(end-i-1)+" ")+strings.TrimSpace(lines[end]), fold)
		i = end
	}
}

func rowsInside(n int) string { return plural(n, "row") }

// opens says whether a line of indented JSON begins an object or a list that
// has something in it. A text cannot end a line with a bracket: its quotation
// mark comes after.
func opens(line string) bool { return strings.HasSuffix(line, "{") || strings.HasSuffix(line, "[") }

// closing is the line on which what line i opens ends: the next one that is not
// deeper.
func closing(lines []string, i int) int {
	indent := len(lines[i]) - len(strings.TrimLeft(lines[i], " "))
	for j := i + 1; j < len(lines); j++ {
		if len(lines[j])-len(strings.TrimLeft(lines[j], " ")) <= indent {
			return j
		}
	}
	return len(lines) - 1
}

// line adds one line of a body, already safe to draw, broken where it is too
// long; fold is its key when it folds.
func (r *report) line(line, fold string) {
	text := strings.TrimLeft(line, " ")
	indent := min(len(line)-len(text), r.w/2) // deep nesting must not eat the width
	rows := []string{text}
	if ui.Width(text) > r.w-6-indent {
		rows = ui.Wrap(text, r.w-6-indent)
	}
	for i, row := range rows {
		switch {
		case i > 0:
			r.rows = append(r.rows, ui.Blank(6+indent)+row)
		case fold != "":
			r.fold(fold, ui.Blank(2+indent)+row)
		default:
			r.rows = append(r.rows, ui.Blank(4+indent)+row)
		}
	}
}

// pretty indents JSON and leaves every other text as it is.
func pretty(s string) (text string, isJSON bool) {
	var b bytes.Buffer
	if json.Indent(&b, []byte(s), "", "  ") != nil {
		return s, false
	}
	return b.String(), true
}
