package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// Object identifiers of RFC 5280 section 4.2.1.
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAuthorityKeyID   = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidClientAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
)

// CreateRequest makes a certificate signing request (PKCS#10, RFC 2986) for a
// device, so that its key need not leave it. It asks for what
// [DeviceCertificate] gives. cn is the registration ID.
func CreateRequest(key crypto.Signer, cn string) (*x509.CertificateRequest, error) {
	if err := CheckCommonName(cn); err != nil {
		return nil, fmt.Errorf("making the request for %q: %w", cn, err)
	}
	extensions, err := requestedExtensions()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:            pkix.Name{CommonName: cn},
		ExtraExtensions:    extensions,
		SignatureAlgorithm: signatureAlgorithm(key.Public()),
	}, key)
	if err != nil {
		return nil, fmt.Errorf("making the request for %q: %w", cn, err)
	}
	return x509.ParseCertificateRequest(der)
}

func requestedExtensions() ([]pkix.Extension, error) {
	var extensions []pkix.Extension
	for _, e := range []struct {
		id       asn1.ObjectIdentifier
		critical bool
		value    any
	}{
		{oidBasicConstraints, true, struct{}{}}, // CA:FALSE is the default and not encoded
		{oidKeyUsage, true, asn1.BitString{Bytes: []byte{0x80}, BitLength: 1}},
		{oidExtKeyUsage, false, []asn1.ObjectIdentifier{oidClientAuth}},
	} {
		der, err := asn1.Marshal(e.value)
		if err != nil {
			return nil, fmt.Errorf("encoding extension %s: %w", e.id, err)
		}
		extensions = append(extensions, pkix.Extension{Id: e.id, Critical: e.critical, Value: der})
	}
	return extensions, nil
}

// EncodeRequest encodes a certificate signing request as PEM.
func EncodeRequest(r *x509.CertificateRequest) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: r.Raw})
}

// WriteRequest writes a certificate signing request as PEM, whole or not at
// all, replacing an older one. The error is a [*FileError].
func WriteRequest(path string, r *x509.CertificateRequest) error {
	return writeFile(path, EncodeRequest(r), 0o644, true)
}

// ErrBadRequest marks a certificate signing request that must not be signed.
var ErrBadRequest = errors.New("the request cannot be signed")

// SignRequest issues the certificate that a request asks for, in the form of
// [DeviceCertificate]: the request gives the name and the public key, the table
// in this package gives everything else. ignored names what was asked for and
// not granted ("basicConstraints CA:TRUE", "subjectAltName").
//
// A request whose signature is not by its own key is [ErrBadRequest]: whoever
// sent it does not hold the key.
func SignRequest(r *x509.CertificateRequest, v Validity, by Issuer) (c *x509.Certificate, ignored []string, err error) {
	if err := r.CheckSignature(); err != nil {
		return nil, nil, fmt.Errorf("%w: it is not signed by its own key: %w", ErrBadRequest, err)
	}
	names := commonNames(r.RawSubject)
	if len(names) != 1 {
		return nil, nil, fmt.Errorf("%w: its subject has %s, exactly one names the device", ErrBadRequest, count(len(names), "common name"))
	}
	c, err = DeviceCertificate(r.PublicKey, names[0], v, by)
	if err != nil {
		return nil, nil, err
	}
	return c, notGranted(r, c), nil
}

// notGranted lists the requested extensions that the certificate lacks or has
// with other contents.
func notGranted(r *x509.CertificateRequest, c *x509.Certificate) []string {
	ignored := missingExtensions(r.Extensions, c)
	if subject := r.Subject.ToRDNSequence(); len(subject) > 1 {
		ignored = append(ignored, "subject beyond the common name")
	}
	return ignored
}

// missingExtensions names those that c lacks or has with other contents.
func missingExtensions(wanted []pkix.Extension, c *x509.Certificate) []string {
	var missing []string
	for _, w := range wanted {
		given := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(w.Id) })
		if given < 0 || !slices.Equal(c.Extensions[given].Value, w.Value) {
			missing = append(missing, extensionName(w.Id))
		}
	}
	return missing
}

// extensionNames are RFC 5280's and OpenSSL's names.
var extensionNames = []struct{ id, name, openssl string }{
	{"2.5.29.14", "subjectKeyIdentifier", "X509v3 Subject Key Identifier"},
	{"2.5.29.15", "keyUsage", "X509v3 Key Usage"},
	{"2.5.29.17", "subjectAltName", "X509v3 Subject Alternative Name"},
	{"2.5.29.19", "basicConstraints", "X509v3 Basic Constraints"},
	{"2.5.29.30", "nameConstraints", "X509v3 Name Constraints"},
	{"2.5.29.31", "cRLDistributionPoints", "X509v3 CRL Distribution Points"},
	{"2.5.29.32", "certificatePolicies", "X509v3 Certificate Policies"},
	{"2.5.29.35", "authorityKeyIdentifier", "X509v3 Authority Key Identifier"},
	{"2.5.29.37", "extendedKeyUsage", "X509v3 Extended Key Usage"},
	{"1.3.6.1.5.5.7.1.1", "authorityInfoAccess", "Authority Information Access"},
	{"2.16.840.1.113730.1.1", "nsCertType", "Netscape Cert Type"},
	{"2.16.840.1.113730.1.13", "nsComment", "Netscape Comment"},
}

func extensionName(id asn1.ObjectIdentifier) string {
	for _, e := range extensionNames {
		if e.id == id.String() {
			return e.name
		}
	}
	return "extension " + id.String()
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// commonNames are all common names of an encoded distinguished name, in order.
// pkix.Name shows the last one only.
func commonNames(rawName []byte) []string {
	var names []string
	for _, set := range nameParts(rawName) {
		for _, part := range set {
			if part.Type.Equal(oidCommonName) {
				names = append(names, fmt.Sprint(part.Value))
			}
		}
	}
	return names
}

func nameParts(rawName []byte) pkix.RDNSequence {
	var parts pkix.RDNSequence
	if _, err := asn1.Unmarshal(rawName, &parts); err != nil {
		return nil
	}
	return parts
}

func attributeName(id asn1.ObjectIdentifier) string {
	names := map[string]string{
		"2.5.4.3": "CN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
		"2.5.4.10": "O", "2.5.4.11": "OU", "1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "DC",
	}
	if name, ok := names[id.String()]; ok {
		return name
	}
	return id.String()
}
