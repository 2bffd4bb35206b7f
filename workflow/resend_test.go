package workflow_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"dpslab/workflow"
)

// Every exchange of a run can be sent again and gets an answer of its own; what
// was sent shows beside the run's.
func TestResend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"telemetry.count": "1"})
	status := b.mustRun("d")
	seen := map[string]bool{}
	for x, err := range status.Exchanges.Recording().All() {
		if err != nil {
			t.Fatal(err)
		}
		if seen[x.Service+x.Operation] {
			continue
		}
		seen[x.Service+x.Operation] = true
		var again []*workflow.Exchange
		b.onEvent = func(e workflow.Event) {
			before := status.Exchanges.Len()
			status.Apply(e)
			for n := before; n < status.Exchanges.Len(); n++ {
				again = append(again, status.Exchanges.Whole(n))
			}
		}
		if err := b.session.Resend(t.Context(), "d", x); err != nil {
			t.Errorf("%s %s: %v", x.Method, x.Operation, err)
			continue
		}
		b.onEvent = nil
		if len(again) != 1 {
			t.Errorf("%s %s was sent again %d times", x.Method, x.Operation, len(again))
			continue
		}
		if got := again[0]; got.URL != x.URL || got.RequestBody != x.RequestBody || got.Status == http.StatusUnauthorized || got.Status == 0 {
			t.Errorf("%s %s again: %+v", x.Method, x.Operation, got)
		}
	}
	for _, want := range []string{"DPSregister", "IoT Hubsend event", "DPS service APIput enrollment"} {
		if !seen[want] {
			t.Errorf("no exchange %q among %v", want, seen)
		}
	}
	if status.Outcome != workflow.Done || status.Running {
		t.Errorf("the run is %s, running %v", status.Outcome, status.Running)
	}
}

// A record that was tampered with does not carry a credential to another host,
// and one that is not whole is not sent.
func TestResendRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"telemetry.count": "1"})
	status := b.mustRun("d")
	good := status.Exchanges.Newest()
	for name, change := range map[string]func(*workflow.Exchange){
		"another host":    func(x *workflow.Exchange) { x.URL = strings.Replace(x.URL, ".azure-devices.net", ".example.com", 1) },
		"no TLS":          func(x *workflow.Exchange) { x.URL = strings.Replace(x.URL, "https://", "http://", 1) },
		"another service": func(x *workflow.Exchange) { x.Service = "DPS service API" },
		"secret":          func(x *workflow.Exchange) { x.RequestBody = `{"password":"[secret]"}` },
		"cut":             func(x *workflow.Exchange) { x.Truncated = true },
	} {
		x := *good
		change(&x)
		var p *workflow.Problem
		if err := b.session.Resend(t.Context(), "d", &x); !errors.As(err, &p) || p.Kind != workflow.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
