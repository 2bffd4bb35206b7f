package tui

import (
	"strings"
	"testing"
	"time"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

// One device that could not be retired says why at once, not only that it was not.
func TestOneThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	why := &workflow.Problem{Kind: workflow.Refused, Op: "delete the enrollment", Summary: "it was changed", Fix: "Look at it first."}
	ended := func(done int, names ...string) string {
		a := show(t, scene{"", setDevices}, theme.Options{NoColor: true}, 80, 24)
		st := workflow.NewStatus(names[0])
		st.Outcome, st.Problem = workflow.Failed, why
		a.batchEnded(&batch{what: "Devices retired", done: done, failed: names, status: st})
		return a.View()
	}
	if frame := ended(0, "press-3"); !strings.Contains(frame, "it was changed") || !strings.Contains(frame, "fix Look at it first.") {
		t.Errorf("the reason is not told:\n%s", frame)
	}
	if frame := ended(1, "press-3", "truck-7"); !strings.Contains(frame, "1 done, 2 failed: press-3, truck-7. enter on one tells") {
		t.Errorf("no summary:\n%s", frame)
	}
}

// A step that could not be taken back is the one to look at, with its reason, and
// not as one that went well.
func TestAStepThatIsNotTakenBack(t *testing.T) {
	t.Parallel()
	why := &workflow.Problem{Kind: workflow.Refused, Op: "delete the enrollment", Summary: "it was changed meanwhile", Fix: "Look at it first."}
	a := show(t, scene{"", setDevices}, theme.Options{NoColor: true}, 80, 24)
	st := workflow.NewStatus("press-3")
	st.Undoing, st.Outcome, st.Problem = true, workflow.Failed, why
	for i := range st.Steps {
		st.Steps[i].State = workflow.StepDone
		if st.Steps[i].ID == workflow.StepEnrollment {
			st.Steps[i].Text, st.Steps[i].Problem = why.Summary, why
		}
	}
	a.showBench(openedMsg{device: devices()[1], status: st})
	frame := a.View()
	for _, want := range []string{"> ✓ 3 enrollment", "✗ delete the enrollment: it was changed meanwhile", "enrollment was not taken back"} {
		if !strings.Contains(frame, want) {
			t.Errorf("no %q in\n%s", want, frame)
		}
	}
	if strings.Contains(frame, "✓ it was changed") {
		t.Errorf("a failure has the sign of success:\n%s", frame)
	}
}

// A failure in the lab reminds of the scenarios that are on.
func TestAFailureNamesTheScenario(t *testing.T) {
	t.Parallel()
	a := show(t, sceneOf(t, "bench-failed"), theme.Options{NoColor: true}, 80, 24)
	if strings.Contains(a.View(), "may be why") {
		t.Error("no scenario is on")
	}
	for _, c := range []struct {
		names []string
		want  string
	}{{[]string{"tls-alert"}, "the scenario tls-alert is on"}, {[]string{"delay", "silent"}, "2 scenarios are on"}} {
		a.gotPlaying(playingMsg{names: c.names})
		a.now = a.now.Add(time.Second)
		if frame := a.View(); !strings.Contains(frame, c.want) {
			t.Errorf("no %q in\n%s", c.want, frame)
		}
	}
}

// The chart stays on the smallest screen, whatever the message is like: of a long
// body the end gives way.
func TestASmallScreenHasTheChart(t *testing.T) {
	t.Parallel()
	long := func(s *story) {
		s.certificates()
		s.enrollment()
		s.registered()
		s.telemetry(7)
		v := 21.5
		body := `{"temperature": 21.53, "at": "2026-03-01T11:59:50.098813477Z", "pressure": 1013.25, "note": "all is well"}`
		s.add(0, workflow.Event{Kind: workflow.MessageSent, Message: &workflow.Message{N: 8, Of: 10, Body: body, Value: &v, ValueName: "temperature", LatencyMS: 9}})
	}
	for _, o := range []theme.Options{{NoColor: true}, {ASCII: true, NoColor: true}} {
		a := show(t, scene{"", bench(long, 100*time.Millisecond)}, o, leastWidth, leastHeight)
		frame := a.View()
		for _, want := range []string{" 30.0 ", " 21.5 ", "latency", `{"temperature": 21.53`, a.th.Ellipsis} {
			if !strings.Contains(frame, want) {
				t.Errorf("no %q in\n%s", want, frame)
			}
		}
	}
}

// A state file that cannot be read is not called a wrong profile.
func TestAStateThatCannotBeRead(t *testing.T) {
	t.Parallel()
	a := show(t, scene{"", setDevices}, theme.Options{NoColor: true}, 80, 24)
	d := devices()[1]
	d.Err = &workflow.Problem{Kind: workflow.LocalFile, Op: "read the state of " + d.Name, Summary: "x.toml:1:6: no value", Fix: "remove the file: the next run begins anew"}
	a.home.SetDevices([]workflow.Device{d}, a.now)
	if frame := a.View(); !strings.Contains(frame, "✗ state not usable") {
		t.Errorf("the list says something else:\n%s", frame)
	}
	a.showBench(openedMsg{device: d, status: workflow.NewStatus(d.Name)})
	if frame := a.View(); !strings.Contains(frame, "fix remove the file") || strings.Contains(frame, "in an editor") {
		t.Errorf("the bench says something else:\n%s", frame)
	}
}
