package workflow

import (
	"context"
	"encoding/json"
	"strings"
)

// searchBuffer is how much of a journal is read at once, in bytes.
const searchBuffer = 256 << 10

// Search says at which places exchanges are found. text, in lower case, stands
// somewhere in every exchange that is found; found decides. Exchanges that can
// no longer be read are not found. It ends early, with the error of the context,
// when that ends.
func (r Recording) Search(ctx context.Context, text string, found func(*Exchange) bool) ([]int, error) {
	part, certain := searchable(text)
	window := journalWindow{}
	var at []int
	for i, row := range r.rows {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		x := r.whole[i]
		if x == nil {
			line := window.line(r.files, row)
			if line == nil || certain && !mayContain(line, part) {
				continue
			}
			var err error
			if x, err = searchedOf(line); err != nil {
				continue
			}
		}
		if found(x) {
			at = append(at, i)
		}
	}
	return at, nil
}

// searchedOf is the exchange of a journal line without what nobody searches:
// that takes a third of the time.
func searchedOf(line []byte) (*Exchange, error) {
	var e struct {
		Exchange struct {
			Exchange
			TLS     passedOver `json:"tls"`
			Timing  passedOver `json:"timing"`
			Started passedOver `json:"started"`
		} `json:"exchange"`
	}
	err := json.Unmarshal(line, &e)
	return &e.Exchange.Exchange, err
}

// passedOver is JSON that is passed over.
type passedOver struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (passedOver) UnmarshalJSON([]byte) error { return nil }

// journalWindow is the part of a journal that was read last: lines that follow
// each other cost one read.
type journalWindow struct {
	file   *journalFile
	offset int64
	bytes  []byte
	buffer []byte
}

// line is the line of a row; nil when it cannot be read.
func (w *journalWindow) line(files []*journalFile, row exchangeRow) []byte {
	if row.file() == 0 {
		return nil
	}
	file, size := files[row.file()-1], int(row.size)
	from := row.offset() - w.offset
	if file != w.file || from < 0 || from+int64(size) > int64(len(w.bytes)) {
		if need := max(size, searchBuffer); len(w.buffer) < need {
			w.buffer = make([]byte, need)
		}
		n, err := file.file.ReadAt(w.buffer, row.offset())
		if err != nil && n < size {
			return nil
		}
		w.file, w.offset, w.bytes, from = file, row.offset(), w.buffer[:n], 0
	}
	return w.bytes[from : from+int64(size)]
}

// searchable is the longest part of a text that stands in a journal line as it
// is typed. certain is false when no part does for certain, because JSON may
// write its characters in another way.
func searchable(text string) (part string, certain bool) {
	for i := range len(text) {
		if text[i] >= 0x7f {
			return "", false
		}
	}
	apart := func(c rune) bool { return c < ' ' || strings.ContainsRune(`"\/<>&:`, c) } // : as a header's name and value are apart
	for _, p := range strings.FieldsFunc(text, apart) {
		if p = strings.TrimSpace(p); len(p) > len(part) {
			part = p
		}
	}
	return part, part != ""
}

// mayContain says whether a journal line may hold a text in one of its strings,
// without regard to case. A line with letters that are written as numbers may
// hold any.
func mayContain(line []byte, lower string) bool {
	first := lower[0]
	upper := first
	if first >= 'a' && first <= 'z' {
		upper -= 'a' - 'A'
	}
	for i, c := range line {
		if (c == first || c == upper) && i+len(lower) <= len(line) && equalFoldASCII(line[i:i+len(lower)], lower) {
			return true
		}
		if c == '\\' && escapesLetter(line[i+1:]) {
			return true
		}
	}
	return false
}

// escapesLetter says whether a backslash is followed by the number of a
// character that this program itself would not write so.
func escapesLetter(rest []byte) bool {
	if len(rest) < 5 || rest[0] != 'u' {
		return false
	}
	switch string(rest[1:5]) {
	case "003c", "003e", "0026":
		return false
	}
	return true
}

func equalFoldASCII(b []byte, lower string) bool {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
