package pki

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/ssh"
)

// shop makes the material that broken files are made of.
type shop struct {
	t          *testing.T
	dir        string
	f          family
	cert, key  []byte // PEM of a good self-signed device
	der, pkcs8 []byte
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir(), f: newFamily(t, ECP256)}
	key := newKey(t, ECP256)
	c := must[*x509.Certificate](t)(SelfSignedDevice(key, "press-3", ValidFor(time.Now(), 365)))
	s.cert, s.der, s.key = EncodeCertificates(c), c.Raw, quick(t, key, "")
	s.pkcs8 = must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))
	for name, data := range map[string][]byte{"good.pem": s.cert, "good.key.pem": s.key} {
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// openssl runs it and returns the file it wrote.
func (s *shop) openssl(out string, args ...string) []byte {
	s.t.Helper()
	openssl(s.t, s.dir, nil, append(args, "-out", out)...)
	return must[[]byte](s.t)(os.ReadFile(filepath.Join(s.dir, out)))
}

// signed makes a certificate that the package itself would not make.
func (s *shop) signed(change func(*x509.Certificate)) []byte {
	s.t.Helper()
	key := newKey(s.t, ECP256)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "press-3"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: clientAuth,
	}
	change(c)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: must[[]byte](s.t)(x509.CreateCertificate(rand.Reader, c, c, key.Public(), key))})
}

// patched changes a certificate's bytes; its signature no longer fits, which
// nobody looks at before the structure.
func (s *shop) patched(change func(*looseCertificate)) []byte {
	s.t.Helper()
	var c looseCertificate
	if !unmarshal(s.der, &c) {
		s.t.Fatal("the good certificate is not good")
	}
	change(&c)
	c.Body.Raw = nil
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encode(s.t, c)})
}

// version1 is what openssl makes when nobody gives it extensions.
func (s *shop) version1() []byte {
	s.t.Helper()
	s.openssl("v1.csr", "req", "-new", "-key", "good.key.pem", "-subj", "/CN=press-3")
	return s.openssl("v1.pem", "x509", "-req", "-in", "v1.csr", "-signkey", "good.key.pem", "-days", "300")
}

func utf16le(b []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(string(b))) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

func replaced(b []byte, from, to string) []byte { return bytes.ReplaceAll(b, []byte(from), []byte(to)) }

// brokenFile is one file of the catalogue: what it is said to be, and a part of
// the command that mends it.
type brokenFile struct {
	name string
	data []byte
	rule string
	says string
	fix  string
}

