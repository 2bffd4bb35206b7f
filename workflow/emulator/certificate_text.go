package emulator

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// errNoCertificate marks text that is no certificate in any form that the
// services take.
var errNoCertificate = errors.New("not a certificate: PEM text, base64 of DER, or base64 of PEM is expected")

// errSeveralCertificates marks text that holds more than one certificate.
var errSeveralCertificates = errors.New("more than one certificate")

// readCertificateText reads one certificate as clients write it into JSON: PEM
// text, base64 of the PEM file, or base64 of DER.
func readCertificateText(text string) (*x509.Certificate, error) {
	raw := []byte(strings.TrimSpace(text))
	if !bytes.Contains(raw, []byte("-----BEGIN")) {
		// Line breaks inside base64 are common: `base64 FILE` wraps at 76.
		decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(raw)), ""))
		if err != nil {
			return nil, errNoCertificate
		}
		raw = decoded
	}
	if bytes.Contains(raw, []byte("-----BEGIN")) {
		block, rest := pem.Decode(raw)
		for block != nil && block.Type != "CERTIFICATE" {
			block, rest = pem.Decode(rest)
		}
		if block == nil {
			return nil, errNoCertificate
		}
		if more, _ := pem.Decode(rest); more != nil && more.Type == "CERTIFICATE" {
			return nil, errSeveralCertificates
		}
		raw = block.Bytes
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, errNoCertificate
	}
	return cert, nil
}

// describeCertificate is what DPS says of a certificate it holds.
func describeCertificate(c *x509.Certificate) *dps.X509CertificateInfo {
	facts := pki.Describe(c)
	return &dps.X509CertificateInfo{
		SubjectName: facts.Subject, IssuerName: facts.Issuer,
		SHA1Thumbprint: facts.SHA1, SHA256Thumbprint: facts.SHA256,
		NotBeforeUTC: c.NotBefore.UTC().Format(time.RFC3339), NotAfterUTC: c.NotAfter.UTC().Format(time.RFC3339),
		SerialNumber: facts.Serial, Version: c.Version,
	}
}

// storedCertificate is a certificate in the form that entries keep and answers
// carry: base64 of DER, with its facts.
func storedCertificate(c *x509.Certificate) *dps.X509CertificateWithInfo {
	return &dps.X509CertificateWithInfo{
		Certificate: base64.StdEncoding.EncodeToString(c.Raw), Info: describeCertificate(c),
	}
}
