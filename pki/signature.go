package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" // #nosec G505 -- checking old signatures
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

// signatureCheck is what checking a signature came to. Not being able to check
// one is no proof against it.
type signatureCheck int

const (
	signatureBad signatureCheck = iota
	signatureGood
	signatureUnchecked // the algorithm or the key is not known here, or too weak to be worth a check
)

// leastRSA is the size below which crypto/rsa refuses to work at all, in bits.
const leastRSA = 1024

// checkSignature checks a signature with a public key, SHA-1 included: whether
// an old hash may be used is another question than who signed.
func checkSignature(c, by *x509.Certificate) signatureCheck {
	if key, ok := by.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < leastRSA {
		return signatureUnchecked
	}
	err := by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var insecure x509.InsecureAlgorithmError
	switch {
	case err == nil:
		return signatureGood
	case errors.Is(err, x509.ErrUnsupportedAlgorithm):
		return signatureUnchecked // RSA-PSS with a salt of its own, Ed448, DSA ...
	case !errors.As(err, &insecure):
		return signatureBad
	}
	sum := sha1.Sum(c.RawTBSCertificate) // #nosec G401 -- see above
	good := false
	switch c.SignatureAlgorithm {
	case x509.SHA1WithRSA:
		key, ok := by.PublicKey.(*rsa.PublicKey)
		good = ok && rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], c.Signature) == nil
	case x509.ECDSAWithSHA1:
		key, ok := by.PublicKey.(*ecdsa.PublicKey)
		good = ok && ecdsa.VerifyASN1(key, sum[:], c.Signature)
	default:
		return signatureUnchecked // MD5 and older: nobody accepts it, and F17 says so
	}
	if good {
		return signatureGood
	}
	return signatureBad
}

// signedBy says whether by's key signed c. Where the signature cannot be
// checked, names and key identifiers are believed.
func signedBy(c, by *x509.Certificate) bool {
	switch checkSignature(c, by) {
	case signatureGood:
		return true
	case signatureUnchecked:
		return bytes.Equal(c.RawIssuer, by.RawSubject) &&
			(len(c.AuthorityKeyId) == 0 || len(by.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, by.SubjectKeyId))
	}
	return false
}

// namesItself says whether a certificate calls itself its issuer, whoever
// signed it.
func namesItself(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

func isSelfSigned(c *x509.Certificate) bool { return namesItself(c) && signedBy(c, c) }

// algorithmNames are OpenSSL's names of signature and public key algorithms.
var algorithmNames = map[string]string{
	"1.2.840.113549.1.1.1":   "rsaEncryption",
	"1.2.840.113549.1.1.2":   "md2WithRSAEncryption",
	"1.2.840.113549.1.1.4":   "md5WithRSAEncryption",
	"1.2.840.113549.1.1.5":   "sha1WithRSAEncryption",
	"1.2.840.113549.1.1.10":  "rsassaPss",
	"1.2.840.113549.1.1.11":  "sha256WithRSAEncryption",
	"1.2.840.113549.1.1.12":  "sha384WithRSAEncryption",
	"1.2.840.113549.1.1.13":  "sha512WithRSAEncryption",
	"1.2.840.113549.1.1.14":  "sha224WithRSAEncryption",
	"1.2.840.10045.2.1":      "id-ecPublicKey",
	"1.2.840.10045.4.1":      "ecdsa-with-SHA1",
	"1.2.840.10045.4.3.1":    "ecdsa-with-SHA224",
	"1.2.840.10045.4.3.2":    "ecdsa-with-SHA256",
	"1.2.840.10045.4.3.3":    "ecdsa-with-SHA384",
	"1.2.840.10045.4.3.4":    "ecdsa-with-SHA512",
	"1.2.840.10040.4.1":      "dsaEncryption",
	"1.2.840.10040.4.3":      "dsaWithSHA1",
	"2.16.840.1.101.3.4.3.2": "dsa_with_SHA256",
	"1.3.101.110":            "X25519",
	"1.3.101.112":            "ED25519",
	"1.3.101.113":            "ED448",
}

func algorithmName(id asn1.ObjectIdentifier) string {
	if name, ok := algorithmNames[id.String()]; ok {
		return name
	}
	return id.String()
}

// signatureName is the signature algorithm of a certificate or request in
// OpenSSL's words. crypto/x509 knows fewer than there are, so it is read from
// the encoding.
func signatureName(raw []byte) string {
	var signed struct {
		Body      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if !unmarshal(raw, &signed) {
		return "unknown"
	}
	return algorithmName(signed.Algorithm.Algorithm)
}

// publicKeyName is the algorithm of an encoded public key in OpenSSL's words.
func publicKeyName(rawSPKI []byte) string {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if !unmarshal(rawSPKI, &info) {
		return "unknown"
	}
	return algorithmName(info.Algorithm.Algorithm)
}

// keyAlgorithm is [DescribeKey], or OpenSSL's name of a kind that is not known
// here.
func keyAlgorithm(rawSPKI []byte, pub crypto.PublicKey) string {
	if known := DescribeKey(pub); known != "unknown" {
		return known
	}
	return publicKeyName(rawSPKI)
}
