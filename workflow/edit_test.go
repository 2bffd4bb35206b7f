package workflow_test

import (
	"os"
	"strings"
	"testing"

	"dpslab/workflow"
)

// Editing changes what was asked, keeps what no question asks for, and leaves
// the old file beside the new one.
func TestEditAProfile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d1", nil)
	path := b.store.Paths.Profile("d1")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := "# mine\n" + strings.Replace(string(text), "[enrollment]", "[enrollment]\niot_edge = true\ninitial_twin = { tags = { line = 3 } }", 1)
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := b.session.Edit("d1")
	if err != nil {
		t.Fatal(err)
	}
	w.Page = workflow.PageIdentity
	for _, f := range w.Fields() {
		if f.Key == "name" {
			t.Error("the name of a profile that exists is asked for")
		}
	}
	w.Taken = func(string) bool { return true } // its own name is taken by itself
	w = w.Set("telemetry.count", "77")
	if wrong := w.Errors(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	backup, err := b.session.Replace("d1", w.Profile())
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(backup); err != nil || string(kept) != old {
		t.Errorf("the old file is %q, %v", kept, err)
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != w.TOML() {
		t.Errorf("saved %q, %v; announced %q", after, err, w.TOML())
	}
	d := b.session.Device("d1")
	if d.Err != nil || d.Profile.Telemetry.Count != 77 || !d.Profile.Enrollment.IoTEdge || d.Profile.Enrollment.InitialTwin == nil {
		t.Errorf("the profile is %+v, %v", d.Profile, d.Err)
	}
	if names, err := b.session.Names(); err != nil || len(names) != 1 {
		t.Errorf("profiles %v, %v", names, err)
	}
	if _, err := b.session.Replace("d2", w.Profile()); err == nil {
		t.Error("a profile that is not there was replaced")
	}
	bad := w.Set("identity.registration_id", "d1.").Profile()
	if _, err := b.session.Replace("d1", bad); err == nil {
		t.Error("a bad profile was written")
	}
}
