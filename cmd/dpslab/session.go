package main

import (
	"context"
	"errors"
	"time"

	"dpslab/cmd/embeddedlab"
	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/dps/tpm"
	"dpslab/workflow/emulator"
)

// labOptions are those of the lab that the workbench and runs share.
func (a *app) labOptions(p profiles.Paths) emulator.Options {
	return emulator.Options{Dir: p.LabDir(), Version: version}
}

// openTPM opens the TPM of a profile for the engine.
func openTPM(path string) (workflow.TPM, error) { return tpm.Open(path) }

// session makes the session of a command without a screen.
func (a *app) session(store *profiles.Store, lab emulator.Options, sink func(workflow.Event)) *workflow.Session {
	c := workflow.Config{Store: store, OpenLab: embeddedlab.Open(lab), OpenTPM: openTPM, Getenv: a.getenv, Sink: sink, ReadOnly: a.readOnly}
	if isTerminal(a.in) && isTerminal(a.err) {
		c.Ask = a.ask
	}
	return workflow.NewSession(c)
}

// face chooses how events are told: JSON lines on standard output; with --quiet
// only what needs a person; else plain lines on standard error.
func (a *app) face(asJSON bool) func(workflow.Event) {
	switch {
	case asJSON:
		return jsonFace(a.out)
	case a.quiet:
		plain := &plainFace{out: a.err}
		return func(e workflow.Event) {
			if e.Kind == workflow.HandNeeded { // a device code: nothing goes on without a person
				plain.event(e)
			}
		}
	}
	return (&plainFace{out: a.err, verbose: a.verbose}).event
}

// attended is a session whose events are told as they come.
type attended struct {
	*workflow.Session
	app    *app
	status *workflow.Status
	tell   func(workflow.Event)
	asJSON bool
}

// attend makes the session in which one device is run. It is to be closed.
func (a *app) attend(store *profiles.Store, lab emulator.Options, name string, asJSON bool) *attended {
	t := &attended{app: a, status: workflow.NewStatus(name), tell: a.face(asJSON), asJSON: asJSON}
	t.Session = a.session(store, lab, func(e workflow.Event) {
		t.status.Apply(e)
		t.tell(e)
	})
	return t
}

// run runs the profile's steps to their end and returns the status. A run that
// failed is a reported error: the problem is printed.
func (t *attended) run(ctx context.Context, o workflow.RunOptions) (*workflow.Status, error) {
	if _, err := t.Start(t.status.Device, o); err != nil {
		return nil, t.app.refuse(err, t.asJSON, t.tell)
	}
	stop := context.AfterFunc(ctx, t.Cancel)
	defer stop()
	t.Wait()
	if p := t.status.Problem; p != nil {
		if !t.asJSON {
			printProblem(t.app.err, p)
		}
		return t.status, &reported{p.Kind.ExitCode()}
	}
	return t.status, nil
}

// runSteps is attend and run.
func (a *app) runSteps(ctx context.Context, store *profiles.Store, lab emulator.Options, name string, o workflow.RunOptions, asJSON bool) (*workflow.Status, error) {
	t := a.attend(store, lab, name, asJSON)
	defer t.Close()
	return t.run(ctx, o)
}

// refuse tells an error that came before any event, in the form that was asked
// for.
func (a *app) refuse(err error, asJSON bool, tell func(workflow.Event)) error {
	var problem *workflow.Problem
	if !asJSON || !errors.As(err, &problem) {
		return err
	}
	tell(workflow.Event{At: time.Now(), Kind: workflow.RunFinished, Outcome: workflow.Failed, Problem: problem})
	return &reported{problem.Kind.ExitCode()}
}
