package workflow

import "bytes"

// maxNesting is how deep the values of a journal line may be nested; deeper ones
// are left to package json.
const maxNesting = 64

// jsonText reads JSON (RFC 8259) without building anything of it. A method that
// meets what is no JSON, or a value of another kind than it reads, returns false;
// nothing may be read after that.
type jsonText struct {
	b []byte
	i int
}

func (t *jsonText) blanks() {
	for t.i < len(t.b) && (t.b[t.i] == ' ' || t.b[t.i] == '\t' || t.b[t.i] == '\r' || t.b[t.i] == '\n') {
		t.i++
	}
}

// take reads one character after blanks.
func (t *jsonText) take(c byte) bool {
	t.blanks()
	if t.i < len(t.b) && t.b[t.i] == c {
		t.i++
		return true
	}
	return false
}

// text reads a string and returns it with its quotation marks; plain says that
// nothing in it is escaped and all of it is ASCII.
func (t *jsonText) text() (raw []byte, plain, ok bool) {
	if !t.take('"') {
		return nil, false, false
	}
	from := t.i - 1
	plain = true
	for t.i < len(t.b) {
		c := t.b[t.i]
		t.i++
		switch {
		case c == '"':
			return t.b[from:t.i], plain, true
		case c == '\\':
			plain = false
			if !t.escape() {
				return nil, false, false
			}
		case c < ' ':
			return nil, false, false
		case c >= 0x80:
			plain = false
		}
	}
	return nil, false, false
}

// escape reads what follows a backslash.
func (t *jsonText) escape() bool {
	if t.i >= len(t.b) {
		return false
	}
	c := t.b[t.i]
	t.i++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
	default:
		return false
	}
	if t.i+4 > len(t.b) {
		return false
	}
	for _, d := range t.b[t.i : t.i+4] {
		if (d < '0' || d > '9') && (d|0x20 < 'a' || d|0x20 > 'f') {
			return false
		}
	}
	t.i += 4
	return true
}

// value reads any value.
func (t *jsonText) value(depth int) bool {
	t.blanks()
	if t.i >= len(t.b) || depth > maxNesting {
		return false
	}
	switch c := t.b[t.i]; {
	case c == '"':
		_, _, ok := t.text()
		return ok
	case c == '{':
		return t.members(func([]byte) bool { return t.value(depth + 1) })
	case c == '[':
		return t.list(depth)
	case c == '-' || c >= '0' && c <= '9':
		_, ok := t.number()
		return ok
	}
	return t.word("true") || t.word("false") || t.word("null")
}

func (t *jsonText) word(w string) bool {
	t.blanks()
	if !bytes.HasPrefix(t.b[t.i:], []byte(w)) {
		return false
	}
	t.i += len(w)
	return true
}

func (t *jsonText) list(depth int) bool {
	if !t.take('[') {
		return false
	}
	if t.take(']') {
		return true
	}
	for {
		if !t.value(depth + 1) {
			return false
		}
		if !t.take(',') {
			return t.take(']')
		}
	}
}

// members reads an object: each is called with a member's name, which must be
// plain, and reads its value.
func (t *jsonText) members(each func(name []byte) bool) bool {
	if !t.take('{') {
		return false
	}
	if t.take('}') {
		return true
	}
	for {
		t.blanks()
		name, plain, ok := t.text()
		if !ok || !plain || !t.take(':') || !each(name[1:len(name)-1]) {
			return false
		}
		if !t.take(',') {
			return t.take('}')
		}
	}
}

// number reads a number.
func (t *jsonText) number() (raw []byte, ok bool) {
	t.blanks()
	from := t.i
	if t.i < len(t.b) && t.b[t.i] == '-' {
		t.i++
	}
	if t.i < len(t.b) && t.b[t.i] == '0' {
		t.i++
	} else if !t.digits() {
		return nil, false
	}
	if t.i < len(t.b) && t.b[t.i] == '.' {
		t.i++
		if !t.digits() {
			return nil, false
		}
	}
	if t.i < len(t.b) && t.b[t.i]|0x20 == 'e' {
		t.i++
		if t.i < len(t.b) && (t.b[t.i] == '+' || t.b[t.i] == '-') {
			t.i++
		}
		if !t.digits() {
			return nil, false
		}
	}
	return t.b[from:t.i], true
}

func (t *jsonText) digits() bool {
	from := t.i
	for t.i < len(t.b) && t.b[t.i] >= '0' && t.b[t.i] <= '9' {
		t.i++
	}
	return t.i > from
}
