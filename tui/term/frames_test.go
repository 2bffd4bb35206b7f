package term

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// frameOf writes a frame as Bubble Tea's renderer does.
func frameOf(before, after []string, w int) string {
	var b strings.Builder
	b.WriteString(ansi.CursorHomePosition)
	for i, r := range after {
		last := i == len(after)-1
		if before != nil && before[i] == r {
			if !last {
				b.WriteByte('\n')
			}
			continue
		}
		if i == 0 && before == nil {
			b.WriteByte('\r')
		}
		r = ansi.Truncate(r, w, "")
		if ansi.StringWidth(r) < w {
			r += ansi.EraseLineRight
		}
		b.WriteString(r)
		if !last {
			b.WriteString("\r\n")
		}
	}
	b.WriteString(ansi.CursorPosition(0, len(after)))
	return b.String()
}

// draw shows frames as they are and thinned on two screens, which must agree.
// It returns the bytes of both ways for the last frame.
func draw(t *testing.T, w, h int, frames [][]string) (plain, thin int) {
	t.Helper()
	a, b := vt.NewEmulator(w, h), vt.NewEmulator(w, h) // nothing asks them: their answers need no reader
	var f Frames
	var before []string
	for n, rows := range frames {
		s := frameOf(before, rows, w)
		short := f.Thin([]byte(s))
		_, _ = a.Write([]byte(s))
		_, _ = b.Write(short)
		plain, thin, before = len(s), len(short), rows
		for y := range h {
			for x := range w {
				p, q := a.CellAt(x, y), b.CellAt(x, y)
				if p == nil || q == nil || !p.Equal(q) {
					t.Fatalf("frame %d, row %d, column %d: %+v, want %+v\n%q\n%q", n, y, x, q, p, s, short)
				}
			}
		}
	}
	return plain, thin
}

func TestThinFrames(t *testing.T) {
	t.Parallel()
	const red, bold, reset = "\x1b[31m", "\x1b[1;36m", "\x1b[0m"
	list := func(top, cursor int) []string {
		rows := []string{" title " + red + fmt.Sprint(cursor) + reset, ""}
		for i := top; i < top+10; i++ {
			row := fmt.Sprintf("   device-%05d  lab  %s○%s not registered", i, red, reset)
			if i == cursor {
				row = " > " + bold + fmt.Sprintf("device-%05d  lab  ○ not registered", i) + reset
			}
			rows = append(rows, row)
		}
		return append(rows, " q quit")
	}
	for _, c := range []struct {
		name   string
		frames [][]string
		most   int
	}{
		{"cursor", [][]string{list(0, 3), list(0, 4)}, 150},
		{"down", [][]string{list(0, 9), list(1, 10)}, 220},
		{"up", [][]string{list(5, 5), list(4, 4)}, 220},
		{"nothing left", [][]string{list(0, 0), make([]string, 13)}, 150},
		{"wide", [][]string{{"温度センサー a", "x"}, {"温度センサー b", "x"}}, 40},
		{"full width", [][]string{{strings.Repeat("a", 60), "x"}, {strings.Repeat("b", 60), "x"}, {"b", "y"}}, 40},
		{"panes", [][]string{{"left one   │ right", "x"}, {"left two   │ right", "x"}}, 20},
		{"joined", [][]string{{"e\u0301 a", "x"}, {"e\u0301 b", "x"}}, 40},
	} {
		plain, thin := draw(t, 60, len(c.frames[0]), c.frames)
		if thin > c.most || thin > plain {
			t.Errorf("%s: %d bytes, %d before, want at most %d", c.name, thin, plain, c.most)
		}
	}
}

// What is no frame goes out as it is, and so does the frame after it.
func TestThinLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	var f Frames
	a, b := []string{"one row of text", "x"}, []string{"one row of tint", "x"}
	f.Thin([]byte(frameOf(nil, a, 60)))
	for s, clears := range map[string]bool{
		"\x1b[2J": true, "\x1b[H": true, "\x1b[?1049l": true, "\x1b[?47h": true, "\x1b[H" + "a\nb": true, "": true,
		"\x1b]52;c;YQ==\a": false, "\x1bPtmux;\x1b\\": false, "\x1b[?25l": false, "\x1b[?2004h": false,
	} {
		if got := string(f.Thin([]byte(s))); got != s {
			t.Errorf("%q became %q", s, got)
		}
		if got := string(f.Thin([]byte(frameOf(a, b, 60)))); strings.Contains(got, b[0]) != clears {
			t.Errorf("after %q a row becomes %q", s, got)
		}
		f.Thin([]byte(frameOf(nil, a, 60)))
	}
}

func FuzzThin(f *testing.F) {
	f.Add("a\nb\x1b[31mc\x1b[0m\n\x1b[1mtitle\x1b[0m\nx\ny\nz\ny\nz\nx")
	f.Add("   1\n > 2\n   3\n > 1\n   2\n   3\n   2\n   3\n > 4")
	f.Add("温度 a\n\n\n温度 b\n\x1b[7m \x1b[0m\ne\u0301\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		var frames [][]string
		var rows []string
		for row := range strings.SplitSeq(text, "\n") {
			// A view holds printable text and styles.
			var b strings.Builder
			for i, part := range strings.Split(row, "\x1b[1m") {
				if i > 0 {
					b.WriteString("\x1b[1m")
				}
				b.WriteString(strings.Map(func(r rune) rune {
					if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd || r == '\x1b' {
						return -1
					}
					return r
				}, part) + "\x1b[0m")
			}
			if rows = append(rows, ansi.Truncate(b.String(), 30, "")); len(rows) == 3 {
				frames, rows = append(frames, rows), nil
			}
		}
		draw(t, 30, 3, frames)
	})
}
