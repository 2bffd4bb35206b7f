package main

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"dpslab/workflow"
)

// wantPlainLines checks that lines for a terminal or a log hold no control
// character but the line's end.
func wantPlainLines(t *testing.T, stderr string) {
	t.Helper()
	if i := strings.IndexFunc(stderr, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
		t.Errorf("a control character at %d: %q", i, stderr[max(0, i-60):min(len(stderr), i+20)])
	}
	if stderr != "" && !strings.HasSuffix(stderr, "\n") {
		t.Errorf("the last line does not end: %q", stderr)
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ enrollment, device, signing string }{
		{"individual", "my-x509-device", "signing-ca    skipped: "},
		{"group", "device-01", "signing-ca    done: "},
	} {
		t.Run(c.enrollment, func(t *testing.T) {
			t.Parallel()
			home, tmp := t.TempDir(), t.TempDir()
			r := dpslabWith(t, environ(t, home, "TMPDIR="+tmp), "demo", "--enrollment", c.enrollment, "--fast").want(t, 0)
			want := c.device + " assigned to lab-hub.azure-devices.net as " + c.device + "\n3 of 3 messages accepted, 3 in the hub's inbox\n"
			if r.stdout != want {
				t.Errorf("stdout is %q, want %q", r.stdout, want)
			}
			for _, line := range []string{
				"certificates  done: ", c.signing, "enrollment    done: ", "registration  status assigning\n",
				"registration  done: assigned to lab-hub.azure-devices.net as " + c.device, "telemetry     done: 3 messages accepted",
			} {
				if !strings.Contains(r.stderr, "\n"+line) {
					t.Errorf("no line %q in:\n%s", line, r.stderr)
				}
			}
			wantPlainLines(t, r.stderr)
			wantEmpty(t, home)
			wantEmpty(t, tmp)
		})
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v left in %s (%v)", entries, dir, err)
	}
}

func TestDemoWaitsAsTheServiceAsks(t *testing.T) {
	t.Parallel()
	r := dpslab(t, t.TempDir(), "demo", "--enrollment", "group", "--json").want(t, 0)
	wantPlainLines(t, r.stderr)
	events := eventsOf(t, r.stdout)
	if last := finished(t, events); last.Outcome != workflow.Done {
		t.Errorf("the run ended %s", last.Outcome)
	}
	polls := 0
	for _, e := range events {
		if e.Kind != workflow.PollScheduled {
			continue
		}
		polls++
		if e.Poll.RetryAfter == nil || *e.Poll.RetryAfter != 3 || e.Poll.Due.Sub(e.Poll.Since).Seconds() != 3 {
			t.Errorf("poll %+v does not follow Retry-After: 3", e.Poll)
		}
	}
	if asked := len(requests(events, "operation status")); polls == 0 || asked != polls {
		t.Errorf("%d waits before %d polls", polls, asked)
	}
}

func TestDemoAsJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ enrollment, algorithm string }{
		{"individual", "ec-p256"},
		{"group", "ec-p384"},
		{"individual", "rsa-2048"},
	} {
		t.Run(c.algorithm, func(t *testing.T) {
			t.Parallel()
			r := dpslab(t, t.TempDir(), "demo", "--json", "--fast", "--enrollment", c.enrollment, "--algorithm", c.algorithm).want(t, 0)
			if r.stderr != "" {
				t.Errorf("stderr: %s", r.stderr)
			}
			events := eventsOf(t, r.stdout)
			if last := finished(t, events); last.Outcome != workflow.Done {
				t.Errorf("the run ended %s", last.Outcome)
			}
			seq := 0
			for _, e := range events {
				if e.Run == "" {
					continue // the lab's own
				}
				if seq++; e.Seq != seq {
					t.Fatalf("event %d has the number %d", seq, e.Seq)
				}
			}
			if sent := requests(events, "send event"); len(sent) != 3 {
				t.Errorf("%d messages sent", len(sent))
			}
			if key := enrolledKey(t, events); key != c.algorithm {
				t.Errorf("the enrolled certificate's key is %s, want %s", key, c.algorithm)
			}
		})
	}
}

