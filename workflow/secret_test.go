package workflow_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/dps/tpm/tpmtest"
)

// secrets are what a run uses and nobody may find in anything it puts out.
func (b *bench) secrets() map[string]string {
	all := map[string]string{"management token": b.lab.ManagementToken.Reveal(), "signature": "&sig="}
	add := func(what, connection string) {
		if _, key, ok := strings.Cut(connection, "SharedAccessKey="); ok {
			all[what] = key
		}
	}
	add("service key", b.lab.ServiceConnectionString.Reveal())
	for host, c := range b.lab.HubConnectionStrings {
		add("hub key of "+host, c.Reveal())
	}
	for name, v := range b.env {
		all["variable "+name] = v
	}
	return all
}

// outputs is everything that the bench's last run left behind.
func (b *bench) outputs(name string, status *workflow.Status) map[string]string {
	b.t.Helper()
	events, err := json.Marshal(b.seen())
	if err != nil {
		b.t.Fatal(err)
	}
	var har strings.Builder
	err = workflow.HAR(&har, status.Exchanges.Recording().All())
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]string{
		"state, journal": snapshot(b.t, b.store.Paths.State), "profile": snapshot(b.t, b.store.Paths.Config), "JSON lines": string(events), "HAR": har.String(),
	}
	for x, err := range status.Exchanges.Recording().All() {
		if err != nil {
			b.t.Fatal(err)
		}
		for _, c := range workflow.Copies(x) {
			out[c.Name+" copies"] += c.Text + c.Why
		}
	}
	for _, l := range status.Log {
		out["plain lines"] += l.Text + "\n"
	}
	if status.Problem != nil {
		out["problem"] = status.Problem.Error() + status.Problem.Detail + status.Problem.Fix
	}
	return out
}

func (b *bench) wantNoSecret(name string, status *workflow.Status, secrets map[string]string) {
	b.t.Helper()
	for where, text := range b.outputs(name, status) {
		for what, secret := range secrets {
			// As it is, in a URL, in JSON, and as the base64 of it.
			for form, s := range map[string]string{
				"": secret, " escaped": strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(secret),
				" in base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
			} {
				if strings.Contains(text, s) {
					b.t.Errorf("the %s%s is in the %s", what, form, where)
				}
			}
		}
	}
}

// Nothing secret reaches any output of a whole life: run, message by hand,
// look-up, failure, retiring.
func TestNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	key := randomKey()
	tests := []struct {
		name    string
		answers workflow.Answers
		env     map[string]string
		more    func(t *testing.T, b *bench, secrets map[string]string)
	}{
		{"pass-phrase", workflow.Answers{
			"identity.source": "chain", "enrollment.kind": "group", "identity.passphrase_env": "PASS", "advanced.certificates": "yes", "identity.pfx_password_env": "PFX",
			"api_management.service": "", // filled in below
		}, map[string]string{"PASS": "correct horse battery", "PFX": "staple of a PFX"}, func(t *testing.T, b *bench, _ map[string]string) {
			if encrypted, err := pki.KeyEncrypted(b.files("pass-phrase").Key()); err != nil || !encrypted {
				t.Errorf("the key is not encrypted (%v)", err)
			}
		}},
		{"key", workflow.Answers{"identity.attestation": "symmetric-key"}, nil, func(t *testing.T, b *bench, secrets map[string]string) {
			held, err := b.service().EnrollmentAttestation(t.Context(), "key")
			if err != nil {
				t.Fatal(err)
			}
			secrets["primary key"], secrets["secondary key"] = held.SymmetricKey.PrimaryKey, held.SymmetricKey.SecondaryKey
		}},
		{
			"key-group",
			workflow.Answers{"identity.attestation": "symmetric-key", "enrollment.kind": "group", "identity.symmetric_key_env": "KEY"},
			map[string]string{"KEY": key},
			func(t *testing.T, _ *bench, secrets map[string]string) {
				derived, err := dps.DeriveKey(dps.NewSecret(key), "key-group")
				if err != nil {
					t.Fatal(err)
				}
				secrets["derived key"] = derived.Reveal()
			},
		},
		{"tpm", workflow.Answers{"identity.attestation": "tpm"}, nil, func(t *testing.T, b *bench, secrets map[string]string) {
			// The key itself never leaves the TPM; what would give it to one is
			// masked all the same.
			secrets["activation blob"], secrets["activation blob in JSON"] = `"authenticationKey":"A`, `\"authenticationKey\":\"A`
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.tpm = openTPM
			for k, v := range tt.env {
				b.env[k] = v
			}
			w := workflow.NewWizard(tt.answers)
			if _, has := tt.answers["api_management.service"]; has {
				w = w.Set("api_management.service", b.lab.APIMName)
			}
			if tt.name == "tpm" {
				w = w.Set("identity.tpm_device", tpmtest.Start(t))
			}
			b.device(tt.name, w.Answers)
			status := b.mustRun(tt.name)
			secrets := b.secrets()
			tt.more(t, b, secrets)
			b.wantNoSecret(tt.name, status, secrets)

			secrets["password in a message"] = "hunter2-secret"
			if _, err := b.session.Send(tt.name, `{"password": "hunter2-secret"}`, nil); err != nil {
				t.Fatal(err)
			}
			b.session.Wait()
			b.wantNoSecret(tt.name, b.status(tt.name), secrets)
			if _, err := b.session.Lookup(t.Context(), tt.name); err != nil {
				t.Error(err)
			}
			b.wantNoSecret(tt.name, b.status(tt.name), secrets)
			b.wantNoSecret(tt.name, b.retire(tt.name, workflow.RetireOptions{}), secrets)
			status = b.run(b.session, tt.name, workflow.RunOptions{Only: []workflow.StepID{workflow.StepRegistration}})
			if status.Outcome != workflow.Failed {
				t.Errorf("registered without an enrollment")
			}
			b.wantNoSecret(tt.name, status, secrets)
			wantNoPlainKey(t, b)
		})
	}
}

