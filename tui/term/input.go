// Package term is what Bubble Tea v1 needs around it on real terminals: an
// input that does not tear escape sequences apart, an output that sends each
// frame whole, and the clipboard.
package term

import (
	"os"
	"time"
)

// JoinWait is how long a torn escape sequence is waited for. Bytes of one key
// arrive within a few milliseconds of each other even on slow lines; a person
// who presses escape alone does not notice this delay.
const JoinWait = 40 * time.Millisecond

// Input reads keys from a terminal. When a read ends in the middle of an escape
// sequence it waits up to JoinWait for the rest: Bubble Tea v1 would take the
// first half of a right arrow for escape and the second for the text "[C".
//
// It embeds the file, so that raw mode and cancelling a read keep working.
type Input struct{ *os.File }

// Read fills p with whole sequences, if it can, and leaves answers to queries
// out: when nothing else came it returns no bytes and no error.
func (in Input) Read(p []byte) (int, error) {
	for {
		n, err := in.File.Read(p)
		for err == nil && n > 0 && n < len(p) && (MidEscape(p[:n]) || midString(p[:n])) && readable(in.File, JoinWait) {
			var more int
			more, err = in.File.Read(p[n:])
			n += more
		}
		kept := len(DropAnswers(p[:n]))
		if kept > 0 || n == 0 || err != nil || !readable(in.File, 0) {
			return kept, err
		}
	}
}

// MidEscape says whether b ends in the middle of an escape sequence: after ESC
// alone, after ESC O (SS3), or inside the parameters of a control sequence
// (ECMA-48 section 5.4: parameter bytes 0x30–0x3F, intermediate bytes
// 0x20–0x2F, one final byte).
func MidEscape(b []byte) bool {
	at := lastEscape(b)
	if at < 0 {
		return false
	}
	rest := b[at+1:]
	switch {
	case len(rest) == 0:
		return true
	case rest[0] == 'O':
		return len(rest) == 1
	case rest[0] != '[':
		return false
	}
	for _, c := range rest[1:] {
		if c < 0x20 || c > 0x3f {
			return false
		}
	}
	return true
}

func lastEscape(b []byte) int {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == 0x1b {
			return i
		}
	}
	return -1
}
