package tui

import (
	"testing"
	"testing/synctest"
	"time"

	"dpslab/workflow"
)

// ctrl+c cancels whatever step runs, and then leaves.
func TestCtrlCInEveryStep(t *testing.T) {
	t.Parallel()
	for _, step := range workflow.Steps() {
		t.Run(string(step.ID), func(t *testing.T) {
			t.Parallel()
			inBubble(t, []string{"my-x509-device"}, func(r *rig) {
				r.press(enter)
				s := newStory()
				s.begin(step.ID)
				r.play(s)
				r.press(ctrlC)
				if r.over() {
					t.Fatal("the first ctrl+c left the program")
				}
				last := len(s.events)
				s.end(workflow.Cancelled, nil)
				s.events = s.events[last:]
				r.play(s)
				if r.a.busy() {
					t.Error("the run is over, and something still moves")
				}
				r.press(ctrlC)
				if err := r.wait(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A terminal that says nothing for a day, and then answers what another program
// asked it, disturbs nobody who types.
func TestATerminalThatAnswersLate(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		r.press("n", enter, "t", "8")
		for _, answer := range []string{
			"\x1b[?62;22c", "\x1b[>41;0;0c", "\x1b[24;80R", "\x1b[?2026;2$y", "\x1b[I", "\x1b[O",
			"\x1b]11;rgb:1e1e/1e1e/1e1e\x07", "\x1b]10;rgb:ffff/ffff/ffff\x1b\\", "\x1bP1+r544e=787465726d\x1b\\",
		} {
			r.press(answer)
		}
		r.see("registration ID  t8│")
		r.press("9")
		r.see("registration ID  t89│")
	})
}
