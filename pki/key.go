package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// EncodeKey encodes a private key as PKCS#8 PEM. With a pass phrase it is an
// "ENCRYPTED PRIVATE KEY": PBES2 (RFC 8018) with PBKDF2-HMAC-SHA256, 600 000
// iterations and a 16-byte salt, and AES-256-CBC; the strongest form that
// OpenSSL 3.0 and curl open.
func EncodeKey(key crypto.Signer, passphrase []byte) ([]byte, error) {
	return newSealer(passphrase, iterations).seal(key)
}

// DecodeKey finds the first private key in PEM data and decodes it. It reads
// PKCS#8 (plain and encrypted), SEC1 and PKCS#1 (plain and encrypted in
// OpenSSL's traditional form, Proc-Type), and passes over certificates and EC
// parameters that stand in the same file. An unneeded pass phrase is ignored.
//
// Errors are [ErrPassphraseNeeded], [ErrWrongPassphrase] or a [*FormatError].
// What would take unreasonable work to open (over 10 million PBKDF2 iterations,
// over 64 MiB of scrypt memory) is refused before the work begins.
func DecodeKey(pemData, passphrase []byte) (crypto.Signer, error) {
	return decodeKey(pemData, passphrase, defaultLimits)
}

func decodeKey(data, passphrase []byte, max limits) (crypto.Signer, error) {
	block, err := findKey(data)
	if err != nil {
		return nil, err
	}
	return openBlock(block, passphrase, max)
}

// openBlock decodes the private key of one PEM block.
func openBlock(block *pem.Block, passphrase []byte, max limits) (crypto.Signer, error) {
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY":
		key, err = openPKCS8(block.Bytes, passphrase, max)
	case legacyEncrypted(block):
		key, err = openLegacy(block, passphrase)
	default:
		key, err = parseKey(block.Type, block.Bytes)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, &FormatError{What: "the private key cannot sign (a key for key agreement only)", Fix: "make an EC P-256 or RSA key with dpslab cert new"}
	}
	return signer, nil
}

// findKey walks all PEM blocks to the first private key.
func findKey(data []byte) (*pem.Block, error) {
	var seen []string
	for rest := data; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return block, nil
		}
		seen = append(seen, block.Type)
	}
	return nil, notAKey(data, seen)
}

// parseKey decodes an unencrypted private key by the type of its PEM block.
// The labels are often wrong in the wild, so every encoding is tried.
func parseKey(label string, der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil
	}
	if ec, ecErr := x509.ParseECPrivateKey(der); ecErr == nil {
		return ec, nil
	}
	if rsa, rsaErr := x509.ParsePKCS1PrivateKey(der); rsaErr == nil {
		return rsa, nil
	}
	return nil, &FormatError{
		What: "the " + visible(label) + " block holds a damaged key or one of a kind that is not supported here",
		Fix:  "copy it again from where it came: OLD; if it is whole, take another kind of key: RSA or EC P-256, P-384 and P-521",
	}
}

// legacyEncrypted says whether a block is encrypted in OpenSSL's traditional
// form (RFC 1421 section 4.6 headers).
func legacyEncrypted(block *pem.Block) bool {
	//lint:ignore SA1019 only reading: OpenSSL 1.x and "-traditional" still write this form
	return x509.IsEncryptedPEMBlock(block)
}

func openLegacy(block *pem.Block, passphrase []byte) (any, error) {
	if len(passphrase) == 0 {
		return nil, ErrPassphraseNeeded
	}
	//lint:ignore SA1019 only reading, see legacyEncrypted
	der, err := x509.DecryptPEMBlock(block, passphrase)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrWrongPassphrase
	}
	if err != nil {
		return nil, &FormatError{What: "the private key is encrypted in a way that is not supported here (" + visible(block.Headers["DEK-Info"]) + ")", Fix: convertKey}
	}
	key, err := parseKey(block.Type, der)
	if err != nil && !isSequence(der) {
		return nil, ErrWrongPassphrase // 1 in 256 wrong pass phrases leaves a valid padding
	}
	return key, err
}

// keyEncrypted says whether the first private key of PEM data needs a pass
// phrase.
func keyEncrypted(data []byte) (bool, error) {
	block, err := findKey(data)
	if err != nil {
		return false, err
	}
	return block.Type == "ENCRYPTED PRIVATE KEY" || legacyEncrypted(block), nil
}

// sameKey compares two public keys by their encoding; false when one cannot be
// encoded.
func sameKey(a, b crypto.PublicKey) bool {
	x, errX := x509.MarshalPKIXPublicKey(a)
	y, errY := x509.MarshalPKIXPublicKey(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
