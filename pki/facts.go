package pki

import (
	"crypto/sha1" // #nosec G505 -- IoT Hub and the portal show SHA-1 thumbprints
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Facts is what people compare when they look at a certificate. The texts are
// fit for a terminal: control characters of the certificate are escaped.
type Facts struct {
	Subject, Issuer     string // RFC 4514: "CN=device-01,O=Contoso"
	Serial              string // upper-case hex
	SHA1, SHA256        string // thumbprints of the certificate, upper-case hex
	SPKI                string // SHA-256 of the public key, upper-case hex
	NotBefore, NotAfter time.Time
	KeyAlgorithm        string // as [DescribeKey]; OpenSSL's name of other kinds
	IsCA                bool
	SelfSigned          bool // the certificate's own key signed it
}

// Describe collects the facts of a certificate.
func Describe(c *x509.Certificate) Facts {
	return Facts{
		Subject: distinguishedName(c.RawSubject), Issuer: distinguishedName(c.RawIssuer),
		Serial: fmt.Sprintf("%X", c.SerialNumber),
		SHA1:   Thumbprint1(c), SHA256: Thumbprint256(c), SPKI: hash256(c.RawSubjectPublicKeyInfo),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		KeyAlgorithm: keyAlgorithm(c.RawSubjectPublicKeyInfo, c.PublicKey),
		IsCA:         c.BasicConstraintsValid && c.IsCA,
		SelfSigned:   isSelfSigned(c),
	}
}

// Thumbprint1 is the SHA-1 thumbprint of a certificate, 40 upper-case hex
// digits.
func Thumbprint1(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw) // #nosec G401 -- a name, not a signature
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// Thumbprint256 is the SHA-256 thumbprint of a certificate, 64 upper-case hex
// digits.
func Thumbprint256(c *x509.Certificate) string { return hash256(c.Raw) }

func hash256(b []byte) string {
	const digits = "0123456789ABCDEF"
	var text [2 * sha256.Size]byte
	for i, v := range sha256.Sum256(b) {
		text[2*i], text[2*i+1] = digits[v>>4], digits[v&15]
	}
	return string(text[:])
}

// visible escapes what a terminal would act on or not show.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}
