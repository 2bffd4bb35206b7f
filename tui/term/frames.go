package term

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Frames makes frames shorter. Bubble Tea writes a whole row where one cell
// changed, and every row of a list that scrolls; Frames remembers what the rows
// show, writes the cells that differ, and scrolls what moved up or down. It knows
// the frames of Bubble Tea's renderer in the alternate screen; what else is
// written goes out as it is, and the rows count as unknown until they are written
// anew. The zero value is ready; it belongs to one goroutine.
type Frames struct {
	rows []frameRow
}

// frameRow is what a row of the screen shows.
type frameRow struct {
	text  string // with its styles, without blanks that were erased
	known bool
	erase bool // the rest of it is blank
}

// eraseRest ends a row that is shorter than the screen is wide.
const eraseRest = "\x1b[K"

// Thin returns what has the effect of p on the screen, but for where the cursor
// is left, which is hidden.
func (f *Frames) Thin(p []byte) []byte {
	if aside(string(p)) {
		return p
	}
	rows, anew, ok := frameRows(string(p))
	if !ok {
		f.rows = nil
		return p
	}
	if anew || len(rows) != len(f.rows) {
		f.rows = make([]frameRow, len(rows))
	}
	all := true
	for i, r := range rows {
		if !r.known {
			rows[i] = f.rows[i]
		}
		all = all && f.rows[i].known
	}
	before := f.rows
	f.rows = rows
	best := difference(before, rows)
	for _, by := range []int{1, -1} {
		if s, ok := scrolled(before, rows, by); ok && all && len(s) < len(best) {
			best = s
		}
	}
	if len(best) < len(p) {
		return []byte(best)
	}
	return p
}

// aside says whether a write changes nothing on the screen: one for the clipboard
// or the title, to the terminal around tmux, or one that sets a mode other than
// the alternate screen.
func aside(s string) bool {
	return strings.HasPrefix(s, "\x1b]") || strings.HasPrefix(s, "\x1bP") || s == "\a" ||
		strings.HasPrefix(s, "\x1b[?") && len(s) <= len("\x1b[?2004h") && !strings.Contains(s, "104") && !strings.Contains(s, "47")
}

// frameRows takes a frame apart. Rows that it leaves alone are not known; anew
// says that it was made without regard to what is on the screen.
func frameRows(s string) (rows []frameRow, anew, ok bool) {
	s, ok = strings.CutPrefix(s, ansi.CursorHomePosition)
	if !ok {
		return nil, false, false
	}
	s, anew = strings.CutPrefix(s, "\r")
	lines := strings.Split(s, "\n")
	last := len(lines) - 1
	lines[last], ok = strings.CutSuffix(lines[last], ansi.CursorPosition(0, len(lines)))
	if !ok || last == 0 {
		return nil, false, false
	}
	rows = make([]frameRow, len(lines))
	for i, line := range lines {
		if line == "" {
			continue
		}
		r := frameRow{known: true}
		if i < last {
			if line, ok = strings.CutSuffix(line, "\r"); !ok {
				return nil, false, false
			}
		}
		r.text, r.erase = strings.CutSuffix(line, eraseRest)
		if strings.Contains(r.text, "\r") || strings.Contains(r.text, ansi.EraseScreenBelow) {
			return nil, false, false
		}
		rows[i] = r
	}
	return rows, anew, true
}

// difference writes the rows that changed.
func difference(before, after []frameRow) string {
	var b strings.Builder
	for i, r := range after {
		if before[i] == r {
			continue
		}
		whole := position(i, 0) + r.text
		if r.erase {
			whole += eraseRest
		}
		if spans, ok := spans(i, before[i], r); ok && before[i].known && len(spans) < len(whole) {
			whole = spans
		}
		b.WriteString(whole)
	}
	return b.String()
}

