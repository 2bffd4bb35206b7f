package pki

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRenewedBesideOld checks heaps that hold a certificate twice: as it was and
// as it was renewed with the same key. Neither is the other's issuer, and a CA
// that signed with the one did not stop being a CA.
func TestRenewedBesideOld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set    func(*scene)
		chains int
		want   string // rules, F18 left out
	}{
		"self-signed device": {func(s *scene) {
			old := s.make(nil, "press-3", asDevice)
			s.certs("old.pem", old)
			s.certs("new.pem", s.makeWith(old.key, nil, "press-3", asDevice))
		}, 2, ""},
		"root, the old one in chain files": {func(s *scene) {
			root := s.make(nil, "plant", asCA)
			device := s.make(root, "press-3", asDevice)
			s.certs("press-3.pem", device, root)
			s.certs("plant.pem", s.makeWith(root.key, nil, "plant", asCA))
		}, 1, "F13 info"},
		"intermediate CA": {func(s *scene) {
			root := s.make(nil, "plant", asCA)
			old := s.make(root, "hall", asCA)
			s.certs("hall-old.pem", old)
			s.certs("press-3.pem", s.make(old, "press-3", asDevice), s.makeWith(old.key, root, "hall", asCA), root)
		}, 1, "F13 info"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scene{&mill{t: t}, t.TempDir()}
			c.set(s)
			report := must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{}))
			if got := rulesOf(report.Findings); got != c.want || len(report.Chains) != c.chains {
				t.Errorf("%d chains and %q, want %d and %q: %+v", len(report.Chains), got, c.chains, c.want, report.Findings)
			}
			for _, chain := range report.Chains {
				if !chain.Complete {
					t.Errorf("the chain is not complete: %+v", chain)
				}
			}
		})
	}
}

// TestClosedKeyIsNotMissing: a key that stays closed is there; the fix opens it
// and does not make another.
func TestClosedKeyIsNotMissing(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	device := s.make(nil, "press-3", both(asDevice, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, 20) }))
	s.certs("device-cert.pem", device)
	s.key("device-key.pem", device, "1234")
	want := "dpslab cert renew " + s.dir + "/device-cert.pem --key " + s.dir + "/device-key.pem --days 365"
	if fix := fixOf(t, s.dir, "F11"); !strings.HasSuffix(fix, ": "+want) {
		t.Errorf("the fix is %q, want %q", fix, want)
	}
	below := &scene{&mill{t: t}, t.TempDir()}
	ca := below.make(nil, "plant", asCA)
	below.certs("press-3.pem", below.make(ca, "press-3", both(asDevice, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, 20) })), ca)
	below.key("plant.key.pem", ca, "1234")
	if fix := fixOf(t, below.dir, "F11"); !strings.Contains(fix, "its key is not among the files that could be opened") {
		t.Errorf("the fix is %q", fix)
	}
}

// fixOf is the fix of the first finding of a rule, which there must be.
func fixOf(t *testing.T, dir, rule string) string {
	t.Helper()
	findings := must[*Report](t)(Verify([]string{dir}, VerifyOptions{})).Findings
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Rule == rule })
	if i < 0 {
		t.Fatalf("no %s in %+v", rule, findings)
	}
	return findings[i].Fix
}

// TestChainFixNamesFilesOnce: a file that holds several CAs of a chain stands
// once in the command.
func TestChainFixNamesFilesOnce(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	root := s.make(nil, "plant", asCA)
	hall := s.make(root, "hall", asCA)
	s.certs("above.pem", hall, root)
	s.certs("press-3.pem", s.make(hall, "press-3", asDevice))
	if fix := fixOf(t, s.dir, "F12"); strings.Count(fix, "above.pem") != 1 {
		t.Errorf("the fix is %q", fix)
	}
}
