package workflow_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"dpslab/workflow"
)

func (b *bench) look() workflow.LabView {
	b.t.Helper()
	v, err := b.session.LabView(b.t.Context())
	if err != nil {
		b.t.Fatalf("look at the lab: %v", err)
	}
	return v
}

// What runs left behind in the lab is what a look at it shows.
func TestLabView(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if v := b.look(); len(v.Enrollments)+len(v.Registrations)+len(v.Inbox) > 0 || len(v.Hubs) != 1 || v.DPSName == "" || v.Facts.IDScope == "" {
		t.Errorf("an empty lab shows %+v", v)
	}
	b.device("alone", nil)
	b.device("member", chainInGroup)
	b.mustRun("alone")
	b.mustRun("member")
	v := b.look()
	if len(v.Enrollments) != 2 || !v.Enrollments[0].Group || v.Enrollments[0].ID != "dpslab-group" || v.Enrollments[0].Devices != 1 ||
		v.Enrollments[1].ID != "alone" || v.Enrollments[1].Attestation != "x509" || !v.Enrollments[1].Enabled {
		t.Errorf("enrollments %+v", v.Enrollments)
	}
	var ids []string
	for _, r := range v.Registrations {
		ids = append(ids, fmt.Sprintf("%s %s %v %s", r.ID, r.Enrollment, r.Group, r.Status))
		if r.Updated.IsZero() || r.Hub == "" || r.DeviceID != r.ID {
			t.Errorf("registration %+v", r)
		}
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"alone alone false assigned", "member dpslab-group true assigned"}) {
		t.Errorf("registrations %q", ids)
	}
	if len(v.Inbox) != 4 || v.Inbox[0].DeviceID != "member" || v.Inbox[0].Sequence != 2 || v.Inbox[0].EnqueuedAt.Before(v.Inbox[3].EnqueuedAt) {
		t.Errorf("inbox %+v", v.Inbox)
	}
	b.mustRun("alone", workflow.StepTelemetry)
	if again := b.look(); len(again.Inbox) != 6 || again.Inbox[0].DeviceID != "alone" || again.Inbox[0].Sequence != 4 {
		t.Errorf("after two more messages the inbox is %+v", again.Inbox)
	}
}

// A scenario that is switched on strikes, is counted, and is gone when it is
// switched off.
func TestSetFault(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d1", nil)
	on := func(v workflow.LabView) (names []string, hits int) {
		for _, f := range v.Faults {
			if f.On {
				names = append(names, f.Name)
				hits += f.Hits
			}
		}
		return names, hits
	}
	before := b.look()
	if names, _ := on(before); len(names) > 0 || len(before.Faults) < 10 {
		t.Errorf("a new lab has %d scenarios, %v are on", len(before.Faults), names)
	}
	if err := b.session.SetFault(t.Context(), "disabled", true); err != nil {
		t.Fatal(err)
	}
	b.refused("d1")
	if names, hits := on(b.look()); !slices.Equal(names, []string{"disabled"}) || hits != 1 {
		t.Errorf("scenarios %v are on and struck %d times", names, hits)
	}
	if err := b.session.SetFault(t.Context(), "disabled", false); err != nil {
		t.Fatal(err)
	}
	b.mustRun("d1")
	var p *workflow.Problem
	if err := b.session.SetFault(t.Context(), "no such scenario", true); !errors.As(err, &p) {
		t.Errorf("an unknown scenario: %v", err)
	}
}

// A scenario strikes where and as often as it is told; what the lab refuses
// leaves things as they were.
func TestPlayFault(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d1", nil)
	b.device("d2", workflow.Answers{"enrollment.kind": "individual"})
	fault := func(name string) workflow.LabFault {
		v := b.look()
		return v.Faults[slices.IndexFunc(v.Faults, func(f workflow.LabFault) bool { return f.Name == name })]
	}
	f := fault("disabled")
	f.Device = "d1"
	if err := b.session.PlayFault(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	b.refused("d1")
	b.mustRun("d2")
	if got := fault("disabled"); !got.On || got.Device != "d1" || got.Hits != 1 || len(got.Operations) == 0 {
		t.Errorf("%+v", got)
	}
	f.Device = "d2"
	if err := b.session.PlayFault(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	b.mustRun("d1")
	b.refused("d2")
	wrong := fault("disabled")
	wrong.Operation = "no such operation"
	var p *workflow.Problem
	if err := b.session.PlayFault(t.Context(), wrong); !errors.As(err, &p) {
		t.Errorf("an unknown operation: %v", err)
	}
	if got := fault("disabled"); !got.On || got.Device != "d2" {
		t.Errorf("after a refused change: %+v", got)
	}
}
