package wire

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"

	"dpslab/pki"
)

// maxDescribed bounds how many certificates are kept described: many more than a
// session meets, unless a server shows another one each time.
const maxDescribed = 256

// described keeps what was found out about certificates, by the SHA-256 of their
// DER. The same few come with every exchange, and to describe one takes a check
// of its signature.
var described struct {
	sync.Mutex
	facts map[[sha256.Size]byte]CertificateFact
}

// certificateFact describes a certificate; ok is false when it cannot be read.
func certificateFact(der []byte) (fact CertificateFact, ok bool) {
	id := sha256.Sum256(der)
	described.Lock()
	fact, ok = described.facts[id]
	described.Unlock()
	if ok {
		return fact, true
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return CertificateFact{}, false
	}
	f := pki.Describe(c)
	fact = CertificateFact{Subject: f.Subject, Issuer: f.Issuer, NotAfter: f.NotAfter, SHA1: f.SHA1, SHA256: f.SHA256, CA: f.IsCA}
	described.Lock()
	defer described.Unlock()
	if described.facts == nil || len(described.facts) >= maxDescribed {
		described.facts = make(map[[sha256.Size]byte]CertificateFact)
	}
	described.facts[id] = fact
	return fact, true
}
