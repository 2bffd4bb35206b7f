package pki

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// AuthorityFiles are the files of a root CA and the intermediate CA below it,
// named as in Microsoft's tutorial on certificate chains.
type AuthorityFiles struct{ Dir string }

// RootCertificate is the path of the root CA's certificate.
func (f AuthorityFiles) RootCertificate() string {
	return filepath.Join(f.Dir, "certs", "azure-iot-test-only.root.ca.cert.pem")
}

// RootKey is the path of the root CA's private key.
func (f AuthorityFiles) RootKey() string {
	return filepath.Join(f.Dir, "private", "azure-iot-test-only.root.ca.key.pem")
}

// IntermediateCertificate is the path of the intermediate CA's certificate.
func (f AuthorityFiles) IntermediateCertificate() string {
	return filepath.Join(f.Dir, "certs", "azure-iot-test-only.intermediate.cert.pem")
}

// IntermediateKey is the path of the intermediate CA's private key.
func (f AuthorityFiles) IntermediateKey() string {
	return filepath.Join(f.Dir, "private", "azure-iot-test-only.intermediate.key.pem")
}

// Exists says whether the set is complete. A set of which only some files are
// there is finished by [CreateAuthority].
func (f AuthorityFiles) Exists() bool {
	for _, path := range []string{f.RootKey(), f.RootCertificate(), f.IntermediateKey(), f.IntermediateCertificate()} {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	return true
}

// Authority is a root CA and the intermediate CA that signs devices.
type Authority struct {
	Root, Intermediate Issuer
	Upper              []*x509.Certificate // between the two, from the intermediate CA upwards; most have none
	Files              AuthorityFiles
}

// FullChain is what a device presents: its certificate, the intermediate CA's
// and the root's. The root goes along because DPS must find a certificate that
// was verified, and often only the root was.
func (a *Authority) FullChain(device *x509.Certificate) []*x509.Certificate {
	chain := append([]*x509.Certificate{device, a.Intermediate.Certificate}, a.Upper...)
	return append(chain, a.Root.Certificate)
}

// CreateAuthority makes a root CA and an intermediate CA with path length 0,
// both keys at the same time, and writes them, keys first. The common names are
// name with a random part, unique per root: CAs of the same name confuse
// people and slow down every chain check.
//
// It finishes what an earlier call began and keeps every file that is there, so
// it can be called again after a crash and from two processes at once. One pass
// phrase protects both keys; empty means none.
func CreateAuthority(ctx context.Context, files AuthorityFiles, a Algorithm, name string, v Validity, passphrase []byte) (*Authority, error) {
	return createAuthority(ctx, files, a, name, v, passphrase, iterations)
}

func createAuthority(ctx context.Context, files AuthorityFiles, a Algorithm, name string, v Validity, passphrase []byte, iterations int) (*Authority, error) {
	rootKey, intermediateKey, err := ensureKeys(ctx, files, a, passphrase, iterations)
	if err != nil {
		return nil, fmt.Errorf("making the keys of the CA %s: %w", name, err)
	}
	commonName := caNames(name)
	root, err := ensureCertificate(files.RootCertificate(), func() (*x509.Certificate, error) {
		return RootCA(rootKey, commonName("root"), v)
	})
	if err != nil {
		return nil, err
	}
	rootIssuer := files.issuer(root, rootKey)
	by, written := rootIssuer.Unwritten()
	intermediate, err := ensureCertificate(files.IntermediateCertificate(), func() (*x509.Certificate, error) {
		return IntermediateCA(intermediateKey.Public(), commonName("intermediate"), v, 0, by)
	})
	if err != nil {
		return nil, err
	}
	if err := written(); err != nil {
		return nil, err
	}
	made := &Authority{Root: rootIssuer, Intermediate: files.issuer(intermediate, intermediateKey), Files: files}
	return made, made.check()
}

// caNames gives the common names of an authority's CAs: unique for each call,
// the same mark in both.
func caNames(name string) func(kind string) string {
	mark := make([]byte, 4)
	_, _ = rand.Read(mark) // never fails since Go 1.24: the process ends instead
	return func(kind string) string {
		tail := " " + kind + " CA " + hex.EncodeToString(mark)
		return cut(name, MaxCommonName-len(tail)) + tail
	}
}

// ensureKeys makes or reads both keys at the same time.
func ensureKeys(ctx context.Context, files AuthorityFiles, a Algorithm, passphrase []byte, iterations int) (root, intermediate crypto.Signer, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type result struct {
		key crypto.Signer
		err error
	}
	below := make(chan result, 1)
	go func() {
		key, _, err := ensureKey(ctx, files.IntermediateKey(), a, passphrase, iterations)
		if err != nil {
			cancel(err) // no need to wait for the other prime search
		}
		below <- result{key, err}
	}()
	root, _, err = ensureKey(ctx, files.RootKey(), a, passphrase, iterations)
	if err != nil {
		cancel(err)
	}
	r := <-below
	if err == nil {
		err = r.err
	}
	return root, r.key, err
}

// ensureCertificate reads the certificate at path, or issues and writes it. The
// first writer wins.
func ensureCertificate(path string, issue func() (*x509.Certificate, error)) (*x509.Certificate, error) {
	c, err := readOne(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	c, err = issue()
	if err != nil {
		return nil, err
	}
	err = writeNew(path, EncodeCertificates(c), 0o644)
	if errors.Is(err, ErrExists) {
		return readOne(path)
	}
	return c, err
}

func readOne(path string) (*x509.Certificate, error) {
	certs, err := ReadCertificates(path)
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}

// OpenAuthority reads the four files of an authority and checks that they
// belong together: a [*MismatchError] or a [*FileError] says which does not.
func OpenAuthority(files AuthorityFiles, passphrase []byte) (*Authority, error) {
	a := &Authority{Files: files}
	for _, part := range []struct {
		issuer    *Issuer
		cert, key string
	}{
		{&a.Root, files.RootCertificate(), files.RootKey()},
		{&a.Intermediate, files.IntermediateCertificate(), files.IntermediateKey()},
	} {
		c, err := readOne(part.cert)
		if err != nil {
			return nil, err
		}
		key, err := ReadKey(part.key, passphrase)
		if err != nil {
			return nil, err
		}
		*part.issuer = files.issuer(c, key)
	}
	var err error
	if a.Upper, err = files.readUpper(); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	return a, nil
}

// check tells whether keys and certificates belong together.
func (a *Authority) check() error {
	f := a.Files
	for _, part := range []struct {
		issuer    Issuer
		cert, key string
	}{
		{a.Root, f.RootCertificate(), f.RootKey()},
		{a.Intermediate, f.IntermediateCertificate(), f.IntermediateKey()},
	} {
		if err := checkMatch([]*x509.Certificate{part.issuer.Certificate}, part.issuer.Key, part.cert, part.key); err != nil {
			return err
		}
	}
	return a.checkLevels()
}

// cut shortens s to at most n bytes, at the border of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
