package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func (b *certBench) read(name string) string {
	b.t.Helper()
	data, err := os.ReadFile(b.in(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// follow runs the command that an error printed as its fix, as it stands there.
func (b *certBench) follow(code int, r result) result {
	b.t.Helper()
	_, fix, ok := strings.Cut(r.stderr, "fix   ")
	fix, _, _ = strings.Cut(fix, "\n")
	at := strings.Index(fix, "dpslab cert ")
	if !ok || at < 0 {
		b.t.Fatalf("no command is printed:\n%s", r.stderr)
	}
	words := strings.ReplaceAll(fix[at:], "dpslab cert", binary+" cert")
	return shell(b.t, b.env, b.dir, words).want(b.t, code)
}

// TestRenewForeignCA renews a CA that openssl made and lets openssl judge.
func TestRenewForeignCA(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "1000", "-subj", "/C=DE/O=Acme GmbH/CN=Acme Root",
		"-addext", "keyUsage=critical,keyCertSign,cRLSign")
	b.cert(0, "csr", "press-1", "--key", "@press-1.key.pem", "--out", "@press-1.csr.pem")
	b.cert(0, "sign", "@press-1.csr.pem", "--issuer-cert", "@ca.pem", "--issuer-key", "@ca.key", "--out", "@press-1.pem")
	before := b.openssl("x509", "-in", "ca.pem", "-noout", "-subject", "-ext", "subjectKeyIdentifier")
	r := b.cert(2, "renew", "@ca.pem")
	if !strings.Contains(r.stderr, "its private key is needed") {
		t.Errorf("without a key: %s", r.stderr)
	}
	b.cert(0, "renew", "@ca.pem", "--key", "@ca.key", "--out", "@new.pem")
	if after := b.openssl("x509", "-in", "new.pem", "-noout", "-subject", "-ext", "subjectKeyIdentifier"); after != before {
		t.Errorf("renewed to\n%s, was\n%s", after, before)
	}
	b.openssl("x509", "-in", "new.pem", "-noout", "-checkend", "86000000") // 995 days
	b.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "new.pem", "press-1.pem")
}

// TestRenewKeys covers what becomes of the private key.
func TestRenewKeys(t *testing.T) {
	t.Parallel()
	b := newCertBench(t, "PHRASE=right", "OTHER=another", "WRONG=wrong")
	b.cert(0, "new", "press-1", "--out", "@", "--algorithm", "ec-p384", "--passphrase-env", "PHRASE")
	old := b.read("device-key.pem")
	if r := b.cert(2, "renew", "@device-cert.pem", "--new-key"); !strings.Contains(r.stderr, "has a pass phrase") || !strings.Contains(r.stderr, "--no-encrypt") {
		t.Errorf("without a pass phrase: %s", r.stderr)
	}
	b.cert(4, "renew", "@device-cert.pem", "--new-key", "--passphrase-env", "WRONG")
	if b.read("device-key.pem") != old {
		t.Fatal("a refused renewal wrote a key")
	}
	b.cert(0, "renew", "@device-cert.pem", "--new-key", "--passphrase-env", "PHRASE")
	if got := b.openssl("pkey", "-in", "device-key.pem", "-passin", "pass:right", "-noout", "-text"); !strings.Contains(got, "P-384") {
		t.Errorf("the new key is %s", got)
	}
	b.cert(0, "renew", "@device-cert.pem", "--new-key", "--new-passphrase-env", "OTHER", "--algorithm", "rsa-2048")
	if got := b.openssl("pkey", "-in", "device-key.pem", "-passin", "pass:another", "-noout", "-text"); !strings.Contains(got, "2048 bit") {
		t.Errorf("the new key is %s", got)
	}
	b.cert(0, "renew", "@device-cert.pem", "--new-key", "--no-encrypt")
	b.cert(0, "verify", "@device-cert.pem", "@device-key.pem")
	// Another's key is no key of this certificate.
	b.cert(0, "new", "press-2", "--out", "@other")
	r := b.cert(4, "renew", "@device-cert.pem", "--key", "@other/device-key.pem")
	if !strings.Contains(r.stderr, b.in("device-cert.pem")) || !strings.Contains(r.stderr, b.in("other/device-key.pem")) || !strings.Contains(r.stderr, "F01") {
		t.Errorf("another's key: %s", r.stderr)
	}
	b.follow(0, b.cert(2, "renew", "@device-cert.pem"))
}

// TestRenewChain renews a device whose certificate lies in two files.
func TestRenewChain(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "press.1", "--authority", "line-3", "--out", "@", "--days", "90")
	b.cert(0, "new", "press-2", "--authority", "line-4", "--out", "@")
	const alone, chain = "certs/press.1.cert.pem", "certs/press.1-full-chain.cert.pem"
	r := b.cert(2, "renew", "@"+chain, "--authority", "line-4")
	if !strings.Contains(r.stderr, "CN=line-3 intermediate CA") || !strings.Contains(r.stderr, "CN=line-4 intermediate CA") {
		t.Errorf("another CA: %s", r.stderr)
	}
	b.follow(0, r)
	b.follow(0, b.cert(2, "renew", "@"+chain))
	for _, named := range []string{alone, chain} {
		b.cert(0, "renew", "@"+named, "--authority", "line-3")
		if first := strings.SplitAfter(b.read(chain), "END CERTIFICATE-----\n")[0]; b.read(alone) != first || strings.Count(b.read(chain), "BEGIN") != 3 {
			t.Errorf("after renewing %s the two files differ", named)
		}
		b.openssl("x509", "-in", alone, "-noout", "-checkend", "7700000") // 89 days: as before
	}
	b.cert(0, "renew", "@"+chain, "--authority", "line-4", "--change-issuer")
	b.cert(0, "verify", "@"+chain, "@private/press.1.key.pem")
	// The secondary files have the names that cert new gives them.
	b.cert(0, "renew", "@"+alone, "--authority", "line-4", "--secondary", "--new-key")
	for _, name := range []string{"certs/press.1-secondary.cert.pem", "certs/press.1-secondary-full-chain.cert.pem", "private/press.1-secondary.key.pem"} {
		b.read(name)
		if r := b.cert(4, "new", "press.1", "--authority", "line-4", "--out", "@", "--secondary"); !strings.Contains(r.stderr, "press.1-secondary") {
			t.Errorf("new --secondary says %s", r.stderr)
		}
	}
	b.cert(0, "verify", "@certs/press.1-secondary-full-chain.cert.pem", "@private/press.1-secondary.key.pem")
}

