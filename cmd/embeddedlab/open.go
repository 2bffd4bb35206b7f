// Package embeddedlab makes the emulator a target of the engine, which does not
// know the emulator: it starts one or joins the one that serves the directory.
package embeddedlab

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
)

// Open makes the function that starts the lab, or joins the one that serves
// the same directory already.
func Open(o emulator.Options) func(context.Context) (*workflow.Lab, error) {
	return func(ctx context.Context) (*workflow.Lab, error) {
		own, ready, operator, err := emulator.OpenOrJoin(ctx, o)
		if err != nil {
			return nil, withRemedy(err)
		}
		lab, err := asLab(ready, operator)
		if err != nil {
			if own != nil {
				own.Close()
			}
			return nil, err
		}
		if lab.Joined = own == nil; lab.Joined {
			lab.Check = func(ctx context.Context) error { _, err := operator.Info(ctx); return err }
		}
		lab.Close = func() error {
			operator.Close()
			if own != nil {
				return own.Close()
			}
			return nil
		}
		return lab, nil
	}
}

// withRemedy says what to do about a lab that cannot be opened.
func withRemedy(err error) error {
	p := &workflow.Problem{Kind: workflow.LocalFile, Op: "open the lab", Summary: err.Error()}
	var (
		damaged *emulator.DamagedError
		held    *emulator.HeldError
	)
	switch {
	case errors.As(err, &damaged):
		p.Fix = "`dpslab lab reset` puts it aside and begins an empty lab, `dpslab lab import FILE` brings back one that was exported."
	case errors.As(err, &held):
		heldElsewhere(p, held)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		p.Fix = "Make yourself the owner of that folder, or keep everything in another one: dpslab --home DIR."
	default:
		return err
	}
	return p
}

// heldElsewhere tells of a process that has the lab's folder and does not let
// others join: one that hangs or is stopped, or one that begins or ends.
func heldElsewhere(p *workflow.Problem, held *emulator.HeldError) {
	p.Kind, p.Summary = workflow.Unreachable, held.Error() // trying again may help
	p.Why = "One process at a time keeps a lab, and others join it. "
	if held.PID == 0 {
		p.Why += "This one has not said where it serves: it is starting or ending, or it is stopped."
		p.Fix = "Wait a moment. If it stays, end the other dpslab: a workbench, a run or dpslab lab in another window, perhaps suspended there (fg brings it back)."
	} else {
		p.Summary += ", and does not answer there"
		p.Why += fmt.Sprintf("Process %d hangs or is stopped.", held.PID)
		p.Fix = fmt.Sprintf("If it is suspended in another window, bring it back with fg; else end it: kill %d.", held.PID)
	}
	p.Fix += " Or use another lab: dpslab --home DIR keeps everything in a folder of its own."
}

// asLab shows a lab to the engine as a target like any other.
func asLab(r emulator.Ready, operator *emulator.Operator) (*workflow.Lab, error) {
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the lab's root certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", r.CAFile)
	}
	return &workflow.Lab{
		LabFacts: workflow.LabFacts{Address: r.Address, IDScope: r.IDScope, CAFile: r.CAFile},
		Roots:    roots, DPSName: r.DPSName, SubscriptionID: r.SubscriptionID, ResourceGroup: r.ResourceGroup,
		DeviceHost: r.DeviceHost, ServiceHost: r.ServiceHost, ManagementHost: r.ManagementHost, HubHosts: r.HubHosts,
		ServiceConnectionString: dps.NewSecret(r.ServiceConnectionString),
		ManagementToken:         dps.NewSecret(r.ManagementToken),
		HubConnectionStrings:    hubConnections(r),
		APIMName:                r.APIMName,
		Inbox: func(ctx context.Context, hub, deviceID string, after uint64) ([]workflow.Received, error) {
			events, err := operator.Inbox(ctx, hub, deviceID, after)
			if err != nil {
				return nil, err
			}
			received := make([]workflow.Received, 0, len(events))
			for _, e := range events {
				received = append(received, workflow.Received{
					Hub: hub, DeviceID: deviceID, Sequence: e.Sequence, EnqueuedAt: e.EnqueuedAt, Body: e.Body,
					Properties: e.Properties, System: e.System,
				})
			}
			return received, nil
		},
		Send: func(ctx context.Context, hub, deviceID string, m workflow.ToDevice) error {
			return operator.Send(ctx, hub, deviceID, emulator.Command{Body: m.Body, Properties: m.Properties})
		},
		Contents: func(ctx context.Context) (workflow.LabContents, error) { return contents(ctx, operator) },
		Faults:   func(ctx context.Context) ([]workflow.LabFault, error) { return scenarios(ctx, operator) },
		SetFault: func(ctx context.Context, name string, on bool) error {
			if on {
				return operator.SetFault(ctx, emulator.Fault{Scenario: name})
			}
			_, err := operator.ClearFaults(ctx, name)
			return err
		},
		PlayFault: func(ctx context.Context, f workflow.LabFault) error { return play(ctx, operator, f) },
	}, nil
}

