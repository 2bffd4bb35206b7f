package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
)

// DecodeCertificates decodes all certificates of PEM data, in their order.
// Blocks of other kinds in between are passed over. When there is no
// certificate, or one is damaged, the error is a [*FormatError] that says what
// the data is instead.
func DecodeCertificates(pemData []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	var seen []string
	for rest := pemData; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		seen = append(seen, block.Type)
		if block.Type != "CERTIFICATE" && block.Type != "X509 CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &FormatError{What: fmt.Sprintf("certificate %d is damaged (%v)", len(certs)+1, err), Fix: "copy the file again from where it came"}
		}
		certs = append(certs, c)
	}
	// pem.Decode passes over a block with a damaged frame or damaged base64 in
	// silence; a chain without one of its links must not go unnoticed.
	if begun := bytes.Count(pemData, []byte("-----BEGIN CERTIFICATE-----")); len(certs) > 0 && begun > len(certs) {
		return nil, &FormatError{What: fmt.Sprintf("%d of %d certificates are damaged or cut off", begun-len(certs), begun), Fix: "copy the file again from where it came"}
	}
	if len(certs) == 0 {
		return nil, notACertificate(pemData, seen)
	}
	return certs, nil
}

// notACertificate says what data without a certificate is.
func notACertificate(data []byte, seen []string) error {
	const want = "a PEM file with a CERTIFICATE block is needed"
	if err := notPEM(data, want, "dpslab cert convert OLD --out NEW.pem"); err != nil {
		return err
	}
	for _, label := range seen {
		switch {
		case strings.HasSuffix(label, "CERTIFICATE REQUEST"):
			return &FormatError{What: "this is a certificate signing request, not a certificate", Fix: "have a CA sign it (dpslab cert sign takes it with --authority, or --issuer-cert and --issuer-key), and name what comes back"}
		case label == "TRUSTED CERTIFICATE":
			return &FormatError{What: "this is a certificate with OpenSSL's trust settings", Fix: "dpslab cert convert OLD --out NEW.pem"}
		case isBundleLabel(label):
			return &FormatError{What: "this is a PKCS#7 bundle, not a certificate", Fix: convertCommand}
		case strings.HasSuffix(label, "PUBLIC KEY"):
			return &FormatError{What: "this holds a public key only, no certificate", Fix: want}
		}
	}
	if slices.ContainsFunc(seen, func(l string) bool { return strings.HasSuffix(l, "PRIVATE KEY") }) {
		return &FormatError{What: "this holds a private key only, no certificate", Fix: "name the certificate's file"}
	}
	return nothingHere(seen, want)
}

// notAKey says what data without a private key is.
func notAKey(data []byte, seen []string) error {
	const want = "a PEM file with a PRIVATE KEY block is needed"
	if err := notPEM(data, want, "dpslab cert convert OLD --out NEW.pem"); err != nil {
		return err
	}
	for _, label := range seen {
		switch {
		case strings.HasSuffix(label, "PUBLIC KEY"):
			return &FormatError{What: "this is a public key, not a private one", Fix: want}
		case strings.HasSuffix(label, "CERTIFICATE"):
			return &FormatError{What: "this holds certificates only, no private key", Fix: "name the private key's file"}
		case strings.HasSuffix(label, "CERTIFICATE REQUEST"):
			return &FormatError{What: "this is a certificate signing request, not a private key", Fix: "name the private key's file"}
		}
	}
	return nothingHere(seen, want)
}

// nothingHere is the last resort for data that looks like PEM.
func nothingHere(seen []string, want string) error {
	if len(seen) == 0 {
		return &FormatError{What: "the PEM block is damaged or cut off", Fix: "copy the file again from where it came"}
	}
	return &FormatError{What: fmt.Sprintf("this holds %s only", visible(strings.Join(seen, ", "))), Fix: want}
}

// notPEM recognizes what is no PEM at all; nil means that it looks like PEM.
func notPEM(data []byte, want, convert string) error {
	trimmed := bytes.TrimSpace(data)
	switch {
	case len(trimmed) == 0:
		return &FormatError{What: "the file is empty", Fix: want}
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return &FormatError{What: "the file is UTF-16 text (PowerShell's '>' writes that)", Fix: "save it as UTF-8 or ASCII"}
	case isPFX(data):
		return &FormatError{What: "this is a PFX (PKCS#12) file, not PEM", Fix: convert}
	case isSequence(data):
		return &FormatError{What: "this is binary DER, not PEM", Fix: convert}
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return nil
	case bytes.HasPrefix(trimmed, []byte("<")):
		return &FormatError{What: "this is HTML or XML, not PEM", Fix: "download the file itself, not the page about it"}
	case bytes.HasPrefix(trimmed, []byte("MII")):
		return &FormatError{What: "this is base64 without the BEGIN and END lines of PEM", Fix: convert}
	}
	return &FormatError{What: "this is not PEM", Fix: want}
}

// isPFX tells a PFX from other DER: it begins with the version 3 (RFC 7292
// section 4).
func isPFX(der []byte) bool {
	if bytes.HasPrefix(der, []byte{0x30, 0x80, 0x02, 0x01, 0x03}) {
		return true // BER with indefinite lengths, as old Java and NSS write it
	}
	var pfx struct {
		Version int
		Rest    asn1.RawValue
		Mac     asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(der, &pfx)
	return err == nil && pfx.Version == 3
}
