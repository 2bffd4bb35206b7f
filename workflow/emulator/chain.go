package emulator

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"

	"dpslab/pki"
)

// chain is the path from a device's certificate upwards, as far as the
// presented certificates reach.
type chain struct {
	path       []*x509.Certificate // leaf first
	sha256     []string            // of each, upper-case hex
	selfSigned bool                // the leaf signed itself
}

func (c *chain) leaf() *x509.Certificate { return c.path[0] }

// signers are the certificates above the leaf, nearest first.
func (c *chain) signers() []*x509.Certificate { return c.path[1:] }

// buildChain orders what a device presented. The first certificate is the leaf;
// every next one is the issuer of the one before it, found among the presented
// by name and key identifier and proved by one signature. It ends where the
// issuer was not presented, or at a certificate that signed itself.
func buildChain(presented []*x509.Certificate) *chain {
	if len(presented) > maxPresented {
		presented = presented[:maxPresented]
	}
	c := &chain{path: presented[:1:1]}
	for {
		top := c.path[len(c.path)-1]
		if signedItself(top) {
			c.selfSigned = len(c.path) == 1
			break
		}
		issuer := findIssuer(top, presented[1:])
		if issuer == nil || slices.ContainsFunc(c.path, issuer.Equal) {
			break
		}
		c.path = append(c.path, issuer)
	}
	for _, cert := range c.path {
		c.sha256 = append(c.sha256, pki.Thumbprint256(cert))
	}
	return c
}

func signedItself(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// findIssuer looks for the certificate that signed c. CAs that share a name are
// told apart by key identifier, so that only a likely one costs a signature.
func findIssuer(c *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	for _, candidate := range among {
		if !bytes.Equal(c.RawIssuer, candidate.RawSubject) {
			continue
		}
		if len(c.AuthorityKeyId) > 0 && len(candidate.SubjectKeyId) > 0 && !bytes.Equal(c.AuthorityKeyId, candidate.SubjectKeyId) {
			continue
		}
		if candidate.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			return candidate
		}
	}
	return nil
}

// checkLeaf refuses a certificate that no device may show. crypto/x509 would
// accept an end entity that is a CA, and one whose key may not sign.
func checkLeaf(c *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(c.NotBefore):
		return certificateRefused.because("it is not yet valid")
	case now.After(c.NotAfter):
		return certificateRefused.because("it is expired")
	case c.BasicConstraintsValid && c.IsCA:
		return certificateRefused.because("it is a CA certificate")
	case len(c.UnhandledCriticalExtensions) > 0:
		return certificateRefused.because("it has a critical extension that is not understood")
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return certificateRefused.because("its key usage lacks digitalSignature")
	case !slices.ContainsFunc(c.ExtKeyUsage, forClients):
		return certificateRefused.because("its extended key usage lacks clientAuth")
	}
	return nil
}

func forClients(u x509.ExtKeyUsage) bool {
	return u == x509.ExtKeyUsageClientAuth || u == x509.ExtKeyUsageAny
}

// checkSigners refuses a chain with a certificate that may not stand where it
// stands. Signatures are proved already: buildChain follows nothing else.
func (c *chain) checkSigners(now time.Time) error {
	for below, s := range c.signers() {
		name := pki.Describe(s).Subject
		// pathLenConstraint counts the CAs between this one and the leaf
		// (RFC 5280 section 4.2.1.9).
		limited := s.MaxPathLen > 0 || s.MaxPathLen == 0 && s.MaxPathLenZero
		switch {
		case now.Before(s.NotBefore), now.After(s.NotAfter):
			return certificateRefused.because(name, " is expired or not yet valid")
		case !s.BasicConstraintsValid || !s.IsCA:
			return certificateRefused.because(name, " signs but is no CA certificate")
		case s.KeyUsage != 0 && s.KeyUsage&x509.KeyUsageCertSign == 0:
			return certificateRefused.because(name, " may not sign certificates")
		case limited && below > s.MaxPathLen:
			return certificateRefused.because(name, " allows fewer CAs below it")
		case len(s.UnhandledCriticalExtensions) > 0:
			return certificateRefused.because(name, " has a critical extension that is not understood")
		case len(s.ExtKeyUsage)+len(s.UnknownExtKeyUsage) > 0 && !slices.ContainsFunc(s.ExtKeyUsage, forClients):
			return certificateRefused.because(name, " may not sign for clients")
		}
	}
	return nil
}
