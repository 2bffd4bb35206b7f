package term

import (
	"bytes"
	"testing"
)

func TestDropAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"abc", "abc"},
		{"a\x1b]11;rgb:1e1e/1e1e/1e1e\x07b", "ab"},
		{"\x1b]10;rgb:ff/ff/ff\x1b\\", ""},
		{"\x1bP1+r544e=78\x1b\\q", "q"},
		{"\x1b]11;a\x07\x1b]11;b\x07x\x1b[A", "x\x1b[A"},
		{"\x1b]", "\x1b]"},             // alt+]
		{"\x1b]11;rgb", "\x1b]11;rgb"}, // without an end
		{"\x1b[B\x1bOP", "\x1b[B\x1bOP"},
		{"a\x1b\x1b]11;x\x07]\x1b\\b", "ab"}, // one inside another
	} {
		if got := string(DropAnswers([]byte(c.in))); got != c.want {
			t.Errorf("DropAnswers(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzDropAnswers(f *testing.F) {
	for _, s := range []string{"\x1b]11;x\x07", "\x1bP\x1b\\\x1b]", "a\x1b\x1b]\x1b\\", "a\x1b\x1b]11;x\x07]\x1b\\b", "\x1b_\x07\x1bX"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n := len(b)
		got := DropAnswers(bytes.Clone(b)) // it works in place
		if len(got) > n {
			t.Fatal("it grew")
		}
		if at, end := controlString(got); at >= 0 && end >= 0 {
			t.Fatalf("%q still holds a whole control string", got)
		}
	})
}