func (s *shop) frames() []brokenFile {
	one := string(s.cert)
	folded := strings.ReplaceAll(strings.TrimSpace(one), "\n", " ")
	bare := base64.StdEncoding.EncodeToString(s.der)
	indented := "  " + strings.ReplaceAll(strings.TrimSpace(one), "\n", "\n  ") + "\n"
	return []brokenFile{
		{"empty.pem", nil, "F02", "the file is empty", "copy it again"},
		{"blank.pem", []byte(" \n\t\n"), "F02", "the file is empty", "copy it again"},
		{"zeros.pem", make([]byte, 512), "F02", "nothing but zero bytes", "copy it again"},
		{"cut-off.pem", s.cert[:len(s.cert)/2], "F02", "cut off: its END line is missing", "copy it again"},
		{"no-end.pem", replaced(s.cert, "-----END CERTIFICATE-----", ""), "F02", "END line is missing", "copy it again"},
		{"wrong-end.pem", replaced(s.cert, "-----END CERTIFICATE-----", "-----END CERT-----"), "F02", "begins as CERTIFICATE and ends as CERT", "correct the END line"},
		{"four-dashes.pem", replaced(s.cert, "-----", "----"), "F02", "exactly five dashes", "correct the line"},
		{"lower-case.pem", replaced(s.cert, "BEGIN CERTIFICATE", "BEGIN certificate"), "F02", "BEGIN line of a PEM block is damaged", "copy it again"},
		{"star.pem", append(append([]byte{}, s.cert[:60]...), append([]byte("*"), s.cert[61:]...)...), "F02", "'*', which is no base64", "copy it again"},
		{"lost-letters.pem", append(append([]byte{}, s.cert[:100]...), s.cert[103:]...), "F02", "characters are missing", "copy it again"},
		{"crlf.pem", replaced(s.cert, "\n", "\r\n"), "F02", "CRLF", "dpslab cert convert"},
		{"bom.pem", append([]byte("\xef\xbb\xbf"), s.cert...), "F02", "byte order mark", "dpslab cert convert"},
		{"powershell.pem", utf16le(s.cert), "F02", "UTF-16", "dpslab cert convert"},
		{"bag.pem", append([]byte("Bag Attributes\n    localKeyID: 01\nsubject=CN = press-3\n"), s.cert...), "F02", "text stands before the first PEM block", "dpslab cert convert"},
		{"env.pem", replaced(s.cert, "\n", `\n`), "F02", `line breaks are written as \n`, "dpslab cert convert"},
		{"json.pem", []byte(`{"certificate":"` + strings.ReplaceAll(one, "\n", `\r\n`) + `"}`), "F02", `line breaks are written as \n`, "dpslab cert convert"},
		{"yaml.pem", []byte(indented), "F02", "indented or quoted", "dpslab cert convert"},
		{"mail.pem", []byte("> " + strings.ReplaceAll(strings.TrimSpace(one), "\n", "\n> ")), "F02", "indented or quoted", "dpslab cert convert"},
		{"one-line.pem", []byte(folded), "F02", "everything stands on one line", "dpslab cert convert"},
		{"bare.pem", []byte(bare), "F02", "base64 without the BEGIN and END lines", "dpslab cert convert"},
		{"half-chain.pem", append(append([]byte{}, s.cert...), s.cert[:200]...), "F02", "END line is missing", "copy it again"},
	}
}

