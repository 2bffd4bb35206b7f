package pki

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fewIterations keeps the tests fast where the cost is not what is tested.
const fewIterations = 1000

func newKey(t *testing.T, a Algorithm) crypto.Signer {
	t.Helper()
	key, err := a.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// tool finds a program that the tests need; `make packages` installs it.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed: make packages", name)
	}
	return path
}

// openssl runs the real openssl in a folder; env adds to its environment.
func openssl(t testing.TB, dir string, env []string, args ...string) string {
	t.Helper()
	out, err := tryTool(t, dir, env, "openssl", args...)
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// tryTool runs a program that may fail.
func tryTool(t testing.TB, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func month() Validity { return ValidFor(time.Now(), 30) }

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for _, a := range Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			if got, err := ParseAlgorithm(string(a)); got != a || err != nil {
				t.Errorf("parsed %v, %v", got, err)
			}
			if a == RSA3072 || a == RSA4096 {
				return // seconds each; the same code as RSA 2048
			}
			if got := DescribeKey(newKey(t, a).Public()); got != string(a) {
				t.Errorf("made a key of %s", got)
			}
		})
	}
	if _, err := ParseAlgorithm("rsa-1024"); err == nil || !strings.Contains(err.Error(), "ec-p256, ec-p384") {
		t.Errorf("unknown algorithm: %v", err)
	}
	if _, err := Algorithm("x").GenerateKey(t.Context()); err == nil {
		t.Error("made a key of an unknown algorithm")
	}
}

func TestGenerateKeyCancelled(t *testing.T) {
	t.Parallel()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, a := range []Algorithm{ECP256, RSA4096} {
		if _, err := a.GenerateKey(ctx); !errors.Is(err, cause) {
			t.Errorf("%s: %v", a, err)
		}
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(cause) })
	if _, err := RSA4096.GenerateKey(ctx); !errors.Is(err, cause) {
		t.Errorf("cancelled while searching: %v", err)
	}
}

func TestCheckRegistrationID(t *testing.T) {
	t.Parallel()
	rule := "use letters, digits, '-', '.', '_' or ':'"
	for _, c := range []struct{ id, reason, suggestion string }{
		{"my-x509-device", "", ""},
		{"a", "", ""},
		{"A.b_c:d-", "", ""},
		{strings.Repeat("a", 128), "", ""},
		{"", "is empty, must have 1 to 128 characters", ""},
		{strings.Repeat("a", 129), "is 129 characters long, DPS allows at most 128", strings.Repeat("a", 128)},
		{"device.", "ends in '.', must end in a letter, digit or '-'", "device"},
		{"device_:", "ends in ':', must end in a letter, digit or '-'", "device"},
		{"my device", "contains a blank at position 3, " + rule, "my-device"},
		{"a/b", "contains '/', " + rule, "a-b"},
		{"a\x1b[1m", `contains '\x1b', ` + rule, "a-1m"},
		{"gerät", "contains 'ä', only ASCII letters and digits count, and '-', '.', '_' or ':'", "ger-t"},
		{"a\xffb", "has a byte that is no text at position 2, use ASCII letters, digits, '-', '.', '_' or ':'", "a-b"},
		{"name!", "contains '!', " + rule, "name"},
		{"!!!", "contains '!', " + rule, ""},
	} {
		err := CheckRegistrationID(c.id)
		var e *IDError
		switch {
		case c.reason == "" && err != nil:
			t.Errorf("%q: %v", c.id, err)
		case c.reason != "" && !errors.As(err, &e):
			t.Errorf("%q: got %v, want an *IDError", c.id, err)
		case e != nil && (e.Reason != c.reason || e.Suggestion != c.suggestion || e.ID != c.id || e.Error() != "registration ID "+c.reason):
			t.Errorf("%q: got %+v, want %+v", c.id, *e, c)
		}
	}
	var e *IDError
	if err := CheckCommonName(strings.Repeat("a", 65)); !errors.As(err, &e) || e.Reason != "is 65 characters long, the common name of a certificate holds at most 64" {
		t.Errorf("65 bytes: %v", err)
	}
	if err := CheckCommonName(strings.Repeat("a", 64)); err != nil {
		t.Error(err)
	}
}

// family is one of everything.
type family struct {
	root, intermediate                               Issuer
	device, selfSigned, verification, client, server *x509.Certificate
}

