package workflow_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/dps/tpm"
	"dpslab/workflow/dps/tpm/tpmtest"
)

func openTPM(path string) (workflow.TPM, error) { return tpm.Open(path) }

func randomKey() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	return base64.StdEncoding.EncodeToString(raw)
}

// Every attestation, individually and by group, through the whole flow.
func TestAttestations(t *testing.T) {
	t.Parallel()
	key := workflow.Answers{"identity.attestation": "symmetric-key"}
	group := workflow.Answers{"identity.attestation": "symmetric-key", "enrollment.kind": "group"}
	more := func(a workflow.Answers, pairs ...string) workflow.Answers {
		w := workflow.NewWizard(a)
		for i := 0; i < len(pairs); i += 2 {
			w = w.Set(pairs[i], pairs[i+1])
		}
		return w.Answers
	}
	tests := []struct {
		name    string
		answers workflow.Answers
		env     bool // the key is given
		check   func(t *testing.T, b *bench)
	}{
		{"key", key, false, nil},
		{"key-given", more(key, "identity.symmetric_key_env", "KEY"), true, func(t *testing.T, b *bench) {
			held, err := b.service().EnrollmentAttestation(t.Context(), "key-given")
			if err != nil || held.SymmetricKey.PrimaryKey != b.env["KEY"] || held.SymmetricKey.SecondaryKey == "" {
				t.Errorf("DPS holds another key (%v)", err)
			}
		}},
		{"key-group", group, false, nil},
		{"Key-Group.Given", more(group, "identity.symmetric_key_env", "KEY", "name", "given"), true, nil},
		{"chain-with-everything", more(chainInGroup, "advanced.certificates", "yes", "identity.intermediates", "2",
			"identity.secondary_authority", "ca-2", "identity.pfx_password_env", "PFX", "identity.pfx_compatible", "yes"), true, func(t *testing.T, b *bench) {
			g, err := b.service().Group(t.Context(), "dpslab-group")
			if err != nil || g.Attestation.X509.SigningCertificates.Secondary == nil {
				t.Errorf("the group has no secondary CA (%v)", err)
			}
			b.wantPFX("chain-with-everything", pki.PFXCompatible)
			document, err := b.store.Load("chain-with-everything")
			if err != nil {
				t.Fatal(err)
			}
			document.Profile.Identity.PFXCompatible = false
			if err := b.store.Replace("chain-with-everything", document.Profile); err != nil {
				t.Fatal(err)
			}
			b.mustRun("chain-with-everything", workflow.StepCertificates)
			b.wantPFX("chain-with-everything", pki.PFXModern)
			chain, err := pki.ReadCertificates(b.files("chain-with-everything").FullChain())
			if err != nil || len(chain) != 4 {
				t.Errorf("a chain of %d (%v), want device, two intermediate CAs and a root", len(chain), err)
			}
		}},
		{"self-signed-rolling", workflow.Answers{"advanced.certificates": "yes", "identity.secondary": "yes"}, false, func(t *testing.T, b *bench) {
			e, err := b.service().Enrollment(t.Context(), "self-signed-rolling")
			if err != nil || e.Attestation.X509.ClientCertificates.Secondary == nil {
				t.Errorf("the enrollment has no secondary certificate (%v)", err)
			}
		}},
		{"chain-rolling", more(chainAlone, "advanced.certificates", "yes", "identity.secondary", "yes", "identity.algorithm", "ec-p384"), false, nil},
		{"ca-reference", more(chainInGroup, "advanced.enrollment", "yes", "enrollment.ca_reference", "dpslab-ca"), false, func(t *testing.T, b *bench) {
			g, err := b.service().Group(t.Context(), "dpslab-group")
			if err != nil || g.Attestation.X509.CAReferences == nil || g.Attestation.X509.CAReferences.Primary != "dpslab-ca" {
				t.Errorf("the group refers to no CA (%v)", err)
			}
		}},
		{"everything-of-an-enrollment", workflow.Answers{
			"advanced.enrollment": "yes", "enrollment.reprovision": "reset", "enrollment.iot_edge": "yes", "enrollment.iot_hubs": "lab-hub.azure-devices.net",
			"enrollment.initial_twin": `{"tags": {"line": 3}, "properties": {"desired": {"interval": 60}}}`, "enrollment.device_information": `{"serial": "4711"}`,
			"identity.payload": `{"model": "press"}`,
		}, false, func(t *testing.T, b *bench) {
			e, err := b.service().Enrollment(t.Context(), "everything-of-an-enrollment")
			if err != nil || !e.Capabilities.IoTEdge || e.ReprovisionPolicy.MigrateDeviceData || e.InitialTwin.Tags["line"] != 3.0 || e.OptionalDeviceInformation["serial"] != "4711" {
				t.Errorf("the enrollment is %+v (%v)", e, err)
			}
		}},
		{"batches", workflow.Answers{"telemetry.count": "2", "telemetry.batch": "2"}, false, func(t *testing.T, b *bench) {
			if n := b.requests("send batch"); n != 1 {
				t.Errorf("%d requests for two messages in one batch", n)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			name := tt.name
			if n := tt.answers["name"]; n != "" {
				name = n
			}
			if tt.env {
				b.env["KEY"], b.env["PFX"] = randomKey(), "a password"
			}
			answers := more(tt.answers, "identity.registration_id", tt.name)
			b.device(name, answers)
			status := b.mustRun(name)
			if status.Registration.Status != "assigned" || status.Telemetry.Sent != 2 || status.Telemetry.Received != 2 {
				t.Errorf("registration %+v, telemetry %+v", status.Registration, status.Telemetry)
			}
			if tt.check != nil {
				tt.check(t, b)
			}
			again := b.mustRun(name)
			if !strings.Contains(again.Step(workflow.StepEnrollment).Text, "as wanted") {
				t.Errorf("a second run says %q", again.Step(workflow.StepEnrollment).Text)
			}
			if _, err := b.session.Lookup(t.Context(), name); err != nil {
				t.Errorf("lookup: %v", err)
			}
			if _, err := b.session.Chain(name); err != nil {
				t.Errorf("chain: %v", err)
			}
		})
	}
}

func (b *bench) now() time.Time { return time.Now() }

func (b *bench) wantPFX(name string, encryption pki.PFXEncryption) {
	b.t.Helper()
	path := filepath.Join(b.store.Paths.DeviceDir(name), "private", name+".pfx")
	held, err := pki.ReadAny(path, []byte(b.env["PFX"]))
	if err != nil || held.Key() == nil || held.Encryption != encryption {
		b.t.Errorf("the PFX is %q and cannot be read (%v), want %q", held.Encryption, err, encryption)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		b.t.Errorf("the PFX has mode %v (%v)", info.Mode(), err)
	}
}

func TestTPMDevice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.tpm = openTPM
	b.device("t", workflow.Answers{"identity.attestation": "tpm", "identity.tpm_device": tpmtest.Start(t)})
	for range 2 {
		status := b.mustRun("t")
		if status.Registration.Status != "assigned" || status.Telemetry.Received != 2 {
			t.Errorf("registration %+v, telemetry %+v", status.Registration, status.Telemetry)
		}
	}
	if _, err := b.session.Lookup(t.Context(), "t"); err != nil {
		t.Errorf("lookup: %v", err)
	}
	b.mustRun("t", workflow.StepTelemetry) // the look-up left the hub's key alone
}

