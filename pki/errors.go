package pki

import (
	"errors"
	"fmt"
	"io/fs"
)

// ErrPassphraseNeeded says that a private key is encrypted and no pass phrase
// was given.
var ErrPassphraseNeeded = errors.New("the private key is encrypted: a pass phrase is needed")

// ErrWrongPassphrase says that the pass phrase does not open the private key.
var ErrWrongPassphrase = errors.New("the pass phrase does not open the private key")

// ErrExists says that a file was not written because there is one already. It
// wraps [fs.ErrExist].
var ErrExists = fmt.Errorf("not overwritten: %w", fs.ErrExist)

// FormatError says what data really is when it is not what was asked for, or
// which of its features dpslab does not read.
type FormatError struct {
	What string // "this is DER, not PEM"
	Fix  string // often an openssl command
}

// Error is What and Fix in one line.
func (e *FormatError) Error() string {
	if e.Fix == "" {
		return e.What
	}
	return e.What + ": " + e.Fix
}

// FileError names the file that something went wrong with. It wraps what did:
// [ErrWrongPassphrase], a [*FormatError], [fs.ErrNotExist], ...
type FileError struct {
	Op   string // "read", "write"
	Path string
	Err  error
}

// Error names the operation, the file and the reason.
func (e *FileError) Error() string { return e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *FileError) Unwrap() error { return e.Err }

// fileError wraps err once and without naming the path twice.
func fileError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var known *FileError
	if errors.As(err, &known) {
		return err
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) && pathErr.Path == path {
		err = pathErr.Err
	}
	return &FileError{Op: op, Path: path, Err: err}
}

// MismatchError says that a private key does not belong to the certificate
// that should be presented with it.
type MismatchError struct {
	CertFile, KeyFile        string
	CertificateSPKI, KeySPKI string // SHA-256 of the public keys, upper-case hex
	// At is the position (from 1) of the certificate in the file that the key
	// does belong to, 0 for none: the device's certificate must come first.
	At int
}

// Error names both files and both keys.
func (e *MismatchError) Error() string {
	s := fmt.Sprintf("the private key in %s (public key SHA-256 %s) does not belong to the first certificate in %s (public key SHA-256 %s)",
		e.KeyFile, e.KeySPKI, e.CertFile, e.CertificateSPKI)
	if e.At > 0 {
		s += fmt.Sprintf(": it belongs to certificate %d there, which must come first", e.At)
	}
	return s
}
