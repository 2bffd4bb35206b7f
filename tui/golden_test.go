package tui

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow/goldentest"
)

// text is a frame without styles and without blanks at the ends of rows.
func text(frame string) string {
	rows := strings.Split(ansi.Strip(frame), "\n")
	for i, r := range rows {
		rows[i] = strings.TrimRight(r, " ")
	}
	return strings.Join(rows, "\n") + "\n"
}

// looks are the three ways in which every screen is drawn.
var looks = []struct {
	name    string
	options theme.Options
}{
	{"colour", theme.Options{}},
	{"no-color", theme.Options{NoColor: true}},
	{"ascii", theme.Options{ASCII: true, NoColor: true}},
}

// sizes are the least, the usual, the comfortable and a large terminal.
var sizes = [][2]int{{60, 16}, {80, 24}, {120, 40}, {200, 50}}

// Every scene in every size and look. A scene has one file for each look; the
// coloured one has escape sequences in it, so that a change of style shows.
func TestGoldenScreens(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		for _, look := range looks {
			t.Run(s.name+"/"+look.name, func(t *testing.T) {
				t.Parallel()
				var b strings.Builder
				for _, size := range sizes {
					frame := show(t, s, look.options, size[0], size[1]).View()
					if look.options.ASCII {
						asciiOnly(t, frame)
					}
					if !look.options.NoColor {
						frame = strings.ReplaceAll(frame, "\x1b", "^[")
					}
					fmt.Fprintf(&b, "-- %dx%d --\n%s", size[0], size[1], text(frame))
				}
				goldentest.Compare(t, filepath.Join(look.name, s.name), b.String())
			})
		}
	}
}

func asciiOnly(t *testing.T, frame string) {
	t.Helper()
	for _, r := range frame {
		if r > '~' || r < ' ' && r != '\n' {
			t.Errorf("%q on an ASCII screen without colour", r)
			return
		}
	}
}

// One screen with its escape sequences in the theme that colours most.
func TestGoldenHighContrast(t *testing.T) {
	t.Parallel()
	frame := show(t, sceneOf(t, "bench-failed"), theme.Options{Name: "high-contrast"}, 80, 24).View()
	goldentest.Compare(t, "styled-high-contrast", strings.ReplaceAll(frame, "\x1b", "^[")+"\n")
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

// No golden file is left of a scene that is no more.
func TestGoldenFilesHaveScenes(t *testing.T) {
	t.Parallel()
	wanted := map[string]bool{}
	for _, s := range scenes() {
		wanted[s.name+".golden"] = true
	}
	for _, look := range looks {
		files, err := filepath.Glob(filepath.Join("testdata", look.name, "*.golden"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !wanted[filepath.Base(f)] {
				t.Errorf("%s belongs to no scene: remove it", f)
			}
		}
	}
}
