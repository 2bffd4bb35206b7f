package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/workflow"
)

// TestDeletingTwice: every delete says "absent" of what is not there, with exit
// code 0, also as JSON and with an etag; its dry run is like any other.
func TestDeletingTwice(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	pair := filepath.Join(home, "pair")
	dpslab(t, home, "cert", "new", "device-01", "--authority", "line-3", "-q", "--out", pair).want(t, 0)
	for _, made := range [][]string{
		{"enrollment", "put", "x", "--attestation", "symmetric-key"},
		{"enrollment", "put", "x", "--group", "--attestation", "symmetric-key"},
		{"ca", "verify", "x", "--authority", "line-3"},
		{"apim", "put", "x", "--certificate", filepath.Join(pair, "certs", "device-01-full-chain.cert.pem"), "--key", filepath.Join(pair, "private", "device-01.key.pem")},
	} {
		dpslab(t, home, append(made, "-q")...).want(t, 0)
	}
	dpslab(t, home, "new", "y", "--yes", "--count", "1", "-q").want(t, 0)
	dpslab(t, home, "run", "y", "-q").want(t, 0)
	for _, tt := range []struct{ command, kind, id, hint string }{
		{"enrollment delete x", "enrollment", "x", "--group the groups"},
		{"enrollment delete x --group", "enrollment group", "x", "enrollment list"},
		{"registration delete y", "registration", "y", "registration list GROUP"},
		{"ca delete x", "signing certificate", "x", "dpslab ca list"},
		{"apim delete x", "API Management certificate", "x", ""},
	} {
		command := strings.Fields(tt.command)
		if r := dpslab(t, home, append(command, "--yes")...).want(t, 0); r.stdout != "deleted "+tt.id+"\n" {
			t.Errorf("%s: %s", tt.command, r.stdout)
		}
		again := dpslab(t, home, append(command, "--yes")...).want(t, 0)
		if again.stdout != "absent "+tt.id+"\n" || !strings.Contains(again.stderr, tt.hint) {
			t.Errorf("%s: %s%s", tt.command, again.stdout, again.stderr)
		}
		r := dpslab(t, home, append(command, "--yes", "--json", "--if-match", `"old"`)...).want(t, 0)
		if line := jsonLines(t, r.stdout)[0]; line["done"] != "absent" || line["kind"] != tt.kind || line["id"] != tt.id {
			t.Errorf("%s --json: %s", tt.command, r.stdout)
		}
		if r := dpslab(t, home, append(command, "--yes", "-q")...).want(t, 0); r.stderr != "" {
			t.Errorf("%s -q: %s", tt.command, r.stderr)
		}
		if r := dpslab(t, home, append(command, "--dry-run")...).want(t, 0); !strings.Contains(r.stdout, "\nDELETE https://") || strings.Contains(r.stdout, "absent") {
			t.Errorf("%s --dry-run: %s", tt.command, r.stdout)
		}
	}
}

// TestAChangedCertificateNamesTheCommand: whose etag is another now is told which
// command to give, not which step of a run.
func TestAChangedCertificateNamesTheCommand(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "cert", "new", "device-01", "--authority", "line-3", "-q", "--out", filepath.Join(home, "pair")).want(t, 0)
	dpslab(t, home, "ca", "verify", "line-3", "-q").want(t, 0)
	r := dpslab(t, home, "ca", "delete", "line-3", "--yes", "--if-match", "AAAAAAAAAAA=").want(t, 1)
	if !strings.Contains(r.stderr, "dpslab ca list --json, then dpslab ca delete line-3") || strings.Contains(r.stderr, "step") {
		t.Errorf("%s", r.stderr)
	}
	for rule, want := range map[string]string{"M01": "dpslab ca verify x", "M02": "dpslab ca verify x", "M04": "as it was"} {
		told := repeated(fmt.Errorf("verifying: %w", &workflow.Problem{Rule: rule, Fix: "as it was"}), "dpslab ca verify x")
		var p *workflow.Problem
		if !errors.As(told, &p) || p.Fix != want {
			t.Errorf("%s: %+v", rule, told)
		}
	}
	if got := uploadCommand("x", "my root.pem", true, true); got != "dpslab ca upload x 'my root.pem' --verified --replace" {
		t.Errorf("%s", got)
	}
}

// TestListingRegistrationsOfNoGroup: a group that is empty and one that is not
// there are told apart.
func TestListingRegistrationsOfNoGroup(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "enrollment", "put", "empty", "--group", "--attestation", "symmetric-key", "-q").want(t, 0)
	if r := dpslab(t, home, "registration", "list", "empty").want(t, 0); r.stdout != "" || !strings.Contains(r.stderr, "no registrations") {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	dpslab(t, home, "registration", "list", "empty", "--json").want(t, 0)
	for _, more := range [][]string{nil, {"--all"}, {"--filter", "x"}} {
		r := dpslab(t, home, append([]string{"registration", "list", "nobody"}, more...)...).want(t, 1)
		if !strings.Contains(r.stderr, "there is no enrollment group nobody") || strings.Contains(r.stderr, "no registrations") || !strings.Contains(r.stderr, "enrollment list --group") {
			t.Errorf("%v: %s%s", more, r.stdout, r.stderr)
		}
	}
	r := dpslab(t, home, "registration", "list", "nobody", "--json").want(t, 1)
	if p, ok := jsonLines(t, r.stdout)[0]["problem"].(map[string]any); !ok || p["status"] != 404.0 || p["summary"] != "there is no enrollment group nobody" {
		t.Errorf("%s", r.stdout)
	}
	if r := dpslab(t, home, "registration", "list", "nobody", "--dry-run").want(t, 0); !strings.Contains(r.stdout, "the group itself is read") {
		t.Errorf("%s", r.stdout)
	}
}

// TestUploadOfAChainIsOfItsCA: of a file that begins with a device's certificate
// the CA behind it is uploaded, and known again.
func TestUploadOfAChainIsOfItsCA(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	out := filepath.Join(home, "pair")
	dpslab(t, home, "cert", "new", "device-01", "--authority", "line-3", "-q", "--out", out).want(t, 0)
	chain := filepath.Join(out, "certs", "device-01-full-chain.cert.pem")
	if r := dpslab(t, home, "ca", "upload", "x", chain).want(t, 0); !strings.HasPrefix(r.stdout, "uploaded x") {
		t.Errorf("%s", r.stdout)
	}
	if r := dpslab(t, home, "ca", "upload", "x", chain).want(t, 0); !strings.HasPrefix(r.stdout, "unchanged x") {
		t.Errorf("%s", r.stdout)
	}
	dpslab(t, home, "ca", "upload", "y", filepath.Join(out, "certs", "device-01.cert.pem")).want(t, 4)
}
