package emulator

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"dpslab/pki"
)

// authority is a CA certificate uploaded to the DPS instance through Resource
// Manager.
type authority struct {
	Name     string    `json:"name"`
	DER      []byte    `json:"der"`
	Verified bool      `json:"verified"`
	Code     string    `json:"code,omitempty"` // verification code, while one is out
	Tag      uint64    `json:"tag"`            // becomes the etag; new at every step
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
}

func (a *authority) certificate() (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(a.DER)
	if err != nil {
		return nil, fmt.Errorf("reading the stored certificate %q: %w", a.Name, err)
	}
	return cert, nil
}

func getAuthorityRecord(t *tx, name string) (*authority, error) {
	return get[authority](t, bucketAuthorities, strings.ToLower(name))
}

// putAuthorityRecord writes a CA certificate and what it is found by.
func putAuthorityRecord(t *tx, a, old *authority) error {
	if old != nil {
		if err := dropAnchor(t, old); err != nil {
			return err
		}
	}
	cert, err := a.certificate()
	if err != nil {
		return err
	}
	if err := t.putText(bucketAnchors, pki.Thumbprint256(cert), strings.ToLower(a.Name)); err != nil {
		return err
	}
	return put(t, bucketAuthorities, strings.ToLower(a.Name), a)
}

func dropAnchor(t *tx, a *authority) error {
	cert, err := a.certificate()
	if err != nil {
		return err
	}
	return t.delete(bucketAnchors, pki.Thumbprint256(cert))
}

// anchor finds the uploaded CA certificate with a thumbprint; nil when there is
// none.
func anchor(t *tx, sha256Thumbprint string) (*authority, error) {
	name := t.text(bucketAnchors, sha256Thumbprint)
	if name == "" {
		return nil, nil
	}
	return getAuthorityRecord(t, name)
}

// verifiedFrom reports whether a certificate of the chain at or above position
// from is uploaded and verified. Position 0 is the leaf.
func verifiedFrom(t *tx, c *chain, from int) (bool, error) {
	for _, thumbprint := range c.sha256[from:] {
		a, err := anchor(t, thumbprint)
		if err != nil || a != nil && a.Verified {
			return a != nil && a.Verified, err
		}
	}
	return false, nil
}
