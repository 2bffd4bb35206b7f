package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"
)

// PFXEncryption chooses how a PFX is encrypted.
type PFXEncryption string

// The encryptions of a PFX.
const (
	// PFXModern is PBES2 with AES-256-CBC, PBKDF2-HMAC-SHA256 and a SHA-256 MAC:
	// OpenSSL 1.1.1, Windows Server 2019, Windows 10 1709 and later.
	PFXModern PFXEncryption = "modern"
	// PFXCompatible is 3DES with SHA-1, for Windows Server 2016 and older, which
	// answer "the password is not correct" to AES. Never RC2: OpenSSL 3 and curl
	// refuse it.
	PFXCompatible PFXEncryption = "compatible"
)

// pfxIterations is how often a modern PFX hashes its password, for each of the
// key, the certificates and the MAC. Less than for a key file: loaders bound
// the sum of the three, and a PFX is opened by services at every start.
const pfxIterations = 100_000

// compatibleIterations is the same for a compatible one: what OpenSSL makes with
// and without -legacy, and every Windows reads. The library's own choice for the
// MAC is 1, which lets a password be guessed for nothing.
const compatibleIterations = 2048

// EncodePFX encodes a private key with its certificates, the key's own first,
// as a PFX (PKCS#12, RFC 7292). API Management takes a device or a server
// certificate in this form only. The password must not be empty.
func EncodePFX(key crypto.Signer, chain []*x509.Certificate, password []byte, e PFXEncryption) ([]byte, error) {
	return encodePFX(key, chain, password, e, pfxIterations)
}

func encodePFX(key crypto.Signer, chain []*x509.Certificate, password []byte, e PFXEncryption, iterations int) ([]byte, error) {
	if len(chain) == 0 {
		return nil, errors.New("a PFX needs a certificate")
	}
	if len(password) == 0 {
		return nil, ErrPassphraseNeeded
	}
	if !sameKey(chain[0].PublicKey, key.Public()) {
		return nil, errors.New("the private key does not belong to the first certificate")
	}
	encoder := pkcs12.Modern2023.WithIterations(iterations)
	switch e {
	case PFXModern:
	case PFXCompatible:
		encoder = pkcs12.LegacyDES.WithIterations(compatibleIterations)
	default:
		return nil, fmt.Errorf("unknown PFX encryption %q: use %s or %s", e, PFXModern, PFXCompatible)
	}
	der, err := encoder.Encode(key, chain[0], chain[1:], string(password))
	if err != nil {
		return nil, fmt.Errorf("encoding the PFX: %w", err)
	}
	return der, nil
}

// pfx opens a PFX into its items.
func (c *Contents) pfx(der, passphrase []byte, max limits) {
	c.Format = "PFX"
	if err := checkPFX(der, max); err != nil {
		c.Err = err
		return
	}
	c.Encryption = encryptionOf(der)
	key, leaf, above, err := decodePFX(der, passphrase)
	if err != nil {
		c.Err = pfxError(err, passphrase)
		return
	}
	c.Items = append(c.Items, Item{Kind: ItemCertificate, Certificate: leaf})
	for _, ca := range above {
		c.Items = append(c.Items, Item{Kind: ItemCertificate, Certificate: ca})
	}
	item := keyItem(key)
	item.Encrypted = true
	c.Items = append(c.Items, item)
}

// errPFXPanic marks a file on which the library below gave up.
var errPFXPanic = errors.New("the PFX cannot be read")

// decodePFX keeps panics of the library, which was not made for hostile files,
// within this package.
func decodePFX(der, passphrase []byte) (key any, leaf *x509.Certificate, above []*x509.Certificate, err error) {
	defer func() {
		if recover() != nil {
			key, leaf, above, err = nil, nil, nil, errPFXPanic
		}
	}()
	return pkcs12.DecodeChain(der, string(passphrase))
}

func pfxError(err error, passphrase []byte) error {
	var missing pkcs12.NotImplementedError
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		if len(passphrase) == 0 {
			return &closedPFX{"the PFX is encrypted: a pass phrase is needed", ErrPassphraseNeeded}
		}
		return &closedPFX{"the pass phrase does not open the PFX", ErrWrongPassphrase}
	case errors.As(err, &missing):
		return &FormatError{What: "this is a PFX with a feature that is not supported here", Fix: openPFX}
	}
	return &FormatError{What: "this is a PFX that is damaged, or without certificate or key", Fix: openPFX}
}