// A device that holds the derived key alone is let in and cannot make the group.
func TestDerivedKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	groupKey := randomKey()
	derived, err := dps.DeriveKey(dps.NewSecret(groupKey), "d")
	if err != nil {
		t.Fatal(err)
	}
	b.env["GROUP"], b.env["OWN"] = groupKey, derived.Reveal()
	a := workflow.Answers{"identity.attestation": "symmetric-key", "enrollment.kind": "group", "advanced.enrollment": "yes", "identity.derived_key": "yes", "identity.symmetric_key_env": "OWN"}
	b.device("d", a)
	if p := b.refused("d"); p.Kind != workflow.Usage || !strings.Contains(p.Summary, "derived") {
		t.Errorf("%+v", p)
	}
	b.device("maker", workflow.Answers{"identity.attestation": "symmetric-key", "enrollment.kind": "group", "identity.symmetric_key_env": "GROUP"})
	b.mustRun("maker")
	if status := b.mustRun("d"); status.Registration.Status != "assigned" {
		t.Errorf("%+v", status.Registration)
	}
}

// Another key in the environment becomes the enrollment's.
func TestKeyChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.env["KEY"] = randomKey()
	b.device("d", workflow.Answers{"identity.attestation": "symmetric-key", "identity.symmetric_key_env": "KEY"})
	b.mustRun("d")
	b.env["KEY"] = randomKey()
	status := b.mustRun("d")
	if !strings.Contains(logText(status.Step(workflow.StepEnrollment).Log), "change the primary key") {
		t.Errorf("the log is %s", logText(status.Step(workflow.StepEnrollment).Log))
	}
	b.env["KEY"] = "not base64"
	if p := b.refused("d"); p.Kind != workflow.Usage || strings.Contains(p.Summary, "not base64!") {
		t.Errorf("%+v", p)
	}
	delete(b.env, "KEY")
	if p := b.refused("d"); p.Kind != workflow.Usage || !strings.Contains(p.Summary, "KEY is not set") {
		t.Errorf("%+v", p)
	}
}

