package workflow_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow"
)

// A certificate that DPS would refuse, or that is not the one the profile
// describes, is made anew with the same key.
func TestUselessCertificatesAreReplaced(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		name    string
		arrange func(*bench)
		says    string
	}{
		{"expired", func(b *bench) { b.replaceDeviceCertificate("d", ago(), "d") }, "ran out on"},
		{"not yet valid", func(b *bench) {
			b.replaceDeviceCertificate("d", pki.Validity{NotBefore: now.Add(time.Hour), NotAfter: now.Add(48 * time.Hour)}, "d")
		}, "is not valid before"},
		{"a CA", func(b *bench) {
			key, err := pki.ReadKey(b.files("d").SelfSignedKey(), nil)
			if err != nil {
				b.t.Fatal(err)
			}
			ca, err := pki.RootCA(key, "d", pki.ValidFor(now, 3))
			if err == nil {
				err = pki.WriteCertificates(b.files("d").SelfSignedCertificate(), ca)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}, "is a CA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.device("d", nil)
			b.mustRun("d")
			key := read(t, b.files("d").SelfSignedKey())
			tt.arrange(b)
			status := b.mustRun("d")
			if log := logText(status.Step(workflow.StepCertificates).Log); !strings.Contains(log, tt.says) {
				t.Errorf("the log does not say why:\n%s", log)
			}
			if !bytes.Equal(key, read(t, b.files("d").SelfSignedKey())) {
				t.Error("the private key was replaced")
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Another authority in the profile means another chain.
func TestAuthorityChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	b.mustRun("d")
	path := b.store.Paths.Profile("d")
	text := strings.Replace(string(read(t, path)), `authority = "dpslab-ca"`, `authority = "other-ca"`, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	status := b.mustRun("d")
	if log := logText(status.Step(workflow.StepCertificates).Log); !strings.Contains(log, "is not signed by the authority other-ca") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}

func TestPassphraseCommand(t *testing.T) {
	t.Parallel()
	secret, err := workflow.PassphraseFrom(t.Context(), "printf 'from a command\\nsecond line\\n'")
	if err != nil || string(secret) != "from a command" {
		t.Errorf("%q, %v", secret, err)
	}
	for command, want := range map[string]string{"exit 3": "exit status 3", "true": "printed nothing", "echo secret >&2; exit 1": "exit status 1"} {
		_, err := workflow.PassphraseFrom(t.Context(), command)
		var p *workflow.Problem
		if !errors.As(err, &p) || !strings.Contains(p.Summary, want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", command, err)
		}
	}
}

// A command whose child keeps its output open does not hold a cancelled run.
func TestPassphraseCommandIsCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	path := b.store.Paths.Profile("d")
	text := strings.Replace(string(read(t, path)), "valid_days = 30", "valid_days = 30\npassphrase_command = \"sleep 600; echo late\"", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.session.Start("d", workflow.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	b.session.Cancel()
	b.session.Wait() // the test's own limit fails it if this hangs
	if status := b.status("d"); status.Outcome != workflow.Cancelled {
		t.Errorf("%s: %+v", status.Outcome, status.Problem)
	}
}

// The command runs once in a run, however many keys its pass phrase opens.
func TestPassphraseCommandRunsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	calls := filepath.Join(t.TempDir(), "calls")
	path := b.store.Paths.Profile("d")
	command := "passphrase_command = \"echo called >>" + calls + "; echo 1234\""
	text := strings.Replace(string(read(t, path)), "valid_days = 30", "valid_days = 30\n"+command, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.mustRun("d")
	if got := strings.Count(string(read(t, calls)), "called"); got != 1 {
		t.Errorf("the command ran %d times", got)
	}
	encrypted, err := pki.KeyEncrypted(b.files("d").Key())
	if err != nil || !encrypted {
		t.Errorf("the key is encrypted: %v, %v", encrypted, err)
	}
}
