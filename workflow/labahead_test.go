package workflow_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"dpslab/workflow"
)

// TestLabComesUpBesideTheCertificates: the lab is opened once, told where it is
// first needed, closed with the session, and left alone by a run without need of
// it.
func TestLabComesUpBesideTheCertificates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, c := range map[string]struct {
		only                 []workflow.StepID
		failures             int32 // of opening, before it works
		blocked              bool  // the certificates cannot be written
		opened, told, closed int32
		outcome              workflow.Outcome
	}{
		"whole-run":       {outcome: workflow.Done, opened: 1, told: 1, closed: 1},
		"first-try-fails": {outcome: workflow.Done, failures: 1, opened: 2, told: 1, closed: 1},
		"both-tries-fail": {outcome: workflow.Failed, failures: 9, opened: 2},
		"no-certificates": {outcome: workflow.Failed, blocked: true, opened: 1, closed: 1},
		"only-files":      {outcome: workflow.Done, only: []workflow.StepID{workflow.StepCertificates}},
	} {
		var opened, closed atomic.Int32
		s := b.open(func(context.Context) (*workflow.Lab, error) {
			if opened.Add(1) <= c.failures {
				return nil, errors.New("the port is taken")
			}
			shared := *b.lab
			shared.Close = func() error { closed.Add(1); return nil }
			return &shared, nil
		})
		b.device(name, nil)
		if c.blocked {
			path := b.store.Paths.DeviceDir(name) // a file where the folder should be
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		status := b.run(s, name, workflow.RunOptions{Only: c.only})
		var told int32
		done := false
		for _, e := range b.seen() {
			done = done || e.Kind == workflow.StepFinished && e.Step == workflow.StepCertificates
			if e.Kind == workflow.LabOpened {
				told++
				if !done {
					t.Errorf("%s: the lab is told before anything needs it", name)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if status.Outcome != c.outcome || opened.Load() != c.opened || told != c.told || closed.Load() != c.closed {
			t.Errorf("%s: %s (%v), opened %d, told %d, closed %d, want %+v", name, status.Outcome, status.Problem, opened.Load(), told, closed.Load(), c)
		}
	}
}
