package workflow

import (
	"strings"
	"testing"
)

// A journal is outside data: cut short by a kill, or edited. Whatever stands in
// it, it is told without a panic.
func FuzzReplay(f *testing.F) {
	f.Add(`{"run":"r","seq":1,"at":"2026-01-01T00:00:00Z","event":"run_started","device":"d","plan":["registration"]}
{"run":"r","seq":2,"at":"2026-01-01T00:00:01Z","event":"step_started","device":"d","step":"registration"}
{"run":"r","seq":3,"at":"2026-01-01T00:00:01Z","event":"exchange_started","device":"d","step":"registration","exchange":{"id":1}}
{"run":"r","seq":4,"at":"2026-01-01T00:00:01Z","event":"exchange_finished","device":"d","step":"registration","exchange":{"id":1,"status":202,"response_body":"{\"status\":\"assigning\"}"}}
{"run":"r","seq":5,"at":"2026-01-01T00:00:01Z","event":"poll_scheduled","device":"d","step":"registration","poll":{"attempt":1}}
{"run":"r","seq":6,"at":"2026-01-01T00:00:01Z","event":"status_ch`)
	f.Add(`{"event":"message_sent","run":"","device":"d","seq":1}`)
	f.Add(`{"event":"run_started","device":"d","plan":["nonsense",""]}`)
	f.Add("\x00\n{}\n[]\nnull")
	f.Fuzz(func(t *testing.T, text string) {
		s := NewStatus("d")
		replay(strings.NewReader(text), nil, s)
		if s.Running {
			t.Error("a replayed run still runs")
		}
	})
}

func TestReplayOfKilledRun(t *testing.T) {
	t.Parallel()
	s := NewStatus("d")
	replay(strings.NewReader(`{"run":"r","seq":1,"at":"2026-01-01T00:00:00Z","event":"run_started","device":"d","plan":["registration"]}
{"run":"r","seq":2,"at":"2026-01-01T00:00:01Z","event":"step_started","device":"d","step":"registration"}
{"run":"r","seq":3,"at":"2026-01-01T00:00:02Z","event":"poll_scheduled","device":"d","step":"registration","poll":{"attempt":1}}
{"run":"r","seq":4,"at":"2026-01-0`), nil, s)
	if s.Running || s.Outcome != Cancelled || s.Poll != nil {
		t.Errorf("running %v, outcome %s, poll %v", s.Running, s.Outcome, s.Poll)
	}
	if state := s.Step(StepRegistration).State; state != StepStopped {
		t.Errorf("the step is %s", state)
	}
	if len(s.Lane) != 1 || s.Lane[0].Open {
		t.Errorf("lane %+v", s.Lane)
	}
}

// Events of another run, another device or out of order change nothing.
func TestApplyIgnoresStrangers(t *testing.T) {
	t.Parallel()
	s := NewStatus("d")
	s.Apply(Event{Kind: RunStarted, Run: "r", Seq: 1, Device: "d", Plan: []StepID{StepCertificates}})
	for _, e := range []Event{
		{Kind: StepStarted, Run: "r", Seq: 2, Device: "other", Step: StepCertificates},
		{Kind: StepStarted, Run: "q", Seq: 2, Device: "d", Step: StepCertificates},
		{Kind: StepStarted, Run: "r", Seq: 1, Device: "d", Step: StepCertificates},
	} {
		s.Apply(e)
		if got := s.Step(StepCertificates).State; got != Waiting {
			t.Errorf("%+v made the step %s", e, got)
		}
	}
}

// Running some steps again leaves the others as they were.
func TestPartialRunKeepsTheRest(t *testing.T) {
	t.Parallel()
	s := NewStatus("d")
	s.Apply(Event{Kind: RunStarted, Run: "1", Seq: 1, Device: "d", Plan: []StepID{StepCertificates, StepTelemetry}})
	s.Apply(Event{Kind: StepFinished, Run: "1", Seq: 2, Device: "d", Step: StepCertificates, Outcome: Done, Text: "made"})
	s.Apply(Event{Kind: RunFinished, Run: "1", Seq: 3, Device: "d", Outcome: Done})
	s.Apply(Event{Kind: RunStarted, Run: "2", Seq: 1, Device: "d", Plan: []StepID{StepTelemetry}})
	if step := s.Step(StepCertificates); step.State != StepDone || step.Text != "made" {
		t.Errorf("certificates are %s %q", step.State, step.Text)
	}
	if !s.Running || s.Outcome != "" {
		t.Errorf("running %v outcome %q", s.Running, s.Outcome)
	}
}
