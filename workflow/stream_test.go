package workflow_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dpslab/workflow"
)

// at waits for the first event that fits, while a run is under way, and does
// something with the session then.
func (b *bench) at(fits func(workflow.Event) bool, do func()) {
	done := make(chan struct{})
	told := false
	b.onEvent = func(e workflow.Event) {
		if told || !fits(e) {
			return
		}
		told = true
		go func() { defer close(done); do() }()
	}
	b.t.Cleanup(func() {
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			b.t.Error("what was waited for did not happen")
		}
	})
}

func message(n int) func(workflow.Event) bool {
	return func(e workflow.Event) bool { return e.Kind == workflow.MessageSent && e.Message.N == n }
}

// The interval of an hour would outlive the test: only a change lets the run
// end.
func TestIntervalChangesWhileRunning(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"telemetry.count": "3", "telemetry.interval": "1h"})
	b.at(message(1), func() {
		if err := b.session.SetInterval(0); err != nil {
			t.Error(err)
		}
	})
	status := b.mustRun("d")
	if tel := status.Telemetry; tel.Sent != 3 || tel.Stream.IntervalMS != 0 {
		t.Errorf("telemetry %+v", tel)
	}
}

func TestPauseAndOwnMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"telemetry.count": "2", "telemetry.interval": "1h"})
	steps := []func(){}
	b.at(message(1), func() {
		for _, f := range steps {
			f()
		}
	})
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	steps = append(steps,
		func() { must(b.session.Pause(true)) },
		func() { must(b.session.SetInterval(0)) }, // counts only after the pause
		func() {
			_, err := b.session.Send("d", "{{ not a template", map[string]string{"by": "hand"})
			must(err)
		},
		func() { must(b.session.Pause(false)) },
	)
	status := b.mustRun("d")
	if status.Telemetry.Sent != 3 || status.Telemetry.Received != 3 {
		t.Fatalf("telemetry %+v", status.Telemetry)
	}
	var own *workflow.Received
	for _, e := range b.seen() {
		if e.Kind == workflow.MessageReceived && strings.HasPrefix(e.Received.Body, "{{") {
			own = e.Received
		}
	}
	if own == nil || own.Body != "{{ not a template" || own.Properties["by"] != "hand" {
		t.Errorf("the hub received %+v", own)
	}
}

func TestSendAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	before := b.mustRun("d").Telemetry
	if _, err := b.session.Send("d", `{"alarm": 1}`, nil); err != nil {
		t.Fatal(err)
	}
	b.session.Wait()
	status := b.status("d")
	for face, told := range map[string]*workflow.Status{"live": status, "restored": b.session.History("d")} {
		tel := told.Telemetry
		if tel.Last == nil || tel.Last.Body != `{"alarm": 1}` || tel.Received != before.Received+1 {
			t.Errorf("%s: telemetry %+v", face, tel)
		}
		if tel.Sent != before.Sent+1 || tel.Of != before.Of+1 || len(tel.Samples) != len(before.Samples)+1 || !tel.Started.Equal(before.Started) {
			t.Errorf("%s: the message does not add to the run's: %+v after %+v", face, tel, before)
		}
	}
	if _, err := b.session.Send("d", "x", map[string]string{"no good": "x"}); err == nil {
		t.Error("a property that cannot travel was taken")
	}
	if err := b.session.Pause(true); err == nil {
		t.Error("nothing was paused")
	}
	if err := b.session.SetInterval(-time.Second); err == nil {
		t.Error("a negative interval was taken")
	}
}

// A message for another device does not get into a run.
func TestSendWhileAnotherRuns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"telemetry.interval": "1h"})
	b.device("other", nil)
	b.at(message(1), func() {
		if _, err := b.session.Send("other", "x", nil); !errors.Is(err, workflow.ErrBusy) {
			t.Errorf("Send says %v", err)
		}
		if err := b.session.SetInterval(0); err != nil {
			t.Error(err)
		}
	})
	b.mustRun("d")
}
