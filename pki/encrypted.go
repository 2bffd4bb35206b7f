package pki

import (
	"crypto"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" // #nosec G505 -- reading: the default PRF of RFC 8018
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"

	"github.com/youmark/pkcs8"
	"golang.org/x/crypto/scrypt"
)

// iterations is OWASP's figure for PBKDF2-HMAC-SHA256; about 0.12 s here and
// 0.26 s in OpenSSL 3.0.
const iterations = 600_000

// convertKey is the way out of every encrypted form that is not read here.
const convertKey = "openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW.pem"

// limits bound the work that a file may ask for.
type limits struct {
	iterations   int // PBKDF2
	scryptMemory int // bytes
}

var defaultLimits = limits{iterations: 10_000_000, scryptMemory: 64 << 20}

// Object identifiers of RFC 8018 appendix C, RFC 7914 section 7.1 and NIST.
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	oidPKCS5  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5}
	oidPKCS12 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1}
)

// prfs are the HMAC hashes that PBKDF2 may name.
var prfs = []struct {
	oid asn1.ObjectIdentifier
	new func() hash.Hash
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}, sha1.New},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 8}, sha256.New224},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}, sha256.New},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}, sha512.New384},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}, sha512.New},
}

// ciphers are what is opened: block ciphers in CBC mode. GCM is left out on
// purpose, OpenSSL does not read it either.
var ciphers = []pkcs8.Cipher{pkcs8.AES256CBC, pkcs8.AES192CBC, pkcs8.AES128CBC, pkcs8.TripleDESCBC}

type encryptedKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

// openPKCS8 decrypts and decodes an EncryptedPrivateKeyInfo (RFC 5958
// section 3). It checks every parameter itself before the work: the libraries
// below panic on odd block lengths and take any cost.
func openPKCS8(der, passphrase []byte, max limits) (any, error) {
	var info encryptedKeyInfo
	if !unmarshal(der, &info) {
		return nil, damagedKey("its envelope is no EncryptedPrivateKeyInfo")
	}
	if !info.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, notPBES2(info.Algorithm.Algorithm)
	}
	var params pbes2Params
	if !unmarshal(info.Algorithm.Parameters.FullBytes, &params) {
		return nil, damagedKey("its PBES2 parameters cannot be read")
	}
	block, iv, err := readCipher(params.Cipher)
	if err != nil {
		return nil, err
	}
	if len(info.Data) == 0 || len(info.Data)%len(iv) != 0 {
		return nil, damagedKey("the encrypted part is cut off")
	}
	derive, err := readKDF(params.KDF, max)
	if err != nil {
		return nil, err
	}
	if len(passphrase) == 0 {
		return nil, ErrPassphraseNeeded
	}
	symmetric, err := derive(passphrase, block.KeySize())
	if err != nil {
		return nil, damagedKey("its key derivation fails: " + err.Error())
	}
	plain, err := block.Decrypt(symmetric, iv, info.Data)
	if err != nil {
		return nil, ErrWrongPassphrase
	}
	return parseDecrypted(plain)
}

// parseDecrypted tells a wrong pass phrase, which leaves noise, from a right
// one before a kind of key that is not supported.
func parseDecrypted(plain []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(plain)
	if err == nil {
		return key, nil
	}
	var info struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		PrivateKey []byte
	}
	if _, noise := asn1.Unmarshal(plain, &info); noise != nil {
		return nil, ErrWrongPassphrase
	}
	return parseKey("ENCRYPTED PRIVATE KEY", plain)
}

func readCipher(id pkix.AlgorithmIdentifier) (pkcs8.Cipher, []byte, error) {
	for _, c := range ciphers {
		if !id.Algorithm.Equal(c.OID()) {
			continue
		}
		var iv []byte
		if !unmarshal(id.Parameters.FullBytes, &iv) || len(iv) != c.IVSize() {
			return nil, nil, damagedKey("its initialization vector has the wrong length")
		}
		return c, iv, nil
	}
	return nil, nil, &FormatError{What: fmt.Sprintf("the private key is encrypted with a cipher that is not supported here (OID %s)", id.Algorithm), Fix: convertKey}
}

type deriver func(passphrase []byte, size int) ([]byte, error)

func readKDF(id pkix.AlgorithmIdentifier, max limits) (deriver, error) {
	switch {
	case id.Algorithm.Equal(oidPBKDF2):
		return readPBKDF2(id.Parameters.FullBytes, max)
	case id.Algorithm.Equal(oidScrypt):
		return readScrypt(id.Parameters.FullBytes, max)
	}
	return nil, &FormatError{What: fmt.Sprintf("the private key is encrypted with a key derivation that is not supported here (OID %s)", id.Algorithm), Fix: convertKey}
}

func readPBKDF2(der []byte, max limits) (deriver, error) {
	var p pbkdf2Params
	if !unmarshal(der, &p) || p.Iterations < 1 {
		return nil, damagedKey("its PBKDF2 parameters cannot be read")
	}
	if p.Iterations > max.iterations {
		return nil, &FormatError{
			What: fmt.Sprintf("the private key asks for %d PBKDF2 iterations, over the limit of %d", p.Iterations, max.iterations),
			Fix:  convertKey,
		}
	}
	prf := sha1.New // RFC 8018 appendix A.2: the default
	if len(p.PRF.Algorithm) > 0 {
		prf = nil
		for _, known := range prfs {
			if p.PRF.Algorithm.Equal(known.oid) {
				prf = known.new
			}
		}
	}
	if prf == nil {
		return nil, &FormatError{What: fmt.Sprintf("the private key is encrypted with a PBKDF2 hash that is not supported here (OID %s)", p.PRF.Algorithm), Fix: convertKey}
	}
	return func(passphrase []byte, size int) ([]byte, error) {
		return pbkdf2.Key(prf, string(passphrase), p.Salt, p.Iterations, size)
	}, nil
}

