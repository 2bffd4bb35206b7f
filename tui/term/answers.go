package term

import "bytes"

// DropAnswers takes out of what a terminal sent the control strings that no key
// makes: answers to queries, as a colour (OSC, ESC ]) or a capability (DCS,
// ESC P), which may come late and for another program. Bubble Tea v1 would take
// them for typed text. A string ends with ST (ESC \) or BEL (ECMA-48 section
// 5.6); one without an end is left, because alt+] begins the same way. It works
// in place.
func DropAnswers(b []byte) []byte {
	for from := 0; ; {
		at, end := controlString(b[from:])
		switch {
		case at < 0:
			return b
		case end < 0:
			return b
		}
		b = append(b[:from+at], b[from+end:]...)
		// An escape character before it may begin a string with what comes behind.
		from = max(from+at-1, 0)
	}
}

// controlString finds the first control string: where it begins, and behind its
// end. Without one at is negative, without its end, end.
func controlString(b []byte) (at, end int) {
	for at = 0; at+1 < len(b); at++ {
		if b[at] == 0x1b && bytes.IndexByte([]byte("]P_^X"), b[at+1]) >= 0 {
			for end = at + 2; end < len(b); end++ {
				switch {
				case b[end] == 0x07:
					return at, end + 1
				case b[end] == 0x1b && end+1 < len(b) && b[end+1] == '\\':
					return at, end + 2
				}
			}
			return at, -1
		}
	}
	return -1, -1
}

// midString says whether b ends inside a control string.
func midString(b []byte) bool {
	at, end := controlString(DropAnswers(bytes.Clone(b)))
	return at >= 0 && end < 0
}
