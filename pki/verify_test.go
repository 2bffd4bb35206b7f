package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mill issues certificates with any mistake.
type mill struct {
	t      *testing.T
	serial int64
}

type made struct {
	*x509.Certificate
	key crypto.Signer
}

func (m *mill) make(by *made, cn string, change func(*x509.Certificate)) *made {
	m.t.Helper()
	return m.makeWith(newKey(m.t, ECP256), by, cn, change)
}

func (m *mill) makeWith(key crypto.Signer, by *made, cn string, change func(*x509.Certificate)) *made {
	m.t.Helper()
	m.serial++
	ski := must[[]byte](m.t)(keyIdentifier(key.Public()))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(m.serial), Subject: pkix.Name{CommonName: cn}, SubjectKeyId: ski,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), BasicConstraintsValid: true, MaxPathLen: -1,
	}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der := must[[]byte](m.t)(x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer))
	return &made{must[*x509.Certificate](m.t)(x509.ParseCertificate(der)), key}
}

func asCA(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, caUsage }

func asDevice(c *x509.Certificate) {
	c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, clientAuth
}

func both(first, then func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) { first(c); then(c) }
}

// TestVerifyAgreesWithOpenSSL puts chains before "openssl verify -purpose
// sslclient" and before Verify: what openssl refuses is an error here too, and
// what it takes is one only where DPS itself refuses.
func TestVerifyAgreesWithOpenSSL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		root, intermediate, leaf func(*x509.Certificate)
		openssl                  bool   // what openssl says
		rule                     string // of the error here; empty: none
	}{
		"target chain":                       {asCA, asCA, asDevice, true, ""},
		"no EKU":                             {asCA, asCA, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }, true, ""},
		"no key usage":                       {asCA, asCA, func(c *x509.Certificate) { c.ExtKeyUsage = clientAuth }, true, ""},
		"intermediate EKU clientAuth":        {asCA, both(asCA, func(c *x509.Certificate) { c.ExtKeyUsage = clientAuth }), asDevice, true, ""},
		"leaf EKU serverAuth":                {asCA, asCA, func(c *x509.Certificate) { c.ExtKeyUsage = serverTemplate.extKeyUsage }, false, "F09"},
		"leaf key usage keyEncipherment":     {asCA, asCA, both(asDevice, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), false, "F09"},
		"intermediate EKU serverAuth":        {asCA, both(asCA, func(c *x509.Certificate) { c.ExtKeyUsage = serverTemplate.extKeyUsage }), asDevice, false, "F09"},
		"intermediate without keyCertSign":   {asCA, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageDigitalSignature }, asDevice, false, "F12"},
		"intermediate no CA":                 {asCA, asDevice, asDevice, false, "F12"},
		"root path length 0 above a CA":      {both(asCA, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }), asCA, asDevice, false, "F12"},
		"root path length 1":                 {both(asCA, func(c *x509.Certificate) { c.MaxPathLen = 1 }), asCA, asDevice, true, ""},
		"leaf expired":                       {asCA, asCA, both(asDevice, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), false, "F10"},
		"intermediate expired":               {asCA, both(asCA, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), asDevice, false, "F10"},
		"root not yet valid":                 {both(asCA, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), asCA, asDevice, false, "F10"},
		"leaf is a CA, which DPS alone sees": {asCA, asCA, both(asCA, func(c *x509.Certificate) { c.ExtKeyUsage = clientAuth }), true, "F08"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, dir := &mill{t: t}, t.TempDir()
			root := m.make(nil, "root", c.root)
			intermediate := m.make(root, "intermediate", c.intermediate)
			leaf := m.make(intermediate, "press-3", c.leaf)
			for file, certs := range map[string][]*x509.Certificate{
				"root": {root.Certificate}, "chain": {leaf.Certificate, intermediate.Certificate, root.Certificate},
			} {
				if err := WriteCertificates(filepath.Join(dir, file), certs...); err != nil {
					t.Fatal(err)
				}
			}
			out, err := tryTool(t, dir, nil, "openssl", "verify", "-purpose", "sslclient", "-CAfile", "root", "-untrusted", "chain", "chain")
			if (err == nil) != c.openssl {
				t.Errorf("openssl says %v: %s", err, out)
			}
			report := must[*Report](t)(Verify([]string{dir + "/chain"}, VerifyOptions{RegistrationID: "press-3"}))
			var rules []string
			for _, f := range report.Findings {
				if f.Severity == SeverityError {
					rules = append(rules, f.Rule)
				}
			}
			if c.rule == "" && len(rules) > 0 || c.rule != "" && !strings.Contains(strings.Join(rules, " "), c.rule) {
				t.Errorf("errors %v, want %q: %+v", rules, c.rule, report.Findings)
			}
		})
	}
}

// scene is a folder for Verify.
type scene struct {
	*mill
	dir string
}

