package term

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

var escapes = []struct {
	in  string
	mid bool
}{
	{"", false},
	{"a", false},
	{"\x1b", true},
	{"\x1b[", true},
	{"\x1b[1;5", true},
	{"\x1bO", true},
	{"\x1b[A", false},
	{"\x1bOP", false},
	{"\x1bq", false},
	{"\x1b[200~paste", false},
	{"jj\x1b", true},
	{"\x1b[A\x1b", true},
	{"\x1b[A\x1b[B", false},
	{"\x1b[\x07", false},
	{"é\x1b[3", true},
}

func TestMidEscape(t *testing.T) {
	t.Parallel()
	for _, c := range escapes {
		if got := MidEscape([]byte(c.in)); got != c.mid {
			t.Errorf("MidEscape(%q) = %v, want %v", c.in, got, c.mid)
		}
	}
}

func FuzzMidEscape(f *testing.F) {
	for _, c := range escapes {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// A letter ends every sequence that is open after CSI or SS3; after a
		// bare escape it makes an alt key.
		if MidEscape(b) && MidEscape(append(bytes.Clone(b), "AA"...)) {
			t.Errorf("%q plus two letters still waits", b)
		}
	})
}

func TestInputDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("\x1b"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 256)
	n, err := Input{r}.Read(buf)
	if err != nil || string(buf[:n]) != "\x1b" {
		t.Errorf("Read = %q, %v, want a bare escape", buf[:n], err)
	}
}

func TestFramesAreBracketedInOneWrite(t *testing.T) {
	t.Parallel()
	var w writes
	frame := strings.Repeat("x", frameMin)
	if n, err := writeFrame(&w, []byte(frame)); n != len(frame) || err != nil {
		t.Errorf("writeFrame = %d, %v", n, err)
	}
	if _, err := writeFrame(&w, []byte("\x1b[?25l")); err != nil {
		t.Error(err)
	}
	want := []string{"\x1b[?2026h" + frame + "\x1b[?2026l", "\x1b[?25l"}
	if strings.Join(w, "|") != strings.Join(want, "|") {
		t.Errorf("wrote %q, want %q", w, want)
	}
}

func TestAFailedFrameSaysSo(t *testing.T) {
	t.Parallel()
	if n, err := writeFrame(gone{}, bytes.Repeat([]byte("x"), 100)); n != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("writeFrame on a lost terminal = %d, %v", n, err)
	}
}

func TestClipboard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		env    map[string]string
		prefix string
	}{
		{"plain", map[string]string{"TERM": "xterm-256color"}, "\x1b]52;c;Y3VybA=="},
		{"tmux", map[string]string{"TERM": "screen", "TMUX": "/tmp/x"}, "\x1b]52;c;Y3VybA==\x07\x1bPtmux;\x1b\x1b]52;c;Y3VybA=="},
		{"screen", map[string]string{"TERM": "screen.xterm"}, "\x1bP\x1b]52;c;Y3VybA=="},
	} {
		var out bytes.Buffer
		if !(Clipboard{&out, env(c.env)}).Copy("curl") || !strings.HasPrefix(out.String(), c.prefix) {
			t.Errorf("%s: wrote %q, want it to begin with %q", c.name, out.String(), c.prefix)
		}
	}
	var out bytes.Buffer
	if (Clipboard{&out, env(nil)}).Copy(strings.Repeat("x", MaxClipboard+1)) || out.Len() > 0 {
		t.Error("a text that terminals would cut was sent")
	}
	if (Clipboard{gone{}, env(nil)}).Copy("x") {
		t.Error("copying to a lost terminal was reported as done")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env            map[string]string
		ascii, noColor bool
	}{
		{map[string]string{"TERM": "xterm", "LANG": "en_GB.UTF-8"}, false, false},
		{map[string]string{"TERM": "xterm"}, false, false},
		{map[string]string{"TERM": "linux", "LANG": "en_GB.UTF-8"}, true, false},
		{map[string]string{"TERM": "dumb"}, true, true},
		{map[string]string{"TERM": "xterm", "LC_ALL": "C", "LANG": "en_GB.UTF-8"}, true, false},
		{map[string]string{"TERM": "xterm", "LC_CTYPE": "C.utf8", "LANG": "C"}, false, false},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false, true},
	} {
		if got := WantsASCII(env(c.env)); got != c.ascii {
			t.Errorf("WantsASCII(%v) = %v", c.env, got)
		}
		if got := WantsNoColor(env(c.env)); got != c.noColor {
			t.Errorf("WantsNoColor(%v) = %v", c.env, got)
		}
	}
}

type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, os.ErrClosed }
