package workflow_test

import (
	"slices"
	"strings"
	"testing"

	"dpslab/profiles"
	"dpslab/workflow"
)

func TestSaveRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	w := workflow.NewWizard(workflow.Answers{"identity.registration_id": "d"})
	if err := b.session.Save("d", w.Profile()); err == nil {
		t.Error("a second profile of the same name was saved over the first")
	}
	if err := b.session.Save("../d", w.Profile()); err == nil {
		t.Error("a name that is a path was accepted")
	}
	bad := w.Set("identity.registration_id", "d..").Profile()
	if err := b.session.Save("e", bad); err == nil {
		t.Error("a bad profile was saved")
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	b.mustRun("d")
	removed, err := b.session.Remove("d")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(removed, b.store.Paths.Profile("d")) {
		t.Errorf("removed %v", removed)
	}
	if d := b.session.Device("d"); d.Err == nil {
		t.Error("the device is still there")
	}
	b.authority() // shared by other devices: stays
}

func TestDraft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, ok := b.session.Draft(); ok {
		t.Fatal("a draft where none was kept")
	}
	want := workflow.Answers{"identity.registration_id": "half", "telemetry.body": "{\"a\": 1}\n"}
	if err := b.session.SaveDraft(want); err != nil {
		t.Fatal(err)
	}
	got, ok := b.session.Draft()
	if !ok || got["identity.registration_id"] != "half" || got["telemetry.body"] != want["telemetry.body"] {
		t.Errorf("draft %v", got)
	}
	if err := b.session.DropDraft(); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.session.Draft(); ok {
		t.Error("the draft is still there")
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	b.mustRun("d", workflow.StepCertificates, workflow.StepEnrollment)
	r, err := b.session.Lookup(t.Context(), "d")
	if err != nil || r.Status != "unassigned" {
		t.Errorf("before registering: %+v, %v", r, err)
	}
	b.mustRun("d", workflow.StepRegistration)
	r, err = b.session.Lookup(t.Context(), "d")
	if err != nil || r.Status != "assigned" || r.DeviceID != "d" {
		t.Errorf("after registering: %+v, %v", r, err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	azure := profiles.Target{Kind: "azure", IDScope: "0ne00111111", ServiceEndpoint: "contoso.azure-devices-provisioning.net"}
	tests := []struct {
		name       string
		credential string
		env        string
		want       string // in the problem's summary
	}{
		{"variable not set", "connection-string", "", "DPS_CONNECTION_STRING is not set"},
		{"not a connection string", "connection-string", "hello", "has no HostName="},
		{"cut short", "connection-string", "HostName=a;SharedAccessKeyName=b;SharedAccessKey=%%%", "is not base64"},
		{"of an IoT hub", "connection-string", "HostName=hub.azure-devices.net;SharedAccessKeyName=b;SharedAccessKey=AAECAwQFBgc=", "is for hub.azure-devices.net, the target is contoso"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			w := workflow.NewWizard(workflow.Answers{"identity.registration_id": "d"})
			p := w.Profile()
			p.Target = azure
			p.Target.Credential, p.Target.ConnectionStringEnv = tt.credential, "DPS_CONNECTION_STRING"
			if err := b.session.Save("d", p); err != nil {
				t.Fatal(err)
			}
			b.env["DPS_CONNECTION_STRING"] = tt.env
			problem := b.refused("d", workflow.StepCertificates, workflow.StepEnrollment)
			if problem.Kind.ExitCode() != 2 || !strings.Contains(problem.Summary, tt.want) || problem.Fix == "" {
				t.Errorf("%+v", problem)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		p := workflow.NewWizard(workflow.Answers{"identity.registration_id": "d"}).Profile()
		p.Target = azure
		p.Target.Credential, p.Target.DeviceEndpoint = "none", "dps.invalid" // nobody answers there
		if err := b.session.Save("d", p); err != nil {
			t.Fatal(err)
		}
		problem := b.refused("d", workflow.StepCertificates, workflow.StepEnrollment)
		if problem.Kind != workflow.ByHand || !strings.Contains(problem.Fix, "az iot dps enrollment create --dps-name contoso --enrollment-id d") || !strings.Contains(problem.Fix, "Manage enrollments") {
			t.Errorf("%+v", problem)
		}
	})
}
