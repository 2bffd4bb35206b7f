package ui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks plain text into rows of at most w cells: at blanks where it can,
// inside a word only when the word alone is too long. It never breaks a word that
// fits at a hyphen, so that names and addresses stay whole. One that is too long
// is broken behind a dot, a slash or another mark that parts hosts, paths and
// addresses, where one stands far enough in the row. It takes one pass:
// bodies of a mebibyte come this way.
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
	room := f.w - f.used - gap
	switch {
	case n <= room:
		f.row.WriteString(Blank(gap) + word)
		f.used += gap + n
		return
	case n > f.w && room >= shortRest && (parted(word, room) || !parted(word, f.w)):
		f.row.WriteString(Blank(gap))
		f.used += gap
	case f.used > 0:
		f.flush()
	}
	f.fill(word)
}

// joints are the marks behind which a word that is too long may be broken: those
// that part the labels of a host, the elements of a path or of a query, the
// groups of an identifier, the bytes of a thumbprint, the members of JSON.
const joints = "./-_:?&=;,@"

// longestName is how long, in bytes, an address or a path may be. What is longer
// is data, such as a certificate in base64, and fills its rows.
const longestName = 300

// parted says whether one of the joints stands in the first cells of a word, far
// enough from its beginning that the row is not wasted.
func parted(word string, cells int) bool {
	if len(word) > longestName {
		return false
	}
	used := 0
	for word != "" {
		first, rest := firstCluster(word)
		if used += Width(first); used > cells {
			return false
		}
		if used > cells/3 && strings.Contains(joints, first) {
			return true
		}
		word = rest
	}
	return false
}

// fill writes a word cluster by cluster and goes on in the next row. A wide
// character that no row can take is left out.
func (f *filler) fill(word string) {
	from := f.used     // where the word begins in this row
	at, behind := 0, 0 // bytes and cells of the row, up to its last joint
	named := len(word) <= longestName
	for word != "" {
		first, rest := firstCluster(word)
		n := Width(first)
		if f.used > 0 && f.used+n > f.w {
			f.breakRow(at, behind)
			from, at, behind = 0, 0, 0
		}
		if n <= f.w {
			f.row.WriteString(first)
			f.used += n
		}
		if named && f.used-from > (f.w-from)/3 && strings.Contains(joints, first) {
			at, behind = f.row.Len(), f.used
		}
		word = rest
	}
}

// breakRow ends a row behind its last joint, and begins the next one with what
// follows; with no joint, the row ends where it is full.
func (f *filler) breakRow(at, behind int) {
	if at == 0 {
		f.flush()
		return
	}
	row, used := f.row.String(), f.used
	f.rows = append(f.rows, row[:at])
	f.row.Reset()
	f.row.WriteString(row[at:])
	f.used = used - behind
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