func (s *scene) certs(name string, certs ...*made) {
	s.t.Helper()
	var all []*x509.Certificate
	for _, c := range certs {
		all = append(all, c.Certificate)
	}
	s.write(name, EncodeCertificates(all...), 0o600)
}

func (s *scene) write(name string, data []byte, perm fs.FileMode) {
	s.t.Helper()
	if err := errors.Join(os.WriteFile(filepath.Join(s.dir, name), data, perm), os.Chmod(filepath.Join(s.dir, name), perm)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) key(name string, c *made, passphrase string) {
	s.t.Helper()
	s.write(name, quick(s.t, c.key, passphrase), 0o600)
}

// TestEveryRule makes the situation of each rule and expects its finding.
func TestEveryRule(t *testing.T) {
	t.Parallel()
	for rule, c := range map[string]struct {
		set      func(*scene)
		options  VerifyOptions
		severity Severity
		says     string
	}{
		"F01": {func(s *scene) {
			s.certs("device-cert.pem", s.make(nil, "press-3", asDevice))
			s.key("device-key.pem", s.make(nil, "press-3", asDevice), "")
		}, VerifyOptions{}, SeverityError, "device-key.pem does not belong to"},
		"F02": {func(s *scene) { s.write("device.pem", nil, 0o600) }, VerifyOptions{}, SeverityError, "the file is empty"},
		"F03": {func(s *scene) { s.key("device.key", s.make(nil, "press-3", asDevice), "right") }, VerifyOptions{Passphrase: []byte("wrong")}, SeverityError, "the pass phrase does not open it"},
		"F04": {func(s *scene) { s.certs("a.pem", s.make(nil, "", asDevice)) }, VerifyOptions{}, SeverityError, "has no common name"},
		"F05": {func(s *scene) { s.certs("a.pem", s.make(nil, "press-3", asDevice)) }, VerifyOptions{RegistrationID: "press-4"}, SeverityError, `the registration ID "press-4"`},
		"F06": {func(s *scene) { s.certs("a.pem", s.make(nil, "press/3", asDevice)) }, VerifyOptions{}, SeverityError, "contains '/'"},
		"F07": {func(s *scene) { s.certs("a.pem", s.make(nil, "Press-3", asDevice)) }, VerifyOptions{RegistrationID: "press-3"}, SeverityWarning, "upper-case"},
		"F08": {func(s *scene) { s.certs("a.pem", s.make(nil, "press-3", asCA)) }, VerifyOptions{RegistrationID: "press-3"}, SeverityError, "is a CA"},
		"F09": {func(s *scene) { s.certs("a.pem", s.make(nil, "press-3", nil)) }, VerifyOptions{}, SeverityWarning, "has no extended key usage"},
		"F10": {func(s *scene) { s.certs("a.pem", s.make(nil, "press-3", asDevice)) }, VerifyOptions{Now: time.Now().AddDate(1, 0, -20)}, SeverityWarning, "expires on"},
		"F11": {func(s *scene) {
			s.certs("a.pem", s.make(nil, "press-3", both(asDevice, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 29) })))
		}, VerifyOptions{}, SeverityWarning, "lives 29 days in all"},
		"F12": {func(s *scene) {
			root := s.make(nil, "root", asCA)
			s.certs("a.pem", s.make(root, "press-3", asDevice))
			s.certs("root.pem", root)
		}, VerifyOptions{}, SeverityWarning, "holds the device certificate alone"},
		"F13": {func(s *scene) {
			root := s.make(nil, "root", asCA)
			s.certs("a.pem", s.make(root, "press-3", asDevice), root)
		}, VerifyOptions{}, SeverityInfo, "ends with the root CA"},
		"F14": {func(s *scene) {
			s.certs("a.pem", s.make(s.make(nil, "root", asCA), "press-3", asDevice))
			s.certs("root.pem", s.make(nil, "root", asCA))
		}, VerifyOptions{}, SeverityError, "has another key and did not sign it"},
		"F15": {func(s *scene) {
			chain := []*made{s.make(nil, "root", both(asCA, padded))}
			for range 2 {
				chain = append([]*made{s.make(chain[0], "ca", both(asCA, padded))}, chain...)
			}
			s.certs("a.pem", append([]*made{s.make(chain[0], "press-3", both(asDevice, padded))}, chain...)...)
		}, VerifyOptions{}, SeverityWarning, "more than the 4096 bytes"},
		"F16": {func(s *scene) {
			s.write("device.key.pem", quick(s.t, newKey(s.t, ECP256), ""), 0o644)
		}, VerifyOptions{}, SeverityWarning, "has mode 0644"},
		"F17": {func(s *scene) {
			root := s.make(nil, "root", asCA)
			a := s.make(root, "press-3", asDevice)
			s.serial--
			s.certs("a.pem", a, root)
			s.certs("b.pem", s.make(root, "press-4", asDevice), root)
		}, VerifyOptions{}, SeverityWarning, "has the serial number"},
		"F18": {func(s *scene) { s.certs("a.pem", s.make(nil, "press-3", asDevice)) }, VerifyOptions{}, SeverityInfo, "(DPS shows it)"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			s := &scene{&mill{t: t}, t.TempDir()}
			c.set(s)
			report := must[*Report](t)(Verify([]string{s.dir}, c.options))
			for _, f := range report.Findings {
				if f.Rule == rule && f.Severity == c.severity && strings.Contains(f.Observed, c.says) {
					if f.Why == "" || f.Fix == "" || f.File == "" {
						t.Errorf("half a finding: %+v", f)
					}
					return
				}
			}
			t.Errorf("no %s %s that says %q: %+v", rule, c.severity, c.says, report.Findings)
		})
	}
	if len(Rules()) != 18 {
		t.Errorf("%d rules", len(Rules()))
	}
}