func (s *shop) containers() []brokenFile {
	var zipped, gzipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	w := must[interface{ Write([]byte) (int, error) }](s.t)(func() (interface{ Write([]byte) (int, error) }, error) { return z.Create("cert.pem") }())
	_, _ = w.Write(s.cert)
	_ = z.Close()
	g := gzip.NewWriter(&gzipped)
	_, _ = g.Write(s.cert)
	_ = g.Close()
	pfx := s.openssl("good.pfx", "pkcs12", "-export", "-inkey", "good.key.pem", "-in", "good.pem", "-passout", "pass:1234")
	block := func(label string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
	}
	return []brokenFile{
		{"pfx.pem", pfx, "F03", "encrypted, and no pass phrase was given", "--passphrase-env"},
		{"cut.pfx", pfx[:len(pfx)-20], "F02", "DER that is cut off", "copy it again"},
		{"ber.pfx", append(append([]byte{0x30, 0x80}, pfx[4:]...), 0, 0), "F02", "BER with indefinite lengths", "openssl pkcs12"},
		{"no-mac.pfx", s.openssl("no-mac.pfx", "pkcs12", "-export", "-nomac", "-keypbe", "NONE", "-certpbe", "NONE", "-inkey", "good.key.pem", "-in", "good.pem", "-passout", "pass:"), "F02", "PFX without a MAC", "openssl pkcs12"},
		{"framed-pfx.pem", block("CERTIFICATE", pfx), "F02", "a PFX (PKCS#12) file was put between the CERTIFICATE lines", "openssl base64 -d"},
		{"bundle.p7b", s.openssl("bundle.p7b", "crl2pkcs7", "-nocrl", "-certfile", "good.pem"), "F02", "PKCS#7 bundle", "dpslab cert convert"},
		{"bundle.der", s.openssl("bundle.der", "crl2pkcs7", "-nocrl", "-certfile", "good.pem", "-outform", "DER"), "F02", "PKCS#7 bundle", "dpslab cert convert"},
		{"torn.p7b", rebundled(s.openssl("torn.p7b", "crl2pkcs7", "-nocrl", "-certfile", "good.pem"), func(der []byte) []byte { return der[:len(der)-40] }), "F02", "bundle that is damaged", "copy it again"},
		{"ber.p7b", rebundled(s.openssl("ber.p7b", "crl2pkcs7", "-nocrl", "-certfile", "good.pem"), func(der []byte) []byte { return append(append([]byte{0x30, 0x80}, der[4:]...), 0, 0) }), "F02", "cannot be read here", "openssl pkcs7 -print_certs"},
		{"cut.der", s.der[:len(s.der)-9], "F02", "DER that is cut off", "copy it again"},
		{"behind.der", append(append([]byte{}, s.der...), "\r\n"...), "F02", "2 foreign bytes behind it", "head -c"},
		{"other.der", []byte{0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02}, "F02", "neither certificate, request nor key", "openssl asn1parse"},
		{"cert.zip", zipped.Bytes(), "F02", "ZIP archive", "unzip"},
		{"cert.pem.gz", gzipped.Bytes(), "F02", "gzip archive", "gunzip"},
		{"store.jks", []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), "F02", "Java key store", "keytool -importkeystore"},
		{"portal.pem", []byte("<!DOCTYPE html><title>Sign in</title>"), "F02", "HTML or XML", "download the file itself"},
		{"string.pem", []byte("HostName=contoso.azure-devices.net;SharedAccessKeyName=x"), "F02", "connection string", "name a certificate"},
		{"letter.pem", []byte("Dear operator, the certificate follows by mail."), "F02", "neither PEM, DER nor PFX", "name a PEM, DER or PFX file"},
		{"id_rsa.pub", []byte("ssh-rsa AAAAB3NzaC1yc2E press"), "F02", "SSH public key", "name a PEM"},
		{"putty.ppk", []byte("PuTTY-User-Key-File-3: ecdsa-sha2-nistp256\n"), "F02", "PuTTY key", "puttygen"},
		{"openssh.pem", pem.EncodeToMemory(must[*pem.Block](s.t)(ssh.MarshalPrivateKey(newKey(s.t, ECP256), ""))), "F02", "OpenSSH's own format", "ssh-keygen -p -m PKCS8"},
		{"huge.pem", bytes.Repeat([]byte("A"), 10<<20), "F02", "larger than 1 MiB", "name a PEM file"},
		{"csr-as-cert.pem", block("CERTIFICATE", must[*x509.CertificateRequest](s.t)(CreateRequest(newKey(s.t, ECP256), "press-3")).Raw), "F02", "says CERTIFICATE, but what stands in it is a certificate request", "correct the BEGIN and END lines"},
		{"key-as-cert.pem", block("CERTIFICATE", s.pkcs8), "F02", "says CERTIFICATE, but what stands in it is a private key", "correct the BEGIN and END lines"},
		{"cert-as-key.pem", block("PRIVATE KEY", s.der), "F02", "says PRIVATE KEY, but what stands in it is a certificate", "correct the BEGIN and END lines"},
	}
}

