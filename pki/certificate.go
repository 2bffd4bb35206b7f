package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
	"unicode/utf8"
)

// Validity is the life of a certificate. X.509 counts whole seconds.
type Validity struct{ NotBefore, NotAfter time.Time }

// clockSkew is how far a certificate reaches back, for devices and services
// whose clock is behind.
const clockSkew = 5 * time.Minute

// ValidFor is a validity of so many days from now, beginning five minutes ago
// so that a clock that is a little behind accepts the certificate.
func ValidFor(now time.Time, days int) Validity {
	now = now.UTC().Truncate(time.Second)
	return Validity{NotBefore: now.Add(-clockSkew), NotAfter: now.AddDate(0, 0, days)}
}

// ValidLike is a validity as long as another certificate's, beginning five
// minutes ago like that of [ValidFor].
func ValidLike(now time.Time, c *x509.Certificate) Validity {
	begin := now.UTC().Truncate(time.Second).Add(-clockSkew)
	return Validity{NotBefore: begin, NotAfter: begin.Add(c.NotAfter.Sub(c.NotBefore))}
}

// Issuer is a CA certificate with its private key.
type Issuer struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	// Note is called with every certificate before it is handed out; an error
	// means that it is not. An [Authority] keeps its ledger with it. Nil: nobody
	// keeps count.
	Note func(Issued) error
	// ledger is the authority's, behind Note.
	ledger *AuthorityFiles
}

// ErrIssuerExpired marks a certificate that was not issued because nothing of
// its validity lies within its issuer's.
var ErrIssuerExpired = errors.New("the issuer's certificate expires too early")

// ErrNotCA marks a certificate that was not issued because its issuer may not
// sign such a certificate.
var ErrNotCA = errors.New("the issuer may not sign this certificate")

// ErrWeakKey marks a certificate that was not issued because its key, or its
// issuer's, is too short: every TLS library of today refuses it.
var ErrWeakKey = errors.New("the key is too weak")

// checkStrength refuses RSA below 2048 bits and curves below 256.
func checkStrength(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 {
			return fmt.Errorf("%w: RSA with %d bits, 2048 are the least", ErrWeakKey, bits)
		}
	case *ecdsa.PublicKey:
		if bits := k.Curve.Params().BitSize; bits < 256 {
			return fmt.Errorf("%w: an elliptic curve of %d bits, 256 are the least", ErrWeakKey, bits)
		}
	}
	return nil
}

// SelfSignedDevice issues a device certificate signed by its own key, for an
// individual enrollment. cn is the registration ID.
func SelfSignedDevice(key crypto.Signer, cn string, v Validity) (*x509.Certificate, error) {
	return issue(selfSignedTemplate, nil, cn, v, Issuer{Key: key}, nil)
}

// RootCA issues a self-signed root CA certificate without a path length.
func RootCA(key crypto.Signer, cn string, v Validity) (*x509.Certificate, error) {
	return issue(rootTemplate, nil, cn, v, Issuer{Key: key}, nil)
}

// IntermediateCA issues a CA certificate that allows pathLen further CAs below
// it; 0 for the CA that signs devices.
//
// Like all certificates issued here it does not outlive its issuer: a later
// NotAfter is cut to the issuer's. When nothing is left of the validity the
// error is [ErrIssuerExpired].
func IntermediateCA(pub crypto.PublicKey, cn string, v Validity, pathLen int, by Issuer) (*x509.Certificate, error) {
	return issue(intermediateTemplate, pub, cn, v, by, func(c *x509.Certificate) {
		c.MaxPathLen, c.MaxPathLenZero = pathLen, pathLen == 0
	})
}

// DeviceCertificate issues a device's certificate in a chain. cn is the
// registration ID. Validity as in [IntermediateCA].
func DeviceCertificate(pub crypto.PublicKey, cn string, v Validity, by Issuer) (*x509.Certificate, error) {
	return issue(deviceTemplate, pub, cn, v, by, nil)
}

// DeviceDays is how long a device certificate lives unless somebody says
// otherwise, as in Microsoft's how-to. F11 warns of a shorter life.
const DeviceDays = 30

// VerificationDays is how long a verification certificate lives: it is used at
// once, and never again.
const VerificationDays = 1

// VerificationCertificate issues the certificate that proves possession of a
// CA's private key: its common name is DPS's verification code, exactly.
// Validity as in [IntermediateCA].
func VerificationCertificate(pub crypto.PublicKey, code string, v Validity, by Issuer) (*x509.Certificate, error) {
	return issue(verificationTemplate, pub, code, v, by, nil)
}

// ClientCertificate issues a TLS client certificate with a free common name.
// Validity as in [IntermediateCA].
func ClientCertificate(pub crypto.PublicKey, cn string, v Validity, by Issuer) (*x509.Certificate, error) {
	return issue(clientTemplate, pub, cn, v, by, nil)
}

