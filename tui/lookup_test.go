package tui

import (
	"strings"
	"testing"
	"time"

	"dpslab/tui/keymap"
	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

const up = "\x1b[A"

// On the step registration a key asks DPS how the registration stands, without
// registering: the answer stands in the pane, its exchange in the transcript.
// In a read-only session too.
func TestLookUpOnTheBench(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("press-3")
		r.press("s")
		r.see("s does nothing now: choose the step registration first") // telemetry is chosen
		r.press(up)
		r.a.readOnly = true
		before := r.a.status.Exchanges.Len()
		r.press("s")
		r.pass(time.Second)
		r.see("DPS says of press-3")
		r.see("status        assigned")
		r.see("hub           lab-hub.azure-devices.net")
		r.see("device ID     press-3")
		r.see("last change   20")
		r.see(screen.SameStanding)
		asked := r.a.status.Exchanges.Newest()
		if n := r.a.status.Exchanges.Len(); n != before+1 || asked.Operation != "registration status" {
			t.Errorf("%d exchanges, %d before; the last one: %s", n, before, asked.Operation)
		}
		r.press("t")
		r.see("registration status")
		r.press(esc)
		r.see("DPS says of press-3")
		r.press(up, down)
		r.dontSee("DPS says")
	})
}

// What differs from what this machine knows is named; an answer for a device
// that is not on the bench any more is dropped.
func TestLookUpTellsWhatDiffers(t *testing.T) {
	t.Parallel()
	a := show(t, sceneOf(t, "bench-looked-up"), theme.Options{NoColor: true}, 80, 24)
	for _, want := range []string{"DPS says of my-x509-device", "error         400209 The hub", screen.OtherStanding, "status: here assigned, at DPS failed", "hub: here lab-hub.azure-devices.net, at DPS nothing"} {
		if !strings.Contains(a.View(), want) {
			t.Errorf("no %q in\n%s", want, a.View())
		}
	}
	a.update(standingMsg{device: "another", standing: &screen.LookedUp{Registration: &workflow.Registration{RegistrationID: "another"}}})
	if strings.Contains(a.View(), "another") {
		t.Error("the answer for another device is shown")
	}
	a.update(standingMsg{device: "my-x509-device", err: &workflow.Problem{Kind: workflow.Unreachable, Summary: "no answer"}})
	if _, told := a.overlay.(*review); !told {
		t.Errorf("an error is shown as %T", a.overlay)
	}
}

func TestLookUpIsAboutTheRegistration(t *testing.T) {
	t.Parallel()
	a := show(t, sceneOf(t, "bench-new"), theme.Options{}, 80, 24)
	for i, s := range workflow.Steps() {
		b, _ := keymap.Of(a.bench.Bindings(), keymap.LookUp)
		if (b.Disabled == "") != (s.ID == workflow.StepRegistration) {
			t.Errorf("step %d, %s: %q", i+1, s.ID, b.Disabled)
		}
		press(a, "down")
	}
}