// hubConnections are the hubs' connection strings by host name.
func hubConnections(r emulator.Ready) map[string]dps.Secret {
	all := make(map[string]dps.Secret, len(r.HubHosts))
	for i, host := range r.HubHosts {
		if i < len(r.HubConnectionStrings) { // a lab of an earlier version tells only the first
			all[host] = dps.NewSecret(r.HubConnectionStrings[i])
		}
	}
	return all
}

// scenarios lists what the lab can play, and which of it is switched on.
func scenarios(ctx context.Context, operator *emulator.Operator) ([]workflow.LabFault, error) {
	active, err := operator.Faults(ctx)
	if err != nil {
		return nil, err
	}
	var all []workflow.LabFault
	for _, s := range emulator.Scenarios() {
		fault := workflow.LabFault{Name: s.Name, Title: s.Title, Operations: s.Operations, Value: s.Default, UsualRate: s.Rate}
		for _, a := range active {
			if a.Scenario != s.Name {
				continue
			}
			fault.On, fault.Hits = true, fault.Hits+a.Hits
			if a.Value != "" {
				fault.Value = a.Value
			}
			fault.Operation, fault.Device, fault.Rate, fault.Count = a.Operation, a.Device, a.Rate, a.Count
		}
		all = append(all, fault)
	}
	return all, nil
}

// play switches a scenario on with its parameters, in place of what was on of
// it. Parameters that the lab refuses leave that as it was.
func play(ctx context.Context, operator *emulator.Operator, f workflow.LabFault) error {
	active, err := operator.Faults(ctx)
	if err != nil {
		return err
	}
	wanted := emulator.Fault{Scenario: f.Name, Operation: f.Operation, Device: f.Device, Rate: f.Rate, Count: f.Count, Value: f.Value}
	if err := operator.SetFault(ctx, wanted); err != nil {
		return err
	}
	for _, a := range active {
		if a.Scenario == f.Name && (a.Operation != f.Operation || a.Device != f.Device) {
			if _, err := operator.ClearFaults(ctx, f.Name); err != nil {
				return err
			}
			return operator.SetFault(ctx, wanted)
		}
	}
	return nil
}

// contents is what the lab holds, in the engine's words.
func contents(ctx context.Context, operator *emulator.Operator) (workflow.LabContents, error) {
	held, err := operator.Contents(ctx)
	if err != nil {
		return workflow.LabContents{}, err
	}
	c := workflow.LabContents{More: held.More}
	for _, e := range held.Enrollments {
		c.Enrollments = append(c.Enrollments, workflow.LabEnrollment{
			ID: e.ID, Group: e.Group, Attestation: e.Attestation, Allocation: e.Allocation, Enabled: e.Enabled,
		})
	}
	for _, r := range held.Registrations {
		updated, _ := time.Parse(time.RFC3339, r.LastUpdatedDateTimeUTC) // zero when it says none
		c.Registrations = append(c.Registrations, workflow.LabRegistration{
			ID: r.RegistrationID, Enrollment: r.Enrollment, Group: r.Group, Status: r.Status, Substatus: r.Substatus,
			Hub: r.AssignedHub, DeviceID: r.DeviceID, ErrorCode: r.ErrorCode, Updated: updated.UTC(),
		})
	}
	for _, d := range held.Devices {
		c.Senders = append(c.Senders, workflow.LabSender{Hub: d.Hub, DeviceID: d.ID, Last: d.Last})
	}
	return c, nil
}
