package profiles

import (
	"slices"
	"strings"
)

// key is where a key of a TOML file stands. The TOML library knows, but keeps
// it to itself.
type key struct {
	path   []string // the whole path, tables included
	offset int      // of the key's first byte
}

// id is one text for the whole path.
func (k key) id() string { return strings.Join(k.path, "\x00") }

// scan finds all keys of a TOML text: table headers, dotted keys, and those of
// inline tables. It never fails: a text that is not TOML gives the keys that
// can be recognized, line by line.
func scan(source []byte) []key {
	s := &scanner{text: string(source)}
	var table []string
	for s.pos < len(s.text) {
		s.skip(" \t\r\n\ufeff")
		switch {
		case s.pos >= len(s.text):
		case s.text[s.pos] == '#':
			s.line()
		case s.text[s.pos] == '[':
			s.skip("[ \t")
			start := s.pos
			table = s.dotted(nil)
			s.addAll(table, 1, start)
			s.line()
		default:
			s.pair(table)
			s.line()
		}
	}
	return s.keys
}

// find is the first place of a key.
func find(keys []key, path []string) (key, bool) {
	for _, k := range keys {
		if slices.Equal(k.path, path) {
			return k, true
		}
	}
	return key{}, false
}

type scanner struct {
	text string
	pos  int
	deep int
	keys []key
}

// addAll records a key and the tables above it that it implies, from the given
// depth on.
func (s *scanner) addAll(path []string, from, offset int) {
	for n := from; n <= len(path); n++ {
		s.keys = append(s.keys, key{path[:n:n], offset})
	}
}

// skip passes over bytes (or the byte order mark) of a set.
func (s *scanner) skip(set string) {
	rest := strings.TrimLeft(s.text[s.pos:], set)
	s.pos = len(s.text) - len(rest)
}

// line goes to the end of the line.
func (s *scanner) line() {
	if n := strings.IndexByte(s.text[s.pos:], '\n'); n >= 0 {
		s.pos += n
		return
	}
	s.pos = len(s.text)
}

// pair reads "key = value".
func (s *scanner) pair(table []string) {
	start := s.pos
	path := s.dotted(table)
	s.addAll(path, len(table)+1, start)
	s.skip(" \t")
	if s.pos < len(s.text) && s.text[s.pos] == '=' {
		s.pos++
		s.value(path)
		return
	}
	if s.pos == start {
		s.pos++ // not a key: whatever happens, go on
	}
}

// dotted reads a dotted key below a table.
func (s *scanner) dotted(table []string) []string {
	path := table[:len(table):len(table)]
	for {
		s.skip(" \t")
		part, ok := s.part()
		if !ok {
			return path
		}
		path = append(path, part)
		s.skip(" \t")
		if s.pos >= len(s.text) || s.text[s.pos] != '.' {
			return path
		}
		s.pos++
	}
}

// part reads a bare or quoted part of a key.
func (s *scanner) part() (string, bool) {
	if s.pos >= len(s.text) {
		return "", false
	}
	if q := s.text[s.pos]; q == '"' || q == '\'' {
		s.pos++
		start := s.pos
		s.until(string(q), q == '"', false)
		inside := strings.TrimSuffix(s.text[start:s.pos], string(q))
		if q == '"' {
			inside = unescape(inside)
		}
		return inside, true
	}
	start := s.pos
	for s.pos < len(s.text) && bare(s.text[s.pos]) {
		s.pos++
	}
	return s.text[start:s.pos], s.pos > start
}

func bare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c >= 0x80
}

// maxDeep bounds the nesting that is followed; what is deeper has no place.
const maxDeep = 64

// value passes over a value and collects the keys of inline tables in it.
func (s *scanner) value(path []string) {
	s.skip(" \t")
	if s.pos >= len(s.text) {
		return
	}
	switch c := s.text[s.pos]; {
	case c == '"' || c == '\'':
		s.quoted()
	case (c == '[' || c == '{') && s.deep < maxDeep:
		s.pos++
		s.deep++
		s.list(path, c == '{')
		s.deep--
	default:
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\n", rune(s.text[s.pos])) {
			s.pos++
		}
	}
}

// list reads the inside of an array or of an inline table, to its end.
func (s *scanner) list(path []string, table bool) {
	for s.pos < len(s.text) {
		s.skip(" \t\r\n,")
		before := s.pos
		switch {
		case s.pos >= len(s.text):
			return
		case s.text[s.pos] == '#':
			s.line()
		case s.text[s.pos] == ']' || s.text[s.pos] == '}':
			s.pos++
			return
		case table:
			s.pair(path)
		default:
			s.value(path)
		}
		if s.pos == before {
			s.pos++
		}
	}
}

// quoted passes over a string of any of the four kinds. A one-line string ends
// with its line even when the quote is missing.
func (s *scanner) quoted() {
	q := s.text[s.pos : s.pos+1]
	if triple := strings.Repeat(q, 3); strings.HasPrefix(s.text[s.pos:], triple) {
		s.pos += 3
		s.until(triple, q == `"`, true)
		for n := 0; n < 2 && strings.HasPrefix(s.text[s.pos:], q); n++ {
			s.pos++ // up to two quotes may stand before the closing three
		}
		return
	}
	s.pos++
	s.until(q, q == `"`, false)
}

func (s *scanner) until(end string, escapes, lines bool) {
	for s.pos < len(s.text) {
		switch {
		case strings.HasPrefix(s.text[s.pos:], end):
			s.pos += len(end)
			return
		case escapes && s.text[s.pos] == '\\' && s.pos+1 < len(s.text) && s.text[s.pos+1] != '\n':
			s.pos += 2
		case s.text[s.pos] == '\n' && !lines:
			return
		default:
			s.pos++
		}
	}
}
