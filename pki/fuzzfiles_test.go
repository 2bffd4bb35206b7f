package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"
)

var cheapLimits = limits{iterations: 2000, scryptMemory: 1 << 16}

// FuzzSniff reads anything as any file: every item says what it is or what is
// wrong with it, in a typed error.
func FuzzSniff(f *testing.F) {
	f.Add([]byte(certificateSeed), "")
	f.Add([]byte(encryptedSeed+certificateSeed), "1234")
	f.Add([]byte(strings.ReplaceAll(certificateSeed, "\n", `\n`)), "")
	f.Add([]byte(strings.ReplaceAll(certificateSeed, "\n", " ")), "")
	f.Add(utf16le([]byte(certificateSeed)), "")
	f.Add([]byte("-----BEGIN CERTIFICATE----------END CERTIFICATE-----"), "")
	f.Add([]byte("MIIBhzCCAS2gAwIBAgIU"), "")
	f.Fuzz(func(t *testing.T, data []byte, passphrase string) {
		c := sniff(data, []byte(passphrase), cheapLimits)
		if c.Err == nil && len(c.Items) == 0 {
			t.Error("neither items nor an error")
		}
		for _, err := range c.Problems() {
			checkTyped(t, err)
		}
		for _, i := range c.Items {
			if i.Certificate == nil && i.Key == nil && i.Request == nil && i.Err == nil && i.Kind != ItemPublicKey && i.Kind != ItemParameters {
				t.Errorf("an item without anything: %+v", i)
			}
		}
		for _, to := range []Container{ContainerPEM, ContainerDER} {
			out, _, err := convert(c, ConvertOptions{To: to}, 1)
			if err == nil && sniff(out, nil, cheapLimits).Err != nil {
				t.Errorf("converted to %s it cannot be read", to)
			}
		}
	})
}

func checkTyped(t *testing.T, err error) {
	t.Helper()
	var format *FormatError
	switch {
	case errors.Is(err, ErrPassphraseNeeded) || errors.Is(err, ErrWrongPassphrase):
	case !errors.As(err, &format) || format.Fix == "":
		t.Errorf("an untyped error: %v", err)
	case strings.ContainsFunc(format.What, func(r rune) bool { return r < ' ' }):
		t.Errorf("control characters in %q", format.What)
	}
}

// FuzzCertificate goes behind the PEM frame: what parses is described, written
// as text and verified; what does not is explained.
func FuzzCertificate(f *testing.F) {
	block, _ := pem.Decode([]byte(certificateSeed))
	f.Add(block.Bytes)
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x01})
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			checkTyped(t, explainCertificate(der))
			return
		}
		contents := &Contents{Format: "DER", Items: []Item{{Kind: ItemCertificate, Certificate: c}}}
		report := describeContents("a.der", contents, InspectOptions{Now: now})
		report.Findings = fileFindings([]opened{{path: "a.der", contents: contents}}, InspectOptions{Now: now, RegistrationID: "a"})
		if text := report.Text(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("control characters in %q", text)
		}
	})
}

// FuzzRequest reads certificate signing requests and signs those that may be.
func FuzzRequest(f *testing.F) {
	f.Add(requestSeed())
	key, err := DecodeKey([]byte(encryptedSeed), []byte("1234"))
	if err != nil {
		f.Fatal(err)
	}
	root, err := RootCA(key, "root", ValidFor(time.Now(), 3650))
	if err != nil {
		f.Fatal(err)
	}
	by := Issuer{Certificate: root, Key: key}
	f.Fuzz(func(t *testing.T, der []byte) {
		r, err := x509.ParseCertificateRequest(der)
		if err != nil {
			return
		}
		if text := RequestText(r); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("control characters in %q", text)
		}
		c, _, err := SignRequest(r, ValidFor(time.Now(), 1), by)
		if err == nil && (c.IsCA || CheckCommonName(c.Subject.CommonName) != nil) {
			t.Errorf("signed %s", CertificateText(c))
		}
	})
}

// requestSeed is a small request for a client certificate.
func requestSeed() []byte {
	der, _ := base64.StdEncoding.DecodeString(requestBase64)
	return der
}

// FuzzPFX opens PFX files: a typed error or a key with its certificate.
func FuzzPFX(f *testing.F) {
	der, err := base64.StdEncoding.DecodeString(pfxBase64)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der, "1234")
	f.Add([]byte{0x30, 0x80, 0x02, 0x01, 0x03}, "")
	f.Fuzz(func(t *testing.T, der []byte, passphrase string) {
		c := &Contents{}
		c.pfx(der, []byte(passphrase), cheapLimits)
		if c.Err != nil {
			checkTyped(t, c.Err)
			return
		}
		if len(c.Certificates()) == 0 {
			t.Error("a PFX without a certificate")
		}
	})
}

// FuzzLedger reads ledgers that a killed process left, line by line.
func FuzzLedger(f *testing.F) {
	f.Add([]byte(`{"kind":"device","subject":"a","serial":"01"}` + "\n" + `{"kind":"dev`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := parseLedger(data); len(got) > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("%d lines of %q", len(got), data)
		}
	})
}

func TestFileSeedsAreGood(t *testing.T) {
	t.Parallel()
	der, err := base64.StdEncoding.DecodeString(pfxBase64)
	if err != nil {
		t.Fatal(err)
	}
	if c := Sniff(der, []byte("1234")); len(c.Problems()) > 0 || c.Key() == nil {
		t.Errorf("the PFX: %v", c.Problems())
	}
	if r, err := x509.ParseCertificateRequest(requestSeed()); err != nil || r.CheckSignature() != nil {
		t.Errorf("the request: %v", err)
	}
}
