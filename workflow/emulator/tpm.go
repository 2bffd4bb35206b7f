package emulator

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
)

// What DPS does with a TPM, after "Trusted Platform Module Library", family
// 2.0: it knows two public keys of the TPM, the endorsement key (EK) and the
// storage root key (SRK), and sends it an HMAC key that only this TPM can use.
// The key travels as a duplicated object under the SRK (part 1, section 23.3)
// whose inner wrapper's key is a credential for the EK (part 1, section 24).
//
// The activation blob is, one after the other: TPM2B_ID_OBJECT,
// TPM2B_ENCRYPTED_SECRET, TPM2B_PRIVATE, TPM2B_ENCRYPTED_SECRET, TPM2B_PUBLIC,
// TPM2B_DATA.

// Algorithms and attributes of TPM 2.0, part 2.
const (
	tpmAlgRSA       = 0x0001
	tpmAlgHMAC      = 0x0005
	tpmAlgAES       = 0x0006
	tpmAlgKeyedHash = 0x0008
	tpmAlgSHA256    = 0x000B
	tpmAlgNull      = 0x0010
	tpmAlgCFB       = 0x0043

	tpmUserWithAuth         = 1 << 6
	tpmNoDictionaryAttack   = 1 << 10
	tpmEncryptedDuplication = 1 << 11
	tpmSign                 = 1 << 18

	tpmWrapKeySize = aes.BlockSize // AES-128 everywhere, as both keys' templates say
)

// errNotTPMKey marks a public key that is not one of a TPM, or of a kind that
// the lab does not know.
var errNotTPMKey = errors.New("not a TPM2B_PUBLIC of an RSA storage key with SHA-256 and AES-128-CFB")

// tpmKey is the public part of an RSA storage key of a TPM.
type tpmKey struct {
	public *rsa.PublicKey
	name   []byte // nameAlg and the hash of the public area, part 1 section 16
}

// tpmReader takes big-endian values off a buffer.
type tpmReader struct {
	rest []byte
	bad  bool
}

func (r *tpmReader) take(n int) []byte {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *tpmReader) u16() int      { return int(binary.BigEndian.Uint16(r.take(2))) }
func (r *tpmReader) u32() uint32   { return binary.BigEndian.Uint32(r.take(4)) }
func (r *tpmReader) sized() []byte { return r.take(r.u16()) }

// parseTPMKey reads base64 of a TPM2B_PUBLIC, as the client libraries send the
// EK and the SRK.
func parseTPMKey(text string) (*tpmKey, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errNotTPMKey
	}
	outer := &tpmReader{rest: raw}
	area := outer.sized()
	r := &tpmReader{rest: area}
	kind, nameAlg, _, _ := r.u16(), r.u16(), r.u32(), r.sized() // attributes and policy are the TPM's business
	symmetric, bits, mode, scheme := r.u16(), r.u16(), r.u16(), r.u16()
	keyBits, exponent, modulus := r.u16(), r.u32(), r.sized()
	switch {
	case outer.bad || r.bad || len(outer.rest)+len(r.rest) > 0:
		return nil, errNotTPMKey
	case kind != tpmAlgRSA || nameAlg != tpmAlgSHA256 || scheme != tpmAlgNull:
		return nil, errNotTPMKey
	case symmetric != tpmAlgAES || bits != 8*tpmWrapKeySize || mode != tpmAlgCFB:
		return nil, errNotTPMKey
	case keyBits != 8*len(modulus) || keyBits < 2048 || keyBits > 4096:
		return nil, errNotTPMKey
	}
	if exponent == 0 {
		exponent = 65537 // the default of TPMS_RSA_PARMS
	}
	if exponent < 65537 || exponent%2 == 0 || exponent >= 1<<31 {
		return nil, errNotTPMKey
	}
	return &tpmKey{
		public: &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(exponent)}, name: tpmName(area),
	}, nil
}

