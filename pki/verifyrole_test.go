package pki

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rulesOf are "F08 error" and so on, each once, F18 left out.
func rulesOf(findings []Finding) string {
	var out []string
	seen := map[string]bool{}
	for _, f := range findings {
		if one := f.Rule + " " + string(f.Severity); f.Rule != "F18" && !seen[one] {
			seen[one] = true
			out = append(out, one)
		}
	}
	return strings.Join(out, ", ")
}

// TestCAPosesAsDevice tells CA certificates that a device is about to present
// from those that sign.
func TestCAPosesAsDevice(t *testing.T) {
	t.Parallel()
	limited := func(c *x509.Certificate) { c.MaxPathLenZero = true; c.MaxPathLen = 0 }
	for name, c := range map[string]struct {
		set  func(*scene)
		want string // what F08 says: "error", "warning" or nothing
	}{
		"openssl's default, with key": {func(s *scene) {
			openssl(s.t, s.dir, nil, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "a.key", "-subj", "/CN=dev-d", "-days", "90", "-out", "a.pem")
		}, "error"},
		"openssl's default, no key": {func(s *scene) { s.certs("a.pem", s.make(nil, "dev-d", plainCA)) }, "error"},
		"below a CA": {func(s *scene) {
			r := s.make(nil, "the root", asCA)
			s.certs("root.pem", r)
			s.certs("a.pem", s.make(r, "dev-d", plainCA))
		}, "error"},
		"below a CA, made to sign": {func(s *scene) {
			r := s.make(nil, "the root", asCA)
			s.pair("root", r)
			s.pair("a", s.make(r, "dev-d", asCA))
		}, "error"},
		"full chain without key": {func(s *scene) { r := s.make(nil, "the root", asCA); s.certs("a.pem", s.make(r, "dev-d", asCA), r) }, "error"},
		"full chain, name with blanks": {func(s *scene) {
			r := s.make(nil, "the root", asCA)
			s.pair("b", s.make(r, "dev d", asCA))
			s.certs("a.pem", s.make(r, "dev d", plainCA), r)
		}, "warning"},
		"a root with a device's name": {func(s *scene) { s.pair("a", s.make(nil, "top", asCA)) }, "warning"},
		"a sub-CA with a device's name": {func(s *scene) {
			r := s.make(nil, "top", asCA)
			s.certs("a.pem", s.make(r, "sub", both(asCA, limited)), r)
		}, "warning"},
		"root and intermediate, no leaf": {func(s *scene) {
			r := s.make(nil, "the root", asCA)
			s.pair("r", r)
			s.pair("i", s.make(r, "the middle", both(asCA, limited)))
		}, ""},
		"a root alone":    {func(s *scene) { s.certs("a.pem", s.make(nil, "Contoso Root CA", asCA)) }, ""},
		"a bundle of CAs": {func(s *scene) { r := s.make(nil, "the root", asCA); s.certs("a.pem", s.make(r, "the middle", asCA), r) }, ""},
		"a CA that signed": {func(s *scene) {
			r := s.make(nil, "top", plainCA)
			s.pair("r", r)
			s.certs("a.pem", s.make(r, "dev-d", asDevice), r)
		}, ""},
		"an authority's folder": {func(s *scene) {
			_ = must[*Authority](s.t)(CreateAuthority(s.t.Context(), AuthorityFiles{filepath.Join(s.dir, "ca")}, ECP256, "line-3", ValidFor(time.Now(), 900), nil))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scene{&mill{t: t}, t.TempDir()}
			c.set(s)
			got := ""
			for _, f := range must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{})).Findings {
				if f.Rule == "F08" {
					got = string(f.Severity)
				}
			}
			if got != c.want {
				t.Errorf("F08 is %q, want %q", got, c.want)
			}
		})
	}
}

// TestRegistrationIDIgnoresCase compares as DPS does, and compares with one
// device of a folder only.
func TestRegistrationIDIgnoresCase(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	s.certs("d.pem", s.make(nil, "dev-d", plainCA))
	report := must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{RegistrationID: "DEV-D"}))
	if got := rulesOf(report.Findings); !strings.Contains(got, "F08 error") || strings.Contains(got, "F05") || len(report.Chains) != 1 {
		t.Errorf("DEV-D and dev-d: %s", got)
	}
	for _, name := range []string{"press-1", "press-2", "press-3"} {
		s.certs(name+".pem", s.make(nil, name, asDevice))
	}
	if got := rulesOf(must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{RegistrationID: "Press-2"})).Findings); strings.Contains(got, "F05") {
		t.Errorf("one device of the folder bears the ID, but: %s", got)
	}
	if got := rulesOf(must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{RegistrationID: "press-9"})).Findings); !strings.Contains(got, "F05 error") {
		t.Errorf("no device of the folder bears the ID, but: %s", got)
	}
}

// TestOrderOfFile: a device that stands behind its CA is out of order, and not
// alone.
func TestOrderOfFile(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	root := s.make(nil, "the root", asCA)
	s.certs("a.pem", root, s.make(root, "press-3", asDevice))
	var said []string
	for _, f := range must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{})).Findings {
		if f.Rule == "F12" {
			said = append(said, f.Observed)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "begins with a CA") {
		t.Errorf("F12 says %q", said)
	}
}
