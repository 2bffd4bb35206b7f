package ui

import (
	"strings"
	"testing"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
)

// What is out of sight is said by a sign, in exactly the width that was asked for.
func TestMore(t *testing.T) {
	t.Parallel()
	for _, ascii := range []bool{false, true} {
		th, err := theme.New(theme.Options{Name: "none", ASCII: ascii})
		if err != nil {
			t.Fatal(err)
		}
		up, down := th.Up+" 3 above", th.Down+" 12 more"
		for _, c := range []struct {
			above, below int
			want         string
		}{{0, 0, ""}, {3, 0, up}, {0, 12, down}, {3, 12, up + "  " + down}} {
			if got := More(th, c.above, c.below); got != c.want {
				t.Errorf("%d above, %d below: %q", c.above, c.below, got)
			}
			for w := range 90 {
				rule := Rule(th, w, c.above, c.below)
				box := BoxMore(th, "title", []string{"row"}, c.above, c.below, max(w, 8))
				if Width(rule) != w || w >= 8 && Width(box[len(box)-1]) != w {
					t.Errorf("ascii %v, %d cells: %q, %q", ascii, w, rule, box[len(box)-1])
				}
				if says := strings.Contains(rule, c.want); w >= 40 && !says {
					t.Errorf("%d cells: %q does not say %q", w, rule, c.want)
				}
			}
		}
	}
}

func TestUnseen(t *testing.T) {
	t.Parallel()
	var l List
	l.SetLen(30)
	for _, c := range []struct {
		a            keymap.Action
		above, below int
	}{{"", 0, 20}, {keymap.Last, 20, 0}, {keymap.Up, 20, 0}, {keymap.First, 0, 20}} {
		l.Handle(c.a)
		l.Window(10)
		if above, below := l.Unseen(); above != c.above || below != c.below {
			t.Errorf("%s: %d above, %d below", c.a, above, below)
		}
	}
	l.SetLen(4)
	l.Window(10)
	if above, below := l.Unseen(); above+below != 0 {
		t.Errorf("all is seen: %d above, %d below", above, below)
	}
}
