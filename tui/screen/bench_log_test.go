package screen

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dpslab/profiles"
	"dpslab/workflow"
)

// A log that is too long to be seen or to be kept says how much is missing.
func TestLongLogSaysWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	st := workflow.NewStatus("d")
	b := NewBench(themed(t), workflow.Device{Name: "d", State: &profiles.State{}, Profile: &profiles.Profile{}}, st)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	seq := 0
	add := func(e workflow.Event) {
		seq++
		e.Run, e.Device, e.At, e.Seq = "1", "d", now, seq
		st.Apply(e)
	}
	add(workflow.Event{Kind: workflow.RunStarted})
	add(workflow.Event{Kind: workflow.StepStarted, Step: workflow.StepEnrollment})
	note := func(n int) {
		for i := range n {
			add(workflow.Event{Kind: workflow.Noted, Step: workflow.StepEnrollment, Text: fmt.Sprintf("line %d", i)})
		}
	}
	whole := func() string { return strings.Join(b.lines(*st.Step(workflow.StepEnrollment), 60), "\n") }
	note(10)
	if pane := strings.Join(b.logPane(60, 6), "\n"); !strings.Contains(pane, "above") || !strings.Contains(pane, "line 9") {
		t.Errorf("the pane does not say that there is more:\n%s", pane)
	}
	if strings.Contains(whole(), "older line") {
		t.Error("a short log is said to lack lines")
	}
	note(workflow.MaxLog + 500)
	s := st.Step(workflow.StepEnrollment)
	if got := len(s.Log) + s.LogGone; s.LogGone == 0 || got < workflow.MaxLog+510 || len(s.Log) > workflow.MaxLog {
		t.Errorf("%d lines kept, %d gone", len(s.Log), s.LogGone)
	}
	if want := fmt.Sprintf("%d older lines are left out", s.LogGone); !strings.Contains(whole(), want) {
		t.Errorf("no %q in\n%.300s", want, whole())
	}
	pane := strings.Join(b.logPane(60, 6), "\n")
	if want := fmt.Sprintf("%d above", len(st.Log)+st.LogGone-5); !strings.Contains(pane, want) {
		t.Errorf("no %q in\n%s", want, pane)
	}
	add(workflow.Event{Kind: workflow.RunFinished, Outcome: workflow.Done})
	add(workflow.Event{Kind: workflow.RunStarted, Plan: []workflow.StepID{workflow.StepEnrollment}})
	if s := st.Step(workflow.StepEnrollment); len(s.Log) > 0 || s.LogGone > 0 {
		t.Errorf("a new run begins with %d lines, %d gone", len(s.Log), s.LogGone)
	}
}
