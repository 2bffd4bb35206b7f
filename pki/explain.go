package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// looseCertificate reads the frame of a certificate that crypto/x509 refuses
// (RFC 5280 section 4.1), so that the reason can be said.
type looseCertificate struct {
	Body      looseBody
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

type looseBody struct {
	Raw        asn1.RawContent
	Version    int `asn1:"optional,explicit,default:0,tag:0"`
	Serial     *big.Int
	Algorithm  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	IssuerID   asn1.BitString   `asn1:"optional,tag:1"`
	SubjectID  asn1.BitString   `asn1:"optional,tag:2"`
	Extensions []looseExtension `asn1:"omitempty,optional,explicit,tag:3"`
}

type looseExtension struct {
	ID       asn1.ObjectIdentifier
	Critical bool `asn1:"optional"`
	Value    []byte
}

// explainCertificate says why a certificate cannot be read. The checks are
// those of crypto/x509 that real files fail.
func explainCertificate(der []byte) error {
	reissue := "have it issued anew; OpenSSL shows more of it: openssl x509 -in OLD -noout -text"
	if len(der) != derLength(der) {
		return damagedDER(der)
	}
	var c looseCertificate
	if _, err := asn1.Unmarshal(der, &c); err != nil {
		return &FormatError{What: "the certificate is damaged inside: its structure cannot be read", Fix: "copy it again from where it came: OLD"}
	}
	if what := explainBody(&c); what != "" {
		return &FormatError{What: what, Fix: reissue}
	}
	return &FormatError{What: "the certificate breaks a rule of RFC 5280 that TLS libraries insist on", Fix: reissue}
}

func explainBody(c *looseCertificate) string {
	b := &c.Body
	switch {
	case b.Serial.Sign() < 0:
		return "the certificate has a negative serial number, which RFC 5280 forbids and TLS libraries refuse"
	case b.Version > 2 || b.Version < 0:
		return fmt.Sprintf("the certificate calls itself version %d, there is none above 3", b.Version+1)
	case !c.Algorithm.Algorithm.Equal(b.Algorithm.Algorithm):
		return "the certificate names two different signature algorithms"
	}
	if what := explainValidity(b.Validity.FullBytes); what != "" {
		return what
	}
	if what := explainPublicKey(b.PublicKey.FullBytes); what != "" {
		return what
	}
	var seen []string
	for _, e := range b.Extensions {
		id := e.ID.String()
		if slices.Contains(seen, id) {
			return "the certificate has the extension " + id + " twice"
		}
		seen = append(seen, id)
		var any asn1.RawValue
		if !unmarshal(e.Value, &any) {
			return "the certificate's extension " + id + " is damaged"
		}
	}
	return ""
}

func explainValidity(der []byte) string {
	var v struct{ NotBefore, NotAfter time.Time }
	if !unmarshal(der, &v) {
		return "the certificate's validity is no valid pair of times"
	}
	return ""
}

// explainPublicKey names public keys that crypto/x509 does not know.
func explainPublicKey(der []byte) string {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if !unmarshal(der, &info) {
		return "the certificate's public key is damaged"
	}
	var curve asn1.ObjectIdentifier
	if info.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}) {
		if !unmarshal(info.Algorithm.Parameters.FullBytes, &curve) {
			return "the certificate's key is on a curve that is written out instead of named, which TLS does not allow"
		}
		if !slices.ContainsFunc(tlsCurves, curve.Equal) {
			return "the certificate's key is on a curve that TLS does not use (OID " + curve.String() + "); P-256, P-384 and P-521 work"
		}
		return "the certificate's EC public key is no point of its curve"
	}
	if info.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}) {
		var key struct {
			N *big.Int
			E int
		}
		if !unmarshal(info.Key.Bytes, &key) || key.N.Sign() <= 0 || key.E <= 0 {
			return "the certificate's RSA public key is damaged"
		}
	}
	return ""
}

// tlsCurves are P-224 (which crypto/x509 reads), P-256, P-384 and P-521.
var tlsCurves = []asn1.ObjectIdentifier{
	{1, 3, 132, 0, 33}, {1, 2, 840, 10045, 3, 1, 7}, {1, 3, 132, 0, 34}, {1, 3, 132, 0, 35},
}
