package main

import (
	"strings"
	"testing"
)

// Exit codes 0, 2 and 130 are tested with what leads to them, above all in
// TestDemo, TestWrongUsage, TestBadProfile and TestInterruptedRunIsResumable.

func TestRefusedIsOne(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes").want(t, 0)
	dpslab(t, home, "run", "press-3", "-q", "--only", "certificates").want(t, 0)
	r := dpslab(t, home, "register", "press-3").want(t, 1) // nobody enrolled it
	for _, text := range []string{"dpslab: ", "HTTP 401 401002", "(tracking ID ", "\n  why   ", "\n  fix   "} {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("it does not say %q:\n%s", text, r.stderr)
		}
	}
	wantPlainLines(t, r.stderr)
	if r.stdout != "" {
		t.Errorf("stdout: %s", r.stdout)
	}
	told := dpslab(t, home, "register", "press-3", "--json").want(t, 1)
	last := finished(t, eventsOf(t, told.stdout))
	if p := last.Problem; p == nil || p.Status != 401 || p.Code != "401002" || p.Fix == "" || p.TrackingID == "" {
		t.Errorf("as JSON: %+v", p)
	}
	if list := dpslab(t, home, "show", "press-3").want(t, 0); !strings.Contains(list.stdout, "# registration  failed") {
		t.Errorf("show does not say that it failed:\n%s", list.stdout)
	}
}

func TestUnreachableIsThree(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	const key = "cGxhbnRlZCBzZWNyZXQgb2YgdGhlIHRlc3Q="
	env := environ(t, home, "DPS_CONNECTION_STRING=HostName=127.0.0.1;SharedAccessKeyName=owner;SharedAccessKey="+key)
	// Whether nobody serves HTTPS on this machine or somebody who is not trusted
	// does: both are 3.
	dpslab(t, home, "new", "truck-7", "--yes", "--target", "azure", "--id-scope", "0ne00111111",
		"--service-endpoint", "127.0.0.1", "--credential", "connection-string").want(t, 0)
	r := dpslabWith(t, env, "run", "truck-7").want(t, 3)
	for _, text := range []string{"no answer from 127.0.0.1", "\n  why   ", "\n  fix   "} {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("it does not say %q:\n%s", text, r.stderr)
		}
	}
	if strings.Contains(r.stderr, key) {
		t.Error("the key is printed")
	}
	wantPlainLines(t, r.stderr)
}

func TestUntrustedIsThree(t *testing.T) {
	t.Parallel()
	// A lab that another home's root does not vouch for, at the address of this
	// one's: what a proxy that opens TLS looks like.
	home, other := t.TempDir(), t.TempDir()
	_, ready := serve(t, home)
	serve(t, other)
	place(t, paths(t, home).LabDir()+"/lab.json", paths(t, other).LabDir()+"/lab.json")
	r := dpslab(t, other, "lab", "env").want(t, 3)
	if !strings.Contains(r.stderr, ready.Address) {
		t.Errorf("it does not say whom it does not trust:\n%s", r.stderr)
	}
}

func TestMissingFileIsFour(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes").want(t, 0)
	r := dpslab(t, home, "run", "press-3", "--only", "registration").want(t, 4)
	for _, text := range []string{"device-cert.pem is not there", "\n  fix   "} {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("it does not say %q:\n%s", text, r.stderr)
		}
	}
}

func TestWrongPassPhraseIsFour(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--passphrase-env", "PRESS_3").want(t, 0)
	dpslabWith(t, environ(t, home, "PRESS_3=right one"), "run", "press-3", "--only", "certificates").want(t, 0)
	r := dpslabWith(t, environ(t, home, "PRESS_3=wrong one"), "run", "press-3").want(t, 4)
	if !strings.Contains(r.stderr, "PRESS_3") && !strings.Contains(r.stderr, "identity.passphrase_env") || strings.Contains(r.stderr, "wrong one") {
		t.Errorf("it says:\n%s", r.stderr)
	}
}
