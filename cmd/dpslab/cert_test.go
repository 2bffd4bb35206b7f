package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/pki"
)

// certBench is a folder with files and a home of its own.
type certBench struct {
	t         *testing.T
	dir, home string
	env       []string
}

func newCertBench(t *testing.T, extra ...string) *certBench {
	t.Helper()
	b := &certBench{t: t, dir: t.TempDir(), home: t.TempDir()}
	b.env = environ(t, b.home, extra...)
	return b
}

// in is a path in the folder.
func (b *certBench) in(name string) string { return filepath.Join(b.dir, name) }

// cert runs `dpslab cert`; words that begin with '@' are paths in the folder.
func (b *certBench) cert(code int, args ...string) result {
	b.t.Helper()
	line := []string{"cert"}
	for _, a := range args {
		if name, ok := strings.CutPrefix(a, "@"); ok {
			a = b.in(name)
		}
		line = append(line, a)
	}
	return dpslabWith(b.t, b.env, line...).want(b.t, code)
}

func (b *certBench) openssl(args ...string) string {
	b.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// objects are the JSON lines of a result.
func (b *certBench) objects(r result) []map[string]any {
	b.t.Helper()
	var all []map[string]any
	for line := range strings.Lines(r.stdout) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			b.t.Fatalf("%v in %q", err, line)
		}
		all = append(all, one)
	}
	return all
}

func TestCertSelfSigned(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	r := b.cert(0, "new", "my-x509-device", "--out", "@")
	if r.stdout != b.in("device-key.pem")+"\n"+b.in("device-cert.pem")+"\n" || !strings.Contains(r.stderr, "SHA-1") {
		t.Errorf("stdout %q, stderr %q", r.stdout, r.stderr)
	}
	b.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "device-cert.pem", "device-cert.pem")
	again := b.cert(4, "new", "my-x509-device", "--out", "@")
	if !strings.Contains(again.stderr, "not overwritten") || !strings.Contains(again.stderr, "--force") {
		t.Errorf("over existing files: %s", again.stderr)
	}
	old, err := os.ReadFile(b.in("device-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	files := b.objects(b.cert(0, "new", "my-x509-device", "--out", "@", "--force", "--algorithm", "ec-p384", "--json"))
	kept, err := os.ReadFile(files[0]["backup"].(string))
	if err != nil || string(kept) != string(old) {
		t.Errorf("the old key was not kept: %v", err)
	}
	text := b.cert(0, "inspect", "@device-cert.pem", "--key", "@device-key.pem").stdout
	for _, want := range []string{"NIST CURVE: P-384", "Registration ID:        my-x509-device (legal)", "Private key matches:    yes", "Days left:              30 of 30"} {
		if !strings.Contains(text, want) {
			t.Errorf("inspect lacks %q:\n%s", want, text)
		}
	}
	b.cert(0, "new", "my-x509-device", "--out", "@", "--secondary", "-q")
	b.cert(0, "verify", "@device-cert-secondary.pem", "@device-key-secondary.pem")
}

func TestCertChain(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "press-1", "--authority", "line-3", "--out", "@", "--days", "90")
	b.cert(0, "new", "press-2", "--authority", "line-3", "--out", "@", "--days", "90")
	b.cert(0, "new", "press", "--authority", "line-3", "--out", "@", "--days", "90", "--count", "12", "--json")
	issued := b.objects(b.cert(0, "issued", "line-3", "--json"))
	if len(issued) != 15 || issued[14]["subject"] != "CN=press-12" { // with the intermediate CA
		t.Errorf("issued %v", issued)
	}
	b.cert(0, "verify", "@certs", "@private", "--warnings-as-errors")
	b.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", authorityOf(t, b, "line-3").RootCertificate(),
		"-untrusted", "certs/press-07-full-chain.cert.pem", "certs/press-07.cert.pem")
	r := b.cert(0, "new", "75B86466DA34D2B04C0C4C9557A119687ADAE7D4732BDDB3", "--kind", "verification", "--authority", "line-3", "--by-root", "--out", "@")
	if got := b.openssl("x509", "-in", strings.TrimSpace(r.stdout), "-noout", "-subject", "-issuer"); !strings.Contains(got, "75B86466DA34D2B04C0C4C9557A119687ADAE7D4732BDDB3") || !strings.Contains(got, "line-3 root CA") {
		t.Errorf("the proof of possession is %s", got)
	}
	b.openssl("x509", "-in", strings.TrimSpace(r.stdout), "-noout", "-checkend", "3600")
	if text := b.cert(0, "inspect", strings.TrimSpace(r.stdout)).stdout; !strings.Contains(text, "1 of 1\n") {
		t.Errorf("the proof of possession lives longer than a day:\n%s", text)
	}
	// Renewed below the same CA, with the same key; the chain stays whole.
	files := b.objects(b.cert(0, "renew", "@certs/press-1-full-chain.cert.pem", "--authority", "line-3", "--days", "180", "--json"))
	if len(files) != 2 || files[0]["backup"] == nil || files[1]["backup"] == nil || files[0]["sha1"] != files[1]["sha1"] || files[1]["path"] != b.in("certs/press-1.cert.pem") {
		t.Errorf("renewed %v", files)
	}
	b.cert(0, "verify", "@certs/press-1-full-chain.cert.pem", "@private/press-1.key.pem", "--registration-id", "press-1")
	chained := b.in("again.pem")
	b.cert(0, "fullchain", "@certs/press-2.cert.pem", authorityOf(t, b, "line-3").RootCertificate(), authorityOf(t, b, "line-3").IntermediateCertificate(), "--no-root", "--out", chained)
	if data, err := os.ReadFile(chained); err != nil || strings.Count(string(data), "BEGIN CERT") != 2 {
		t.Errorf("chain %q, %v", data, err)
	}
}