func newFamily(t *testing.T, a Algorithm) family {
	t.Helper()
	cert := must[*x509.Certificate](t)
	var f family
	f.root.Key, f.intermediate.Key = newKey(t, a), newKey(t, a)
	key, v := newKey(t, a), month()
	f.root.Certificate = cert(RootCA(f.root.Key, "test root", v))
	f.intermediate.Certificate = cert(IntermediateCA(f.intermediate.Key.Public(), "test intermediate", v, 0, f.root))
	f.device = cert(DeviceCertificate(key.Public(), "device-01", v, f.intermediate))
	f.selfSigned = cert(SelfSignedDevice(key, "my-x509-device", v))
	f.verification = cert(VerificationCertificate(key.Public(), "75B86466DA34D2B04C0C4C9557A119687ADAE7D4732BDDB3", v, f.root))
	f.client = cert(ClientCertificate(key.Public(), "any name", v, f.intermediate))
	f.server = cert(ServerCertificate(key.Public(), "localhost", []string{"localhost", "global.azure-devices-provisioning.net"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, v, f.intermediate))
	return f
}

// TestCertificateTable checks what stands in the certificates against the table
// in the package, field by field.
func TestCertificateTable(t *testing.T) {
	t.Parallel()
	for a, want := range map[Algorithm]x509.SignatureAlgorithm{
		ECP256: x509.ECDSAWithSHA256, ECP384: x509.ECDSAWithSHA384, ECP521: x509.ECDSAWithSHA512, RSA2048: x509.SHA256WithRSA,
	} {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			f := newFamily(t, a)
			clientAuth, serverAuth := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			serverUsage := x509.KeyUsageDigitalSignature
			if a == RSA2048 {
				serverUsage |= x509.KeyUsageKeyEncipherment
			}
			for name, c := range map[string]struct {
				got     *x509.Certificate
				ca      bool
				pathLen int
				usage   x509.KeyUsage
				ext     []x509.ExtKeyUsage
				issuer  *x509.Certificate
			}{
				"root":         {f.root.Certificate, true, -1, caUsage, nil, nil},
				"intermediate": {f.intermediate.Certificate, true, 0, caUsage, nil, f.root.Certificate},
				"device":       {f.device, false, -1, x509.KeyUsageDigitalSignature, clientAuth, f.intermediate.Certificate},
				"self-signed":  {f.selfSigned, false, -1, x509.KeyUsageDigitalSignature, clientAuth, nil},
				"verification": {f.verification, false, -1, x509.KeyUsageDigitalSignature, clientAuth, f.root.Certificate},
				"client":       {f.client, false, -1, x509.KeyUsageDigitalSignature, clientAuth, f.intermediate.Certificate},
				"server":       {f.server, false, -1, serverUsage, serverAuth, f.intermediate.Certificate},
			} {
				got := c.got
				if !got.BasicConstraintsValid || got.IsCA != c.ca || got.MaxPathLen != c.pathLen && c.ca {
					t.Errorf("%s: basicConstraints CA:%v pathlen %d", name, got.IsCA, got.MaxPathLen)
				}
				if got.KeyUsage != c.usage || !slices.Equal(got.ExtKeyUsage, c.ext) {
					t.Errorf("%s: keyUsage %b extKeyUsage %v", name, got.KeyUsage, got.ExtKeyUsage)
				}
				if got.SignatureAlgorithm != want {
					t.Errorf("%s: signed with %v", name, got.SignatureAlgorithm)
				}
				if len(got.SubjectKeyId) != 20 || got.SerialNumber.Sign() != 1 || len(got.SerialNumber.Bytes()) != 20 {
					t.Errorf("%s: SKI %x, serial %X", name, got.SubjectKeyId, got.SerialNumber)
				}
				var aki []byte
				if c.issuer != nil {
					aki = c.issuer.SubjectKeyId
				}
				if !slices.Equal(got.AuthorityKeyId, aki) {
					t.Errorf("%s: AKI %x, want %x", name, got.AuthorityKeyId, aki)
				}
				for _, e := range got.Extensions {
					critical := e.Id.String() == "2.5.29.15" || e.Id.String() == "2.5.29.19"
					if e.Critical != critical {
						t.Errorf("%s: extension %s critical=%v", name, e.Id, e.Critical)
					}
				}
			}
		})
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	f := newFamily(t, ECP256)
	key := newKey(t, ECP256)
	pub, v := key.Public(), month()
	var id *IDError
	if _, err := DeviceCertificate(pub, "bad.", v, f.intermediate); !errors.As(err, &id) {
		t.Errorf("bad registration ID: %v", err)
	}
	if _, err := SelfSignedDevice(key, strings.Repeat("a", 65), v); !errors.As(err, &id) {
		t.Errorf("long common name: %v", err)
	}
	for _, cn := range []string{"", strings.Repeat("a", 65), "\xff"} {
		if _, err := RootCA(key, cn, v); err == nil {
			t.Errorf("a root CA with the common name %q", cn)
		}
	}
	if _, err := DeviceCertificate(pub, "a", v, Issuer{Certificate: f.device, Key: key}); !errors.Is(err, ErrNotCA) {
		t.Errorf("signed by a device: %v", err)
	}
	if _, err := IntermediateCA(pub, "below", v, 0, f.intermediate); !errors.Is(err, ErrNotCA) {
		t.Errorf("a CA below path length 0: %v", err)
	}
	if _, err := DeviceCertificate(pub, "a", v, Issuer{Certificate: f.root.Certificate, Key: key}); err == nil {
		t.Error("signed with a key that is not the issuer's")
	}
	if _, err := DeviceCertificate(pub, "a", v, Issuer{Certificate: f.root.Certificate}); err == nil {
		t.Error("signed without a key")
	}
	if _, err := DeviceCertificate(pub, "a", Validity{v.NotAfter, v.NotBefore}, f.root); err == nil {
		t.Error("ends before it begins")
	}
	if _, err := DeviceCertificate(struct{}{}, "a", v, f.root); err == nil {
		t.Error("a public key that is none")
	}
}

