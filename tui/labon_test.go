package tui

import (
	"context"
	"testing"
	"time"
)

// The header of a device in the lab names the scenario that is on, wherever it
// was switched on, once a run has ended.
func TestBenchNamesScenarios(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("d-1")
		r.dontSee("scenario")
		for _, c := range []struct {
			name string
			on   bool
			want string
		}{
			{"throttled", true, "scenario throttled on"},
			{"server-error", true, "2 scenarios on"},
			{"throttled", false, "scenario server-error on"},
			{"server-error", false, ""},
		} {
			if err := r.session.SetFault(context.Background(), c.name, c.on); err != nil {
				t.Fatal(err)
			}
			r.until("k", "> ✓ 1 certificates")
			r.press(enter)
			r.pass(10 * time.Second)
			if c.want == "" {
				r.dontSee("scenario")
				continue
			}
			r.see(c.want)
		}
	})
}
