package workflow_test

import (
	"errors"
	"os"
	"testing"

	"dpslab/workflow"
)

// A read-only session looks at everything and writes nothing.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d1", nil)
	b.mustRun("d1")
	before, err := os.ReadFile(b.store.Paths.Profile("d1"))
	if err != nil {
		t.Fatal(err)
	}
	s := workflow.NewSession(workflow.Config{Store: b.store, ReadOnly: true, Sink: func(e workflow.Event) { t.Errorf("it ran: %s", e.Kind) }})
	profile := s.Device("d1").Profile
	for name, write := range map[string]func() error{
		"start":   func() error { _, err := s.Start("d1", workflow.RunOptions{}); return err },
		"save":    func() error { return s.Save("d2", profile) },
		"replace": func() error { _, err := s.Replace("d1", profile); return err },
		"remove":  func() error { _, err := s.Remove("d1"); return err },
		"fault":   func() error { return s.SetFault(t.Context(), "disabled", true) },
	} {
		var p *workflow.Problem
		if err := write(); !errors.As(err, &p) || p.Summary != "this session is read-only" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := os.ReadFile(b.store.Paths.Profile("d1")); err != nil || string(after) != string(before) {
		t.Errorf("the profile is %q, %v", after, err)
	}
	if v, err := s.Chain("d1"); err != nil || len(v.Elements) != 1 {
		t.Errorf("its chain cannot be seen: %v", err)
	}
}
