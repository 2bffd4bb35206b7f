package keymap

import (
	"slices"
	"strings"
	"testing"
)

// lookAlikes are keys a terminal sends as something else, or never.
var lookAlikes = []string{"ctrl+i", "ctrl+m", "ctrl+j", "ctrl+h", "ctrl+[", "shift+enter", "ctrl+enter", "ctrl+q", "ctrl+s"}

func TestNoKeyMeansTwoThings(t *testing.T) {
	t.Parallel()
	seen := map[Context]map[string]Action{}
	for _, b := range All() {
		if seen[b.Context] == nil {
			seen[b.Context] = map[string]Action{}
		}
		for _, k := range b.Keys {
			if a, taken := seen[b.Context][k]; taken {
				t.Errorf("%s: %q means %s and %s", b.Context, k, a, b.Action)
			}
			seen[b.Context][k] = b.Action
		}
	}
}

func TestEveryBindingExplainsItself(t *testing.T) {
	t.Parallel()
	for _, b := range All() {
		if b.Context == "" || b.Action == "" || len(b.Keys) == 0 || b.Label == "" || b.Help == "" || b.About == "" {
			t.Errorf("incomplete: %+v", b)
		}
		for _, k := range b.Keys {
			if slices.Contains(lookAlikes, k) || strings.HasPrefix(k, "alt+") {
				t.Errorf("%s: %q cannot be told from another key", b.Context, k)
			}
		}
	}
}

func TestNothingTakesCtrlCOrCtrlZ(t *testing.T) {
	t.Parallel()
	for _, b := range All() {
		if b.Context != Global && (b.Has("ctrl+c") || b.Has("ctrl+z")) {
			t.Errorf("%s binds %v", b.Context, b.Keys)
		}
	}
}

func TestFooterPlacesAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[Context]map[int]bool{}
	for _, b := range All() {
		if b.Footer == 0 {
			continue
		}
		if seen[b.Context] == nil {
			seen[b.Context] = map[int]bool{}
		}
		if seen[b.Context][b.Footer] {
			t.Errorf("%s: two bindings at place %d", b.Context, b.Footer)
		}
		seen[b.Context][b.Footer] = true
	}
}

func TestDisable(t *testing.T) {
	t.Parallel()
	bs := For(OnBench)
	Disable(bs, Copy, "nothing was sent yet")
	b, ok := Match(bs, "y")
	if !ok || b.Disabled != "nothing was sent yet" {
		t.Errorf("Match after Disable = %+v, %v", b, ok)
	}
	if b, _ := Match(For(OnBench), "y"); b.Disabled != "" {
		t.Error("Disable changed the table itself")
	}
}

// In the help overlay every key stands once.
func TestNoLabelRepeatsAKey(t *testing.T) {
	t.Parallel()
	seen := map[Context]map[string]Action{}
	for _, b := range All() {
		if seen[b.Context] == nil {
			seen[b.Context] = map[string]Action{}
		}
		for _, word := range strings.Fields(b.Label) {
			if a, taken := seen[b.Context][word]; taken {
				t.Errorf("%s: %q is listed for %s and %s", b.Context, word, a, b.Action)
			}
			seen[b.Context][word] = b.Action
		}
	}
}
