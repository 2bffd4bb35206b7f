package tui

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

const ctrlG = "\x07"

func TestWhyIsAskedOnAQuestionMark(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", "?")
		r.see("Why target?")
		r.press("?", enter, "t", "8", "?") // no registration ID has a question mark
		r.see("Why registration ID?")
		r.press(esc)
		r.see("t8│")
		r.until(enter, "> body")
		r.press("?")
		r.see("}?│")
		r.press("\x1bOQ") // F2
		r.see("Why body?")
	})
}

func TestPagesCanBeJumpedTo(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(r *rig) {
		r.press("n", "5")
		r.see("Telemetry comes after Where: finish that first")
		r.press(enter, "t", "8", ctrlG, "3")
		r.see("Certificates comes after Identity")
		r.press(esc)
		r.until(enter, "What will run")
		r.press("3")
		r.see("[3 Certificates]")
		r.press("6")
		r.see("[6 Review]")
		r.press(ctrlG, "\x1b[A", enter)
		r.see("[5 Telemetry]")
		r.press("7") // a digit is typed, it does not jump
		r.see(" 107│")
		r.press(ctrlG, "2")
		r.see("registration ID  t8")
	})
}

// A connection that is lost while a profile is edited loses nothing.
func TestAHangupKeepsAnEdit(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-3"}, func(r *rig) {
		r.press("p")
		r.until(enter, "> messages")
		r.press("7")
		r.signals <- syscall.SIGHUP
		if err := r.wait(); !errors.Is(err, ErrSignal) {
			t.Errorf("ended with %v", err)
		}
		kept, _ := r.session.UnsavedEdit("press-3")
		if kept["telemetry.count"] != "107" {
			t.Errorf("kept %v", kept)
		}
		if got := farewell(r.a); !strings.Contains(got, "The changes of press-3 are kept, unsaved") {
			t.Errorf("farewell %q", got)
		}
	})
}

func TestAnEarlyChangeSaysWhatItVoids(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-3"}, func(r *rig) {
		r.press("p", "3", right, right)
		r.see("This change makes void: key (EC P-256)")
		r.press("\x1b[D", "\x1b[D")
		r.dontSee("makes void")
	})
}
