package tui

import (
	"fmt"
	"strings"
	"testing"

	"dpslab/profiles"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// What other devices may need is named, however much goes with it.
func TestRetiringManyNamesGroupsAndCAs(t *testing.T) {
	t.Parallel()
	a := &app{th: newTheme(t, theme.Options{NoColor: true})}
	var items []workflow.RetireItem
	for i := range 20 {
		items = append(items, workflow.RetireItem{Kind: profiles.CreatedHubDevice, What: fmt.Sprintf("device d-%d", i)})
	}
	items = append(items,
		workflow.RetireItem{Kind: profiles.CreatedGroup, What: "enrollment group line-3"},
		workflow.RetireItem{Kind: profiles.CreatedSigningCA, What: "signing certificate ca-3"})
	text := strings.Join(a.retireLines(items), "\n")
	for _, want := range []string{"  enrollment group line-3\n  signing certificate ca-3\n  device d-0", "and 14 more, each of one device alone"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if items[0].What != "device d-0" {
		t.Error("the order in which things go changed with the one they are listed in")
	}
}

// The keys of a long help are read by screens.
func TestHelpTurnsPages(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a"}, func(r *rig) {
		r.press("?")
		r.see("describe a new device")
		r.press("\x1b[6~")
		r.dontSee("describe a new device")
		r.press("G")
		r.see("back to the shell")
		r.press("g")
		r.see("describe a new device")
	})
}
