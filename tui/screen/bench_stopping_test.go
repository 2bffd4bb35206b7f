package screen

import (
	"testing"
	"time"

	"dpslab/profiles"
	"dpslab/workflow"
)

// A run that was cancelled so early that its beginning and its end come at once is
// over.
func TestStoppingEndsWithTheRun(t *testing.T) {
	t.Parallel()
	st := workflow.NewStatus("d")
	b := NewBench(themed(t), workflow.Device{Name: "d", State: &profiles.State{}, Profile: &profiles.Profile{}}, st)
	b.Starting()
	b.Stopping()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, e := range []workflow.Event{
		{Kind: workflow.RunStarted, Run: "1", Device: "d", At: now, Seq: 1},
		{Kind: workflow.RunFinished, Run: "1", Device: "d", At: now, Seq: 2, Outcome: workflow.Cancelled},
	} {
		st.Apply(e)
	}
	b.Observe(st, now)
	if b.Ending() || b.Busy() {
		t.Errorf("ending %v, busy %v", b.Ending(), b.Busy())
	}
}
