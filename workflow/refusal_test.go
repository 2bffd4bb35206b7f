package workflow_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow"
	"dpslab/workflow/dps"
)

// Every refusal reaches the person as a problem that names code, tracking ID,
// likely cause and the way out.
func TestRefusalsAreActionable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answers workflow.Answers
		before  []workflow.StepID
		arrange func(*bench)
		step    workflow.StepID
		status  int
		code    string
		rule    string
		summary string
	}{
		{
			name:   "no enrollment",
			before: []workflow.StepID{workflow.StepCertificates},
			step:   workflow.StepRegistration, status: 401, code: "401002", rule: "R04",
		},
		{
			name:    "expired certificate",
			before:  []workflow.StepID{workflow.StepCertificates},
			arrange: func(b *bench) { b.replaceDeviceCertificate("d", ago(), "d"); b.mustRun("d", workflow.StepEnrollment) },
			step:    workflow.StepRegistration, status: 401, code: "401002", rule: "R02", summary: "Invalid certificate",
		},
		{
			name:   "another certificate than the enrolled one",
			before: []workflow.StepID{workflow.StepCertificates, workflow.StepEnrollment},
			arrange: func(b *bench) {
				b.replaceDeviceCertificate("d", pki.ValidFor(time.Now(), 3), "d")
			},
			step: workflow.StepRegistration, status: 401, code: "401002",
		},
		{
			name:   "CN is not the registration ID",
			before: []workflow.StepID{workflow.StepCertificates},
			arrange: func(b *bench) {
				b.replaceDeviceCertificate("d", pki.ValidFor(time.Now(), 3), "somebody-else")
				b.mustRun("d", workflow.StepEnrollment)
			},
			step: workflow.StepRegistration, status: 401, code: "401002",
		},
		{
			name: "leaf-only chain for a group", answers: chainInGroup,
			before: []workflow.StepID{workflow.StepCertificates, workflow.StepSigningCA, workflow.StepEnrollment},
			arrange: func(b *bench) {
				leaf, err := os.ReadFile(b.files("d").Certificate())
				if err == nil {
					err = os.WriteFile(b.files("d").FullChain(), leaf, 0o644)
				}
				if err != nil {
					b.t.Fatal(err)
				}
			},
			step: workflow.StepRegistration, status: 401, code: "401002", rule: "R01", summary: "CA certificate not found",
		},
		{
			name: "unverified CA", answers: chainInGroup,
			before: []workflow.StepID{workflow.StepCertificates, workflow.StepEnrollment},
			step:   workflow.StepRegistration, status: 401, code: "401002", rule: "R01", summary: "CA certificate not found",
		},
		{
			name:    "disabled enrollment",
			before:  []workflow.StepID{workflow.StepCertificates, workflow.StepEnrollment},
			arrange: disable,
			step:    workflow.StepRegistration, status: 200, rule: "R12", summary: "status disabled",
		},
		{
			name:    "wrong ID scope",
			before:  []workflow.StepID{workflow.StepCertificates, workflow.StepEnrollment},
			arrange: func(b *bench) { b.lab.IDScope = "0ne00BADBAD" },
			step:    workflow.StepRegistration, status: 404, code: "404000", rule: "R08",
		},
		{
			name:   "renewed certificate at the hub",
			before: []workflow.StepID{workflow.StepCertificates, workflow.StepEnrollment, workflow.StepRegistration},
			arrange: func(b *bench) {
				b.replaceDeviceCertificate("d", pki.ValidFor(time.Now(), 3), "d")
			},
			step: workflow.StepTelemetry, status: 401, rule: "H01",
		},
		{
			name:    "not registered",
			answers: workflow.Answers{},
			before:  []workflow.StepID{workflow.StepCertificates},
			step:    workflow.StepTelemetry, summary: "not assigned",
		},
		{
			name: "nothing there yet",
			step: workflow.StepRegistration, summary: "is not there",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.device("d", tt.answers)
			if tt.before != nil {
				b.mustRun("d", tt.before...)
			}
			if tt.arrange != nil {
				tt.arrange(b)
			}
			p := b.refused("d", tt.step)
			if p.Status != tt.status || (tt.code != "" && p.Code != tt.code) || (tt.rule != "" && p.Rule != tt.rule) {
				t.Errorf("status %d code %q rule %q, want %d %q %q (%s)", p.Status, p.Code, p.Rule, tt.status, tt.code, tt.rule, p.Summary)
			}
			if !strings.Contains(p.Summary, tt.summary) {
				t.Errorf("says %q, want %q", p.Summary, tt.summary)
			}
			if p.Fix == "" || p.Op == "" {
				t.Errorf("no way out: %+v", p)
			}
			if p.Status >= 400 && (p.TrackingID == "" || p.Why == "") {
				t.Errorf("no tracking ID or cause: %+v", p)
			}
			st, err := b.store.LoadState("d")
			if err != nil || st.LastError == nil || st.LastError.Summary != p.Summary || st.LastError.Step != string(tt.step) {
				t.Errorf("the state file remembers %+v (%v)", st.LastError, err)
			}
		})
	}
}

func disable(b *bench) {
	b.t.Helper()
	service := b.service()
	e, err := service.Enrollment(b.t.Context(), "d")
	if err != nil {
		b.t.Fatal(err)
	}
	e.ProvisioningStatus, e.RegistrationState = dps.ProvisioningDisabled, nil
	if _, err := service.PutEnrollment(b.t.Context(), e, e.ETag); err != nil {
		b.t.Fatal(err)
	}
}

// An event over 256 KB is refused by the hub with 413 in its own dialect.
func TestTooLargeMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	b.mustRun("d", workflow.StepCertificates, workflow.StepEnrollment, workflow.StepRegistration)
	status := b.run(b.session, "d", workflow.RunOptions{
		Only: []workflow.StepID{workflow.StepTelemetry}, Body: strings.Repeat("x", 256<<10+1),
	})
	p := status.Problem
	if p == nil || p.Status != 413 || !strings.Contains(p.Code, "413001") && !strings.Contains(p.Code, "MessageTooLarge") || p.Fix == "" {
		t.Errorf("%+v", p)
	}
	if status.Telemetry.Failed != 1 {
		t.Errorf("%d failures counted", status.Telemetry.Failed)
	}
}

// A CA of the same name that somebody else uploaded is not replaced.
func TestForeignCertificateOfThatName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	b.mustRun("d")
	for _, dir := range []string{b.store.Paths.AuthorityDir("dpslab-ca"), b.store.Paths.DeviceDir("d")} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(b.store.Paths.StateFile("d")); err != nil {
		t.Fatal(err)
	}
	b.mustRun("d", workflow.StepCertificates)
	p := b.refused("d", workflow.StepSigningCA)
	if p.Rule != "F14" || p.Fix == "" {
		t.Errorf("%+v", p)
	}
}

func TestLabDoesNotStart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := workflow.NewSession(workflow.Config{Store: b.store})
	defer s.Close()
	b.device("d", nil)
	b.mustRun("d", workflow.StepCertificates)
	if _, err := s.Start("d", workflow.RunOptions{Only: []workflow.StepID{workflow.StepEnrollment}}); err != nil {
		t.Fatal(err)
	}
	s.Wait()
	st, err := b.store.LoadState("d")
	if err != nil || st.LastError == nil || !strings.Contains(st.LastError.Summary, "no lab") {
		t.Errorf("remembered is %+v %v", st.LastError, err)
	}
}
