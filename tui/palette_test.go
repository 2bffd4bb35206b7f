package tui

import (
	"strings"
	"testing"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
)

// Every key of the map can be pressed by its name.
func TestKeyNamed(t *testing.T) {
	t.Parallel()
	for _, b := range keymap.All() {
		for _, name := range b.Keys {
			if got := keyNamed(name).String(); got != name {
				t.Errorf("%s: the key %q becomes %q", b.Context, name, got)
			}
		}
	}
}

// The palette does what the key of the chosen line does, here and on other
// screens, also while a field has the keys.
func TestThePalette(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-3", "truck-7"}, func(r *rig) {
		const ctrlP = "\x10"
		r.press(ctrlP)
		r.see("What would you like to do?")
		r.press("zzz")
		r.see("nothing fits")
		r.press(enter)
		r.see("nothing fits")
		for range 3 {
			r.press("\x7f")
		}
		r.press("renew") // a key of the bench
		r.see("a key of the screen bench")
		r.press(enter)
		r.see("What would you like to do?")
		r.press(esc)
		r.dontSee("What would you like")
		r.press("j", ctrlP, "b", "e", "n", "c", "h", enter)
		r.see("truck-7 · lab")
		r.press(ctrlP, "t", "r", "a", "n", "s")
		r.see("not now: nothing was sent yet")
		r.press(enter) // it cannot act
		r.see("What would you like to do?")
		r.press(esc, ctrlP, "h", "e", "l", "p", enter)
		r.see("Keys")
		r.press(esc, esc, "n", ctrlP)
		r.see("What would you like to do?")
		r.press("s", "u", "s", esc)
		r.see("New device")
	})
}

// What is called by the words comes before what only tells of them.
func TestThePaletteRanksNamesFirst(t *testing.T) {
	t.Parallel()
	th := newTheme(t, theme.Options{})
	o := &palette{th: th, input: ui.NewInput("run"), all: []keymap.Binding{
		{Help: "back", About: "cancel what runs", Keys: []string{"esc"}},
		{Help: "rerun", About: "once more", Keys: []string{"e"}},
		{Help: "run off", About: "leave", Keys: []string{"o"}, Disabled: "nothing runs"},
		{Help: "run all", About: "all steps", Keys: []string{"a"}},
		{Help: "help", About: "all keys", Keys: []string{"?"}},
	}}
	o.sift()
	var names []string
	for _, b := range o.shown {
		names = append(names, b.Help)
	}
	if got := strings.Join(names, ", "); got != "run all, rerun, back, run off" {
		t.Errorf("in the order %s", got)
	}
}
