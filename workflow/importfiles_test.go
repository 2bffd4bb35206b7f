package workflow_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow"
)

// Certificates that a person has already are taken as they are: the how-to's
// own with its pass phrase, a chain in one PEM, a PFX.
func TestImportedFiles(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		make    func(t *testing.T, dir string) workflow.Answers
		signing workflow.StepState
	}{
		{"openssl self-signed with pass phrase", func(t *testing.T, dir string) workflow.Answers {
			run(t, dir, "openssl", "req", "-outform", "PEM", "-x509", "-sha256", "-newkey", "rsa:2048", "-keyout", "device-key.pem", "-out", "device-cert.pem",
				"-days", "30", "-extensions", "usr_cert", "-addext", "extendedKeyUsage=clientAuth", "-subj", "/CN=d", "-passout", "pass:1234")
			return workflow.Answers{
				"identity.certificate_file": filepath.Join(dir, "device-cert.pem"), "identity.key_file": filepath.Join(dir, "device-key.pem"),
				"identity.passphrase_env": "PASS",
			}
		}, workflow.StepSkip},
		{"chain and key", func(t *testing.T, dir string) workflow.Answers {
			a := issueChain(t, dir)
			return workflow.Answers{"identity.certificate_file": a.FullChain(), "identity.key_file": a.Key(), "enrollment.kind": "group"}
		}, workflow.StepDone},
		{"PFX", func(t *testing.T, dir string) workflow.Answers {
			a := issueChain(t, dir)
			run(t, dir, "openssl", "pkcs12", "-export", "-in", a.FullChain(), "-inkey", a.Key(), "-out", "d.pfx", "-passout", "pass:1234")
			return workflow.Answers{"identity.certificate_file": filepath.Join(dir, "d.pfx"), "identity.passphrase_env": "PASS"}
		}, workflow.StepDone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.env["PASS"] = "1234"
			a := tt.make(t, t.TempDir())
			a["identity.source"] = "files"
			b.device("d", a)
			status := b.mustRun("d")
			if got := status.Step(workflow.StepSigningCA).State; got != tt.signing {
				t.Errorf("the step signing CA is %s, want %s", got, tt.signing)
			}
			if status.Telemetry.Received != 2 {
				t.Errorf("%d messages arrived", status.Telemetry.Received)
			}
			again := b.mustRun("d", workflow.StepCertificates)
			if !strings.HasPrefix(again.Step(workflow.StepCertificates).Text, "imported") {
				t.Errorf("a second time it says %q", again.Step(workflow.StepCertificates).Text)
			}
		})
	}
}

func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
}

func issueChain(t *testing.T, dir string) pki.DeviceFiles {
	t.Helper()
	f := pki.DeviceFiles{Dir: dir, RegistrationID: "d"}
	_, _, err := pki.CreateDeviceChain(t.Context(), pki.AuthorityFiles{Dir: filepath.Join(dir, "ca")}, f, pki.ChainOptions{
		Authority: "elsewhere", Algorithm: pki.ECP256, AuthorityValidity: pki.ValidFor(time.Now(), 300), Validity: pki.ValidFor(time.Now(), 30),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBadImports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := issueChain(t, dir)
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, id, certificate, key, rule string
	}{
		{"another CN", "somebody", f.FullChain(), f.Key(), "F05"},
		{"no key", "d", f.FullChain(), "", "F02"},
		{"not a certificate", "d", junk, f.Key(), "F02"},
		{"not there", "d", filepath.Join(dir, "nothing.pem"), "", ""},
		{"another's key", "d", f.FullChain(), filepath.Join(dir, "ca", "private", "azure-iot-test-only.root.ca.key.pem"), "F01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.device("d", workflow.Answers{
				"identity.registration_id": tt.id, "identity.source": "files",
				"identity.certificate_file": tt.certificate, "identity.key_file": tt.key,
			})
			p := b.refused("d", workflow.StepCertificates)
			if p.Kind.ExitCode() != 4 || p.Rule != tt.rule || tt.rule != "" && p.Fix == "" {
				t.Errorf("%+v", p)
			}
		})
	}
}