// wantNoPlainKey: of what is on disk only private key files may hold keys, and
// with a pass phrase only encrypted ones.
func wantNoPlainKey(t *testing.T, b *bench) {
	t.Helper()
	if _, err := os.Stat(b.store.Paths.Data); err != nil {
		return // a device without certificates has no files
	}
	err := walk(b.store.Paths.Data, func(path string, info os.FileInfo) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, secret := range b.env {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds the secret of %s", path, what)
			}
		}
		private := filepath.Base(filepath.Dir(path)) == "private" || strings.Contains(filepath.Base(path), "key")
		if strings.Contains(string(data), "PRIVATE KEY") && (!private || info.Mode().Perm() != 0o600) {
			t.Errorf("%s (%v) holds a private key", path, info.Mode())
		}
		if b.env["PASS"] != "" && strings.Contains(string(data), "BEGIN PRIVATE KEY") {
			t.Errorf("%s is not encrypted", path)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Somebody else enrolls the device: the step asks, an answer that comes too early
// is not believed, and it goes on when DPS lets the device in.
func TestSomebodyElseEnrolls(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	b.device("c", chainInGroup)
	asDevice := func() *workflow.Session {
		s := b.open(func(context.Context) (*workflow.Lab, error) {
			shared := *b.lab
			shared.Close, shared.ServiceConnectionString, shared.ManagementToken = nil, dps.Secret{}, dps.Secret{}
			return &shared, nil
		})
		b.t.Cleanup(func() { s.Close() })
		return s
	}
	upTo := workflow.RunOptions{Only: []workflow.StepID{workflow.StepCertificates, workflow.StepSigningCA, workflow.StepEnrollment}}
	alone := b.run(asDevice(), "c", upTo)
	if alone.Outcome != workflow.Failed || alone.Problem.Kind != workflow.ByHand || alone.Problem.Kind.ExitCode() != 1 {
		t.Errorf("with nobody there: %s, %+v", alone.Outcome, alone.Problem)
	}
	if s := alone.Step(workflow.StepSigningCA); s.State != workflow.StepSkip || !strings.Contains(s.Text, "az iot dps certificate create") {
		t.Errorf("signing CA is %s: %s", s.State, s.Text)
	}
	told := 0
	for _, e := range b.seen() {
		if e.Kind == workflow.HandNeeded && e.Manual.Command != "" && e.Manual.Portal != "" {
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d instructions were given, want 2", told)
	}

	asked := 0
	b.ask = func(_ context.Context, q workflow.Question) (string, error) {
		if asked++; asked == 1 {
			return "", nil // enter, too early
		}
		if !q.Confirm || !strings.HasPrefix(q.Prompt, "Not done yet") {
			t.Errorf("asked %+v", q)
		}
		c, err := pki.ReadCertificates(b.files("d").SelfSignedCertificate())
		if err != nil {
			return "", err
		}
		e := &dps.IndividualEnrollment{RegistrationID: "d"}
		e.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
			ClientCertificates: &dps.X509Certificates{Primary: &dps.X509CertificateWithInfo{Certificate: string(pki.EncodeCertificates(c[0]))}},
		}}
		_, err = b.service().PutEnrollment(t.Context(), e, "")
		return "", err
	}
	s := asDevice()
	status := b.run(s, "d", workflow.RunOptions{})
	if status.Outcome != workflow.Done || status.Registration.Status != "assigned" || asked != 2 {
		t.Errorf("%s, %+v, asked %d times", status.Outcome, status.Problem, asked)
	}
	again := b.run(s, "d", workflow.RunOptions{})
	if again.Outcome != workflow.Done || asked != 2 || !strings.Contains(again.Step(workflow.StepEnrollment).Text, "admits the device") {
		t.Errorf("%s, asked %d times: %s", again.Outcome, asked, again.Step(workflow.StepEnrollment).Text)
	}
	if items, err := s.RetirePlan(t.Context(), "d"); err != nil || len(items) != 2 {
		t.Errorf("%+v, %v: the enrollment is somebody else's", items, err)
	}
}
