package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Issued is one line of an authority's ledger: a certificate that was signed.
type Issued struct {
	Kind      string    `json:"kind"`       // as [Kind.Name]
	Subject   string    `json:"subject"`    // the common name
	Issuer    string    `json:"issuer"`     // the common name
	Serial    string    `json:"serial"`     // upper-case hex
	SHA1      string    `json:"sha1"`       // thumbprint, upper-case hex
	SHA256    string    `json:"sha256"`     // thumbprint, upper-case hex
	NotBefore time.Time `json:"not_before"` // UTC
	NotAfter  time.Time `json:"not_after"`  // UTC
}

func issuedOf(kind string, c *x509.Certificate) Issued {
	return Issued{
		Kind: kind, Subject: visible(c.Subject.CommonName), Issuer: visible(c.Issuer.CommonName),
		Serial: fmt.Sprintf("%X", c.SerialNumber), SHA1: Thumbprint1(c), SHA256: Thumbprint256(c),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
	}
}

// Ledger is the path of the list of what the authority issued: one JSON object
// a line.
func (f AuthorityFiles) Ledger() string { return filepath.Join(f.Dir, "issued.jsonl") }

// Issued reads what the authority issued, oldest first. An authority that
// issued nothing has no ledger; that is no error. The error is a [*FileError].
func (f AuthorityFiles) Issued() ([]Issued, error) {
	data, err := os.ReadFile(f.Ledger())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError("read", f.Ledger(), err)
	}
	return parseLedger(data), nil
}

// parseLedger passes over lines that a killed process left unfinished.
func parseLedger(data []byte) []Issued {
	var all []Issued
	for line := range bytes.Lines(data) {
		var one Issued
		if json.Unmarshal(line, &one) == nil && one.Serial != "" {
			all = append(all, one)
		}
	}
	return all
}

func (f AuthorityFiles) noteOne(one Issued) error { return f.note(one) }

// note appends to the ledger before the certificates are handed out, so that
// none exists that is not listed. One write, so that processes do not mix their
// lines. It is not synced: after a power failure the certificate's own file is
// what counts.
func (f AuthorityFiles) note(all ...Issued) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, one := range all {
		if err := encoder.Encode(one); err != nil {
			return fileError("write", f.Ledger(), err)
		}
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fileError("write", f.Ledger(), err)
	}
	file, err := os.OpenFile(f.Ledger(), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fileError("write", f.Ledger(), err)
	}
	text := lines.Bytes()
	if torn(file) {
		text = append([]byte("\n"), text...)
	}
	_, err = file.Write(text)
	return fileError("write", f.Ledger(), errors.Join(err, file.Close()))
}

// torn says whether the last line of the ledger was cut off by a kill.
func torn(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = file.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}