func readScrypt(der []byte, max limits) (deriver, error) {
	var p scryptParams
	if !unmarshal(der, &p) || p.N < 2 || p.N&(p.N-1) != 0 || p.R < 1 || p.P < 1 {
		return nil, damagedKey("its scrypt parameters cannot be read")
	}
	// Memory is 128·N·r bytes; p repeats the work. Divisions, so that huge
	// numbers do not overflow.
	if p.N > max.scryptMemory/128 || p.R > max.scryptMemory/128/p.N || p.P > 16 {
		return nil, &FormatError{
			What: fmt.Sprintf("the private key asks for scrypt with N=%d r=%d p=%d, over the limit of %d MiB", p.N, p.R, p.P, max.scryptMemory>>20),
			Fix:  convertKey,
		}
	}
	return func(passphrase []byte, size int) ([]byte, error) {
		return scrypt.Key(passphrase, p.Salt, p.N, p.R, p.P, size)
	}, nil
}

func notPBES2(oid asn1.ObjectIdentifier) error {
	scheme := "a scheme that is not supported here"
	if hasPrefix(oid, oidPKCS5) || hasPrefix(oid, oidPKCS12) {
		scheme = "an outdated scheme (PKCS#5 v1.5 or PKCS#12)"
	}
	return &FormatError{What: fmt.Sprintf("the private key is encrypted with %s, OID %s", scheme, oid), Fix: convertKey}
}

func hasPrefix(oid, prefix asn1.ObjectIdentifier) bool {
	return len(oid) >= len(prefix) && oid[:len(prefix)].Equal(prefix)
}

func damagedKey(how string) error {
	return &FormatError{What: "the encrypted private key is damaged, " + how, Fix: "copy the file again from where it came"}
}

// unmarshal decodes DER into v and accepts nothing behind it.
func unmarshal(der []byte, v any) bool {
	rest, err := asn1.Unmarshal(der, v)
	return err == nil && len(rest) == 0
}

func isSequence(der []byte) bool {
	var v asn1.RawValue
	_, err := asn1.Unmarshal(der, &v)
	return err == nil && v.Class == asn1.ClassUniversal && v.Tag == asn1.TagSequence && v.IsCompound
}

// sealer encrypts one private key. The derivation from the pass phrase starts
// when it is made, so that it runs beside the search for the key's primes.
type sealer struct{ derived chan derivedKey }

// derivedKey hands a finished derivation to pkcs8 as its KDFOpts; salt and
// cost were chosen when the derivation began.
type derivedKey struct {
	key    []byte
	params pkcs8.KDFParameters
	err    error
}

// DeriveKey returns the key that was derived before.
func (d derivedKey) DeriveKey(_, _ []byte, size int) ([]byte, pkcs8.KDFParameters, error) {
	if d.err == nil && len(d.key) != size {
		d.err = errors.New("derived key has the wrong size")
	}
	return d.key, d.params, d.err
}

// GetSaltSize is 0: the salt is in the parameters already.
func (d derivedKey) GetSaltSize() int { return 0 }

// OID is PBKDF2's.
func (d derivedKey) OID() asn1.ObjectIdentifier { return oidPBKDF2 }

const saltSize = 16 // bytes, RFC 8018 section 4 asks for 8 or more

// newSealer starts the derivation. An empty pass phrase means no encryption.
func newSealer(passphrase []byte, iterations int) *sealer {
	if len(passphrase) == 0 {
		return &sealer{}
	}
	s := &sealer{derived: make(chan derivedKey, 1)} // buffered: seal may never be called
	secret := append([]byte(nil), passphrase...)    // the caller may wipe its own
	go func() {
		salt := make([]byte, saltSize)
		_, _ = rand.Read(salt) // never fails since Go 1.24: the process ends instead
		kdf := pkcs8.PBKDF2Opts{IterationCount: iterations, HMACHash: crypto.SHA256}
		key, params, err := kdf.DeriveKey(secret, salt, pkcs8.AES256CBC.KeySize())
		s.derived <- derivedKey{key, params, err}
	}()
	return s
}

// seal encodes the key as PEM, once.
func (s *sealer) seal(key crypto.Signer) ([]byte, error) {
	der, err := s.sealDER(key)
	if err != nil {
		return nil, err
	}
	label := "PRIVATE KEY"
	if s.derived != nil {
		label = "ENCRYPTED PRIVATE KEY"
	}
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}), nil
}

// sealDER encodes the key as PKCS#8, once.
func (s *sealer) sealDER(key crypto.Signer) ([]byte, error) {
	passphrase, opts := []byte(nil), (*pkcs8.Opts)(nil)
	if s.derived != nil {
		opts = &pkcs8.Opts{Cipher: pkcs8.AES256CBC, KDFOpts: <-s.derived}
		passphrase = []byte{0} // only its presence counts: the derivation is done
	}
	der, err := pkcs8.MarshalPrivateKey(key, passphrase, opts)
	if err != nil {
		return nil, fmt.Errorf("encoding the private key: %w", err)
	}
	return der, nil
}