func (s *shop) keysAndNames() []brokenFile {
	other := quick(s.t, newKey(s.t, ECP256), "")
	legacy := s.openssl("legacy.pem", "ec", "-aes256", "-in", "good.key.pem", "-passout", "pass:1234")
	camellia := s.openssl("camellia.pem", "pkcs8", "-topk8", "-v2", "camellia-256-cbc", "-in", "good.key.pem", "-passout", "pass:1234")
	rdn := pkix.RDNSequence{{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Contoso"}, {Type: oidCommonName, Value: "press-3"}}}
	named := func(cn string) []byte {
		return s.signed(func(c *x509.Certificate) { c.Subject.CommonName = cn })
	}
	return []brokenFile{
		{"two-keys.pem", append(append([]byte{}, s.key...), other...), "F01", "holds 2 private keys", "openssl pkey"},
		{"other-key.pem", append(append([]byte{}, s.cert...), other...), "F01", "does not belong to", "dpslab cert new press-3"},
		{"closed.key.pem", quick(s.t, newKey(s.t, ECP256), "1234"), "F03", "encrypted, and no pass phrase was given", "--passphrase-env"},
		{"proc-type.key.pem", legacy, "F03", "Proc-Type", "dpslab cert convert"},
		{"camellia.key.pem", camellia, "F02", "cipher that is not supported here", "openssl pkcs8 -topk8"},
		{"damaged.key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: s.pkcs8[:len(s.pkcs8)-4]}), "F02", "damaged key", "copy it again"},
		{"v1.pem", s.version1(), "F09", "version 1 certificate", "dpslab cert new press-3"},
		{"v1-extensions.pem", s.patched(func(c *looseCertificate) { c.Body.Version = 0 }), "F09", "version 1 certificate", "dpslab cert new press-3"},
		{"v9.pem", s.patched(func(c *looseCertificate) { c.Body.Version = 8 }), "F02", "calls itself version 9", "have it issued anew"},
		{"negative-serial.pem", s.patched(func(c *looseCertificate) { c.Body.Serial = big.NewInt(-7) }), "F02", "negative serial number", "have it issued anew"},
		{"twice.pem", s.patched(func(c *looseCertificate) { c.Body.Extensions = append(c.Body.Extensions, c.Body.Extensions[0]) }), "F02", "twice", "have it issued anew"},
		{"secp256k1.pem", s.openssl("secp256k1.pem", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=press-3"), "F02", "curve that TLS does not use", "have it issued anew"},
		{"ca.pem", s.signed(func(c *x509.Certificate) { c.IsCA = true }), "F08", "is a CA (CA:TRUE)", "dpslab cert"},
		{"server.pem", s.signed(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "F09", "without clientAuth", "dpslab cert new press-3"},
		{"encipherment.pem", s.signed(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), "F09", "lacks digitalSignature", "dpslab cert new press-3"},
		{"expired.pem", s.signed(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-25 * time.Hour) }), "F10", "expired on", "dpslab cert new press-3"},
		{"future.pem", s.signed(func(c *x509.Certificate) { c.NotBefore = time.Now().AddDate(0, 0, 9) }), "F10", "not valid before", "timedatectl"},
		{"idn.pem", named("gerät-3"), "F06", "only ASCII letters and digits", "dpslab cert new ger-t-3"},
		{"blank.cn.pem", named("press 3"), "F06", "contains a blank", "dpslab cert new press-3"},
		{"dot.cn.pem", named("press-3."), "F06", "ends in '.'", "dpslab cert new press-3"},
		{"cn-cn.pem", named("CN=press-3"), "F05", `"CN=" was copied`, "dpslab cert new press-3"},
		{"upper.pem", named("Press-3"), "F07", "upper-case letters", "dpslab cert new press-3"},
		{"no-cn.pem", s.signed(func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"Contoso"}} }), "F04", "has no common name", "dpslab cert new"},
		{"multi-rdn.pem", s.signed(func(c *x509.Certificate) { c.RawSubject = encode(s.t, rdn) }), "F04", "several values into one part", "dpslab cert new press-3"},
		{"two-cn.pem", s.signed(func(c *x509.Certificate) {
			c.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidCommonName, Value: "press-3"}, {Type: oidCommonName, Value: "press-4"}}}
		}), "F04", "2 common names", "dpslab cert new press-3"},
		{"reversed.pem", EncodeCertificates(s.f.root.Certificate, s.f.intermediate.Certificate, s.f.device), "F12", "begins with a CA", "dpslab cert fullchain"},
		{"gap.pem", EncodeCertificates(s.f.device, s.f.root.Certificate), "F12", "did not sign", "dpslab cert fullchain"},
		{"leaf-only.pem", EncodeCertificates(s.f.device), "F12", "the issuer of", "find the file of CN = test intermediate"},
	}
}