// closedPFX is [ErrPassphraseNeeded] or [ErrWrongPassphrase], which speak of a
// private key, in words for a PFX.
type closedPFX struct {
	text string
	err  error
}

func (e *closedPFX) Error() string { return e.text }
func (e *closedPFX) Unwrap() error { return e.err }

const openPFX = "OpenSSL may read it, with -legacy an old one: openssl pkcs12 -in OLD -out NEW.pem"

// oidData is the content type of a PFX that is protected by a password (RFC 7292
// section 4).
var oidData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}

type pfxFrame struct {
	Version int
	Safe    struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
	}
	Mac struct {
		Digest     asn1.RawValue
		Salt       []byte
		Iterations int `asn1:"optional,default:1"`
	} `asn1:"optional"`
}

// checkPFX refuses, before any work is done, what would take unreasonable work
// to open and what is recognized as unsupported.
func checkPFX(der []byte, max limits) error {
	if len(der) > 1 && der[1] == 0x80 {
		return &FormatError{What: "this is a PFX in BER with indefinite lengths, as old Java and NSS write it", Fix: openPFX}
	}
	if len(der) != derLength(der) {
		return damagedDER(der)
	}
	var frame pfxFrame
	if !unmarshal(der, &frame) || !frame.Safe.Type.Equal(oidData) {
		return &FormatError{What: "this is a PFX that is damaged, or signed instead of protected by a password", Fix: openPFX}
	}
	if len(frame.Mac.Digest.FullBytes) == 0 {
		return &FormatError{What: "this is a PFX without a MAC, so a wrong password could not be told from a damaged file", Fix: openPFX}
	}
	work := frame.Mac.Iterations
	if work < 1 || !addWork(der, max.iterations, &work, 0) || work > max.iterations {
		return &FormatError{What: fmt.Sprintf("the PFX asks for more than %d rounds of hashing, or for none", max.iterations), Fix: openPFX}
	}
	return nil
}

// encryptionOf tells the encryptions of [EncodePFX] apart: old Windows reads a
// MAC with SHA-1 (OID 1.3.14.3.2.26) only.
func encryptionOf(der []byte) PFXEncryption {
	var frame pfxFrame
	var digest struct {
		Algorithm pkix.AlgorithmIdentifier
		Value     []byte
	}
	if unmarshal(der, &frame) && unmarshal(frame.Mac.Digest.FullBytes, &digest) && digest.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}) {
		return PFXCompatible
	}
	return PFXModern
}

// addWork adds up the iteration counts of all key derivations in a DER value
// that can be seen without decrypting; false when one is out of bounds.
func addWork(der []byte, limit int, work *int, depth int) bool {
	for len(der) > 0 && depth < 24 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return true // what is no DER is not walked either by who decrypts
		}
		der = rest
		if n, ok := derivation(v.FullBytes); ok {
			if n < 1 || n > limit {
				return false
			}
			*work += n
		}
		if v.IsCompound || v.Tag == asn1.TagOctetString && v.Class == asn1.ClassUniversal && bytes.HasPrefix(v.Bytes, []byte{0x30}) {
			if !addWork(v.Bytes, limit, work, depth+1) {
				return false
			}
		}
	}
	return true
}

// maxParams is the most bytes that the parameters of a derivation may have.
const maxParams = 512

// derivation reads the iteration count of an algorithm identifier that derives
// a key from a password: PBKDF2 and the schemes of PKCS#12.
func derivation(der []byte) (iterations int, ok bool) {
	// The identifier alone is read first: it is short, and what follows may be
	// the whole file.
	var whole asn1.RawValue
	if _, err := asn1.Unmarshal(der, &whole); err != nil || !whole.IsCompound {
		return 0, false
	}
	var id struct {
		OID    asn1.ObjectIdentifier
		Params asn1.RawValue
	}
	rest, err := asn1.Unmarshal(whole.Bytes, &id.OID)
	if err != nil || !hasPrefix(id.OID, oidPKCS12) && !id.OID.Equal(oidPBKDF2) {
		return 0, false
	}
	if _, err := asn1.Unmarshal(rest, &id.Params); err != nil {
		return 0, false // a type of bag, not an algorithm
	}
	if len(id.Params.Bytes) > maxParams {
		return 0, true // no salt is that long; the count is not worth finding
	}
	var salt asn1.RawValue
	if rest, err = asn1.Unmarshal(id.Params.Bytes, &salt); err != nil {
		return 0, true
	}
	if _, err := asn1.Unmarshal(rest, &iterations); err != nil {
		return 0, true
	}
	return iterations, true
}