// TestCertFitsTheFile gives commands the wrong kind of file: each says what it
// is, and prints a command that works as it stands.
func TestCertFitsTheFile(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "line-3", "--kind", "authority")
	b.cert(0, "csr", "press-1", "--key", "@private/press-1.key.pem", "--out", "@press-1.csr.pem")
	b.cert(0, "sign", "@press-1.csr.pem", "--authority", "line-3", "--out", "@certs/press-1-full-chain.cert.pem")
	b.cert(0, "new", "top", "--kind", "root", "--out", "@ca")
	for _, c := range []struct {
		says, fix string
		args      []string
	}{
		{"holds a certificate signing request", "sign " + b.in("press-1.csr.pem") + " --authority line-3", []string{"renew", "@press-1.csr.pem"}},
		{"holds a certificate signing request", "sign " + b.in("press-1.csr.pem") + " --authority line-3", []string{"fullchain", "@press-1.csr.pem"}},
		{"holds a certificate signing request", "sign " + b.in("press-1.csr.pem") + " --authority line-3", []string{"pfx", "@press-1.csr.pem"}},
		{"holds a private key", "fullchain " + b.in("certs/press-1-full-chain.cert.pem"), []string{"fullchain", "@private/press-1.key.pem"}},
		{"holds a private key", "csr press-1 --key " + b.in("private/press-1.key.pem"), []string{"sign", "@private/press-1.key.pem", "--authority", "line-3"}},
		{"holds a certificate", "renew " + b.in("certs/press-1-full-chain.cert.pem") + " --authority line-3", []string{"sign", "@certs/press-1-full-chain.cert.pem", "--authority", "line-3"}},
		{"holds a certificate", "private/press-1.key.pem", []string{"csr", "press-9", "--key", "@certs/press-1-full-chain.cert.pem"}},
		{"holds a certificate signing request", "inspect " + b.in("press-1.csr.pem"), []string{"sign", "@press-1.csr.pem", "--issuer-cert", "@press-1.csr.pem"}},
		{b.in("private/press-1.key.pem"), "verify " + b.in("ca/certs/top.cert.pem"), []string{"sign", "@press-1.csr.pem", "--issuer-cert", "@ca/certs/top.cert.pem", "--issuer-key", "@private/press-1.key.pem"}},
		{"is no CA", "", []string{"sign", "@press-1.csr.pem", "--issuer-cert", "@certs/press-1-full-chain.cert.pem", "--issuer-key", "@private/press-1.key.pem"}},
	} {
		t.Run(strings.Join(c.args[:2], " "), func(t *testing.T) {
			b := *b
			b.t = t
			r := b.cert(4, c.args...)
			if !strings.Contains(r.stderr, c.says) || !strings.Contains(r.stderr, c.fix) {
				t.Errorf("says %s", r.stderr)
			}
			if strings.Contains(r.stderr, "fix   dpslab") {
				ran := shell(t, b.env, t.TempDir(), strings.ReplaceAll(strings.Split(strings.SplitAfter(r.stderr, "fix   ")[1], "\n")[0], "dpslab cert", binary+" cert")+" --help")
				ran.want(t, 0)
			}
		})
	}
	b.follow(0, b.cert(4, "renew", "@press-1.csr.pem"))
	b.follow(0, b.cert(4, "sign", "@certs/press-1-full-chain.cert.pem", "--authority", "line-3"))
	b.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "press-7.key.pem")
	b.follow(0, b.cert(4, "sign", "@press-7.key.pem", "--authority", "line-3"))
	b.follow(4, b.cert(4, "fullchain", "@private/press-1.key.pem")) // which is there already
	// Without an authority the command makes one.
	empty := newCertBench(t)
	empty.cert(0, "csr", "press-1", "--key", "@press-1.key.pem", "--out", "@press-1.csr.pem")
	empty.follow(0, empty.cert(4, "renew", "@press-1.csr.pem"))
}

