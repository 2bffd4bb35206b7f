package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

var update = flag.Bool("update", false, "write the golden screens anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update accepts it.\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// text is a frame without styles and without blanks at the ends of rows.
func text(frame string) string {
	rows := strings.Split(ansi.Strip(frame), "\n")
	for i, r := range rows {
		rows[i] = strings.TrimRight(r, " ")
	}
	return strings.Join(rows, "\n") + "\n"
}

func TestGoldenScreens(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		for _, size := range [][2]int{{60, 16}, {80, 24}, {120, 40}} {
			name := fmt.Sprintf("%s-%dx%d", s.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				golden(t, name, text(show(t, s, theme.Options{}, size[0], size[1]).View()))
			})
		}
	}
}

// One screen with its escape sequences, so that a change of style shows.
func TestGoldenStyles(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dark", "high-contrast"} {
		frame := show(t, sceneOf(t, "bench-failed"), theme.Options{Name: name}, 80, 24).View()
		golden(t, "styled-"+name, strings.ReplaceAll(frame, "\x1b", "^[")+"\n")
	}
}

func TestGoldenASCII(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		frame := show(t, s, theme.Options{ASCII: true, NoColor: true}, 80, 24).View()
		for _, r := range frame {
			if r > '~' || r < ' ' && r != '\n' {
				t.Errorf("%s: %q on an ASCII screen without colour", s.name, r)
				break
			}
		}
		switch s.name {
		case "bench-waiting", "bench-telemetry", "wizard-identity":
			golden(t, "ascii-"+s.name, text(frame))
		}
	}
}

// Every scene fills exactly its rectangle, also the sizes between the ones a
// person looks at.
func TestEveryScreenFitsExactly(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			a := show(t, s, theme.Options{}, 80, 24)
			for _, w := range []int{20, 59, 60, 61, 72, 77, 78, 79, 80, 99, 109, 110, 111, 133, 200} {
				for _, h := range []int{5, 15, 16, 17, 20, 24, 33, 40, 60} {
					a.w, a.h = w, h
					fits(t, a.View(), w, h)
				}
			}
		})
	}
}

func fits(t *testing.T, frame string, w, h int) {
	t.Helper()
	rows := strings.Split(frame, "\n")
	if len(rows) != h {
		t.Errorf("%dx%d: %d rows", w, h, len(rows))
	}
	for i, r := range rows {
		if got := ui.Width(r); got != w {
			t.Errorf("%dx%d: row %d is %d cells wide: %q", w, h, i, got, ansi.Strip(r))
			return
		}
	}
}
