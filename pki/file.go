package pki

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"dpslab/profiles/wholefile"
)

// maxFile bounds what is read of a key or certificate file, in bytes.
const maxFile = 1 << 20

// ReadCertificates reads the certificates of a PEM file, see
// [DecodeCertificates]. The error is a [*FileError].
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	certs, err := DecodeCertificates(data)
	return certs, fileError("read", path, err)
}

// ReadKey reads the private key of a PEM file, see [DecodeKey]. The error is a
// [*FileError].
func ReadKey(path string, passphrase []byte) (crypto.Signer, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	key, err := DecodeKey(data, passphrase)
	return key, fileError("read", path, err)
}

// KeyEncrypted says whether the private key in a PEM file needs a pass phrase.
// The error is a [*FileError].
func KeyEncrypted(path string) (bool, error) {
	data, err := readFile(path)
	if err != nil {
		return false, err
	}
	encrypted, err := keyEncrypted(data)
	return encrypted, fileError("read", path, err)
}

// WriteKey writes a private key as [EncodeKey] encodes it, with mode 0600 from
// the first byte; missing folders are made with 0700. The file appears whole or
// not at all, and an existing one is never touched: [ErrExists]. The error is a
// [*FileError].
func WriteKey(path string, key crypto.Signer, passphrase []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return fileError("write", path, ErrExists) // before the costly derivation
	}
	data, err := EncodeKey(key, passphrase)
	if err != nil {
		return fileError("write", path, err)
	}
	return writeNew(path, data, 0o600)
}

// EnsureKey reads the private key at path or, when there is no file, makes one
// and writes it as [WriteKey] does, deriving from the pass phrase beside the
// search for the key. An existing key is used whatever its algorithm; made says
// which of the two happened. So a run that was killed after it wrote the key is
// finished by the next one.
func EnsureKey(ctx context.Context, path string, a Algorithm, passphrase []byte) (key crypto.Signer, made bool, err error) {
	return ensureKey(ctx, path, a, passphrase, iterations)
}

func ensureKey(ctx context.Context, path string, a Algorithm, passphrase []byte, iterations int) (crypto.Signer, bool, error) {
	key, err := ReadKey(path, passphrase)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	return startKey(ctx, a, passphrase, iterations).write(ctx, path, passphrase)
}

// WriteCertificates writes certificates to a PEM file in the given order, with
// mode 0644. The file appears whole or not at all and replaces an existing one.
// The error is a [*FileError].
func WriteCertificates(path string, certs ...*x509.Certificate) error {
	return writeFile(path, EncodeCertificates(certs...), 0o644, true)
}

// EncodeCertificates encodes certificates as PEM in the given order.
func EncodeCertificates(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a buffer takes everything
	}
	return b.Bytes()
}

// LoadIdentity loads what a device presents in TLS: the certificates of
// certFile, the device's first, and the private key of keyFile (the same file
// is fine). A key of another certificate is a [*MismatchError].
func LoadIdentity(certFile, keyFile string, passphrase []byte) (tls.Certificate, error) {
	certs, err := ReadCertificates(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := ReadKey(keyFile, passphrase)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := checkMatch(certs, key, certFile, keyFile); err != nil {
		return tls.Certificate{}, err
	}
	id := tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, c := range certs {
		id.Certificate = append(id.Certificate, c.Raw)
	}
	return id, nil
}

// CheckKey says whether a private key belongs to the first of some
// certificates. If not, the error is a [*MismatchError] that names both files.
func CheckKey(certs []*x509.Certificate, key crypto.Signer, certFile, keyFile string) error {
	return checkMatch(certs, key, certFile, keyFile)
}

func checkMatch(certs []*x509.Certificate, key crypto.Signer, certFile, keyFile string) error {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fileError("read", keyFile, fmt.Errorf("encoding the public key: %w", err))
	}
	for i, c := range certs {
		if !bytes.Equal(c.RawSubjectPublicKeyInfo, spki) && !sameKey(c.PublicKey, key.Public()) {
			continue
		}
		if i == 0 {
			return nil
		}
		return mismatch(certs[0], spki, certFile, keyFile, i+1)
	}
	return mismatch(certs[0], spki, certFile, keyFile, 0)
}

func mismatch(leaf *x509.Certificate, keySPKI []byte, certFile, keyFile string, at int) error {
	return &MismatchError{
		CertFile: certFile, KeyFile: keyFile, At: at,
		CertificateSPKI: hash256(leaf.RawSubjectPublicKeyInfo), KeySPKI: hash256(keySPKI),
	}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer f.Close()
	return readAtMost(f, path)
}

func readAtMost(r io.Reader, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = &FormatError{What: "the file is larger than 1 MiB", Fix: "name a PEM file"}
	}
	return data, fileError("read", path, err)
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, data []byte, perm os.FileMode) error {
	return writeFile(path, data, perm, false)
}

// writeFile writes beside the target, syncs, and puts the file in place by
// rename (replace) or hard link, which fails when the name is taken. A process
// killed at any point leaves the old state or the new one, and at worst a
// hidden temporary file.
func writeFile(path string, data []byte, perm os.FileMode, replace bool) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fileError("write", path, err)
	}
	pending, err := wholefile.Create(path, perm)
	if err != nil {
		return fileError("write", path, err)
	}
	defer func() { _ = pending.Discard() }()
	if _, err := pending.Write(data); err != nil {
		return fileError("write", path, err)
	}
	if replace {
		err = pending.Replace()
	} else {
		err = place(pending)
	}
	if err != nil {
		return fileError("write", path, err)
	}
	return fileError("write", path, wholefile.SyncDir(dir))
}

// place gives a temporary file its name if the name is free.
func place(pending *wholefile.File) error {
	err := pending.Place()
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	return err
}