// scrolled moves the rows that are found one row further up (by is 1) or down
// (by is -1), and writes what is different then.
func scrolled(before, after []frameRow, by int) (s string, ok bool) {
	first, last := -1, -1
	for i := range after {
		j := i + by
		if j >= 0 && j < len(before) && after[i] != before[i] && after[i] == before[j] {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return "", false
	}
	moved := append([]frameRow{}, before...)
	blank := frameRow{known: true, erase: true}
	top, bottom := first, last+1
	move := fmt.Sprintf("\x1b[%d;%dr", top+1, bottom+1) + position(bottom, 0) + "\n\x1b[r"
	if by > 0 {
		copy(moved[top:bottom], before[top+1:bottom+1])
		moved[bottom] = blank
	} else {
		top, bottom = first-1, last
		move = fmt.Sprintf("\x1b[%d;%dr", top+1, bottom+1) + position(top, 0) + "\x1bM\x1b[r"
		copy(moved[top+1:bottom+1], before[top:bottom])
		moved[top] = blank
	}
	return move + difference(moved, after), true
}

// position puts the cursor into a row and a column, from 0.
func position(row, column int) string {
	if column == 0 {
		return fmt.Sprintf("\x1b[%dH", row+1)
	}
	return fmt.Sprintf("\x1b[%d;%dH", row+1, column+1)
}

// cell is one place of a row.
type cell struct {
	r     rune
	style string
}

var blankCell = cell{r: ' '}

// cells takes a row apart. ok is false for one that holds more than styles and
// characters of one cell: where such a row's cells are is the terminal's to say.
func cells(s string) (out []cell, ok bool) {
	style := ""
	for len(s) > 0 {
		if strings.HasPrefix(s, "\x1b[") {
			end := strings.IndexFunc(s[2:], func(r rune) bool { return r != ';' && (r < '0' || r > '9') })
			if end < 0 || s[2+end] != 'm' {
				return nil, false
			}
			sgr := s[:2+end+1]
			switch sgr {
			case "\x1b[m", "\x1b[0m":
				style = ""
			default:
				style += sgr
			}
			s = s[len(sgr):]
			continue
		}
		for i, r := range s {
			if r == '\x1b' {
				s = s[i:]
				if i == 0 {
					return nil, false
				}
				break
			}
			if r < ' ' || r == 0x7f || r > '~' && ansi.StringWidth(string(r)) != 1 {
				return nil, false
			}
			out = append(out, cell{r, style})
			if i+len(string(r)) == len(s) {
				s = ""
			}
		}
	}
	return out, true
}

// closeBy is how many equal cells between two changes are written anew, because
// to go over them takes as many bytes.
const closeBy = 8

// spans writes the parts of a row that changed.
func spans(row int, before, after frameRow) (s string, ok bool) {
	old, ok1 := cells(before.text)
	now, ok2 := cells(after.text)
	if !ok1 || !ok2 || !before.erase && !after.erase && len(old) != len(now) {
		return "", false
	}
	at := func(cs []cell, i int) cell {
		if i < len(cs) {
			return cs[i]
		}
		return blankCell
	}
	var b strings.Builder
	end := max(len(old), len(now))
	for i := 0; i < end; i++ {
		if at(old, i) == at(now, i) {
			continue
		}
		to := i + 1 // after the last change that is close by
		for j := to; j < end && j < to+closeBy; j++ {
			if at(old, j) != at(now, j) {
				to = j + 1
			}
		}
		b.WriteString(position(row, i))
		if to > len(now) {
			writeCells(&b, now[min(i, len(now)):])
			b.WriteString(eraseRest)
			break
		}
		writeCells(&b, now[i:to])
		i = to - 1
	}
	return b.String(), true
}

func writeCells(b *strings.Builder, cs []cell) {
	style := ""
	for _, c := range cs {
		if c.style != style {
			if style != "" {
				b.WriteString(ansi.ResetStyle)
			}
			style = c.style
			b.WriteString(style)
		}
		b.WriteRune(c.r)
	}
	if style != "" {
		b.WriteString(ansi.ResetStyle)
	}
}
