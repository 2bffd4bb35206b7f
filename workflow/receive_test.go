package workflow_test

import (
	"errors"
	"testing"

	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// A message to the device is received, given back, received again and completed;
// then none waits.
func TestReceive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"telemetry.count": "1"})
	status := b.mustRun("d")
	hub := status.Registration.AssignedHub
	connection, err := dps.ParseConnectionString(b.lab.HubConnectionStrings[hub].Reveal())
	if err != nil {
		t.Fatal(err)
	}
	w := wire.NewClient(wire.Options{Roots: b.lab.Roots, Dial: b.lab.DialContext})
	t.Cleanup(w.Close)
	cloud := &iothub.ServiceClient{Wire: w, Host: hub, Authorize: connection.Authorizer()}
	if m, err := b.session.Receive(t.Context(), "d"); m != nil || err != nil {
		t.Fatalf("nothing was sent, received %+v, %v", m, err)
	}
	command := iothub.LabCommand{Body: []byte(`{"interval": 5, "password": "hunter2"}`), MessageID: "m-1", Properties: map[string]string{"kind": "settings"}}
	if err := cloud.SendLabCommand(t.Context(), "d", command); err != nil {
		t.Fatal(err)
	}
	for deliveries, how := range []workflow.Settlement{workflow.Abandon, workflow.Complete} {
		m, err := b.session.Receive(t.Context(), "d")
		if err != nil || m == nil {
			t.Fatalf("before %s: %+v, %v", how, m, err)
		}
		if m.Body != `{"interval": 5, "password": "[secret]"}` || m.MessageID != "m-1" || m.Properties["kind"] != "settings" || m.Deliveries < deliveries {
			t.Errorf("before %s: %+v", how, m)
		}
		if err := b.session.Settle(t.Context(), "d", m.LockToken, how); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := b.session.Receive(t.Context(), "d"); m != nil || err != nil {
		t.Errorf("after completing it, received %+v, %v", m, err)
	}
	var p *workflow.Problem
	if err := b.session.Settle(t.Context(), "d", "no such lock", workflow.Complete); !errors.As(err, &p) || p.Kind != workflow.Refused {
		t.Errorf("settled with a wrong lock: %v", err)
	}
	if err := b.session.Settle(t.Context(), "d", "x", "burn"); !errors.As(err, &p) || p.Kind != workflow.Usage {
		t.Errorf("settled in an unknown way: %v", err)
	}
}
