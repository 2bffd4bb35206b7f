package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	// Fix is what to do. A command, where one helps, stands at its end, alone or
	// after a colon, and can be run as it stands once OLD, NEW.pem, NEW.key.pem,
	// NEW.pfx, NEW.der, CHAIN.pem and FOLDER, which stand for the file and what is
	// made of it, are real names: inside a [*FileError] they are.
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

// fixFor puts the names of a file and of its repaired copy into a fix. The copy
// has a name that is free: a command that is run as it stands must not write
// over a good file.
func fixFor(fix, path string) string {
	name, ending := strings.TrimSuffix(path, filepath.Ext(path)), strings.ToLower(filepath.Ext(path))
	switch {
	case path == stdinName:
		name = "stdin"
	case name == "" || strings.HasSuffix(name, "/"):
		name, ending = path, "" // ".pem"
	}
	fresh := name + "-new"
	if ending != ".pem" && len(ending) > 1 {
		fresh = name + "-" + ending[1:] // device.cer and device.pfx must not share a copy
	}
	bare := strings.TrimSuffix(strings.TrimSuffix(name, ".cert"), ".key")
	var pairs []string
	for _, n := range []struct{ word, base, ending string }{
		{"NEW.pem", fresh, ".pem"},
		{"NEW.key.pem", bare + "-new", ".key.pem"},
		{"NEW.pfx", fresh, ".pfx"},
		{"NEW.der", name + "-cut", ".der"},
		{"CHAIN.pem", bare + "-chain", ".pem"},
		{"FOLDER", name + "-unpacked", ""},
	} {
		if strings.Contains(fix, n.word) {
			pairs = append(pairs, n.word, fileWord(freeName(n.base, n.ending)))
		}
	}
	return strings.NewReplacer(append(pairs, "OLD", fileWord(path))...).Replace(fix)
}

// freeName is a name that no file has yet.
func freeName(base, ending string) string {
	for n := 1; ; n++ {
		name := base + ending
		if n > 1 {
			name = base + "-" + decimal(n) + ending
		}
		if _, err := os.Lstat(name); err != nil {
			return name // errors other than "not there" come up when it is written
		}
	}
}

// stdinName stands for the standard input where a file's name is expected.
const stdinName = "-"

// fileWord is a path as one word of a shell, and never an option.
func fileWord(path string) string {
	switch {
	case path == stdinName:
		return "/dev/stdin" // openssl knows no "-"
	case strings.HasPrefix(path, "-"):
		path = "./" + path
	}
	return shellWord(path)
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
