package ui

import (
	"slices"
	"strings"
	"testing"

	"dpslab/tui/theme"
)

func TestReflow(t *testing.T) {
	t.Parallel()
	lines := []string{"one two three four", "five six", "", "  a name      /home/ada/file", "\x1b[1mstyled and long\x1b[0m", "seven"}
	if got := Reflow(lines, 40); !slices.Equal(got, lines) {
		t.Errorf("lines that fit became %q", got)
	}
	want := []string{"one two three", "four five six", "", "  a name", "    /home/ada/", "    file", "\x1b[1mstyled and long\x1b[0m", "seven"}
	if got := Reflow(lines, 15); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for w := 8; w < 30; w++ {
		got := Reflow(lines[:4], w)
		if a, b := strings.Join(strings.Fields(strings.Join(got, "")), ""), strings.Join(strings.Fields(strings.Join(lines[:4], "")), ""); a != b {
			t.Errorf("%d cells: %q", w, got)
		}
		for _, r := range got {
			if Width(r) > w {
				t.Errorf("%d cells: %q", w, r)
			}
		}
	}
	if got := Reflow(nil, 10); got != nil {
		t.Errorf("%q", got)
	}
}

// A text that is too high for its box loses its empty lines first, and then says
// how much there is more.
func TestLines(t *testing.T) {
	t.Parallel()
	th, err := theme.New(theme.Options{Name: "none"})
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"one", "", "two", "", "three"}
	for h, want := range map[int][]string{
		0: {"… 3 more rows on a higher screen"}, 2: {"one", "… 2 more rows on a higher screen"},
		3: {"one", "two", "three"}, 4: {"one", "two", "three"}, 5: lines, 9: lines,
	} {
		if got := Lines(th, lines, 40, h); !slices.Equal(got, want) {
			t.Errorf("%d rows: %q", h, got)
		}
	}
	if lines[1] != "" {
		t.Error("the lines themselves were changed")
	}
}
