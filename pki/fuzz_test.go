package pki

import (
	"encoding/pem"
	"errors"
	"regexp"
	"strings"
	"testing"
)

// Seeds are literal so that the corpus does not depend on a run; more lie in
// testdata/fuzz.
func FuzzDecodeKey(f *testing.F) {
	f.Add([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), "1234")
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END RSA PRIVATE KEY-----\n"), "1234")
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"), "")
	cheap := limits{iterations: 2000, scryptMemory: 1 << 16} // many tries a second
	f.Fuzz(func(t *testing.T, data []byte, passphrase string) {
		key, err := decodeKey(data, []byte(passphrase), cheap)
		var format *FormatError
		switch {
		case err == nil && key.Public() == nil:
			t.Error("a key without a public key")
		case err != nil && !errors.As(err, &format) && !errors.Is(err, ErrPassphraseNeeded) && !errors.Is(err, ErrWrongPassphrase):
			t.Errorf("an untyped error: %v", err)
		case errors.Is(err, ErrPassphraseNeeded) && passphrase != "":
			t.Error("a pass phrase is asked for although there is one")
		}
		if err == nil && passphrase == "" {
			if encrypted, encErr := keyEncrypted(data); encrypted || encErr != nil {
				t.Errorf("opened without a pass phrase, but encrypted is %v, %v", encrypted, encErr)
			}
		}
	})
}

// FuzzOpenPKCS8 goes behind the PEM frame, where nearly all of FuzzDecodeKey's
// inputs do not get.
func FuzzOpenPKCS8(f *testing.F) {
	for _, text := range []string{encryptedSeed, scryptSeed} {
		block, _ := pem.Decode([]byte(text))
		f.Add(block.Bytes)
	}
	cheap := limits{iterations: 2000, scryptMemory: 1 << 16}
	f.Fuzz(func(t *testing.T, der []byte) {
		_, err := openPKCS8(der, []byte("1234"), cheap)
		var format *FormatError
		if err != nil && !errors.As(err, &format) && !errors.Is(err, ErrWrongPassphrase) {
			t.Errorf("an untyped error: %v", err)
		}
	})
}

func TestFuzzSeedsAreGood(t *testing.T) {
	t.Parallel()
	for _, text := range []string{encryptedSeed, scryptSeed} {
		if _, err := DecodeKey([]byte(text), []byte("1234")); err != nil {
			t.Error(err)
		}
	}
}

func FuzzDecodeCertificates(f *testing.F) {
	f.Add([]byte(certificateSeed))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("\x30\x03\x02\x01\x03"))
	f.Add([]byte("\xff\xfe-\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := DecodeCertificates(data)
		var format *FormatError
		if (err == nil) != (len(certs) > 0) || err != nil && !errors.As(err, &format) {
			t.Errorf("%d certificates and %v", len(certs), err)
		}
		for _, c := range certs {
			facts := Describe(c)
			if strings.ContainsFunc(facts.Subject+facts.Issuer, func(r rune) bool { return r < ' ' }) {
				t.Errorf("control characters in %q, %q", facts.Subject, facts.Issuer)
			}
		}
	})
}

func FuzzCheckRegistrationID(f *testing.F) {
	for _, id := range []string{"my-x509-device", "a.", "ä:", "", "a\x1b", "\xff", strings.Repeat("x_", 80), "!a!!b!"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		checkGrammar(t, id, CheckRegistrationID, MaxRegistrationID)
		checkGrammar(t, id, CheckCommonName, MaxCommonName)
	})
}

// checkGrammar compares with the grammar written another way, and asks that a
// suggestion passes.
func checkGrammar(t *testing.T, id string, check func(string) error, limit int) {
	t.Helper()
	err := check(id)
	want := len(id) <= limit && grammar.MatchString(id)
	if (err == nil) != want {
		t.Errorf("%q: %v, but the grammar says %v", id, err, want)
	}
	var e *IDError
	if err != nil && (!errors.As(err, &e) || e.Reason == "") {
		t.Errorf("%q: %v is no *IDError", id, err)
	}
	if e != nil && e.Suggestion != "" && check(e.Suggestion) != nil {
		t.Errorf("%q: the suggestion %q is no better", id, e.Suggestion)
	}
}

var grammar = regexp.MustCompile(`^[A-Za-z0-9._:-]*[A-Za-z0-9-]$`)