func authorityOf(t *testing.T, b *certBench, name string) pki.AuthorityFiles {
	t.Helper()
	return pki.AuthorityFiles{Dir: paths(t, b.home).AuthorityDir(name)}
}

// TestCertDeepChain makes CAs of any depth from single files.
func TestCertDeepChain(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "top", "--kind", "root", "--out", "@")
	above := "top"
	for _, ca := range []struct{ name, pathLength string }{{"plant", "2"}, {"hall", "1"}, {"line", "0"}} {
		b.cert(0, "new", ca.name, "--kind", "intermediate", "--path-length", ca.pathLength, "--out", "@",
			"--issuer-cert", "@certs/"+above+".cert.pem", "--issuer-key", "@private/"+above+".key.pem")
		above = ca.name
	}
	b.cert(0, "new", "press-9", "--out", "@", "--days", "90", "--issuer-cert", "@certs/line.cert.pem", "--issuer-key", "@private/line.key.pem")
	b.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "certs/top.cert.pem", "-untrusted", "certs/press-9-full-chain.cert.pem", "certs/press-9.cert.pem")
	report := b.objects(b.cert(0, "verify", "@certs/press-9-full-chain.cert.pem", "--json"))[0]
	chain := report["chains"].([]any)[0].(map[string]any)
	if chain["complete"] != true || len(chain["elements"].([]any)) != 5 {
		t.Errorf("chain %v", chain)
	}
	r := b.cert(4, "new", "below", "--kind", "intermediate", "--out", "@", "--issuer-cert", "@certs/line.cert.pem", "--issuer-key", "@private/line.key.pem")
	if !strings.Contains(r.stderr, "path length 0") {
		t.Errorf("below path length 0: %s", r.stderr)
	}
}

func TestCertRequests(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	b.cert(0, "new", "line-3", "--kind", "authority")
	b.cert(0, "csr", "press-1", "--key", "@press-1.key.pem", "--out", "@press-1.csr.pem")
	b.openssl("req", "-in", "press-1.csr.pem", "-noout", "-verify")
	b.cert(0, "sign", "@press-1.csr.pem", "--authority", "line-3", "--days", "90", "--out", "@press-1.pem")
	b.cert(0, "verify", "@press-1.pem", "@press-1.key.pem", "@press-1.csr.pem")
	b.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "theirs.key", "-subj", "/CN=press-2", "-addext", "subjectAltName=DNS:x", "-outform", "DER", "-out", "theirs.csr")
	r := b.cert(0, "sign", "@theirs.csr", "--authority", "line-3", "--out", "@press-2.pem")
	if !strings.Contains(r.stderr, "not granted: subjectAltName") {
		t.Errorf("what was not granted is not said: %s", r.stderr)
	}
	if text := b.cert(0, "inspect", "@theirs.csr").stdout; !strings.Contains(text, "Signed by its own key:  true") || !strings.Contains(text, "DNS:x") {
		t.Errorf("the request is shown as\n%s", text)
	}
	if r := b.cert(4, "sign", "@press-1.pem", "--authority", "line-3"); !strings.Contains(r.stderr, "no certificate signing request") {
		t.Errorf("signing a certificate: %s", r.stderr)
	}
}

