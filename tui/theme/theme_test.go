package theme

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

func mustNew(t testing.TB, o Options) *Theme {
	t.Helper()
	th, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func TestClean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want, ascii string }{
		{"plain", "plain", "plain"},
		{"\x1b[31mred\x1b[0m", "^[[31mred^[[0m", "^[[31mred^[[0m"},
		{"\x1b]52;c;aGk=\x07", "^[]52;c;aGk=^G", "^[]52;c;aGk=^G"},
		{"a\x00b\x7fc\td", "a^@b^?c^Id", "a^@b^?c^Id"},
		{"\u009b31m", `\x9b31m`, `\x9b31m`},
		{"\xff\xfe", `\xff\xfe`, `\xff\xfe`},
		{"user\u202egpj.exe", `user\u202egpj.exe`, `user\u202egpj.exe`},
		{"zero\u200bwidth\ufeff", `zero\u200bwidth\ufeff`, `zero\u200bwidth\ufeff`},
		{"line\u2028end", `line\u2028end`, `line\u2028end`},
		{"温度センサー", "温度センサー", "??????"},
		{"é → … ·", "é → … ·", "? -> ... -"},
		{"👩‍🔧 👍🏽 1️⃣", "👩🔧 👍 1\u20e3", "??? ?? 1??"},
		{"\ufffd", "\ufffd", "?"},
	} {
		if got := mustNew(t, Options{}).Clean(c.in); got != c.want {
			t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.want)
		}
		if got := mustNew(t, Options{ASCII: true}).Clean(c.in); got != c.ascii {
			t.Errorf("in ASCII: Clean(%q) = %q, want %q", c.in, got, c.ascii)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "a\x1b[2J", "\xff\x9b", "温\u202e度", "\u200d\ufe0f", "\r\n\t"} {
		f.Add(s)
	}
	plain, ascii := mustNew(f, Options{}), mustNew(f, Options{ASCII: true})
	f.Fuzz(func(t *testing.T, s string) {
		for _, th := range []*Theme{plain, ascii} {
			got := th.Clean(s)
			if !utf8.ValidString(got) {
				t.Fatalf("Clean(%q) = %q is not UTF-8", s, got)
			}
			for _, r := range got {
				if unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || unicode.Is(unicode.Bidi_Control, r) {
					t.Fatalf("Clean(%q) = %q holds %U", s, got, r)
				}
				if th.ASCII() && r > '~' {
					t.Fatalf("in ASCII: Clean(%q) = %q", s, got)
				}
			}
			if again := th.Clean(got); again != got {
				t.Fatalf("Clean is not stable: %q, then %q", got, again)
			}
		}
	})
}

func TestCleanLines(t *testing.T) {
	t.Parallel()
	got := mustNew(t, Options{}).CleanLines("a\r\n\tb\x1b\n\n")
	if want := []string{"a", "    b^["}; !reflect.DeepEqual(got, want) {
		t.Errorf("CleanLines = %q, want %q", got, want)
	}
	if got := mustNew(t, Options{}).CleanLines("\n"); got != nil {
		t.Errorf("CleanLines of nothing = %q", got)
	}
}

// Every glyph is one cell by both ways of measuring, and none is a character
// that some terminals show as a picture.
func TestGlyphsAreOneCell(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {ASCII: true}} {
		v := reflect.ValueOf(mustNew(t, o).Glyphs)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			var all []string
			if s, ok := v.Field(i).Interface().(string); ok {
				all = []string{s}
			} else {
				all = v.Field(i).Interface().([]string)
			}
			if len(all) == 0 {
				t.Errorf("%s has no glyph", name)
			}
			for _, g := range all {
				glyph(t, name, g, o.ASCII)
			}
		}
	}
}

// pictures are characters below U+2800 with an emoji form that could stand for
// a state (Unicode emoji-data, Emoji=Yes).
const pictures = "▶◀●⚪⚫✔✖✅❌❗⚠☑⭐⏸⏹⏺◻◼▪▫"

func glyph(t *testing.T, name, g string, ascii bool) {
	t.Helper()
	switch {
	case ascii && name == "Ellipsis":
	case ansi.StringWidth(g) != 1 || ansi.StringWidthWc(g) != 1:
		t.Errorf("%s %q is not one cell", name, g)
	}
	if strings.ContainsAny(g, strings.ReplaceAll(pictures, "●", "")) {
		t.Errorf("%s %q has an emoji form", name, g)
	}
	if ascii && strings.ContainsFunc(g, func(r rune) bool { return r > '~' }) {
		t.Errorf("%s %q is not ASCII", name, g)
	}
}

func TestStatesDifferWithoutColour(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {ASCII: true}} {
		g := mustNew(t, o).Glyphs
		seen := map[string]bool{}
		for _, s := range []string{g.Done, g.Failed, g.Running, g.Waiting, g.Skipped, g.Stopped} {
			if seen[s] {
				t.Errorf("ASCII %v: two states look like %q", o.ASCII, s)
			}
			seen[s] = true
		}
	}
}

func TestNoColorIsPlain(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{NoColor: true}, {Name: "none"}} {
		th := mustNew(t, o)
		for _, s := range []Style{th.Strong, th.Dim, th.Accent, th.Selected, th.OK, th.Warn, th.Bad, th.Key, th.Cursor} {
			if got := s.Text("x"); got != "x" {
				t.Errorf("%+v: a style writes %q", o, got)
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, n := range Names() {
		mustNew(t, Options{Name: n})
	}
	if _, err := New(Options{Name: "neon"}); err == nil || !strings.Contains(err.Error(), "high-contrast") {
		t.Errorf("an unknown theme: %v, want an error that lists the known ones", err)
	}
}

// A theme's colours are its own decision: neither the environment nor what
// standard output is may take them away.
func TestColoursDoNotDependOnTheProcess(t *testing.T) {
	t.Parallel()
	th := mustNew(t, Options{})
	for _, c := range []struct {
		name      string
		got, want string
	}{
		{"accent", th.Accent.Text("x"), "\x1b[36mx\x1b[0m"},
		{"dim", th.Dim.Text("x"), "\x1b[2mx\x1b[0m"},
		{"key", th.Key.Text("x"), "\x1b[1;36mx\x1b[0m"},
		{"plain", th.Plain.Text("x"), "x"},
		{"no colour", mustNew(t, Options{NoColor: true}).Accent.Text("x"), "x"},
	} {
		if c.got != c.want {
			t.Errorf("%s draws %q, want %q", c.name, c.got, c.want)
		}
	}
}