func padded(c *x509.Certificate) {
	c.Subject.OrganizationalUnit = []string{strings.Repeat("x", 1200)}
}

// TestVerifyIsQuietAboutGoodFiles takes what this package writes.
func TestVerifyIsQuietAboutGoodFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := DeviceFiles{Dir: dir, RegistrationID: "press-3"}
	a, c, err := createDeviceChain(t.Context(), AuthorityFiles{filepath.Join(dir, "ca")}, files,
		ChainOptions{Authority: "line-3", Algorithm: ECP256, AuthorityValidity: ValidFor(time.Now(), 3650), Validity: ValidFor(time.Now(), 365), Passphrase: []byte("1234")}, fewIterations)
	if err != nil {
		t.Fatal(err)
	}
	report := must[*Report](t)(Verify([]string{dir}, VerifyOptions{RegistrationID: "PRESS-3", Passphrase: []byte("1234")}))
	if worst := Worst(report.Findings); worst != SeverityInfo {
		t.Errorf("worst is %q: %+v", worst, report.Findings)
	}
	if len(report.Files) != 7 || len(report.Chains) != 1 {
		t.Fatalf("%d files, %d chains", len(report.Files), len(report.Chains))
	}
	chain := report.Chains[0]
	if !chain.Complete || len(chain.Elements) != 3 || chain.KeyFile != files.Key() || !chain.Elements[0].Certificate.Equal(c) || !chain.Elements[2].Certificate.Equal(a.Root.Certificate) {
		t.Errorf("chain %+v", chain)
	}
	text := report.Text(false)
	if !strings.HasPrefix(text, "CN = press-3  until ") || !strings.Contains(text, "7 files, 0 errors, 0 warnings") || !strings.Contains(text, "F18 info") {
		t.Errorf("the text is\n%s", text)
	}
	if brief := report.Text(true); strings.Contains(brief, "F18") {
		t.Errorf("the brief text is\n%s", brief)
	}
}

func TestVerifyOldAlgorithms(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	short := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	root := s.makeWith(short, nil, "root", asCA)
	s.certs("root.pem", root)
	s.key("root.key", root, "")
	s.key("leaf.key", s.make(nil, "press-3", nil), "")
	openssl(t, s.dir, nil, "req", "-new", "-key", "leaf.key", "-subj", "/CN=press-3", "-out", "r")
	openssl(t, s.dir, nil, "x509", "-req", "-in", "r", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-sha1", "-days", "90", "-out", "leaf.pem")
	openssl(t, s.dir, nil, "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "small.key", "-subj", "/CN=press-4", "-days", "90", "-out", "small.pem")
	report := must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{}))
	var all []string
	for _, f := range report.Findings {
		all = append(all, f.Rule+" "+f.Observed)
		if f.Rule == "F14" || f.Rule == "F12" && strings.Contains(f.Observed, "missing") {
			t.Errorf("the SHA-1 signature was not recognized: %+v", f)
		}
	}
	for _, want := range []string{"is signed with SHA1-RSA", "has an RSA key of 1024 bits", "version 1 certificate"} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("nothing says %q:\n%s", want, strings.Join(all, "\n"))
		}
	}
}

func TestVerifyGitWorkTree(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	if err := os.MkdirAll(filepath.Join(s.dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.key("device.key.pem", s.make(nil, "press-3", nil), "")
	inTree := func() bool {
		report := must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{}))
		return strings.Contains(report.Text(false), "lies in the git work tree "+s.dir)
	}
	if !inTree() {
		t.Error("a key in a work tree is no finding")
	}
	s.write(".gitignore", []byte("# keys\n*.key.pem\n"), 0o600)
	if inTree() {
		t.Error("an ignored key is a finding")
	}
}

func TestVerifyErrors(t *testing.T) {
	t.Parallel()
	var file *FileError
	if _, err := Verify([]string{filepath.Join(t.TempDir(), "none")}, VerifyOptions{}); !errors.As(err, &file) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	empty := must[*Report](t)(Verify([]string{t.TempDir()}, VerifyOptions{}))
	if len(empty.Files)+len(empty.Findings) != 0 || !strings.Contains(empty.Text(false), "no device certificate here") {
		t.Errorf("an empty folder: %+v", empty)
	}
}
