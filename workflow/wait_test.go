package workflow

import (
	"testing"
	"time"
)

// A wait ends when its time is up or when a cancel cuts it; the row tells which.
func TestAWaitKeepsItsEnd(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		next Event
		want time.Duration
	}{
		{"to the end", Event{Kind: ExchangeStarted, Step: StepRegistration, Exchange: &Exchange{}}, 3 * time.Second},
		{"cancelled", Event{Kind: StepFinished, Step: StepRegistration, Outcome: Cancelled}, 1300 * time.Millisecond},
		{"the run is over", Event{Kind: RunFinished, Outcome: Cancelled}, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := NewStatus("d")
			events := []Event{
				{Kind: RunStarted, Plan: []StepID{StepRegistration}},
				{Kind: StepStarted, Step: StepRegistration},
				{Kind: PollScheduled, Step: StepRegistration, Poll: &Poll{Attempt: 1, Since: start, Due: start.Add(3 * time.Second)}},
				c.next,
				{Kind: RunFinished, At: start.Add(time.Hour), Outcome: Cancelled},
			}
			for i, e := range events {
				e.Run, e.Device, e.Seq = "r", "d", i+1
				if i == 3 {
					e.At = start.Add(c.want)
				}
				s.Apply(e)
			}
			if got := s.Lane[0].Ended.Sub(start); got != c.want || s.Lane[0].Open {
				t.Errorf("the wait ended after %v (open: %v), want %v", got, s.Lane[0].Open, c.want)
			}
		})
	}
}
