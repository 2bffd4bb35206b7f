package ui

import "dpslab/tui/keymap"

// List is the cursor and the visible part of a list that may be very long: it
// knows how many rows there are and never looks at them.
type List struct {
	Len    int
	Cursor int
	top    int
	height int // of the last Window
}

// Handle moves the cursor as a key asks and says whether the key was one that
// moves it: up, down, a page, the ends. A page leaves one row for the eye.
func (l *List) Handle(a keymap.Action) bool {
	page := max(1, l.height-1)
	d, moves := map[keymap.Action]int{
		keymap.Up: -1, keymap.Down: 1, keymap.PageUp: -page, keymap.PageDown: page,
		keymap.First: -l.Len, keymap.Last: l.Len,
	}[a]
	if moves {
		l.Move(d)
	}
	return moves
}

// SetLen tells how many rows there are and keeps the cursor on one of them.
func (l *List) SetLen(n int) {
	l.Len = n
	l.Move(0)
}

// Move moves the cursor by d rows, at most to the ends.
func (l *List) Move(d int) { l.Cursor = max(0, min(l.Cursor+d, l.Len-1)) }

// Window says which rows are seen in h rows of screen: from ≤ i < to. It scrolls
// just enough to keep the cursor in sight.
func (l *List) Window(h int) (from, to int) {
	h = max(h, 1)
	l.height = h
	if l.Cursor < l.top {
		l.top = l.Cursor
	}
	if l.Cursor >= l.top+h {
		l.top = l.Cursor - h + 1
	}
	l.top = max(0, min(l.top, l.Len-h))
	return l.top, min(l.top+h, l.Len)
}

// Scroll is the visible part of a text. Follow keeps its end in sight until
// somebody scrolls back. A window in which all of it fits for a while changes
// nothing about the place that is seen in a small one.
type Scroll struct {
	top    int // as asked for; a view may show less of it
	shown  int // of the last Window
	Follow bool
	pinned bool
	rows   int // of the last Window
	height int
}

// Move scrolls by d rows.
func (s *Scroll) Move(d int) {
	s.top = max(0, min(s.shown+d, s.rows-s.height))
	s.shown = s.top
	s.pinned = s.top < s.rows-s.height
}

// Page scrolls by d screens less one row, so that one row stays for the eye.
func (s *Scroll) Page(d int) { s.Move(d * max(1, s.height-1)) }

// Handle scrolls as a key asks and says whether the key was one that scrolls.
func (s *Scroll) Handle(a keymap.Action) bool {
	switch a {
	case keymap.Up:
		s.Move(-1)
	case keymap.Down:
		s.Move(1)
	case keymap.PageUp:
		s.Page(-1)
	case keymap.PageDown:
		s.Page(1)
	case keymap.First:
		s.Move(-s.rows)
	case keymap.Last:
		s.Move(s.rows)
	default:
		return false
	}
	return true
}

// Scrolls says whether some of the rows were out of sight in the last Window.
func (s *Scroll) Scrolls() bool { return s.rows > s.height }

// Reset goes back to the beginning, or to the end for one that follows.
func (s *Scroll) Reset() { s.top, s.shown, s.pinned = 0, 0, false }

// Window cuts the visible h rows out of rows and says how many are above and
// below.
func (s *Scroll) Window(rows []string, h int) (seen []string, above, below int) {
	s.rows, s.height = len(rows), h
	last := max(0, len(rows)-h)
	if s.Follow && !s.pinned {
		s.top = last
	}
	s.shown = max(0, min(s.top, last))
	end := min(s.shown+h, len(rows))
	return rows[s.shown:end], s.shown, len(rows) - end
}
