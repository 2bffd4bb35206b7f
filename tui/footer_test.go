package tui

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
)

// moves are actions that only change what is seen, and what undoes them at the
// end of a list.
var moves = map[keymap.Action]keymap.Action{
	keymap.NextField: keymap.PrevField, keymap.Pane: keymap.Pane, keymap.Down: keymap.Up, keymap.PageDown: keymap.PageUp,
}

// What the footer offers for moving about moves something, in every state of
// every screen and in every size: a key that does nothing is not offered.
func TestTheFooterOffersWhatActs(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range sizes {
				still := show(t, s, theme.Options{NoColor: true}, size[0], size[1])
				still.grace.on = false // an overlay that opened by itself takes keys by now
				before := still.View()
				for _, b := range enabledBindings(still) {
					back, known := moves[b.Action]
					if !known || b.Footer == 0 {
						continue
					}
					if !changes(t, s, size, b.Keys[0], before) && !changes(t, s, size, keyOf(still, back), before) {
						t.Errorf("%dx%d: %s is offered (%s) and does nothing", size[0], size[1], b.Label, b.Help)
					}
				}
			}
		})
	}
}

func changes(t *testing.T, s scene, size [2]int, key, before string) bool {
	t.Helper()
	if key == "" {
		return false
	}
	a := show(t, s, theme.Options{NoColor: true}, size[0], size[1])
	a.grace.on = false
	a.View() // tells the screens their height
	press(a, key)
	return a.View() != before
}

func keyOf(a *app, action keymap.Action) string {
	bs := enabledBindings(a)
	i := slices.IndexFunc(bs, func(b keymap.Binding) bool { return b.Action == action })
	if i < 0 {
		return ""
	}
	return bs[i].Keys[0]
}

// brokenHost is a row that ends within a label of a host of Azure.
var brokenHost = regexp.MustCompile(`\.a(z(u(re?)?)?)?$|\.azure-d(e(v(i(ces?)?)?)?)?$|\.azure-devices-p[a-z]*$`)

// wholeHost is what such a row may end with: all of a host up to a boundary.
var wholeHost = regexp.MustCompile(`\.azure-devices$|\.azure-devices-provisioning$`)

// No screen breaks the name of a host within a word, whatever room it has.
func TestHostsAreBrokenAtDots(t *testing.T) {
	t.Parallel()
	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			a := show(t, s, theme.Options{NoColor: true}, 80, 24)
			if a.overlay != nil || a.toast != "" {
				return // they cover the ends of rows
			}
			for _, w := range []int{60, 66, 72, 79, 80, 93, 100, 110, 114, 120, 127, 140, 160, 200} {
				a.w, a.h = w, 40
				for row := range strings.SplitSeq(a.View(), "\n") {
					for part := range strings.SplitSeq(row, a.th.V) {
						part = strings.TrimRight(part, " ")
						if brokenHost.MatchString(part) && !wholeHost.MatchString(part) {
							t.Errorf("%d cells: %q", w, part)
						}
					}
				}
			}
		})
	}
}
