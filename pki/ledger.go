package pki

import (
	"bytes"
	"crypto"
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
	// Unwritten marks a certificate that was signed and whose files did not
	// follow: the process was killed between the two, or they could not be written.
	Unwritten bool `json:"unwritten,omitempty"`
}

// ledgerLine is what stands in the ledger: a certificate, or that the files of
// one further up are written.
type ledgerLine struct {
	*Issued
	Written string `json:"written,omitempty"` // serial number
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
	at := map[string]int{}
	for line := range bytes.Lines(data) {
		one := ledgerLine{Issued: &Issued{}}
		switch err := json.Unmarshal(line, &one); {
		case err != nil || one.Issued == nil:
		case one.Written != "":
			if i, known := at[one.Written]; known {
				all[i].Unwritten = false
			}
		case one.Serial != "":
			at[one.Serial] = len(all)
			all = append(all, *one.Issued)
		}
	}
	return all
}

// issuer is a CA of the authority: what it signs is entered in the ledger.
func (f AuthorityFiles) issuer(c *x509.Certificate, key crypto.Signer) Issuer {
	return Issuer{Certificate: c, Key: key, Note: func(one Issued) error { return f.note(one) }, ledger: &f}
}

// Unwritten is an issuer for certificates whose files are still to be written:
// the ledger lists them as unwritten until written is called. An issuer without
// a ledger comes back as it is.
func (i Issuer) Unwritten() (by Issuer, written func() error) {
	if i.ledger == nil {
		return i, func() error { return nil }
	}
	var signed []Issued
	ledger := *i.ledger
	i.Note = func(one Issued) error {
		one.Unwritten = true
		signed = append(signed, one)
		return ledger.note(one)
	}
	return i, func() error { return ledger.noteWritten(signed...) }
}

// note appends to the ledger before the certificates are handed out, so that
// none exists that is not listed.
func (f AuthorityFiles) note(all ...Issued) error {
	lines := make([]ledgerLine, 0, len(all))
	for i := range all {
		lines = append(lines, ledgerLine{Issued: &all[i]})
	}
	return f.appendLines(lines)
}

// noteWritten says that the files of certificates in the ledger are there.
func (f AuthorityFiles) noteWritten(all ...Issued) error {
	lines := make([]ledgerLine, 0, len(all))
	for _, one := range all {
		lines = append(lines, ledgerLine{Written: one.Serial})
	}
	return f.appendLines(lines)
}

// appendLines writes once, so that processes do not mix their lines. Nothing is
// synced: after a power failure the certificate's own file is what counts.
func (f AuthorityFiles) appendLines(all []ledgerLine) error {
	if len(all) == 0 {
		return nil
	}
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
