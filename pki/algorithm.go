package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
)

// Algorithm names a kind of key pair, in the words of a profile.
type Algorithm string

// The algorithms that dpslab makes keys for.
const (
	ECP256  Algorithm = "ec-p256"
	ECP384  Algorithm = "ec-p384"
	ECP521  Algorithm = "ec-p521"
	RSA2048 Algorithm = "rsa-2048"
	RSA3072 Algorithm = "rsa-3072"
	RSA4096 Algorithm = "rsa-4096"
)

// Algorithms lists every algorithm, the default first.
func Algorithms() []Algorithm {
	return []Algorithm{ECP256, ECP384, ECP521, RSA2048, RSA3072, RSA4096}
}

// ParseAlgorithm reads an algorithm as it stands in a profile or a flag. The
// error lists the known ones.
func ParseAlgorithm(s string) (Algorithm, error) {
	known := make([]string, 0, len(Algorithms()))
	for _, a := range Algorithms() {
		if string(a) == s {
			return a, nil
		}
		known = append(known, string(a))
	}
	return "", fmt.Errorf("unknown key algorithm %q: use one of %s", s, strings.Join(known, ", "))
}

// AlgorithmOf is the algorithm of a public key; "" when dpslab makes none like
// it.
func AlgorithmOf(pub crypto.PublicKey) Algorithm {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return ECP256
		case elliptic.P384():
			return ECP384
		case elliptic.P521():
			return ECP521
		}
	case *rsa.PublicKey:
		switch k.N.BitLen() {
		case 2048:
			return RSA2048
		case 3072:
			return RSA3072
		case 4096:
			return RSA4096
		}
	}
	return ""
}

// GenerateKey makes a new private key. When ctx ends first it returns the
// cause at once; an RSA prime search that is under way cannot be interrupted,
// so it ends in the background and its result is dropped.
func (a Algorithm) GenerateKey(ctx context.Context) (crypto.Signer, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("making a %s key: %w", a, context.Cause(ctx))
	}
	switch a {
	case ECP256:
		return generateEC(elliptic.P256())
	case ECP384:
		return generateEC(elliptic.P384())
	case ECP521:
		return generateEC(elliptic.P521())
	case RSA2048:
		return generateRSA(ctx, 2048)
	case RSA3072:
		return generateRSA(ctx, 3072)
	case RSA4096:
		return generateRSA(ctx, 4096)
	}
	_, err := ParseAlgorithm(string(a))
	return nil, err
}

func generateEC(curve elliptic.Curve) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an EC key: %w", err)
	}
	return key, nil
}

func generateRSA(ctx context.Context, bits int) (crypto.Signer, error) {
	type result struct {
		key *rsa.PrivateKey
		err error
	}
	found := make(chan result, 1) // buffered: an abandoned search must not leak its goroutine
	go func() {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		found <- result{key, err}
	}()
	select {
	case r := <-found:
		if r.err != nil {
			return nil, fmt.Errorf("making an RSA key of %d bits: %w", bits, r.err)
		}
		return r.key, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("making an RSA key of %d bits: %w", bits, context.Cause(ctx))
	}
}

// DescribeKey names the algorithm and size of a public key, in a profile's
// words where there is one: "ec-p256", "rsa-1024", "ed25519".
func DescribeKey(pub crypto.PublicKey) string {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return "ec-" + strings.ToLower(strings.ReplaceAll(k.Curve.Params().Name, "-", ""))
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa-%d", k.N.BitLen())
	case ed25519.PublicKey:
		return "ed25519"
	}
	return "unknown"
}

// signatureAlgorithm pairs the issuer's key with the hash of its strength.
// Zero leaves the choice to crypto/x509.
func signatureAlgorithm(pub crypto.PublicKey) x509.SignatureAlgorithm {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return x509.SHA256WithRSA
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P384():
			return x509.ECDSAWithSHA384
		case elliptic.P521():
			return x509.ECDSAWithSHA512
		}
		return x509.ECDSAWithSHA256
	}
	return x509.UnknownSignatureAlgorithm
}
