package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Container is a form that keys and certificates can be converted to.
type Container string

// The containers.
const (
	ContainerPEM Container = "pem"
	ContainerDER Container = "der"
	ContainerPFX Container = "pfx"
)

// ContainerOf guesses a container from a file's name: .der and .cer are DER,
// .pfx and .p12 are PFX, everything else is PEM.
func ContainerOf(path string) Container {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".der", ".cer":
		return ContainerDER
	case ".pfx", ".p12":
		return ContainerPFX
	}
	return ContainerPEM
}

// ConvertOptions say what [Convert] makes of contents.
type ConvertOptions struct {
	To Container
	// Only limits it to items of one kind; empty: everything.
	Only ItemKind
	// Passphrase encrypts the private key, which a PFX demands; empty: no
	// encryption.
	Passphrase []byte
	// Encryption is for a PFX; empty means modern.
	Encryption PFXEncryption
}

// ErrNothingToConvert says that what was asked for is not in the contents, or
// does not fit the container.
var ErrNothingToConvert = errors.New("nothing to convert")

// Convert writes what [Sniff] found in another form, whole and clean: PEM
// without text around it, one DER structure, or a PFX. secret says whether a
// private key is in it. Contents with a damaged or closed item are refused with
// its error, so that nothing is lost in silence.
func Convert(c *Contents, o ConvertOptions) (data []byte, secret bool, err error) {
	return convert(c, o, iterations)
}

func convert(c *Contents, o ConvertOptions, rounds int) (data []byte, secret bool, err error) {
	var certs []*x509.Certificate
	var keys []crypto.Signer
	var requests []*x509.CertificateRequest
	if c.Err != nil {
		return nil, false, c.Err
	}
	for _, i := range c.Items {
		if o.Only != "" && i.Kind != o.Only {
			continue
		}
		switch {
		case i.Err != nil:
			return nil, false, i.Err
		case i.Certificate != nil:
			certs = append(certs, i.Certificate)
		case i.Key != nil:
			keys = append(keys, i.Key)
		case i.Request != nil:
			requests = append(requests, i.Request)
		}
	}
	if len(certs)+len(keys)+len(requests) == 0 {
		return nil, false, fmt.Errorf("%w: there is no %s", ErrNothingToConvert, cmpOr(string(o.Only), "certificate, key or request"))
	}
	switch o.To {
	case ContainerDER:
		data, err = toDER(certs, keys, requests, o.Passphrase, rounds)
	case ContainerPFX:
		data, err = toPFX(certs, keys, o, min(rounds, pfxIterations))
	default:
		data, err = toPEM(certs, keys, requests, o.Passphrase, rounds)
	}
	return data, len(keys) > 0, err
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func toPEM(certs []*x509.Certificate, keys []crypto.Signer, requests []*x509.CertificateRequest, passphrase []byte, rounds int) ([]byte, error) {
	var b bytes.Buffer
	b.Write(EncodeCertificates(certs...))
	for _, r := range requests {
		b.Write(EncodeRequest(r))
	}
	for _, k := range keys {
		data, err := newSealer(passphrase, rounds).seal(k)
		if err != nil {
			return nil, err
		}
		b.Write(data)
	}
	return b.Bytes(), nil
}

// toDER takes exactly one thing: DER has no way to hold two.
func toDER(certs []*x509.Certificate, keys []crypto.Signer, requests []*x509.CertificateRequest, passphrase []byte, rounds int) ([]byte, error) {
	if n := len(certs) + len(keys) + len(requests); n != 1 {
		return nil, fmt.Errorf("%w: DER holds one thing, here are %d; --only certificate (or key, request) chooses, PEM and PFX hold more", ErrNothingToConvert, n)
	}
	switch {
	case len(certs) == 1:
		return certs[0].Raw, nil
	case len(requests) == 1:
		return requests[0].Raw, nil
	}
	return newSealer(passphrase, rounds).sealDER(keys[0])
}

func toPFX(certs []*x509.Certificate, keys []crypto.Signer, o ConvertOptions, rounds int) ([]byte, error) {
	if len(keys) != 1 || len(certs) == 0 {
		return nil, fmt.Errorf("%w: a PFX needs one private key and its certificate, here are %s and %s",
			ErrNothingToConvert, count(len(keys), "key"), count(len(certs), "certificate"))
	}
	if o.Encryption == "" {
		o.Encryption = PFXModern
	}
	return encodePFX(keys[0], certs, o.Passphrase, o.Encryption, rounds)
}
