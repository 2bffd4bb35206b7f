package workflow_test

import (
	"context"
	"net"
	"testing"
	"time"

	"dpslab/cmd/embeddedlab"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// What needs no answer to be opened is opened beside the steps before it, once,
// and its requests take it: a step that waits for the connections of the next
// ones sees them come.
func TestConnectionsAreOpenedAhead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dialed := make(chan struct{}, 16)
	b.lab.Dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.lab.Address)
		dialed <- struct{}{}
		return conn, err
	}
	ahead := map[workflow.StepID]int{
		workflow.StepCertificates: 2, // to Azure Resource Manager and to the service API
		workflow.StepSigningCA:    1, // the device's to DPS
	}
	b.onEvent = func(e workflow.Event) {
		if e.Kind != workflow.StepFinished {
			return
		}
		for range ahead[e.Step] {
			select {
			case <-dialed:
			case <-time.After(10 * time.Second):
				t.Errorf("too few connections are opened beside %s", e.Step)
			}
		}
	}
	b.device("d", chainInGroup)
	b.mustRun("d")
	if n := len(dialed); n != 1 {
		t.Errorf("%d more connections, want the one to the hub", n)
	}
}

// A joined lab that has gone before a run is opened anew, and nothing is opened
// ahead to the one that was.
func TestNothingIsOpenedAheadToALabThatHasGone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := emulator.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", RetryAfter: -1}
	owner, err := embeddedlab.Open(o)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.session = b.open(embeddedlab.Open(o))
	defer b.session.Close()
	if lab, err := b.session.OpenLab(t.Context()); err != nil || !lab.Joined {
		t.Fatalf("%+v, %v", lab, err)
	}
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	b.device("d", chainInGroup)
	b.mustRun("d")
	opened := 0
	for _, e := range b.seen() {
		switch {
		case e.Kind == workflow.LabOpened:
			opened++
		case e.Kind == workflow.RetryScheduled, e.Kind == workflow.ExchangeFinished && e.Exchange.Error != "":
			t.Errorf("%s: %+v", e.Kind, e.Problem)
		}
	}
	if opened != 1 {
		t.Errorf("a lab was opened %d times in the run", opened)
	}
}
