package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEncodePFXAsDocumented(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := newKey(t, ECP256)
	c := must[*x509.Certificate](t)(SelfSignedDevice(key, "press-3", month()))
	for e, want := range map[PFXEncryption][]string{
		PFXModern:     {"MAC: sha256, Iteration 100000", "PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256"},
		PFXCompatible: {"MAC: sha1, Iteration 2048", "pbeWithSHA1And3-KeyTripleDES-CBC"},
	} {
		path := filepath.Join(dir, string(e)+".pfx")
		data := must[[]byte](t)(EncodePFX(key, []*x509.Certificate{c}, []byte("1234"), e))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out := openssl(t, dir, nil, "pkcs12", "-in", path, "-passin", "pass:1234", "-info", "-noout")
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: openssl does not show %q:\n%s", e, w, out)
			}
		}
	}
	if _, err := EncodePFX(key, nil, []byte("1234"), PFXModern); err == nil {
		t.Error("a PFX without a certificate")
	}
	if _, err := EncodePFX(newKey(t, ECP256), []*x509.Certificate{c}, []byte("1234"), PFXModern); err == nil {
		t.Error("a PFX with another key")
	}
	if _, err := EncodePFX(key, []*x509.Certificate{c}, nil, PFXModern); !errors.Is(err, ErrPassphraseNeeded) {
		t.Errorf("a PFX without a password: %v", err)
	}
	if _, err := EncodePFX(key, []*x509.Certificate{c}, []byte("1234"), "rc2"); err == nil {
		t.Error("a PFX with RC2")
	}
}

// TestHostilePFX asks for unreasonable work; none of it may be done.
func TestHostilePFX(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	good := s.openssl("good.pfx", "pkcs12", "-export", "-inkey", "good.key.pem", "-in", "good.pem", "-passout", "pass:1234", "-iter", "70000")
	count := []byte{0x02, 0x03, 0x01, 0x11, 0x70} // INTEGER 70000
	if bytes.Count(good, count) < 2 {
		t.Fatalf("openssl wrote the count %d times in the open", bytes.Count(good, count))
	}
	if got := Sniff(good, []byte("1234")); got.Err != nil || got.Key() == nil {
		t.Fatalf("the good file: %v", got.Err)
	}
	for name, n := range map[string][]byte{"zero": {0x02, 0x03, 0, 0, 0}, "negative": {0x02, 0x03, 0xff, 0, 0}} {
		for at, left := 0, good; bytes.Contains(left, count); {
			i := bytes.Index(left, count)
			at += i
			bad := bytes.Clone(good)
			copy(bad[at:], n)
			if got := Sniff(bad, []byte("1234")); !isFormat(got.Err) {
				t.Errorf("%s at %d: %v", name, at, got.Err)
			}
			at += len(count)
			left = good[at:]
		}
	}
	cheap := limits{iterations: 100_000, scryptMemory: 1 << 16}
	if got := sniff(good, []byte("1234"), cheap); !isFormat(got.Err) || !strings.Contains(got.Err.Error(), "more than 100000 rounds") {
		t.Errorf("three times 70 000: %v", got.Err)
	}
}
