package screen

import (
	"fmt"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// folds remembers what was folded, by name, so that it stays folded on the next
// exchange too.
type folds map[string]bool

// outline is a text with rows that fold, a cursor, and the part that is seen.
// The cursor has two cells of its own left of the text: there it hides nothing
// of a row, above all not the mark of one that folds.
type outline struct {
	rows   []string
	keys   map[int]string // of rows that fold
	cursor int
	scroll ui.Scroll
	height int
	raise  bool // a part was opened: the next view shows what is in it

	part string // in which a person put the cursor, by its key
	deep int    // and how many rows below the row that folds
}

// set takes in new rows, which may be the same text in another width; the cursor
// stays in the part where a person put it, and as deep in it as there are rows.
func (o *outline) set(rows []string, keys map[int]string) {
	o.rows, o.keys = rows, keys
	for i, k := range keys {
		if k != o.part || k == "" {
			continue
		}
		o.cursor = i
		for range o.deep {
			if _, next := keys[o.cursor+1]; next || o.cursor+1 >= len(rows) {
				break
			}
			o.cursor++
		}
	}
	o.cursor = max(0, min(o.cursor, len(rows)-1))
	o.settle(-1)
	o.settle(1) // there may be none above
}

// settle moves the cursor off an empty row, in the direction d, where there is a
// row to stand on.
func (o *outline) settle(d int) {
	for i := o.cursor; i >= 0 && i < len(o.rows); i += d {
		if strings.TrimSpace(o.rows[i]) != "" {
			o.cursor = i
			return
		}
	}
}

func (o *outline) reset() {
	o.cursor = 0
	o.scroll.Reset()
	o.put()
}

// put remembers where the cursor was put.
func (o *outline) put() {
	o.part, o.deep = o.key(), 0
	for i := o.cursor; i > 0; i-- {
		if _, ok := o.keys[i]; ok {
			return
		}
		o.deep++
	}
}

// key names the fold of the row under the cursor: its own, else that of the
// nearest row above that has one.
func (o *outline) key() string {
	for i := o.cursor; i >= 0; i-- {
		if k, ok := o.keys[i]; ok {
			return k
		}
	}
	return ""
}

// move moves the cursor and keeps it in sight.
func (o *outline) move(d int) {
	o.cursor = max(0, min(o.cursor+d, len(o.rows)-1))
	if d < 0 {
		o.settle(-1)
	} else {
		o.settle(1)
	}
	o.put()
	o.reveal()
}

func (o *outline) reveal() {
	_, above, _ := o.scroll.Window(o.rows, o.height)
	switch {
	case o.cursor < above:
		o.scroll.Move(o.cursor - above)
	case o.cursor >= above+o.height:
		o.scroll.Move(o.cursor - above - o.height + 1)
	}
}

// page scrolls by screens and takes the cursor along.
func (o *outline) page(d int) {
	o.scroll.Page(d)
	_, above, _ := o.scroll.Window(o.rows, o.height)
	o.cursor = max(above, min(o.cursor, above+o.height-1))
	o.settle(d)
	o.put()
}

// cursorCells is what an outline needs beside its text.
const cursorCells = 2

// view draws h rows of w cells, the cursor's among them, and says which part of
// the whole they are.
func (o *outline) view(th *theme.Theme, w, h int, focused bool) (rows []string, where string) {
	if o.height != h {
		o.height = max(h, 0)
		o.reveal()
	}
	seen, above, below := o.scroll.Window(o.rows, o.height)
	if o.raise && o.cursor-above > o.height/3 {
		o.scroll.Move(o.cursor - above - o.height/3)
		seen, above, below = o.scroll.Window(o.rows, o.height)
	}
	o.raise = false
	for i, r := range seen {
		lead := ui.Blank(cursorCells)
		if focused && above+i == o.cursor {
			lead = ui.Pad(th.Accent.Text(th.Marker), cursorCells, "")
		}
		rows = append(rows, lead+ui.Cut(r, w-cursorCells, th.Ellipsis))
	}
	if above+below > 0 {
		where = fmt.Sprintf("rows %d to %d of %d", above+1, above+len(seen), len(o.rows))
	}
	return rows, where
}
