package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// ErrIssuerNeeded says that a certificate cannot be renewed without the CA that
// signs it.
var ErrIssuerNeeded = errors.New("it was signed by a CA: its issuer is needed")

// ErrKeyNeeded says that a self-signed certificate cannot be renewed without
// its private key.
var ErrKeyNeeded = errors.New("it signed itself: its private key is needed")

// Renewal is what a renewed certificate gets.
type Renewal struct {
	Validity Validity
	// Key is the private key of the renewed certificate; the old one's, or a new
	// one. It may be missing when an issuer signs and the key stays the same.
	Key crypto.Signer
	// Issuer signs, unless the certificate is self-signed.
	Issuer *Issuer
}

// Renew issues a certificate anew, with the old one's name and the extension
// profile of its kind in this package; what was wrong in the old one does not
// come back. The thumbprints change, so an individual enrollment and the hub
// must be told.
func Renew(old *x509.Certificate, r Renewal) (*x509.Certificate, error) {
	cn := old.Subject.CommonName
	selfSigned := bytes.Equal(old.RawIssuer, old.RawSubject)
	switch {
	case selfSigned && r.Key == nil:
		return nil, fmt.Errorf("renewing %q: %w", visible(cn), ErrKeyNeeded)
	case selfSigned && isCA(old) && !hasClientAuth(old):
		return RootCA(r.Key, cn, r.Validity)
	case selfSigned:
		return SelfSignedDevice(r.Key, cn, r.Validity)
	case r.Issuer == nil:
		return nil, fmt.Errorf("renewing %q: %w (%s)", visible(cn), ErrIssuerNeeded, nameText(old.RawIssuer))
	}
	pub := old.PublicKey
	if r.Key != nil {
		pub = r.Key.Public()
	}
	switch {
	case isCA(old):
		return IntermediateCA(pub, cn, r.Validity, pathLengthBelow(old, r.Issuer.Certificate), *r.Issuer)
	case isServer(old):
		return ServerCertificate(pub, cn, old.DNSNames, old.IPAddresses, r.Validity, *r.Issuer)
	}
	return DeviceCertificate(pub, cn, r.Validity, *r.Issuer)
}

// pathLengthBelow keeps an intermediate CA's path length, where it had one.
func pathLengthBelow(old, issuer *x509.Certificate) int {
	if old.MaxPathLen > 0 || old.MaxPathLen == 0 && old.MaxPathLenZero {
		return old.MaxPathLen
	}
	return max(0, issuer.MaxPathLen-1)
}

// ErrNoChain says that certificates do not form one chain.
var ErrNoChain = errors.New("they do not form a chain")

// FullChain orders certificates as a device presents them: its own first, each
// signed by the next. Certificates that do not belong to the chain are left
// out, duplicates too. withRoot keeps a self-signed CA at the end; DPS needs it
// in the chain when only the root is verified there.
func FullChain(certs []*x509.Certificate, withRoot bool) ([]*x509.Certificate, error) {
	leaf, err := leafOf(certs)
	if err != nil {
		return nil, err
	}
	chain := []*x509.Certificate{leaf}
	for c := leaf; !isSelfSigned(c); {
		i := slices.IndexFunc(certs, func(by *x509.Certificate) bool {
			return bytes.Equal(by.RawSubject, c.RawIssuer) && !slices.ContainsFunc(chain, by.Equal) && signedBy(c, by)
		})
		if i < 0 {
			break // the chain ends here: the rest is somewhere else
		}
		c = certs[i]
		chain = append(chain, c)
	}
	if last := chain[len(chain)-1]; !withRoot && len(chain) > 1 && isSelfSigned(last) {
		chain = chain[:len(chain)-1]
	}
	return chain, nil
}

// leafOf finds the one certificate that signed none of the others.
func leafOf(certs []*x509.Certificate) (*x509.Certificate, error) {
	var leaves []*x509.Certificate
	for _, c := range certs {
		signer := slices.ContainsFunc(certs, func(below *x509.Certificate) bool {
			return !below.Equal(c) && bytes.Equal(below.RawIssuer, c.RawSubject) && signedBy(below, c)
		})
		if !signer && !slices.ContainsFunc(leaves, c.Equal) {
			leaves = append(leaves, c)
		}
	}
	// Strangers among the CAs do not matter as long as one device is there.
	if devices := slices.DeleteFunc(slices.Clone(leaves), isCA); len(devices) > 0 {
		leaves = devices
	}
	switch len(leaves) {
	case 1:
		return leaves[0], nil
	case 0:
		return nil, fmt.Errorf("%w: no device certificate among %s", ErrNoChain, count(len(certs), "certificate"))
	}
	return nil, fmt.Errorf("%w: %q and %q are both ends of one", ErrNoChain, nameText(leaves[0].RawSubject), nameText(leaves[1].RawSubject))
}