// TestFullChainSaysWhatIsMissing writes a part of a chain only when told to.
func TestFullChainSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "press-1", "--authority", "line-3", "--out", "@")
	root := authorityOf(t, b, "line-3").RootCertificate()
	r := b.cert(4, "fullchain", "@certs/press-1.cert.pem", root, "--out", "@part.pem")
	if !strings.Contains(r.stderr, "the chain ends at CN = press-1") || !strings.Contains(r.stderr, "line-3 intermediate CA") || !strings.Contains(r.stderr, "F12") {
		t.Errorf("says %s", r.stderr)
	}
	if _, err := os.Stat(b.in("part.pem")); err == nil {
		t.Error("a part was written")
	}
	if r = b.cert(0, "fullchain", "@certs/press-1.cert.pem", root, "--out", "@part.pem", "--partial"); !strings.Contains(r.stderr, "a part of the chain only") {
		t.Errorf("--partial says %s", r.stderr)
	}
	b.openssl("x509", "-in", "part.pem", "-noout")
}

// TestCertPipes joins commands with pipes, and with openssl.
func TestCertPipes(t *testing.T) {
	t.Parallel()
	b := newCertBench(t, "PHRASE=right")
	b.cert(0, "new", "press-1", "--authority", "line-3", "--out", "@")
	script := strings.ReplaceAll(`set -e -o pipefail
dpslab cert convert certs/press-1.cert.pem --to der --out - | dpslab cert convert - --out - --to pem | openssl x509 -noout -subject
cat certs/press-1.cert.pem `+authorityOf(t, b, "line-3").IntermediateCertificate()+` | dpslab cert fullchain - --no-root --out - | grep -c BEGIN
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -subj /CN=press-2 2>/dev/null | dpslab cert sign - --authority line-3 --out - 2>/dev/null > press-2.pem
dpslab cert pfx press-2.pem --key k.pem --out-passphrase-env PHRASE --out - | openssl pkcs12 -noout -passin env:PHRASE
dpslab cert renew - --authority line-3 --out - < press-2.pem 2>/dev/null | openssl x509 -noout -subject
`, "dpslab cert", binary+" cert")
	r := shell(t, b.env, b.dir, script).want(t, 0)
	if r.stdout != "subject=CN = press-1\n2\nsubject=CN = press-2\n" {
		t.Errorf("says %q", r.stdout)
	}
	for _, args := range [][]string{
		{"convert", "@k.pem", "--out", "-", "--json"}, {"new", "a", "--out", "-"}, {"renew", "-"}, {"fullchain", "-"}, {"pfx", "-"},
	} {
		b.cert(2, args...)
	}
}

// TestLeftovers looks at what failing commands leave behind: nothing.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	if err := os.WriteFile(b.in("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.cert(4, "csr", "press-1", "--key", "@press-1.key.pem", "--out", "@file/press-1.csr.pem")
	b.cert(4, "csr", "press-1", "--key", "@press-1.key.pem", "--out", "@file/press-1.csr.pem", "--force")
	b.cert(4, "csr", "press-1", "--key", "@press-1.key.pem", "--out", "@file")
	b.cert(0, "new", "top", "--kind", "root", "--out", "@ca", "--authority-days", "30")
	b.cert(0, "new", "low", "--kind", "intermediate", "--out", "@ca", "--issuer-cert", "@ca/certs/top.cert.pem", "--issuer-key", "@ca/private/top.key.pem")
	b.cert(4, "new", "lower", "--kind", "intermediate", "--out", "@lower", "--issuer-cert", "@ca/certs/low.cert.pem", "--issuer-key", "@ca/private/low.key.pem")
	for _, name := range []string{"press-1.key.pem", "lower"} {
		if _, err := os.Stat(b.in(name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	// What cannot be written is listed as such.
	b.cert(0, "new", "line-3", "--kind", "authority", "--out", "@line-3")
	b.cert(4, "new", "press-2", "--authority", b.in("line-3"), "--out", "@file/x")
	if r := b.cert(0, "issued", b.in("line-3")); !strings.Contains(r.stdout, "press-2") || strings.Count(r.stdout, "never written") != 1 {
		t.Errorf("issued says %s", r.stdout)
	}
	left, _ := filepath.Glob(b.in("*/.*"))
	if len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}
