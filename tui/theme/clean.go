package theme

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// asciiFor are the few typographic characters of our own texts and of server
// messages that have an obvious ASCII form.
var asciiFor = map[rune]string{
	'…': "...", '–': "-", '—': "-", '→': "->", '←': "<-", '·': "-", '•': "*", '×': "x",
	'‘': "'", '’': "'", '“': `"`, '”': `"`, '≤': "<=", '≥': ">=", '✓': "+", '✗': "x",
}

// Clean makes text from a server, a file or a keyboard safe to draw on one
// line. Control characters show in caret notation (^[ for escape), C1 controls,
// bidirectional overrides, zero-width characters and bytes that are no UTF-8 as
// \x or \u escapes: all of them could move the cursor, hide text or make the
// terminal answer. In an ASCII theme every other character beyond ASCII becomes
// its likeness or '?'.
func (t *Theme) Clean(s string) string {
	if clean(s, t.ascii) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			t.writeRune(&b, r)
		}
		i += n
	}
	return b.String()
}

func (t *Theme) writeRune(b *strings.Builder, r rune) {
	switch {
	case r < 0x20:
		b.WriteByte('^')
		b.WriteByte(byte(r) + '@')
	case r == 0x7f:
		b.WriteString("^?")
	case r < utf8.RuneSelf:
		b.WriteRune(r)
	case r < 0xa0:
		fmt.Fprintf(b, `\x%02x`, r)
	case hidden(r):
		fmt.Fprintf(b, `\u%04x`, r)
	case !t.ascii && joins(r):
	case !t.ascii:
		b.WriteRune(r)
	default:
		if a, ok := asciiFor[r]; ok {
			b.WriteString(a)
		} else {
			b.WriteByte('?')
		}
	}
}

// hidden says whether a character changes how its neighbours look without
// showing itself.
func hidden(r rune) bool {
	switch {
	case joins(r):
		return false
	case r == 0x2028, r == 0x2029, r == 0x115f, r == 0x1160, r == 0x3164:
		return true
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) || unicode.Is(unicode.Cs, r)
}

// joins says whether a character makes one picture of several, or an emoji of a
// character: the joiner, variation selectors, skin tones. Terminals disagree
// about how wide the result is, and a border behind it would break in half of
// them, so they are left out: the parts show side by side.
func joins(r rune) bool {
	return r == 0x200d || r >= 0xfe00 && r <= 0xfe0f || r >= 0x1f3fb && r <= 0x1f3ff
}

func clean(s string, ascii bool) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == 0x7f {
			return false
		}
	}
	for _, r := range s {
		if r < utf8.RuneSelf {
			continue
		}
		if ascii || r < 0xa0 || r == utf8.RuneError || hidden(r) || joins(r) {
			return false
		}
	}
	return true
}

// CleanLines makes a text of several lines drawable: it is cut at line ends,
// tabs become four blanks, and every line goes through [Theme.Clean].
func (t *Theme) CleanLines(s string) []string {
	s = strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\r\n", "\n")
	if s == "" {
		return nil
	}
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = t.Clean(strings.ReplaceAll(l, "\t", "    "))
	}
	return lines
}