func tpmName(area []byte) []byte {
	sum := sha256.Sum256(area)
	return append(tpmU16(tpmAlgSHA256), sum[:]...)
}

func tpmU16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

// tpmSized puts the size before what is usually a TPM2B.
func tpmSized(b []byte) []byte { return append(tpmU16(len(b)), b...) }

func joined(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// tpmDerive is KDFa of part 1 section 11.4.10.2 with HMAC-SHA256; size is in
// bytes and at most one hash long.
func tpmDerive(key []byte, label string, context []byte, size int) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(binary.BigEndian.AppendUint32(nil, 1))
	mac.Write(append([]byte(label), 0))
	mac.Write(context)
	mac.Write(binary.BigEndian.AppendUint32(nil, uint32(8*size)))
	return mac.Sum(nil)[:size]
}

// tpmCFB encrypts with AES in cipher feedback mode and an initial vector of
// zeros. Keys are used once. The standard library no longer recommends the
// mode and TPM 2.0 has no other.
func tpmCFB(key, plain []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key's size is constant
	}
	feedback, out := make([]byte, aes.BlockSize), make([]byte, len(plain))
	for i := range plain {
		if i%aes.BlockSize == 0 {
			if i > 0 {
				copy(feedback, out[i-aes.BlockSize:i])
			}
			block.Encrypt(feedback, feedback)
		}
		out[i] = plain[i] ^ feedback[i%aes.BlockSize]
	}
	return out
}

// protect is the outer wrapper that credentials and duplicates share: encrypted
// and authenticated for one TPM key, bound to the name of an object. It returns
// what is protected, and the seed that only that TPM can decrypt.
func (k *tpmKey) protect(purpose string, plain, name []byte) (wrapped, seed []byte, err error) {
	secret := randomBytes(sha256.Size)
	seed, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, k.public, secret, append([]byte(purpose), 0))
	if err != nil {
		return nil, nil, fmt.Errorf("encrypting for a TPM: %w", err)
	}
	encrypted := tpmCFB(tpmDerive(secret, "STORAGE", name, tpmWrapKeySize), plain)
	mac := hmac.New(sha256.New, tpmDerive(secret, "INTEGRITY", nil, sha256.Size))
	mac.Write(encrypted)
	mac.Write(name)
	return append(tpmSized(mac.Sum(nil)), encrypted...), seed, nil
}

// activationBlob makes what gives an HMAC key to the TPM with these two keys,
// base64. note is encrypted beside it; client libraries read it and look no
// closer.
func activationBlob(ek, srk *tpmKey, key []byte, note string) (string, error) {
	inner := randomBytes(tpmWrapKeySize)
	credential, credentialSeed, err := ek.protect("IDENTITY", tpmSized(inner), srk.name)
	if err != nil {
		return "", err
	}
	obfuscation := randomBytes(sha256.Size)
	unique := sha256.Sum256(joined(obfuscation, key))
	area := joined(
		tpmU16(tpmAlgKeyedHash), tpmU16(tpmAlgSHA256),
		binary.BigEndian.AppendUint32(nil, tpmUserWithAuth|tpmNoDictionaryAttack|tpmEncryptedDuplication|tpmSign),
		tpmSized(nil), tpmU16(tpmAlgHMAC), tpmU16(tpmAlgSHA256), tpmSized(unique[:]),
	)
	name := tpmName(area)
	sensitive := tpmSized(joined(tpmU16(tpmAlgKeyedHash), tpmSized(nil), tpmSized(obfuscation), tpmSized(key)))
	integrity := sha256.Sum256(joined(sensitive, name))
	wrapped := tpmCFB(inner, joined(tpmSized(integrity[:]), sensitive))
	duplicate, duplicateSeed, err := srk.protect("DUPLICATE", wrapped, name)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(joined(
		tpmSized(credential), tpmSized(credentialSeed), tpmSized(duplicate), tpmSized(duplicateSeed),
		tpmSized(area), tpmSized(tpmCFB(inner, []byte(note))),
	)), nil
}
