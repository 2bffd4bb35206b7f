package tui

import (
	"testing"

	"dpslab/tui/screen"
	"dpslab/tui/theme"
)

// In a read-only session a key that writes says so and does nothing; looking
// goes on.
func TestReadOnlyKeys(t *testing.T) {
	t.Parallel()
	a := show(t, scene{"", setDevices}, theme.Options{}, 80, 24)
	a.readOnly = true
	for _, k := range []string{"n", "p", "r", "x"} {
		press(a, k)
		if a.current() != screen.Screen(a.home) || a.overlay != nil || a.awaits > 0 || a.toast == "" {
			t.Errorf("%s acts: screen %T, overlay %T, toast %q", k, a.current(), a.overlay, a.toast)
		}
	}
	press(a, "l")
	if a.current() != screen.Screen(a.labScreen) {
		t.Errorf("the lab cannot be looked at: %T", a.current())
	}
	bench(nil, 0)(a)
	for _, k := range []string{"a", "enter"} {
		press(a, k)
		if a.bench.Busy() || a.toast == "" {
			t.Errorf("%s runs something", k)
		}
	}
	press(a, "x")
	if a.current() != screen.Screen(a.chain) {
		t.Errorf("the chain cannot be looked at: %T", a.current())
	}
}
