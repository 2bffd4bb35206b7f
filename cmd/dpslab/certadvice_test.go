package main

import (
	"net"
	"strings"
	"testing"
)

// TestCertClosedCAFix: the flags that a refusal names for the pass phrase of a
// CA's key are those that open it; --passphrase-env is for the new key.
func TestCertClosedCAFix(t *testing.T) {
	t.Parallel()
	b := newCertBench(t, "CA_PHRASE=1234")
	b.cert(0, "new", "line-3", "--kind", "authority", "--out", "@ca", "--passphrase-env", "CA_PHRASE")
	b.cert(0, "csr", "press-3", "--out", "@r.csr", "--key", "@r.key.pem")
	b.cert(0, "new", "press-4", "--authority", b.in("ca"), "--issuer-passphrase-env", "CA_PHRASE", "--out", "@")
	for _, line := range [][]string{
		{"new", "press-5", "--authority", "@ca", "--out", "@"},
		{"new", "press", "--authority", "@ca", "--out", "@", "--count", "2"},
		{"new", "press-6", "--issuer-cert", "@ca/certs/azure-iot-test-only.intermediate.cert.pem", "--issuer-key", "@ca/private/azure-iot-test-only.intermediate.key.pem", "--out", "@"},
		{"sign", "@r.csr", "--authority", "@ca", "--out", "@signed.pem"},
		{"renew", "@certs/press-4.cert.pem", "--authority", "@ca"},
	} {
		if r := b.cert(4, line...); !strings.Contains(r.stderr, "--issuer-passphrase-env NAME or --issuer-passphrase-command COMMAND") {
			t.Errorf("%v: %s", line, r.stderr)
		}
		b.cert(0, append(line, "--issuer-passphrase-env", "CA_PHRASE")...)
	}
	if r := b.cert(4, "inspect", "@r.csr", "--key", "@ca/private/azure-iot-test-only.intermediate.key.pem"); !strings.Contains(r.stderr, " --passphrase-env NAME") {
		t.Errorf("a key of its own: %s", r.stderr)
	}
}

// TestCertPFXIsCalledPFX: what does not open is named as what it is.
func TestCertPFXIsCalledPFX(t *testing.T) {
	t.Parallel()
	b := newCertBench(t, "RIGHT=1234", "WRONG=12345")
	b.cert(0, "new", "press-3", "--out", "@")
	b.cert(0, "pfx", "@device-cert.pem", "--key", "@device-key.pem", "--out-passphrase-env", "RIGHT", "--out", "@device.pfx")
	for want, flags := range map[string][]string{
		"the PFX is encrypted: a pass phrase is needed": nil,
		"the pass phrase does not open the PFX":         {"--passphrase-env", "WRONG"},
	} {
		if r := b.cert(4, append([]string{"convert", "@device.pfx", "--out", "@x.pem"}, flags...)...); !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "F03") {
			t.Errorf("want %q: %s", want, r.stderr)
		}
	}
}

// TestCertNamesWhatIsMissing: a command without its operand says which.
func TestCertNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := newCertBench(t)
	for name, want := range map[string]string{
		"new": "needs NAME", "csr": "needs NAME", "sign": "needs REQUEST", "renew": "needs CERTIFICATE", "inspect": "needs FILE|HOST:PORT",
		"verify": "needs FILE|FOLDER", "pfx": "needs CERTIFICATE", "fullchain": "needs FILE", "convert": "needs FILE", "issued": "needs AUTHORITY",
	} {
		if r := b.cert(2, name); !strings.Contains(r.stderr, "dpslab cert "+name+" "+want) || !strings.Contains(r.stderr, "dpslab cert "+name+" --help") {
			t.Errorf("%s: %s", name, r.stderr)
		}
	}
	if r := b.cert(2, "sign", "a", "b"); !strings.Contains(r.stderr, "takes one REQUEST, not 2") {
		t.Errorf("sign a b: %s", r.stderr)
	}
}

// TestCertInspectKnowsServers: an https address is a server, and a host without
// a port is told from a file.
func TestCertInspectKnowsServers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // nobody answers
	b := newCertBench(t)
	if r := b.cert(3, "inspect", "https://"+address+"/some/path"); !strings.Contains(r.stderr, "asking "+address+" for its certificate") {
		t.Errorf("an address: %s", r.stderr)
	}
	if r := b.cert(4, "inspect", "dps.example.invalid"); !strings.Contains(r.stderr, "dpslab cert inspect dps.example.invalid:443") {
		t.Errorf("a host: %s", r.stderr)
	}
}
