package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
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
	What string // "this is binary DER, not PEM"
	// Fix is what to do, often a command. OLD and NEW.pem in it stand for the
	// file and its repaired copy; inside a [*FileError] they are real names.
	Fix string
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
	var format *FormatError
	if errors.As(err, &format) {
		err = &FormatError{What: format.What, Fix: fixFor(format.Fix, path)}
	}
	return &FileError{Op: op, Path: path, Err: err}
}

// fixFor puts the names of a file and of its repaired copy into a fix.
func fixFor(fix, path string) string {
	name := strings.TrimSuffix(path, filepath.Ext(path))
	if name == "" || name+".pem" == path {
		name += "-new"
	}
	return strings.NewReplacer(
		"OLD", shellWord(path), "NEW.pem", shellWord(name+".pem"), "NEW.key.pem", shellWord(name+".key.pem"), "NEW.pfx", shellWord(name+".pfx"), "NEW.der", shellWord(name+"-cut.der"),
	).Replace(fix)
}

// shellWord quotes s as one word of a POSIX shell.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._/:@%+=,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
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