// The request is signed by a CA elsewhere; a person waits for it, or another run
// picks the answer up.
func TestSigningRequest(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	authority, err := pki.CreateAuthority(t.Context(), pki.AuthorityFiles{Dir: t.TempDir()}, pki.ECP256, "elsewhere", pki.ValidFor(time.Now(), 100), nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(name, to string) {
		dir := b.store.Paths.DeviceDir(name)
		held, err := pki.ReadAny(filepath.Join(dir, "certs", name+".csr.pem"), nil)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := pki.SignRequest(held.Request(), pki.ValidFor(time.Now(), 30), authority.Intermediate)
		if err != nil {
			t.Fatal(err)
		}
		if to == "" {
			to = filepath.Join(dir, "certs", name+".signed.pem")
		}
		if err := pki.WriteCertificates(to, authority.FullChain(c)...); err != nil {
			t.Fatal(err)
		}
	}
	b.device("d", workflow.Answers{"identity.source": "csr", "enrollment.kind": "group"})
	if p := b.refused("d"); p.Kind != workflow.ByHand || !strings.Contains(p.Fix, "d.csr.pem") || !strings.Contains(p.Fix, "d.signed.pem") {
		t.Errorf("%+v", p)
	}
	sign("d", "")
	if status := b.mustRun("d"); status.Registration.Status != "assigned" {
		t.Errorf("%+v", status.Registration)
	}
	b.mustRun("d")

	asked := 0
	b.ask = func(ctx context.Context, q workflow.Question) (string, error) {
		if asked++; asked == 1 {
			return "", nil // enter, too early
		}
		if !strings.HasPrefix(q.Prompt, "Not done yet") {
			t.Errorf("asks again: %q", q.Prompt)
		}
		path := filepath.Join(t.TempDir(), "answer.pem")
		sign("e", path)
		return path, nil
	}
	b.session = b.again()
	b.device("e", workflow.Answers{"identity.source": "csr"})
	if status := b.mustRun("e"); status.Registration.Status != "assigned" || asked != 2 {
		t.Errorf("asked %d times, %+v", asked, status.Registration)
	}
}