func TestValidityEndsWithTheIssuers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	key := newKey(t, ECP256)
	short := must[*x509.Certificate](t)(RootCA(key, "short", ValidFor(now, 1)))
	by := Issuer{Certificate: short, Key: key}
	got := must[*x509.Certificate](t)(DeviceCertificate(key.Public(), "a", ValidFor(now, 30), by))
	if !got.NotAfter.Equal(short.NotAfter) {
		t.Errorf("ends %v, the issuer %v", got.NotAfter, short.NotAfter)
	}
	if want := now.UTC().Truncate(time.Second).Add(-5 * time.Minute); !got.NotBefore.Equal(want) {
		t.Errorf("begins %v, want %v", got.NotBefore, want)
	}
	if _, err := DeviceCertificate(key.Public(), "a", ValidFor(now.AddDate(0, 0, 2), 30), by); !errors.Is(err, ErrIssuerExpired) {
		t.Errorf("from an expired issuer: %v", err)
	}
	// An expired device below a good CA can be made: the lab teaches with it.
	if _, err := DeviceCertificate(key.Public(), "a", ValidFor(now.AddDate(0, 0, -3), 2), by); err != nil {
		t.Errorf("an expired device: %v", err)
	}
}

// TestOpenSSLAcceptsOurs checks all kinds with "openssl verify", strictly.
func TestOpenSSLAcceptsOurs(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECP256, ECP384, ECP521, RSA2048} {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			dir, f := t.TempDir(), newFamily(t, a)
			for name, c := range map[string]*x509.Certificate{
				"root": f.root.Certificate, "intermediate": f.intermediate.Certificate, "device": f.device,
				"self": f.selfSigned, "verification": f.verification, "client": f.client, "server": f.server,
			} {
				if err := WriteCertificates(filepath.Join(dir, name), c); err != nil {
					t.Fatal(err)
				}
			}
			chain := []string{"-CAfile", "root", "-untrusted", "intermediate"}
			for _, args := range [][]string{
				{"-purpose", "sslclient", "device"},
				{"-purpose", "sslclient", "client"},
				{"-purpose", "sslserver", "-verify_hostname", "localhost", "server"},
				{"-purpose", "sslserver", "-verify_ip", "127.0.0.1", "server"},
				{"-purpose", "sslclient", "verification"},
			} {
				openssl(t, dir, nil, slices.Concat([]string{"verify", "-x509_strict"}, chain, args)...)
			}
			openssl(t, dir, nil, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "self", "self")
			text := openssl(t, dir, nil, "x509", "-in", "self", "-noout", "-text")
			for _, want := range []string{"Subject: CN = my-x509-device", "CA:FALSE", "TLS Web Client Authentication", "Digital Signature"} {
				if !strings.Contains(text, want) {
					t.Errorf("openssl does not show %q:\n%s", want, text)
				}
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	dir, f := t.TempDir(), newFamily(t, ECP256)
	if err := WriteCertificates(filepath.Join(dir, "c"), f.selfSigned); err != nil {
		t.Fatal(err)
	}
	got := Describe(f.selfSigned)
	for flag, value := range map[string]string{"-sha1": got.SHA1, "-sha256": got.SHA256} {
		out := strings.ReplaceAll(openssl(t, dir, nil, "x509", "-in", "c", "-noout", "-fingerprint", flag), ":", "")
		if !strings.Contains(out, "="+value) {
			t.Errorf("%s is %s, openssl says %s", flag, value, out)
		}
	}
	if out := openssl(t, dir, nil, "x509", "-in", "c", "-noout", "-serial"); !strings.Contains(out, got.Serial) {
		t.Errorf("serial %s, openssl says %s", got.Serial, out)
	}
	if got.Subject != "CN=my-x509-device" || got.KeyAlgorithm != "ec-p256" || got.IsCA || !got.SelfSigned || len(got.SPKI) != 64 {
		t.Errorf("facts are %+v", got)
	}
	if root := Describe(f.root.Certificate); !root.IsCA || !root.SelfSigned {
		t.Errorf("facts of the root are %+v", root)
	}
	if device := Describe(f.device); device.SelfSigned || device.Issuer != "CN=test intermediate" {
		t.Errorf("facts of the device are %+v", device)
	}
	evil := must[*x509.Certificate](t)(RootCA(newKey(t, ECP256), "a\x1b[31m\u202eb", month()))
	if got := Describe(evil).Subject; got != `CN=a\x1b[31m\u202eb` {
		t.Errorf("control characters in the subject: %q", got)
	}
}

func TestRSAKeyExchangeIsForServersOnly(t *testing.T) {
	t.Parallel()
	f := newFamily(t, RSA2048)
	if _, ok := f.device.PublicKey.(*rsa.PublicKey); !ok || f.device.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("key usage of an RSA device is %b", f.device.KeyUsage)
	}
}
