package screen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// compareRows shows what differs between two exchanges: first lines, headers,
// bodies. Rows that only the first has begin with a minus, those that only the
// second has with a plus; longer runs that agree are counted.
func compareRows(th *theme.Theme, first, second *workflow.Exchange, w int) []string {
	r := &report{th: th, w: max(w, 20)}
	same := true
	for _, part := range []struct{ title, a, b string }{
		{"Request", firstLine(first), firstLine(second)},
		{"Request headers", headerLines(first.RequestHeader), headerLines(second.RequestHeader)},
		{"Request body", prettyText(first.RequestBody), prettyText(second.RequestBody)},
		{"Answer", statusLine(first), statusLine(second)},
		{"Answer headers", headerLines(first.ResponseHeader), headerLines(second.ResponseHeader)},
		{"Answer body", prettyText(first.ResponseBody), prettyText(second.ResponseBody)},
		{"Client certificates", clientLines(first), clientLines(second)},
	} {
		if part.a == part.b {
			continue
		}
		same = false
		r.rows = append(r.rows, "", "  "+th.Accent.Text(part.title))
		r.difference(th.CleanLines(part.a), th.CleanLines(part.b))
	}
	if same {
		r.text("  ", "Both are the same: first line, headers, bodies, client certificates.", th.Plain)
	}
	return r.rows
}

func firstLine(x *workflow.Exchange) string { return x.Method + " " + x.URL }

func statusLine(x *workflow.Exchange) string {
	if x.Status == 0 {
		return "no answer: " + x.Error
	}
	return fmt.Sprintf("%d %s", x.Status, x.Reason)
}

func headerLines(h map[string][]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			lines = append(lines, name+": "+v)
		}
	}
	return strings.Join(lines, "\n")
}

func prettyText(s string) string {
	text, _ := pretty(s)
	return text
}

// clientLines are the certificates that were sent, leaf first.
func clientLines(x *workflow.Exchange) string {
	if x.TLS == nil {
		return ""
	}
	var lines []string
	for _, c := range x.TLS.Client {
		lines = append(lines, c.Subject+" SHA-256 "+c.SHA256)
	}
	return strings.Join(lines, "\n")
}

// keptAround is how many rows that agree are shown beside one that differs.
const keptAround = 2

// difference adds the rows of two texts, line by line.
func (r *report) difference(a, b []string) {
	changes := lineDiff(a, b)
	for i := 0; i < len(changes); {
		if changes[i].sign != ' ' {
			r.change(changes[i])
			i++
			continue
		}
		end := i
		for end < len(changes) && changes[end].sign == ' ' {
			end++
		}
		r.agreeing(changes[i:end], i == 0, end == len(changes))
		i = end
	}
}

// agreeing adds a run of lines that both have, its middle counted.
func (r *report) agreeing(run []change, first, last bool) {
	head, tail := keptAround, keptAround
	if first {
		head = 0
	}
	if last {
		tail = 0
	}
	if len(run) <= head+tail+1 {
		head, tail = len(run), 0
	}
	for _, c := range run[:head] {
		r.change(c)
	}
	if n := len(run) - head - tail; n > 0 {
		r.rows = append(r.rows, "      "+r.th.Dim.Text(plural(n, "equal row")))
	}
	for _, c := range run[len(run)-tail:] {
		r.change(c)
	}
}

func (r *report) change(c change) {
	st := map[byte]theme.Style{' ': r.th.Dim, '-': r.th.Bad, '+': r.th.OK}[c.sign]
	indent := len(c.line) - len(strings.TrimLeft(c.line, " "))
	indent = min(indent, r.w/2)
	for i, row := range ui.Wrap(c.line, r.w-6-indent) {
		lead := "    " + string(c.sign) + " " + ui.Blank(indent)
		if i > 0 {
			lead = "      " + ui.Blank(indent)
		}
		r.rows = append(r.rows, st.Text(lead+row))
	}
}

// change is a line that both texts have (' '), only the first ('-') or only the
// second ('+').
type change struct {
	sign byte
	line string
}

// diffCells bounds the table of lineDiff: 2,000 by 2,000 lines, 16 MB. Longer
// texts that share no beginning and end are shown whole, one after the other.
const diffCells = 4_000_000

// lineDiff compares two texts by their longest common subsequence of lines.
func lineDiff(a, b []string) []change {
	var head, tail []change
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, change{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, change{' ', a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	return slices.Concat(head, middleDiff(a, b), tail)
}

func middleDiff(a, b []string) []change {
	var out []change
	i, j := 0, 0
	if len(a)*len(b) <= diffCells {
		longest := common(a, b)
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				out = append(out, change{' ', a[i]})
				i, j = i+1, j+1
			case longest[i+1][j] >= longest[i][j+1]:
				out = append(out, change{'-', a[i]})
				i++
			default:
				out = append(out, change{'+', b[j]})
				j++
			}
		}
	}
	for ; i < len(a); i++ {
		out = append(out, change{'-', a[i]})
	}
	for ; j < len(b); j++ {
		out = append(out, change{'+', b[j]})
	}
	return out
}

// common is, for every pair of ends, how many lines they have in common in
// order.
func common(a, b []string) [][]int32 {
	table := make([][]int32, len(a)+1)
	for i := range table {
		table[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				table[i][j] = table[i+1][j+1] + 1
				continue
			}
			table[i][j] = max(table[i+1][j], table[i][j+1])
		}
	}
	return table
}
