package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// shell runs a script as a person would type it.
func shell(t *testing.T, env []string, dir, script string) result {
	t.Helper()
	cmd := exec.Command("bash", "-c", script)
	cmd.Env, cmd.Dir = env, dir
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return result{code: cmd.ProcessState.ExitCode(), stdout: out.String(), stderr: errs.String()}
}

// TestCertFlagPairs refuses every pair of flags that makes no sense, and writes
// nothing.
func TestCertFlagPairs(t *testing.T) {
	t.Parallel()
	b := newCertBench(t, "PHRASE=right")
	b.cert(0, "new", "press-1", "--out", "@old")
	for _, c := range []struct{ says, line string }{
		{"nobody else signs it", "new a --kind self-signed --authority line-3"},
		{"only devices of an authority", "new a --kind self-signed --count 3"},
		{"--by-root does not go", "new a --by-root"},
		{"--path-length does not go", "new a --path-length 1"},
		{"--authority-days does not go", "new a --authority-days 30"},
		{"one more of the same device", "new a --kind root --secondary"},
		{"the life of a CA is --authority-days", "new a --kind root --days 30"},
		{"nobody else signs it", "new a --kind root --issuer-cert x"},
		{"never replaced", "new a --kind authority --force"},
		{"the life of a CA is --authority-days", "new a --kind authority --days 3"},
		{"its key is thrown away", "new a --kind verification --authority line-3 --algorithm rsa-2048"},
		{"its key is thrown away", "new a --kind verification --authority line-3 --encrypt"},
		{"--first is the number", "new a --authority line-3 --first 3"},
		{"a batch never replaces", "new a --authority line-3 --count 3 --force"},
		{"--secondary does not go with --count", "new a --authority line-3 --count 3 --secondary"},
		{"--by-root does not go with --count", "new a --authority line-3 --count 3 --by-root"},
		{"--count needs --authority", "new a --count 3"},
		{"--count needs --authority", "new a --count 3 --issuer-cert x --issuer-key y"},
		{"makes nothing", "new a --authority line-3 --count 0"},
		{"--authority-days does not go with --issuer-cert", "new a --issuer-cert x --issuer-key y --authority-days 3"},
		{"exclude each other", "new a --authority line-3 --issuer-cert x"},
		{"--issuer-key without --issuer-cert", "new a --issuer-key x"},
		{"--by-root chooses", "new a --issuer-cert x --issuer-key y --by-root"},
		{"0 is the least", "new a --kind intermediate --issuer-cert x --issuer-key y --path-length -1"},
		{"signs devices only", "new a --kind intermediate --authority line-3"},
		{"names a folder", "new a --out x.pem"},
		{"this is a file", "new a --out old/device-key.pem"},
		{"a pass phrase of a CA's key, and no CA", "sign x --issuer-passphrase-env PHRASE"},
		{"the kind of a new key", "renew old/device-cert.pem --algorithm rsa-2048"},
		{"there is none to encrypt", "renew old/device-cert.pem --encrypt"},
		{"exclude each other", "renew old/device-cert.pem --new-key --no-encrypt --encrypt"},
		{"both say where", "renew old/device-cert.pem --secondary --out x.pem"},
		{"signed itself", "renew old/device-cert.pem --issuer-cert old/device-cert.pem --issuer-key old/device-key.pem"},
		{"no CA to change to", "renew old/device-cert.pem --change-issuer"},
		{"ends in .p7b", "convert old/device-cert.pem --out x.p7b"},
		{"ends in .p7b", "fullchain old/device-cert.pem --out x.p7b"},
		{"ends in .pfx", "renew old/device-cert.pem --out x.pfx"},
		{"ends in .pem", "pfx old/device-cert.pem --key old/device-key.pem --out x.pem"},
		{"exclude each other", "convert old/device-key.pem --decrypt --out-passphrase-env PHRASE --out x.pem"},
		{"always has a pass phrase", "convert old/device-key.pem --decrypt --out x.pfx"},
		{"leaves the private key out", "convert old/device-cert.pem --only certificate --decrypt --out x.pem"},
	} {
		r := shell(t, b.env, b.dir, binary+" cert "+c.line+" < /dev/null").want(t, 2)
		if !strings.Contains(r.stderr, c.says) || !strings.Contains(r.stderr, "fix") {
			t.Errorf("%s says %s, want %q", c.line, r.stderr, c.says)
		}
	}
	entries, err := os.ReadDir(b.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("something was written: %v, %v", entries, err)
	}
	// What makes sense works.
	b.cert(0, "new", "press-2", "--authority", "fresh", "--out", "@", "--force")
	b.cert(0, "new", "press-2", "--authority", "fresh", "--out", "@", "--force")
	b.cert(0, "new", "press-3", "--authority", "rooted", "--out", "@", "--by-root")
	b.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", authorityOf(t, b, "rooted").RootCertificate(), "certs/press-3.cert.pem")
	if r := b.cert(0, "new", "press-4", "--authority", "fresh", "--out", "@", "--authority-days", "30"); !strings.Contains(r.stderr, "changes nothing") {
		t.Errorf("the life of a CA that is there: %s", r.stderr)
	}
}

// TestKindFlagsAreExplained asks for a reason for every flag that does not go
// with every kind.
func TestKindFlagsAreExplained(t *testing.T) {
	t.Parallel()
	for kind, fitting := range kindFlags {
		for other := range kindFlags {
			for _, flag := range kindFlags[other] {
				if !slices.Contains(fitting, flag) && senseless[flag] == "" {
					t.Errorf("nothing says why --%s does not go with %s", flag, kind)
				}
			}
		}
	}
}

// TestWeakRequest refuses keys that no TLS library takes.
func TestWeakRequest(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "line-3", "--kind", "authority")
	b.openssl("req", "-new", "-newkey", "rsa:1024", "-nodes", "-keyout", "weak.key", "-subj", "/CN=weak", "-out", "weak.csr")
	r := b.cert(4, "sign", "@weak.csr", "--authority", "line-3", "--out", "@weak.pem")
	if !strings.Contains(r.stderr, "1024 bits") || !strings.Contains(r.stderr, "F17") {
		t.Errorf("says %s", r.stderr)
	}
	if r := b.cert(0, "issued", "line-3"); strings.Contains(r.stdout, "weak") {
		t.Errorf("the ledger lists %s", r.stdout)
	}
}

// TestMistypedSecret gives the pass phrase where the name of its variable
// belongs: it is not repeated.
func TestMistypedSecret(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	for _, secret := range []string{"1234", "hunter2", "S3cret-phrase", "correct horse"} {
		for _, json := range []string{"--json=false", "--json"} {
			r := b.cert(2, "new", "a", "--out", "@", "--passphrase-env", secret, json)
			if strings.Contains(r.stdout+r.stderr, secret) || !strings.Contains(r.stdout+r.stderr, "--passphrase-env") {
				t.Errorf("says %s%s", r.stdout, r.stderr)
			}
		}
	}
}
