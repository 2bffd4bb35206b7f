package pki

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func (s *scene) folder(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(s.dir, name), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestKeysOfSiblings: files of the same name in two folders belong to two
// devices; certs and private belong together.
func TestKeysOfSiblings(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	s.folder("one", "two", "three/certs", "three/private", "four")
	for _, dir := range []string{"one", "two"} {
		c := s.make(nil, "press-"+dir, asDevice)
		s.certs(dir+"/device-cert.pem", c)
		s.key(dir+"/device-key.pem", c, "")
	}
	c := s.make(nil, "press-three", asDevice)
	s.certs("three/certs/press.cert.pem", c)
	s.key("three/private/press.key.pem", c, "")
	if got := rulesOf(must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{})).Findings); got != "" {
		t.Errorf("good folders: %s", got)
	}
	// The key of another beside it is a mismatch, in certs and private too.
	s.key("three/private/press.key.pem", s.make(nil, "x", nil), "")
	if got := rulesOf(must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{})).Findings); got != "F01 error" {
		t.Errorf("another key in private: %s", got)
	}
	// Both are there, under each other's names.
	a, b := s.make(nil, "press-a", asDevice), s.make(nil, "press-b", asDevice)
	for name, pair := range map[string][2]*made{"a": {a, b}, "b": {b, a}} {
		s.certs("four/"+name+".pem", pair[0])
		s.key("four/"+name+".key", pair[1], "")
	}
	if got := rulesOf(must[*Report](t)(Verify([]string{s.dir + "/four"}, VerifyOptions{})).Findings); got != "F01 warning" {
		t.Errorf("crosswise: %s", got)
	}
	// A spare key in another name is no mismatch.
	if err := os.RemoveAll(s.dir + "/four"); err != nil {
		t.Fatal(err)
	}
	s.folder("four")
	s.certs("four/device-cert.pem", a)
	s.key("four/device-key.pem", b, "")
	s.key("four/spare.key", a, "")
	if got := rulesOf(must[*Report](t)(Verify([]string{s.dir + "/four"}, VerifyOptions{})).Findings); got != "F01 warning" {
		t.Errorf("a stranger among the keys: %s", got)
	}
}

// TestFolderIsReadWhole follows links, looks into files without an ending, and
// goes on after what cannot be read.
func TestFolderIsReadWhole(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	s.folder("..data", "below")
	c := s.make(nil, "press-3", asDevice)
	s.certs("..data/tls.crt", c)
	s.key("..data/tls.key", c, "")
	s.write("notes", []byte("no certificate"), 0o600)
	s.certs("certificate", s.make(nil, "press-4", asDevice))
	s.write("binary", s.make(nil, "press-5", asDevice).Raw, 0o600)
	for link, to := range map[string]string{
		"tls.crt": "..data/tls.crt", "tls.key": "..data/tls.key", "below/up": "..", "loop.pem": "loop.pem", "gone.pem": "nowhere.pem", "below/again.crt": "../tls.crt",
	} {
		if err := os.Symlink(to, filepath.Join(s.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	report := must[*Report](t)(Verify([]string{s.dir}, VerifyOptions{}))
	var names []string
	for _, f := range report.Files {
		names = append(names, strings.TrimPrefix(f, s.dir+"/"))
	}
	if want := []string{"below/again.crt", "binary", "certificate", "tls.key"}; !slices.Equal(names, want) {
		t.Errorf("read %q, want %q", names, want)
	}
	if len(report.Chains) != 3 {
		t.Errorf("%d devices", len(report.Chains))
	}
	unread := 0
	for _, f := range report.Findings {
		if f.Rule == "F02" && (strings.HasSuffix(f.File, "loop.pem") || strings.HasSuffix(f.File, "gone.pem")) {
			unread++
		}
	}
	if unread != 2 {
		t.Errorf("links that lead nowhere: %s", rulesOf(report.Findings))
	}
}

func TestCurlsPassphraseIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	s.certs("device-cert.pem", s.make(nil, "press-3", asDevice))
	for _, path := range []string{s.dir + "/device-cert.pem:hunter2", s.dir + "/missing.pem:hunter2", s.dir + "/device-cert.pem:a:hunter2"} {
		_, errV := Verify([]string{path}, VerifyOptions{})
		_, errI := Inspect(path, InspectOptions{})
		for _, err := range []error{errV, errI} {
			var format *FormatError
			if !errors.As(err, &format) || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), ".pem") {
				t.Errorf("%v", err)
			}
		}
	}
}

func TestStandardInput(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	pem := EncodeCertificates(s.make(nil, "press-3", asDevice).Certificate)
	report := must[*Report](t)(Verify([]string{"-"}, VerifyOptions{Stdin: strings.NewReader(string(pem))}))
	if len(report.Chains) != 1 || report.Files[0] != "-" || rulesOf(report.Findings) != "" {
		t.Errorf("%+v", report)
	}
	crlf := strings.ReplaceAll(string(pem), "\n", "\r\n")
	inspection := must[*Inspection](t)(Inspect("-", InspectOptions{Stdin: strings.NewReader(crlf)}))
	if len(inspection.Certificates) != 1 || !strings.Contains(inspection.Text(), "dpslab cert convert /dev/stdin --out stdin-new.pem") {
		t.Errorf("%s", inspection.Text())
	}
	if _, err := Inspect("-", InspectOptions{Stdin: strings.NewReader(strings.Repeat("A", maxFile+1))}); err != nil {
		t.Errorf("too much input is no finding: %v", err)
	}
	if _, err := Inspect("-", InspectOptions{}); err == nil {
		t.Error("without an input there is a file called -")
	}
}

// TestNamesThatLie: what a file's name promises is compared with what is in it.
func TestNamesThatLie(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pfx := s.openssl("good.pfx", "pkcs12", "-export", "-inkey", "good.key.pem", "-in", "good.pem", "-passout", "pass:1234")
	request := s.openssl("good.req", "req", "-new", "-key", "good.key.pem", "-subj", "/CN=press-3")
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"a.pem": {s.der, "the name says PEM, but the file is DER"}, "b.pem": {pfx, "the name says PEM, but the file is PFX"},
		"c.pem": {request, "a certificate signing request"}, "d.csr.pem": {request, ""}, "e.csr": {request, ""}, "f.crt": {request, "a certificate signing request"},
		"g.der": {s.cert, "the name says DER, but the file is PEM"}, "h.pfx": {s.cert, "the name says PFX"}, "i.cer": {s.der, ""}, "j.crt": {s.cert, ""},
		"k.pfx": {pfx, ""},
	} {
		path := filepath.Join(s.dir, name)
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range must[*Report](t)(Verify([]string{path}, VerifyOptions{})).Findings {
			if f.Rule == "F02" {
				got += f.Observed
				if f.Severity != SeverityWarning {
					t.Errorf("%s: %+v", name, f)
				}
			}
		}
		if c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
}

// TestClosedPFXIsSecret: others must not read it, open or not.
func TestClosedPFXIsSecret(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.openssl("good.pfx", "pkcs12", "-export", "-inkey", "good.key.pem", "-in", "good.pem", "-passout", "pass:1234")
	path := filepath.Join(s.dir, "good.pfx")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, passphrase := range []string{"", "1234", "wrong"} {
		if got := rulesOf(must[*Report](t)(Verify([]string{path}, VerifyOptions{Passphrase: []byte(passphrase)})).Findings); !strings.Contains(got, "F16 warning") {
			t.Errorf("pass phrase %q: %s", passphrase, got)
		}
	}
}
