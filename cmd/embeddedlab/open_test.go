package embeddedlab_test

import (
	"testing"

	"dpslab/cmd/embeddedlab"
	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// A session that joined another's lab opens its own when that one has gone, and
// finds what was there.
func TestJoinedLabGoes(t *testing.T) {
	t.Parallel()
	o := emulator.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", RetryAfter: -1}
	first, err := embeddedlab.Open(o)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	paths, err := profiles.DefaultPaths(t.TempDir(), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s := workflow.NewSession(workflow.Config{Store: profiles.NewStore(paths), OpenLab: embeddedlab.Open(o)})
	defer s.Close()
	joined, err := s.OpenLab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !joined.Joined || joined.Address != first.Address || first.Joined {
		t.Fatalf("joined %+v, the first is %+v", joined.LabFacts, first.LabFacts)
	}
	if again, err := s.OpenLab(t.Context()); err != nil || again != joined {
		t.Fatalf("a lab that answers was left: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	own, err := s.OpenLab(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if own.Joined || own.IDScope != first.IDScope {
		t.Errorf("opened %+v, want an own lab on the same store as %+v", own.LabFacts, first.LabFacts)
	}
}
