package pki

import (
	"crypto"
	"crypto/x509"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sameText drops what versions of OpenSSL differ in: blanks at line ends, and
// around '=' in names.
func sameText(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(blanks.ReplaceAllString(strings.TrimRight(line, " \n"), "=") + "\n")
	}
	return strings.TrimSpace(b.String())
}

var blanks = regexp.MustCompile(` = `)

// TestTextIsOpenSSLs compares the text of every kind of certificate with what
// openssl prints of it, line by line.
func TestTextIsOpenSSLs(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECP256, ECP384, ECP521, RSA2048} {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			dir, f := t.TempDir(), newFamily(t, a)
			for name, c := range map[string]*x509.Certificate{
				"root": f.root.Certificate, "intermediate": f.intermediate.Certificate, "device": f.device,
				"self": f.selfSigned, "verification": f.verification, "server": f.server,
			} {
				if err := WriteCertificates(filepath.Join(dir, name), c); err != nil {
					t.Fatal(err)
				}
				want := sameText(openssl(t, dir, nil, "x509", "-in", name, "-noout", "-text"))
				if got := sameText(CertificateText(c)); got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
				}
			}
			r := must[*x509.CertificateRequest](t)(CreateRequest(newKey(t, a), "device-01"))
			if err := WriteRequest(filepath.Join(dir, "r"), r); err != nil {
				t.Fatal(err)
			}
			if got, want := sameText(RequestText(r)), sameText(openssl(t, dir, nil, "req", "-in", "r", "-noout", "-text", "-verify")); !strings.Contains(want, got) {
				t.Errorf("request: got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestTextOfForeignCertificates reads what openssl makes: the how-to's own
// command, whose AKI names the issuer instead of its key, and a certificate
// with everything.
func TestTextOfForeignCertificates(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"how-to": {"-extensions", "usr_cert", "-addext", "extendedKeyUsage=clientAuth", "-subj", "/CN=my-x509-device"},
		"full": {
			"-subj", "/C=DE/O=Contoso/OU=Line 3/CN=device-01/emailAddress=a@example.com", "-set_serial", "4711",
			"-addext", "subjectAltName=DNS:a.example.com,IP:10.0.0.1,IP:fe80::1,email:b@example.com,URI:urn:x",
			"-addext", "keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment", "-addext", "extendedKeyUsage=clientAuth,emailProtection,serverAuth",
			"-addext", "nsComment=made by hand",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			openssl(t, dir, nil, append([]string{"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c", "-days", "30"}, args...)...)
			certs := must[[]*x509.Certificate](t)(ReadCertificates(filepath.Join(dir, "c")))
			want := sameText(openssl(t, dir, nil, "x509", "-in", "c", "-noout", "-text"))
			if got := sameText(CertificateText(certs[0])); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := newKey(t, ECP256)
	c := must[*x509.Certificate](t)(SelfSignedDevice(key, "press-3", month()))
	path := filepath.Join(dir, "both.pem")
	if err := os.WriteFile(path, append(EncodeCertificates(c), quick(t, key, "1234")...), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := must[*Inspection](t)(Inspect(path, InspectOptions{}))
	if !closed.NeedsPassphrase || len(closed.Certificates) != 1 || closed.Certificates[0].KeyMatch != "no key here" || closed.Keys[0].Algorithm != "" {
		t.Errorf("without the pass phrase: %+v", closed)
	}
	open := must[*Inspection](t)(Inspect(path, InspectOptions{Passphrase: []byte("1234"), RegistrationID: "press-4"}))
	got := open.Certificates[0]
	if open.NeedsPassphrase || got.KeyMatch != "yes" || got.RegistrationID != "press-3" || got.DaysLeft != 30 || got.SHA256 != Thumbprint256(c) ||
		got.SPKI != open.Keys[0].SPKI || open.Keys[0].Algorithm != "ec-p256" || !open.Keys[0].Encrypted || !got.SelfSigned || got.PathLength != nil {
		t.Errorf("with the pass phrase: %+v", open)
	}
	text := open.Text()
	for _, want := range []string{
		"both.pem: PEM, 1 certificate, 1 private key", "Registration ID:        press-3 (legal)", got.SHA1 + " (DPS shows this)",
		"Private key matches:    yes", "Days left:              30 of 30",
		`Would be refused:       F05: the common name is "press-3"`, `F05 error  the common name is "press-3", the registration ID "press-4"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	alone := filepath.Join(dir, "alone.pem")
	brief := must[*x509.Certificate](t)(SelfSignedDevice(key, "press-3", ValidFor(time.Now(), 7))) // earns a finding whose fix is a renewal
	if err := WriteCertificates(alone, brief); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		key  crypto.Signer
		says string
	}{{key, "fix  dpslab cert renew " + alone + " --key k.pem"}, {newKey(t, ECP256), "F01: the private key in k.pem does not belong to"}} {
		if text := must[*Inspection](t)(Inspect(alone, InspectOptions{Key: k.key, KeyFile: "k.pem"})).Text(); !strings.Contains(text, k.says) {
			t.Errorf("with a key the text lacks %q:\n%s", k.says, text)
		}
	}
	for _, f := range must[*Inspection](t)(Inspect(path, InspectOptions{Passphrase: []byte("wrong")})).Findings {
		if f.Rule == "F03" && f.Severity == SeverityError {
			return
		}
	}
	t.Error("a wrong pass phrase is no finding")
}
