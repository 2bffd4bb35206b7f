package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestRequestsBothWays signs what openssl asks for, and lets openssl sign what
// we ask for.
func TestRequestsBothWays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := newFamily(t, ECP256)
	if err := errors.Join(
		WriteCertificates(filepath.Join(dir, "root"), f.root.Certificate), WriteKey(filepath.Join(dir, "root.key"), f.root.Key, nil),
		WriteCertificates(filepath.Join(dir, "above"), f.intermediate.Certificate),
	); err != nil {
		t.Fatal(err)
	}
	key := newKey(t, ECP256)
	ours := must[*x509.CertificateRequest](t)(CreateRequest(key, "press-3"))
	if err := WriteRequest(filepath.Join(dir, "ours.csr"), ours); err != nil {
		t.Fatal(err)
	}
	openssl(t, dir, nil, "req", "-in", "ours.csr", "-noout", "-verify")
	openssl(t, dir, nil, "x509", "-req", "-in", "ours.csr", "-CA", "root", "-CAkey", "root.key", "-CAcreateserial", "-copy_extensions", "copyall", "-days", "90", "-out", "by-openssl")
	openssl(t, dir, nil, "verify", "-purpose", "sslclient", "-CAfile", "root", "by-openssl")
	got := must[[]*x509.Certificate](t)(ReadCertificates(filepath.Join(dir, "by-openssl")))[0]
	if !got.BasicConstraintsValid || got.IsCA || got.KeyUsage != x509.KeyUsageDigitalSignature || !hasClientAuth(got) {
		t.Errorf("openssl understood another request: %s", CertificateText(got))
	}

	openssl(t, dir, nil, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-subj", "/O=Contoso/CN=press-4",
		"-addext", "basicConstraints=critical,CA:TRUE", "-addext", "subjectAltName=DNS:evil.example.com", "-addext", "extendedKeyUsage=clientAuth", "-out", "theirs.csr")
	theirs := must[*Contents](t)(ReadAny(filepath.Join(dir, "theirs.csr"), nil)).Request()
	c, ignored, err := SignRequest(theirs, month(), f.intermediate)
	if err != nil || c.IsCA || len(c.DNSNames) > 0 || c.Subject.String() != "CN=press-4" {
		t.Fatalf("%v: %+v", err, c)
	}
	if want := "basicConstraints subjectAltName subject beyond the common name"; strings.Join(ignored, " ") != want {
		t.Errorf("ignored %v, want %s", ignored, want)
	}
	if err := WriteCertificates(filepath.Join(dir, "by-us"), c); err != nil {
		t.Fatal(err)
	}
	openssl(t, dir, nil, "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "root", "-untrusted", "above", "by-us")

	forged := *theirs
	forged.Signature = bytes.Clone(theirs.Signature)
	forged.Signature[9] ^= 1
	if _, _, err := SignRequest(&forged, month(), f.intermediate); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a request that another key signed: %v", err)
	}
	openssl(t, dir, nil, "req", "-new", "-key", "k", "-subj", "/O=Contoso", "-out", "nameless.csr")
	nameless := must[*Contents](t)(ReadAny(filepath.Join(dir, "nameless.csr"), nil)).Request()
	if _, _, err := SignRequest(nameless, month(), f.intermediate); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a request without a name: %v", err)
	}
	var id *IDError
	if _, err := CreateRequest(key, "bad."); !errors.As(err, &id) {
		t.Errorf("a request for an illegal name: %v", err)
	}
}
