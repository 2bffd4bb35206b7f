//go:build unix

package main

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"dpslab/workflow"
)

// underWay checks that a registration is under way and can be resumed.
func underWay(t *testing.T, home, name string) error {
	t.Helper()
	st := state(t, home, name)
	if !workflow.Resumable(st) || st.Registration.PollDue.IsZero() {
		return fmt.Errorf("%s cannot be resumed: %+v", name, st.Registration)
	}
	return nil
}

// wantResumed checks over the journal of both runs that the operation was
// finished and no second one begun.
func wantResumed(t *testing.T, home, name, operation string) {
	t.Helper()
	events := journal(t, home, name)
	if n := len(requests(events, "register")); n != 1 {
		t.Errorf("%d register requests, want 1", n)
	}
	if ids := operationIDs(events); !slices.Equal(ids, []string{operation}) {
		t.Errorf("operations %q, want %q alone", ids, operation)
	}
	if r := state(t, home, name).Registration; r.Status != "assigned" || r.OperationID != operation {
		t.Errorf("registration %+v", r)
	}
	if len(requests(events, "send event")) == 0 {
		t.Error("no telemetry after the registration")
	}
}

func TestKilledRunIsResumed(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes", "--enrollment", "group", "--count", "1").want(t, 0)
	p := start(t, environ(t, home), "run", "press-3", "--json")
	p.until(&p.stdout, `"event":"poll_scheduled"`)
	p.signal(syscall.SIGKILL)
	if code := p.wait(); code != 137 {
		t.Fatalf("exit code %d, want 137", code)
	}
	if err := underWay(t, home, "press-3"); err != nil {
		t.Fatal(err)
	}
	operation := state(t, home, "press-3").Registration.OperationID

	r := dpslab(t, home, "run", "press-3", "--resume", "--json").want(t, 0)
	events := eventsOf(t, r.stdout)
	if last := finished(t, events); last.Outcome != workflow.Done {
		t.Errorf("the resumed run ended %s", last.Outcome)
	}
	if n := len(requests(events, "register")); n != 0 {
		t.Errorf("the resumed run registered %d times", n)
	}
	if n := len(requests(events, "operation status")); n == 0 {
		t.Error("the resumed run did not ask for the operation")
	}
	wantResumed(t, home, "press-3", operation)

	again := dpslab(t, home, "run", "press-3", "--resume", "--json").want(t, 0)
	if n := len(requests(eventsOf(t, again.stdout), "register")); n != 1 {
		t.Errorf("with nothing to resume, %d register requests, want 1", n)
	}
}

func TestKilledWorkbenchOffersToResume(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := polling(t, home, "truck-7")
	_ = s.cmd.Process.Kill()
	if code := s.wait(); code != 137 {
		t.Fatalf("exit code %d, want 137", code)
	}
	takeUp(t, home, "truck-7")
}

func TestInterruptedRunIsResumable(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			dpslab(t, home, "new", "press-3", "--yes", "--count", "1").want(t, 0)
			p := start(t, environ(t, home), "run", "press-3")
			p.until(&p.stderr, "poll 1 in 3 s")
			p.signal(sig)
			if code := p.wait(); code != 130 {
				t.Errorf("exit code %d, want 130", code)
			}
			if err := underWay(t, home, "press-3"); err != nil {
				t.Error(err)
			}
			operation := state(t, home, "press-3").Registration.OperationID
			dpslab(t, home, "run", "press-3", "--resume").want(t, 0)
			wantResumed(t, home, "press-3", operation)
		})
	}
}