func TestCertContainers(t *testing.T) {
	t.Parallel()
	b := newCertBench(t, "KEY_PHRASE=key phrase", "PFX_PHRASE=pfx phrase")
	b.cert(0, "new", "press-3", "--out", "@", "--passphrase-env", "KEY_PHRASE")
	for _, c := range []struct{ file, flag, shows string }{{"modern.pfx", "--compatible=false", "AES-256-CBC"}, {"old.pfx", "--compatible", "TripleDES"}} {
		b.cert(0, "pfx", "@device-cert.pem", "--key", "@device-key.pem", "--passphrase-env", "KEY_PHRASE", "--out-passphrase-env", "PFX_PHRASE", c.flag, "--out", "@"+c.file)
		if got := b.openssl("pkcs12", "-in", c.file, "-passin", "pass:pfx phrase", "-noout", "-info"); !strings.Contains(got, c.shows) {
			t.Errorf("openssl shows %s", got)
		}
		// And back: the key gets the pass phrase that opened the PFX.
		b.cert(0, "convert", "@"+c.file, "--passphrase-env", "PFX_PHRASE", "--out", "@"+c.file+".pem")
		b.openssl("pkey", "-in", c.file+".pem", "-passin", "pass:pfx phrase", "-noout")
		b.cert(0, "verify", "@"+c.file+".pem", "--passphrase-env", "PFX_PHRASE")
	}
	b.cert(0, "convert", "@device-cert.pem", "--out", "@device.cer")
	b.openssl("x509", "-inform", "DER", "-in", "device.cer", "-noout")
	b.cert(0, "convert", "@device-key.pem", "--passphrase-env", "KEY_PHRASE", "--decrypt", "--out", "@plain.pem")
	b.openssl("pkey", "-in", "plain.pem", "-noout")
	if info, err := os.Stat(b.in("plain.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// With the key of another certificate there is no PFX.
	b.cert(0, "new", "press-4", "--out", "@other", "-q")
	if r := b.cert(4, "pfx", "@device-cert.pem", "--key", "@other/device-key.pem", "--out-passphrase-env", "PFX_PHRASE", "--out", "@x.pfx"); !strings.Contains(r.stderr, "F01") {
		t.Errorf("another key: %s", r.stderr)
	}
}

func TestCertRefusals(t *testing.T) {
	t.Parallel()
	b := newCertBench(t, "PHRASE=right", "WRONG=wrong")
	b.cert(0, "new", "press-3", "--out", "@", "--passphrase-env", "PHRASE")
	if err := os.WriteFile(b.in("bad.pem"), []byte("-----BEGIN CERTIFICATE-----\nMIIB"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "Take press-3.", []string{"new", "press-3.", "--out", "@"}},
		{2, "unknown key algorithm", []string{"new", "a", "--out", "@", "--algorithm", "rsa-1024"}},
		{2, "1 to 36500", []string{"new", "a", "--out", "@", "--days", "0"}},
		{2, "there is no kind leaf", []string{"new", "a", "--out", "@", "--kind", "leaf"}},
		{2, "which CA signs?", []string{"new", "a", "--out", "@", "--kind", "device"}},
		{2, "there is no authority none", []string{"issued", "none"}},
		{2, "is not set", []string{"new", "a", "--out", "@x", "--passphrase-env", "MISSING"}},
		{2, "exclude each other", []string{"new", "a", "--out", "@x", "--passphrase-env", "PHRASE", "--passphrase-command", "cat x"}},
		{2, "where does the result go?", []string{"convert", "@device-cert.pem"}},
		{2, "--key " + b.in("device-key.pem"), []string{"renew", "@device-cert.pem"}},
		{2, "unknown flag: --passphrase", []string{"new", "a", "--passphrase", "1234"}},
		{4, "no such file", []string{"inspect", "@none.pem"}},
		{4, "END line is missing", []string{"inspect", "@bad.pem"}},
		{4, "END line is missing", []string{"verify", "@bad.pem"}},
		{4, "F03", []string{"renew", "@device-cert.pem", "--key", "@device-key.pem"}},
		{4, "does not open", []string{"renew", "@device-cert.pem", "--key", "@device-key.pem", "--passphrase-env", "WRONG"}},
		{4, "F02", []string{"convert", "@bad.pem", "--out", "@x.pem"}},
		{4, "fix   Compare the name", []string{"renew", "@none.pem"}},
		{4, "dpslab cert verify ", []string{"inspect", "@."}},
		{3, "fix   Compare host and port", []string{"inspect", "127.0.0.1:1"}},
		{3, "asking 127.0.0.1:1", []string{"inspect", "127.0.0.1:1"}},
	} {
		r := b.cert(c.code, c.args...)
		if !strings.Contains(r.stdout+r.stderr, c.says) {
			t.Errorf("%v says %s%s, want %q", c.args, r.stdout, r.stderr, c.says)
		}
		if c.code == 2 && c.says == "unknown flag: --passphrase" || c.args[0] == "verify" || c.args[1] == "@bad.pem" && c.args[0] == "inspect" {
			continue // told by cobra; or a report, not an error
		}
		problem, ok := b.objects(b.cert(c.code, append(c.args, "--json")...))[0]["problem"].(map[string]any)
		if !ok || problem["summary"] == "" || problem["op"] == nil {
			t.Errorf("%v --json says %v", c.args, problem)
		}
	}
	if _, err := os.Stat(b.in("x.pem")); err == nil {
		t.Error("a refused command left a file")
	}
}

// TestCertHelp asks every command for its help: it must have examples and
// --json.
func TestCertHelp(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	for _, name := range []string{"new", "inspect", "verify", "renew", "csr", "sign", "pfx", "fullchain", "convert", "issued"} {
		help := b.cert(0, name, "--help").stdout
		if !strings.Contains(help, "Examples:\n  dpslab cert "+name) || !strings.Contains(help, "--json") {
			t.Errorf("the help of %s is\n%s", name, help)
		}
		if strings.Contains(help, "--passphrase string") {
			t.Errorf("%s takes a pass phrase on the command line", name)
		}
	}
}

// TestCertPassphraseStaysInside looks for pass phrases in everything that is
// printed and written, and in the arguments of every process.
func TestCertPassphraseStaysInside(t *testing.T) {
	t.Parallel()
	const phrase = "correct-horse-battery-staple"
	b := newCertBench(t, "PHRASE="+phrase)
	if err := os.WriteFile(b.in("phrase"), []byte(phrase+"\nnot this\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, args := range [][]string{
		{"new", "press-3", "--out", "@", "--authority", "line-3", "--passphrase-env", "PHRASE", "--json"},
		{"verify", "@certs", "@private", "--passphrase-command", "cat " + b.in("phrase"), "--json"},
		{"pfx", "@certs/press-3-full-chain.cert.pem", "--key", "@private/press-3.key.pem", "--passphrase-env", "PHRASE", "--out-passphrase-env", "PHRASE", "--out", "@a.pfx"},
		{"convert", "@a.pfx", "--passphrase-env", "PHRASE", "--out", "@b.pem"},
		{"inspect", "@b.pem", "--passphrase-env", "PHRASE"},
	} {
		r := b.cert(0, args...)
		said += r.stdout + r.stderr
	}
	if strings.Contains(said, phrase) || strings.Contains(said, "PRIVATE KEY-----") {
		t.Errorf("a secret was printed:\n%s", said)
	}
	files := 0
	for _, root := range []string{b.dir, b.home} {
		err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if err != nil || info.IsDir() || path == b.in("phrase") {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			if strings.Contains(string(data), phrase) || strings.Contains(string(data), "BEGIN PRIVATE KEY") {
				t.Errorf("a secret lies open in %s", path)
			}
			if strings.Contains(string(data), "PRIVATE KEY") && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 9 {
		t.Errorf("%d files only: this test looks at the wrong place", files)
	}
}