// TestBrokenFiles puts every file of the catalogue on the disk and reads it as a
// person would: each gets one sentence that names the file and what it really
// is, and the command that mends it.
func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	all := append(append(s.frames(), s.containers()...), s.keysAndNames()...)
	if len(all) < 40 {
		t.Fatalf("%d files only", len(all))
	}
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.name] {
			t.Fatalf("two files are called %s", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), c.name)
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := Verify([]string{path}, VerifyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			checkSentence(t, report.Findings, path, c)
			// Reading it for its certificate or key must not fail without a name.
			for _, err := range []error{errOf(ReadCertificates(path)), errOf(ReadKey(path, nil))} {
				var file *FileError
				if err != nil && (!errors.As(err, &file) || file.Path != path) {
					t.Errorf("%v does not name the file", err)
				}
			}
		})
	}
}

func errOf[T any](_ T, err error) error { return err }

func checkSentence(t *testing.T, findings []Finding, path string, c brokenFile) {
	t.Helper()
	for _, f := range findings {
		if f.Rule != c.rule || !strings.Contains(f.Observed, c.says) {
			continue
		}
		if f.File != path || strings.Contains(f.Observed, "\n") || f.Why == "" {
			t.Errorf("not one sentence about the file: %+v", f)
		}
		if !strings.Contains(f.Fix, c.fix) || placeholder.MatchString(f.Fix) {
			t.Errorf("the fix is %q, want %q", f.Fix, c.fix)
		}
		return
	}
	t.Errorf("no %s that says %q, but %+v", c.rule, c.says, findings)
}

var placeholder = regexp.MustCompile(`\b(OLD|NEW\.)`)

// TestOddFilesConvert does what the fixes propose, with our code and openssl.
func TestOddFilesConvert(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, c := range s.frames() {
		if c.fix != "dpslab cert convert" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data, secret, err := Convert(Sniff(c.data, nil), ConvertOptions{To: ContainerPEM})
			if err != nil || secret || !bytes.Equal(data, s.cert) {
				t.Errorf("converted to %q, %v", data, err)
			}
		})
	}
	whole := func(data, passphrase []byte) {
		t.Helper()
		got, secret, err := Convert(Sniff(data, passphrase), ConvertOptions{To: ContainerPEM})
		if err != nil || !secret || !bytes.HasPrefix(got, s.cert) || !bytes.Contains(got, []byte("BEGIN PRIVATE KEY")) {
			t.Errorf("converted to %q, %v", got, err)
		}
	}
	whole(s.openssl("c.pfx", "pkcs12", "-export", "-inkey", "good.key.pem", "-in", "good.pem", "-passout", "pass:1234"), []byte("1234"))
	for _, form := range []string{"PEM", "DER"} {
		bundle := s.openssl("c.p7b", "crl2pkcs7", "-nocrl", "-certfile", "good.pem", "-outform", form)
		got, secret, err := Convert(Sniff(bundle, nil), ConvertOptions{To: ContainerPEM})
		if err != nil || secret || !bytes.Equal(got, s.cert) {
			t.Errorf("the %s bundle is converted to %q, %v", form, got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, "chain.pem"), EncodeCertificates(s.f.device, s.f.intermediate.Certificate, s.f.root.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	several := s.openssl("d.p7b", "crl2pkcs7", "-nocrl", "-certfile", "chain.pem")
	if got := Sniff(several, nil); got.Format != "PKCS#7" || len(got.Certificates()) != 3 || len(got.Problems()) > 0 {
		t.Errorf("a chain in PKCS#7: %+v", got)
	}
}

// rebundled is a PEM bundle after a change to what stands in it.
func rebundled(bundle []byte, change func([]byte) []byte) []byte {
	block, _ := pem.Decode(bundle)
	return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: change(block.Bytes)})
}
