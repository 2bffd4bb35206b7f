package workflow_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/workflow"
	"dpslab/workflow/dps"
)

// keyGroup writes a group to the lab and gives the key it attests by.
func (b *bench) keyGroup(v *workflow.Service, id, attestation string) dps.Secret {
	b.t.Helper()
	if _, err := v.PutEnrollment(b.t.Context(), []byte(`{"enrollmentGroupId": "`+id+`", "attestation": `+attestation+`}`), true, nil); err != nil {
		b.t.Fatal(err)
	}
	facts, err := v.Attestation(b.t.Context(), true, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return facts.PrimaryKey
}

// A device's key is derived from the group's and stands in a file that only its
// owner reads, and nowhere else; with it the device registers.
func TestDeriveKeyToAFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v := b.side(workflow.ServiceOptions{})
	group := b.keyGroup(v, "line:3", `{"type": "symmetricKey"}`)
	want, err := dps.DeriveKey(group, "press-7")
	if err != nil {
		t.Fatal(err)
	}
	for _, unchanged := range []bool{false, true} {
		k, err := v.DeriveKey(t.Context(), "line:3", "Press-7", "")
		if err != nil {
			t.Fatal(err)
		}
		if k.RegistrationID != "press-7" || k.Unchanged != unchanged || k.File != v.DerivedKeyFile("line:3", "PRESS-7") || !strings.HasSuffix(k.File, filepath.Join("keys", "line-3", "press-7.key")) {
			t.Errorf("%+v", k)
		}
		if !strings.Contains(k.Next, "dpslab new press-7 ") || !strings.Contains(k.Next, "dpslab register press-7") || strings.Contains(k.Next, want.Reveal()) {
			t.Errorf("next: %s", k.Next)
		}
		text, err := os.ReadFile(k.File)
		info, statErr := os.Stat(k.File)
		if err != nil || statErr != nil || string(text) != want.Reveal()+"\n" || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s has mode %v: %v, %v", k.File, info.Mode(), err, statErr)
		}
	}
	told, err := json.Marshal(b.seen())
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"group's": group.Reveal(), "device's": want.Reveal()} {
		if strings.Contains(string(told), secret) {
			t.Errorf("the %s key is in the events", what)
		}
	}
	b.env["DEVICE_KEY"] = want.Reveal()
	b.device("press-7", workflow.Answers{
		"identity.attestation": "symmetric-key", "enrollment.kind": "group", "enrollment.id": "line:3", "identity.symmetric_key_env": "DEVICE_KEY", "advanced.enrollment": "yes", "identity.derived_key": "yes",
	})
	if s := b.run(b.session, "press-7", workflow.RunOptions{Only: []workflow.StepID{workflow.StepRegistration}}); s.Outcome != workflow.Done || s.Registration.Status != "assigned" {
		t.Errorf("with the key: %s, %+v", s.Outcome, s.Problem)
	}
}

func TestDeriveKeyRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v := b.side(workflow.ServiceOptions{})
	b.keyGroup(v, "presses", `{"type": "symmetricKey"}`)
	b.device("device-01", chainInGroup)
	b.mustRun("device-01")
	taken := filepath.Join(t.TempDir(), "taken.key")
	if err := os.WriteFile(taken, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		group, id, file string
		kind            workflow.ProblemKind
		want            string
	}{
		"no ID":              {"presses", "press.", "", workflow.Usage, "ends in '.'"},
		"no ID of a group":   {"../../presses", "press-7", "", workflow.Usage, "the group's ID"},
		"no such group":      {"nobody", "press-7", "", workflow.Refused, "404"},
		"attests by X.509":   {"dpslab-group", "press-7", "", workflow.Refused, "does not attest by symmetric key"},
		"another file there": {"presses", "press-7", taken, workflow.LocalFile, "holds something else"},
		"no such folder":     {"presses", "press-7", filepath.Join(taken, "x", "y.key"), workflow.LocalFile, ""},
	} {
		var p *workflow.Problem
		if _, err := v.DeriveKey(t.Context(), tt.group, tt.id, tt.file); !errors.As(err, &p) || p.Kind != tt.kind || !strings.Contains(p.Summary, tt.want) {
			t.Errorf("%s: %+v", name, err)
		}
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "mine\n" {
		t.Errorf("the file that was there holds %q, %v", text, err)
	}
	groups, err := v.Enrollments(t.Context(), workflow.EnrollmentQuery{Group: true})
	if err != nil || len(groups.Items) != 2 {
		t.Fatalf("%+v, %v", groups, err)
	}
	for _, g := range groups.Items {
		if g.DerivesKeys() != (g.ID == "presses") {
			t.Errorf("%s derives keys: %t", g.ID, g.DerivesKeys())
		}
	}
}
