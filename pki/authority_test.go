package pki

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func TestFileNamesOfTheHowTo(t *testing.T) {
	t.Parallel()
	d, a := DeviceFiles{Dir: "/d", RegistrationID: "device-01"}, AuthorityFiles{"/a"}
	for got, want := range map[string]string{
		d.SelfSignedCertificate():   "/d/device-cert.pem",
		d.SelfSignedKey():           "/d/device-key.pem",
		d.Certificate():             "/d/certs/device-01.cert.pem",
		d.FullChain():               "/d/certs/device-01-full-chain.cert.pem",
		d.Key():                     "/d/private/device-01.key.pem",
		a.RootCertificate():         "/a/certs/azure-iot-test-only.root.ca.cert.pem",
		a.RootKey():                 "/a/private/azure-iot-test-only.root.ca.key.pem",
		a.IntermediateCertificate(): "/a/certs/azure-iot-test-only.intermediate.cert.pem",
		a.IntermediateKey():         "/a/private/azure-iot-test-only.intermediate.key.pem",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func quickAuthority(t *testing.T, files AuthorityFiles, passphrase string) *Authority {
	t.Helper()
	return must[*Authority](t)(createAuthority(t.Context(), files, ECP256, "line-3", month(), []byte(passphrase), fewIterations))
}

func TestCreateAndOpenAuthority(t *testing.T) {
	t.Parallel()
	files := AuthorityFiles{filepath.Join(t.TempDir(), "line-3")}
	if files.Exists() {
		t.Fatal("it exists before it is made")
	}
	made := quickAuthority(t, files, "1234")
	if !files.Exists() {
		t.Error("it does not exist after it was made")
	}
	for _, path := range []string{files.RootKey(), files.IntermediateKey()} {
		checkMode(t, path, 0o600)
		if encrypted, err := KeyEncrypted(path); !encrypted || err != nil {
			t.Errorf("%s: encrypted %v, %v", path, encrypted, err)
		}
	}
	opened := must[*Authority](t)(OpenAuthority(files, []byte("1234")))
	if !opened.Root.Certificate.Equal(made.Root.Certificate) || !opened.Intermediate.Certificate.Equal(made.Intermediate.Certificate) {
		t.Error("what is opened is not what was made")
	}
	if _, err := OpenAuthority(files, []byte("wrong")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("wrong pass phrase: %v", err)
	}
	cn := made.Root.Certificate.Subject.CommonName
	if !strings.HasPrefix(cn, "line-3 root CA ") || made.Intermediate.Certificate.MaxPathLen != 0 {
		t.Errorf("root %q, intermediate path length %d", cn, made.Intermediate.Certificate.MaxPathLen)
	}
	other := quickAuthority(t, AuthorityFiles{t.TempDir()}, "")
	if other.Root.Certificate.Subject.CommonName == cn {
		t.Errorf("two roots are called %q", cn)
	}
	device := must[*x509.Certificate](t)(DeviceCertificate(newKey(t, ECP256).Public(), "device-01", month(), opened.Intermediate))
	chain := filepath.Join(files.Dir, "chain.pem")
	if err := WriteCertificates(chain, opened.FullChain(device)...); err != nil {
		t.Fatal(err)
	}
	openssl(t, files.Dir, nil, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", files.RootCertificate(), "-untrusted", chain, chain)
}

// TestAuthorityIsFinished removes what a killed run would not have written, and
// makes the rest again: keys and certificates that were there must stay.
func TestAuthorityIsFinished(t *testing.T) {
	t.Parallel()
	for n := range 4 {
		files := AuthorityFiles{t.TempDir()}
		first := quickAuthority(t, files, "1234")
		order := []string{files.RootKey(), files.IntermediateKey(), files.RootCertificate(), files.IntermediateCertificate()}
		for _, path := range order[n:] {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if files.Exists() {
			t.Fatalf("%d files of four count as complete", n)
		}
		second := quickAuthority(t, files, "1234")
		if kept := sameKey(first.Root.Key.Public(), second.Root.Key.Public()); kept != (n > 0) {
			t.Errorf("after %d files: root key kept %v", n, kept)
		}
		if kept := sameKey(first.Intermediate.Key.Public(), second.Intermediate.Key.Public()); kept != (n > 1) {
			t.Errorf("after %d files: intermediate key kept %v", n, kept)
		}
		if kept := first.Root.Certificate.Equal(second.Root.Certificate); kept != (n > 2) {
			t.Errorf("after %d files: root certificate kept %v", n, kept)
		}
		if _, err := OpenAuthority(files, []byte("1234")); err != nil {
			t.Errorf("after %d files: %v", n, err)
		}
	}
}

func TestAuthorityFromManyAtOnce(t *testing.T) {
	t.Parallel()
	files := AuthorityFiles{t.TempDir()}
	made := make([]*Authority, 6)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = CreateAuthority(t.Context(), files, ECP256, "line-3", month(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, a := range made[1:] {
		if a == nil || !a.Intermediate.Certificate.Equal(made[0].Intermediate.Certificate) || !a.Root.Certificate.Equal(made[0].Root.Certificate) {
			t.Fatal("two callers got two authorities")
		}
	}
}

func TestAuthorityOfStrangers(t *testing.T) {
	t.Parallel()
	mine, other := AuthorityFiles{t.TempDir()}, AuthorityFiles{t.TempDir()}
	quickAuthority(t, mine, "")
	quickAuthority(t, other, "")
	replace := func(from, to string) {
		t.Helper()
		if err := os.WriteFile(to, must[[]byte](t)(os.ReadFile(from)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace(other.IntermediateCertificate(), mine.IntermediateCertificate())
	var mismatch *MismatchError
	if _, err := OpenAuthority(mine, nil); !errors.As(err, &mismatch) || mismatch.CertFile != mine.IntermediateCertificate() {
		t.Errorf("another certificate: %v", err)
	}
	replace(other.IntermediateKey(), mine.IntermediateKey())
	var file *FileError
	if _, err := OpenAuthority(mine, nil); !errors.As(err, &file) || !strings.Contains(err.Error(), "not signed by the root CA in "+mine.RootCertificate()) {
		t.Errorf("another CA's intermediate: %v", err)
	}
	if _, err := CreateAuthority(t.Context(), mine, ECP256, "x", month(), nil); !errors.As(err, &file) {
		t.Errorf("finishing what does not belong together: %v", err)
	}
	if err := os.Remove(mine.RootKey()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAuthority(mine, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), mine.RootKey()) {
		t.Errorf("a file is missing: %v", err)
	}
}

func TestLongAuthorityNamesAreCut(t *testing.T) {
	t.Parallel()
	for _, name := range []string{strings.Repeat("a", 64), strings.Repeat("é", 40), ""} {
		a := must[*Authority](t)(createAuthority(t.Context(), AuthorityFiles{t.TempDir()}, ECP256, name, month(), nil, fewIterations))
		for _, c := range []*x509.Certificate{a.Root.Certificate, a.Intermediate.Certificate} {
			if cn := c.Subject.CommonName; len(cn) > MaxCommonName || !utf8.ValidString(cn) {
				t.Errorf("%q is called %q", name, cn)
			}
		}
	}
}
