package ui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks plain text into rows of at most w cells: at blanks where it can,
// inside a word only when the word alone is too long. It never breaks at a
// hyphen, so that names and addresses stay whole. It takes one pass: bodies of
// a mebibyte come this way.
func Wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	f := filler{w: w}
	for word := range strings.FieldsSeq(s) {
		f.word(word)
	}
	if f.used > 0 || len(f.rows) == 0 {
		f.flush()
	}
	return f.rows
}

// filler puts words into rows.
type filler struct {
	w    int
	rows []string
	row  strings.Builder
	used int // cells of row
}

func (f *filler) flush() {
	f.rows = append(f.rows, f.row.String())
	f.row.Reset()
	f.used = 0
}

// shortRest is the least room in which a word that must be broken is begun.
const shortRest = 10

func (f *filler) word(word string) {
	n := Width(word)
	gap := min(f.used, 1)
	switch {
	case f.used+gap+n <= f.w:
		f.row.WriteString(Blank(gap) + word)
		f.used += gap + n
		return
	case n > f.w && f.w-f.used-gap >= shortRest:
		f.row.WriteString(Blank(gap))
		f.used += gap
	case f.used > 0:
		f.flush()
	}
	f.fill(word)
}

// fill writes a word cluster by cluster and goes on in the next row. A wide
// character that no row can take is left out.
func (f *filler) fill(word string) {
	for word != "" {
		first, rest := firstCluster(word)
		n := Width(first)
		if f.used > 0 && f.used+n > f.w {
			f.flush()
		}
		if n <= f.w {
			f.row.WriteString(first)
			f.used += n
		}
		word = rest
	}
}

// firstCluster splits plain text after its first grapheme cluster.
func firstCluster(s string) (first, rest string) {
	if s == "" {
		return "", ""
	}
	_, _, n, _ := ansi.DecodeSequence(s, ansi.NormalState, nil)
	return s[:n], s[n:]
}

// bytesPerCell is more than the clusters of any text that means something take.
const bytesPerCell = 32

// Head is the beginning of a text that may be very long: enough of it to fill w
// cells, so that drawing a row does not read a whole message.
func Head(s string, w int) string {
	end := w * bytesPerCell
	if end >= len(s) {
		return s
	}
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
