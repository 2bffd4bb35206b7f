package tui

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
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

// A line that is lost in any step ends the run and the program in order.
func TestAHangupInEveryStep(t *testing.T) {
	t.Parallel()
	for _, step := range workflow.Steps() {
		t.Run(string(step.ID), func(t *testing.T) {
			t.Parallel()
			inBubble(t, []string{"my-x509-device"}, func(r *rig) {
				r.press(enter)
				s := newStory()
				s.begin(step.ID)
				r.play(s)
				r.signals <- syscall.SIGHUP
				if err := r.wait(); !errors.Is(err, ErrSignal) {
					t.Errorf("ended with %v", err)
				}
				if got := farewell(r.a); !strings.Contains(got, "dpslab run my-x509-device") {
					t.Errorf("farewell %q", got)
				}
			})
		})
	}
}

// ctrl+c on any page of the wizard leaves, and what was typed is there again.
func TestCtrlCOnEveryPage(t *testing.T) {
	t.Parallel()
	for enters := range 6 {
		inBubble(t, nil, func(r *rig) {
			r.press("n", enter, "t", "8")
			for range enters * 3 {
				r.press(enter)
			}
			r.press(ctrlC)
			if err := r.wait(); err != nil {
				t.Errorf("after %d: %v", enters, err)
			}
			if draft, _ := r.session.Draft(); draft["identity.registration_id"] != "t8" {
				t.Errorf("after %d: the draft holds %v", enters, draft)
			}
		})
	}
}

// What is pasted where no text is asked for is no keys.
func TestAPasteOutsideAFieldDoesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b"}, func(r *rig) {
		for _, title := range []string{"2 profiles", "1 certificates"} {
			go func() { _, _ = fmt.Fprintf(r.keys, paste, strings.Repeat("xyjq\r\x1b?", 430)) }()
			r.settle()
			r.settle()
			r.see(title)
			if r.over() || r.a.overlay != nil || r.a.busy() {
				t.Errorf("at %s a pasted text was taken for keys", title)
			}
			r.press(enter)
		}
	})
}

// A sign-in code that comes while nothing runs is shown at once, and keys typed
// for the screen below do not close it.
func TestASignInCodeIsShown(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a"}, func(r *rig) {
		m := workflow.Manual{What: "Sign in to Azure: open https://microsoft.com/devicelogin in any browser and type the code A1B2C3D4"}
		r.feed.Put(workflow.Event{At: time.Now(), Kind: workflow.HandNeeded, Text: m.What, Manual: &m})
		r.settle()
		r.see("type the code A1B2C3D4")
		r.press(enter)
		r.see("type the code A1B2C3D4")
		time.Sleep(graceEnd)
		r.press(esc)
		r.dontSee("A1B2C3D4")
		r.see("1 profile")
	})
}