// enrolledKey is the algorithm of the certificate that was sent to DPS with the
// enrollment.
func enrolledKey(t *testing.T, events []workflow.Event) string {
	t.Helper()
	put := append(requests(events, "put enrollment"), requests(events, "put enrollment group")...)
	if len(put) != 1 {
		t.Fatalf("%d enrollments written", len(put))
	}
	type primary struct {
		Primary struct{ Certificate string }
	}
	var body struct {
		Attestation struct {
			X509 struct{ ClientCertificates, SigningCertificates primary }
		}
	}
	if err := json.Unmarshal([]byte(put[0].RequestBody), &body); err != nil {
		t.Fatal(err)
	}
	x := body.Attestation.X509
	block, _ := pem.Decode([]byte(x.ClientCertificates.Primary.Certificate + x.SigningCertificates.Primary.Certificate))
	if block == nil {
		t.Fatalf("no certificate in %s", put[0].RequestBody)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return fmt.Sprintf("ec-p%d", key.Curve.Params().BitSize)
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa-%d", key.N.BitLen())
	}
	return fmt.Sprintf("%T", c.PublicKey)
}

func TestDemoWithAPassPhrase(t *testing.T) {
	t.Parallel()
	const phrase = "correct horse battery"
	for _, enrollment := range []string{"individual", "group"} {
		t.Run(enrollment, func(t *testing.T) {
			t.Parallel()
			env := environ(t, t.TempDir(), "DEMO_PASSPHRASE="+phrase)
			r := dpslabWith(t, env, "demo", "-v", "--fast", "--enrollment", enrollment, "--passphrase-env", "DEMO_PASSPHRASE").want(t, 0)
			if strings.Contains(r.stdout+r.stderr, phrase) {
				t.Error("the pass phrase is printed")
			}
			wantPlainLines(t, r.stderr)
		})
	}
}

// wrongUsage are command lines that cannot be meant; each is answered with what
// is wrong and what to do, and exit code 2.
var wrongUsage = map[string][]string{
	"enrollment":         {"demo", "--enrollment", "both"},
	"algorithm":          {"demo", "--algorithm", "dsa"},
	"variable":           {"demo", "--passphrase-env", "a-b"},
	"unset variable":     {"demo", "--fast", "-q", "--passphrase-env", "NOT_SET"},
	"unknown flag":       {"demo", "--slow"},
	"argument":           {"demo", "extra"},
	"unknown command":    {"provision"},
	"mistyped command":   {"enrollment", "lst"},
	"help of nothing":    {"help", "cert", "nw"},
	"no name of a CA":    {"ca", "upload"},
	"too many files":     {"ca", "upload", "a", "b", "c"},
	"no name":            {"run"},
	"no such profile":    {"run", "nobody"},
	"no such step":       {"run", "nobody", "--only", "polling"},
	"remove nothing":     {"remove", "nobody", "--yes"},
	"remove unasked":     {"remove", "nobody"},
	"bad ID":             {"new", "press 3", "--yes"},
	"bad algorithm":      {"new", "press-3", "--yes", "--algorithm", "dsa"},
	"lab for everybody":  {"lab", "--listen", "0.0.0.0:0"},
	"status of nothing":  {"status", "nobody"},
	"bad duration":       {"send", "nobody", "--interval", "soon"},
	"bad count":          {"send", "nobody", "--count", "-1"},
	"bad property":       {"send", "nobody", "--property", "näme=x"},
	"body is no message": {"send", "nobody", "--body", "{{ nonsense }}"},
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for name, args := range wrongUsage {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			r := dpslab(t, home, args...).want(t, 2)
			if r.stdout != "" {
				t.Errorf("stdout: %s", r.stdout)
			}
			wantPlainLines(t, r.stderr)
			if !strings.Contains(r.stderr, "\n  fix   ") {
				t.Error("it does not say what to do")
			}
			golden(t, "usage-"+strings.ReplaceAll(name, " ", "-"), strings.ReplaceAll(r.stderr, home, "HOME"))
		})
	}
}
