package tui

import (
	"fmt"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

// Blanks at the ends of rows do not go over the line, and nothing of what stood
// there stays.
func TestFramesAreLean(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b", "c"}, func(r *rig) {
		r.a.program.Send(tea.WindowSizeMsg{Width: 80, Height: 24})
		r.settle()
		r.press("?")
		r.see("describe a new device")
		r.press(esc)
		r.dontSee("describe a new device")
		_, before := r.out.counts()
		r.press("j")
		if _, after := r.out.counts(); after-before > 250 {
			t.Errorf("a cursor move costs %d bytes", after-before)
		}
		r.see("> b")
		r.press("n", enter, "t", "8", esc)
		r.dontSee("t8")
	})
}

func TestTenThousandProfiles(t *testing.T) {
	t.Parallel()
	names := make([]string, 10_000)
	for i := range names {
		names[i] = fmt.Sprintf("device-%05d", i)
	}
	inBubble(t, nil, func(r *rig) {
		r.a.program.Send(namesMsg{names: names})
		r.settle()
		r.see("10000 profiles")
		r.press("G")
		r.see("> device-09999")
		r.press("g", "/", "0", "9", "9", "9", "9")
		r.see("1 of 10000 profiles")
	})
}
