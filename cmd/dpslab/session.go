package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
)

// openLab makes the function that starts the lab, or joins the one that serves
// the same directory already.
func openLab(o emulator.Options) func(context.Context) (*workflow.Lab, error) {
	return func(ctx context.Context) (*workflow.Lab, error) {
		own, ready, operator, err := emulator.OpenOrJoin(ctx, o)
		if err != nil {
			return nil, err
		}
		lab, err := asLab(ready, operator)
		if err != nil {
			if own != nil {
				own.Close()
			}
			return nil, err
		}
		lab.Joined = own == nil
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
	}, nil
}

// labOptions are those of the lab that the workbench and runs share.
func (a *app) labOptions(p profiles.Paths) emulator.Options {
	return emulator.Options{Dir: p.LabDir(), Version: version}
}

// session makes the session of a command without a screen.
func (a *app) session(store *profiles.Store, lab emulator.Options, sink func(workflow.Event)) *workflow.Session {
	c := workflow.Config{Store: store, OpenLab: openLab(lab), Getenv: a.getenv, Sink: sink}
	if isTerminal(a.in) && isTerminal(a.err) {
		c.Ask = a.ask
	}
	return workflow.NewSession(c)
}

// face chooses how events are told: JSON lines on standard output, nothing, or
// plain lines on standard error.
func (a *app) face(asJSON bool) func(workflow.Event) {
	switch {
	case asJSON:
		return jsonFace(a.out)
	case a.quiet:
		return func(workflow.Event) {}
	}
	return (&plainFace{out: a.err, verbose: a.verbose}).event
}

// runSteps runs a profile's steps to their end and returns the status. A run
// that failed is a reported error: the problem is printed.
func (a *app) runSteps(ctx context.Context, store *profiles.Store, lab emulator.Options, name string, o workflow.RunOptions, asJSON bool) (*workflow.Status, error) {
	status := workflow.NewStatus(name)
	tell := a.face(asJSON)
	s := a.session(store, lab, func(e workflow.Event) {
		status.Apply(e)
		tell(e)
	})
	defer s.Close()
	if _, err := s.Start(name, o); err != nil {
		return nil, a.refuse(err, asJSON, tell)
	}
	stop := context.AfterFunc(ctx, s.Cancel)
	defer stop()
	s.Wait()
	if p := status.Problem; p != nil {
		if !asJSON {
			printProblem(a.err, p)
		}
		return status, &reported{p.Kind.ExitCode()}
	}
	return status, nil
}

// refuse tells an error that came before any event, in the form that was asked
// for.
func (a *app) refuse(err error, asJSON bool, tell func(workflow.Event)) error {
	var problem *workflow.Problem
	if !asJSON || !errors.As(err, &problem) {
		return err
	}
	tell(workflow.Event{Kind: workflow.RunFinished, Outcome: workflow.Failed, Problem: problem})
	return &reported{problem.Kind.ExitCode()}
}