// ServerCertificate issues a TLS server certificate for DNS names and IP
// addresses. Validity as in [IntermediateCA].
func ServerCertificate(pub crypto.PublicKey, cn string, dnsNames []string, ips []net.IP, v Validity, by Issuer) (*x509.Certificate, error) {
	return issue(serverTemplate, pub, cn, v, by, func(c *x509.Certificate) {
		c.DNSNames, c.IPAddresses = dnsNames, ips
	})
}

// issue fills in a template and signs it. A by without a certificate means
// self-signed; pub is then the signer's own key.
func issue(t template, pub crypto.PublicKey, cn string, v Validity, by Issuer, more func(*x509.Certificate)) (*x509.Certificate, error) {
	fail := func(err error) (*x509.Certificate, error) {
		return nil, fmt.Errorf("issuing the %s certificate for %q: %w", t.kind, visible(cn), err)
	}
	if by.Key == nil {
		return fail(errors.New("the issuer's private key is missing"))
	}
	if by.Certificate == nil {
		pub = by.Key.Public()
	}
	if err := checkStrength(pub); err != nil {
		return fail(err)
	}
	ski, err := keyIdentifier(pub)
	if err != nil {
		return fail(err)
	}
	c := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: cn},
		NotBefore:             v.NotBefore,
		NotAfter:              v.NotAfter,
		BasicConstraintsValid: true, // without it crypto/x509 writes no CA:FALSE
		IsCA:                  t.ca,
		MaxPathLen:            -1,
		KeyUsage:              t.usageOf(pub),
		ExtKeyUsage:           t.extKeyUsage,
		SubjectKeyId:          ski,
		SignatureAlgorithm:    signatureAlgorithm(by.Key.Public()),
	}
	if more != nil {
		more(c)
	}
	if err := checkSubject(t, c); err != nil {
		return fail(err)
	}
	parent := by.Certificate
	if parent == nil {
		parent = c
	} else if err := fitUnder(c, parent); err != nil {
		return fail(err)
	}
	if !c.NotAfter.After(c.NotBefore) {
		return fail(fmt.Errorf("it would end (%s) before it begins (%s)", stamp(c.NotAfter), stamp(c.NotBefore)))
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, by.Key)
	if err != nil {
		return fail(err)
	}
	made, err := x509.ParseCertificate(der)
	if err == nil && by.Note != nil {
		err = by.Note(issuedOf(t.kind, made))
	}
	if err != nil {
		return fail(err)
	}
	return made, nil
}

// usageOf is the key usage for a kind of key: TLS servers with RSA may be sent
// an encrypted secret.
func (t template) usageOf(pub crypto.PublicKey) x509.KeyUsage {
	if _, ok := pub.(*rsa.PublicKey); ok {
		return t.keyUsage | t.rsaKeyUsage
	}
	return t.keyUsage
}

// checkSubject checks a common name. crypto/x509 does not, and OpenSSL refuses
// what is longer than 64 bytes. A subject that was taken over from a
// certificate is as it is, unless it names a device.
func checkSubject(t template, c *x509.Certificate) error {
	switch cn := c.Subject.CommonName; {
	case t.deviceName:
		return CheckCommonName(cn)
	case len(c.RawSubject) > 0:
		return nil
	case cn == "":
		return errors.New("the common name is empty")
	case len(cn) > MaxCommonName:
		return fmt.Errorf("the common name is %d bytes long, a certificate holds at most %d", len(cn), MaxCommonName)
	case !utf8.ValidString(cn):
		return errors.New("the common name is not UTF-8")
	}
	return nil
}

// fitUnder checks that parent may sign c and keeps c from outliving it.
func fitUnder(c, parent *x509.Certificate) error {
	if !parent.IsCA || parent.KeyUsage != 0 && parent.KeyUsage&x509.KeyUsageCertSign == 0 {
		return fmt.Errorf("%w: %q is no CA", ErrNotCA, parent.Subject.CommonName)
	}
	limited := parent.MaxPathLen > 0 || parent.MaxPathLen == 0 && parent.MaxPathLenZero
	// A CA without a path length is fine below one that has a level left: the
	// one above limits both.
	if c.IsCA && limited && (parent.MaxPathLen == 0 || c.MaxPathLen >= parent.MaxPathLen) {
		return fmt.Errorf("%w: %q allows path length %d", ErrNotCA, parent.Subject.CommonName, parent.MaxPathLen)
	}
	if c.NotAfter.After(parent.NotAfter) {
		c.NotAfter = parent.NotAfter
		if !c.NotAfter.After(c.NotBefore) {
			return fmt.Errorf("%w: %q expired on %s", ErrIssuerExpired, parent.Subject.CommonName, stamp(parent.NotAfter))
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// newSerial is 20 random bytes (the most that RFC 5280 section 4.1.2.2 allows),
// positive and without a leading zero.
func newSerial() *big.Int {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails since Go 1.24: the process ends instead
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// keyIdentifier is the leftmost 160 bits of the SHA-256 of the public key's
// bits (RFC 7093 section 2, method 1).
func keyIdentifier(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("encoding the public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("reading back the public key: %w", err)
	}
	sum := sha256.Sum256(info.Key.Bytes)
	return sum[:20], nil
}
