package pki

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MaxIntermediates is how many CAs may stand between the root and a device here.
// Real hierarchies rarely have more than two, and every one of them travels with
// each TLS handshake.
const MaxIntermediates = 3

// UpperCertificate is the path of the n-th intermediate CA's certificate,
// counted upwards from the one that signs devices, which is the first.
func (f AuthorityFiles) UpperCertificate(n int) string {
	if n == 1 {
		return f.IntermediateCertificate()
	}
	return filepath.Join(f.Dir, "certs", fmt.Sprintf("azure-iot-test-only.intermediate-%d.cert.pem", n))
}

// UpperKey is the path of the n-th intermediate CA's private key.
func (f AuthorityFiles) UpperKey(n int) string {
	if n == 1 {
		return f.IntermediateKey()
	}
	return filepath.Join(f.Dir, "private", fmt.Sprintf("azure-iot-test-only.intermediate-%d.key.pem", n))
}

// Intermediates counts the intermediate CAs whose certificates are there; 0
// when the authority is not made yet.
func (f AuthorityFiles) Intermediates() int {
	for n := 1; ; n++ {
		if _, err := os.Stat(f.UpperCertificate(n)); err != nil {
			return n - 1
		}
	}
}

// CreateDeepAuthority is [CreateAuthority] with several intermediate CAs, each
// signed by the one above it and with the path length that fits. An authority
// that is there keeps its depth. All keys are searched for at the same time.
func CreateDeepAuthority(ctx context.Context, files AuthorityFiles, a Algorithm, name string, v Validity, passphrase []byte, intermediates int) (*Authority, error) {
	if intermediates < 1 || intermediates > MaxIntermediates {
		return nil, fmt.Errorf("%d intermediate CAs: 1 to %d are possible", intermediates, MaxIntermediates)
	}
	if files.Exists() {
		return OpenAuthority(files, passphrase)
	}
	if intermediates == 1 {
		return CreateAuthority(ctx, files, a, name, v, passphrase)
	}
	levels := make([]int, intermediates+1) // 0 is the root
	for i := range levels {
		levels[i] = i
	}
	keys := make([]crypto.Signer, len(levels))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := together(levels, func(i int) (err error) {
		path := files.RootKey()
		if i > 0 {
			path = files.UpperKey(i)
		}
		if keys[i], _, err = EnsureKey(ctx, path, a, passphrase); err != nil {
			cancel(err)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("making the keys of the CA %s: %w", name, err)
	}
	if err := issueLevels(files, keys, name, v); err != nil {
		return nil, err
	}
	return OpenAuthority(files, passphrase)
}

// issueLevels issues the certificates from the root down, so that what a stopped
// call leaves can be finished.
func issueLevels(files AuthorityFiles, keys []crypto.Signer, name string, v Validity) error {
	commonName := caNames(name)
	root, err := ensureCertificate(files.RootCertificate(), func() (*x509.Certificate, error) {
		return RootCA(keys[0], commonName("root"), v)
	})
	if err != nil {
		return err
	}
	by := files.issuer(root, keys[0])
	for n := len(keys) - 1; n >= 1; n-- {
		kind := "intermediate"
		if n > 1 {
			kind = fmt.Sprintf("intermediate %d", n)
		}
		signer, written := by.Unwritten()
		c, err := ensureCertificate(files.UpperCertificate(n), func() (*x509.Certificate, error) {
			return IntermediateCA(keys[n].Public(), commonName(kind), v, n-1, signer)
		})
		if err != nil {
			return err
		}
		if err := written(); err != nil {
			return err
		}
		by = files.issuer(c, keys[n])
	}
	return nil
}

// readUpper reads the CAs between the one that signs devices and the root, from
// the former upwards.
func (f AuthorityFiles) readUpper() ([]*x509.Certificate, error) {
	var upper []*x509.Certificate
	for n := 2; n <= MaxIntermediates; n++ {
		c, err := readOne(f.UpperCertificate(n))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		upper = append(upper, c)
	}
	return upper, nil
}

// checkLevels tells whether each CA is signed by the one above it.
func (a *Authority) checkLevels() error {
	path, c := a.Files.IntermediateCertificate(), a.Intermediate.Certificate
	for i, above := range append(a.Upper[:len(a.Upper):len(a.Upper)], a.Root.Certificate) {
		kind, abovePath := "root CA", a.Files.RootCertificate()
		if i < len(a.Upper) {
			kind, abovePath = "intermediate CA", a.Files.UpperCertificate(i+2)
		}
		if err := c.CheckSignatureFrom(above); err != nil {
			return fileError("read", path, fmt.Errorf("not signed by the %s in %s: %w", kind, abovePath, err))
		}
		path, c = abovePath, above
	}
	return nil
}
