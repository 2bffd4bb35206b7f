package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
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
	// Validity is the life; [ValidLike] is as long as the old one's.
	Validity Validity
	// Key is the private key of the renewed certificate; the old one's, or a new
	// one. It may be missing when an issuer signs and the key stays the same.
	Key crypto.Signer
	// Issuer signs, unless the certificate is self-signed.
	Issuer *Issuer
}

// Renew issues a certificate anew, with the old one's subject byte for byte and
// the extension profile of its kind in this package; what was wrong in the old
// one does not come back, [NotKept] names it. The thumbprints change, so an
// individual enrollment and the hub must be told.
//
// A CA keeps its path length and every extension that limits what it may sign.
// With the same key it keeps its key identifier too, so that what it signed is
// valid below the renewed one. One without a key identifier keeps its serial
// number instead: OpenSSL names the issuer by that then.
func Renew(old *x509.Certificate, r Renewal) (*x509.Certificate, error) {
	name := nameText(old.RawSubject)
	by, pub := Issuer{Key: r.Key}, old.PublicKey
	if r.Key != nil {
		pub = r.Key.Public()
	}
	switch selfSigned := isSelfSigned(old); {
	case selfSigned && r.Key == nil:
		return nil, fmt.Errorf("renewing %s: %w", name, ErrKeyNeeded)
	case !selfSigned && r.Issuer == nil:
		return nil, fmt.Errorf("renewing %s: %w (%s)", name, ErrIssuerNeeded, nameText(old.RawIssuer))
	case !selfSigned:
		by = *r.Issuer
	}
	t := templateOf(old)
	return issue(t, pub, old.Subject.CommonName, r.Validity, by, func(c *x509.Certificate) {
		if !t.deviceName || len(commonNames(old.RawSubject)) == 1 {
			c.RawSubject = old.RawSubject
		}
		switch same := sameKey(pub, old.PublicKey); {
		case same && len(old.SubjectKeyId) > 0:
			c.SubjectKeyId = old.SubjectKeyId
		case same && t.ca:
			c.SerialNumber = old.SerialNumber
		}
		c.DNSNames, c.IPAddresses = nil, nil
		switch {
		case t.ca:
			c.MaxPathLen, c.MaxPathLenZero = old.MaxPathLen, old.MaxPathLenZero
			c.ExtraExtensions = limitsOf(old)
		case isServer(old):
			c.DNSNames, c.IPAddresses = old.DNSNames, old.IPAddresses
		}
	})
}

// templateOf is the row of the table that a certificate is renewed by. A
// self-signed device that says it is a CA, as openssl req -x509 makes it
// without -extensions, is a device: it has a device's purpose and may not sign.
func templateOf(old *x509.Certificate) template {
	signs := isCA(old) && (old.KeyUsage&x509.KeyUsageCertSign != 0 || !hasClientAuth(old))
	switch selfSigned := isSelfSigned(old); {
	case selfSigned && signs:
		return rootTemplate
	case selfSigned:
		return selfSignedTemplate
	case isCA(old):
		return intermediateTemplate
	case isServer(old):
		return serverTemplate
	}
	return deviceTemplate
}

// limitsOf are the extensions of a CA that no row of the table sets: name
// constraints, policies, extended key usage. Without them the renewed CA could
// sign what the old one could not.
func limitsOf(ca *x509.Certificate) []pkix.Extension {
	ours := []asn1.ObjectIdentifier{oidKeyUsage, oidBasicConstraints, oidSubjectKeyID, oidAuthorityKeyID}
	return slices.DeleteFunc(slices.Clone(ca.Extensions), func(e pkix.Extension) bool {
		return slices.ContainsFunc(ours, e.Id.Equal)
	})
}

// NotKept names the extensions of a certificate that its renewal lacks or has
// with other contents. Key identifiers are not counted.
func NotKept(old, renewed *x509.Certificate) []string {
	asked := slices.DeleteFunc(slices.Clone(old.Extensions), func(e pkix.Extension) bool {
		return e.Id.Equal(oidSubjectKeyID) || e.Id.Equal(oidAuthorityKeyID)
	})
	return missingExtensions(asked, renewed)
}

// SignedBy says whether by's name and key are those that signed c.
func SignedBy(c, by *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, by.RawSubject) && signedBy(c, by)
}

// SelfSigned says whether a certificate was signed by its own key.
func SelfSigned(c *x509.Certificate) bool { return isSelfSigned(c) }

// ErrNoChain says that certificates do not form one chain.
var ErrNoChain = errors.New("they do not form a chain")

// MissingIssuerError says that a chain ends before its root because the
// certificate that signed its last one is not there.
type MissingIssuerError struct{ Subject, Issuer string }

// Error names the last certificate and who signed it.
func (e *MissingIssuerError) Error() string {
	return "the chain ends at " + e.Subject + ": the certificate of its issuer is missing, " + e.Issuer
}

// FullChain orders certificates as a device presents them: its own first, each
// signed by the next. Certificates that do not belong to the chain are left
// out, duplicates too. withRoot keeps a self-signed CA at the end; DPS needs it
// in the chain when only the root is verified there.
//
// A [*MissingIssuerError] comes together with the part of the chain that is
// there. Without the root it comes only when the first issuer is missing: a
// chain that ends with a CA may be all that is wanted then.
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
			if withRoot || len(chain) == 1 {
				err = &MissingIssuerError{Subject: nameText(c.RawSubject), Issuer: nameText(c.RawIssuer)}
			}
			break // the rest is somewhere else
		}
		c = certs[i]
		chain = append(chain, c)
	}
	if last := chain[len(chain)-1]; !withRoot && len(chain) > 1 && isSelfSigned(last) {
		chain = chain[:len(chain)-1]
	}
	return chain, err
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
