package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// VerifyOptions say what the files are for.
type VerifyOptions struct {
	// RegistrationID is compared with the common name; empty: any legal one.
	RegistrationID string
	// Passphrase opens encrypted keys and PFX files.
	Passphrase []byte
	// PassphraseFlag is how a command line gave it ("--passphrase-env NAME"), for
	// the commands that mend something encrypted; never the pass phrase.
	PassphraseFlag string
	// Stdin is read where "-" stands for a file; nil: "-" is a file's name.
	Stdin io.Reader
	// Now is when the certificates must be good.
	Now time.Time
}

// Report is what [Verify] found.
type Report struct {
	Files    []string  `json:"files"`    // what was read, in order
	Chains   []Chain   `json:"chains"`   // one for each device certificate
	Findings []Finding `json:"findings"` // the worst first
}

// Chain is the path of one device certificate towards its root.
type Chain struct {
	Elements []Element `json:"elements"` // the device first
	Complete bool      `json:"complete"` // it ends with a self-signed certificate
	KeyFile  string    `json:"key_file,omitempty"`
}

// Element is one certificate of a [Chain] and where it was found.
type Element struct {
	File        string            `json:"file"`
	Position    int               `json:"position"` // in the file, from 1
	Subject     string            `json:"subject"`  // RFC 4514: "CN=device-01"
	NotAfter    time.Time         `json:"not_after"`
	SHA1        string            `json:"sha1"`
	SHA256      string            `json:"sha256"`
	Certificate *x509.Certificate `json:"-"`
}

// found is a certificate with its place.
type found struct {
	*x509.Certificate
	file string
	at   int
}

// foundKey is a private key with its place.
type foundKey struct {
	crypto.Signer
	file      string
	encrypted bool
}

// heap is everything that lies before a check.
type heap struct {
	options  VerifyOptions
	files    []opened
	certs    []found // each certificate once
	keys     []foundKey
	bySubj   map[string][]int // indexes of certs by raw subject
	bySPKI   map[string][]int // by raw public key
	findings []Finding

	// What the checks ask about files, kept so that a thousand files are not
	// searched a thousand times.
	withCerts []*opened            // files that hold certificates
	byStem    map[string]*opened   // of these, by stem
	holders   map[string][]*opened // of these, by the raw certificates in them
	presented map[string]bool      // raw first certificates of files with several
	keyOf     map[string]foundKey  // by raw public key
	closed    map[string]string    // files with a key that stays closed, by stem
	requested map[string]bool      // raw public keys of requests

	// What the certificates are to each other.
	issuers map[*x509.Certificate]*found
	used    map[*x509.Certificate]bool // it signed another one here
	devices map[*x509.Certificate]bool
	flags   map[*x509.Certificate]string // what names a CA to a command that signs
}

// Verify checks a heap of files, and of the files in folders: what each of them
// is, which certificate signs which, what is missing, and everything that DPS
// or a TLS library would refuse. Every finding has a rule from F01 to F18. The
// error is a [*FileError] when a named path cannot be read at all; files that
// are broken are findings.
func Verify(paths []string, o VerifyOptions) (*Report, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	names, unread, err := expand(paths, o.Stdin != nil)
	if err != nil {
		return nil, err
	}
	h := newHeap(o)
	h.files = readAll(names, o.Passphrase, o.Stdin)
	for i := range h.files {
		if err := h.files[i].err; err != nil && slices.Contains(paths, h.files[i].path) && !isFormat(err) {
			return nil, err
		}
		h.add(&h.files[i])
	}
	for _, f := range unread {
		h.reportError(f.Path, f)
	}
	report := &Report{Files: names}
	if names == nil {
		report.Files = []string{} // an empty list in JSON, not null
	}
	h.checkFiles()
	h.checkKeys()
	report.Chains = h.checkChains()
	h.checkSerials()
	sortFindings(h.findings)
	report.Findings = append([]Finding{}, h.findings...)
	return report, nil
}

func newHeap(o VerifyOptions) *heap {
	return &heap{
		options: o, bySubj: map[string][]int{}, bySPKI: map[string][]int{}, byStem: map[string]*opened{}, holders: map[string][]*opened{},
		presented: map[string]bool{}, keyOf: map[string]foundKey{}, closed: map[string]string{}, requested: map[string]bool{},
		issuers: map[*x509.Certificate]*found{}, used: map[*x509.Certificate]bool{}, devices: map[*x509.Certificate]bool{},
		flags: map[*x509.Certificate]string{},
	}
}

func isFormat(err error) bool {
	var f *FormatError
	return errors.As(err, &f)
}

// add sorts what is in a file into the heap.
func (h *heap) add(f *opened) {
	if f.contents == nil {
		return
	}
	if f.path != stdinName && staysClosed(f.contents) {
		h.closed[stem(f.path)] = f.path
	}
	position := 0
	for _, item := range f.contents.Items {
		switch {
		case item.Certificate != nil:
			position++
			h.addCertificate(found{item.Certificate, f.path, position})
		case item.Key != nil:
			key := foundKey{item.Key, f.path, item.Encrypted}
			h.keys = append(h.keys, key)
			if _, there := h.keyOf[publicOf(key.Public())]; !there {
				h.keyOf[publicOf(key.Public())] = key
			}
		case item.Request != nil:
			h.requested[publicOf(item.Request.PublicKey)] = true
		}
	}
	certs := f.contents.Certificates()
	if len(certs) == 0 {
		return
	}
	h.withCerts = append(h.withCerts, f)
	for _, c := range certs {
		h.holders[string(c.Raw)] = append(h.holders[string(c.Raw)], f)
	}
	if _, taken := h.byStem[stem(f.path)]; !taken {
		h.byStem[stem(f.path)] = f
	}
	if len(certs) > 1 {
		h.presented[string(certs[0].Raw)] = true
	}
}

// publicOf is a public key in its usual encoding, as a map key; empty for a kind
// that is not known, of which no private key can be here.
func publicOf(pub crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return ""
	}
	return string(der)
}

func (h *heap) addCertificate(c found) {
	for _, i := range h.bySubj[string(c.RawSubject)] {
		if h.certs[i].Equal(c.Certificate) {
			return // the same certificate in two files: a leaf, and its full chain
		}
	}
	h.bySubj[string(c.RawSubject)] = append(h.bySubj[string(c.RawSubject)], len(h.certs))
	h.bySPKI[string(c.RawSubjectPublicKeyInfo)] = append(h.bySPKI[string(c.RawSubjectPublicKeyInfo)], len(h.certs))
	h.certs = append(h.certs, c)
}

// report adds a finding; why it matters is the rule's.
func (h *heap) report(rule string, severity Severity, file string, at int, observed, fix string) {
	h.findings = append(h.findings, Finding{
		Rule: rule, Severity: severity, File: file, Certificate: at, Observed: observed, Why: ruleWhy(rule), Fix: fix,
	})
}

// checkFiles is F02, F03 and F16: what each file is and who can read it.
func (h *heap) checkFiles() {
	for _, f := range h.files {
		if f.err != nil {
			h.reportError(f.path, f.err)
			continue
		}
		broken := false
		for _, err := range f.contents.Problems() {
			h.reportError(f.path, err)
			broken = broken || isFormat(err)
		}
		for _, o := range f.contents.Oddities {
			h.report("F02", SeverityWarning, f.path, 0, f.path+": "+o.What, h.oddityFix(f, o.Fix, broken))
		}
		h.checkSecrecy(f)
	}
}

// oddityFix is the command that cleans a file up. One that is broken besides
// cannot be converted; one with an encrypted key wants the pass phrase.
func (h *heap) oddityFix(f opened, fix string, broken bool) string {
	switch {
	case !strings.HasPrefix(fix, "dpslab cert convert "):
		return fix
	case broken:
		return "mend first what is broken in it; then dpslab cert convert cleans it up"
	}
	if f.contents.NeedsPassphrase() {
		return "its pass phrase is asked for on a terminal: " + fix
	}
	return fix + h.passphraseFor(&f)
}

func (h *heap) reportError(path string, err error) {
	var format *FormatError
	switch {
	case errors.Is(err, ErrPassphraseNeeded):
		h.report("F03", SeverityWarning, path, 0, path+" is encrypted, and no pass phrase was given: it was not checked",
			"give the pass phrase with --passphrase-env or --passphrase-command; on a terminal it is asked for: dpslab cert inspect "+fileWord(path))
	case errors.Is(err, ErrWrongPassphrase):
		h.report("F03", SeverityError, path, 0, path+": the pass phrase does not open it",
			"give another one; on a terminal it is asked for: dpslab cert inspect "+fileWord(path))
	case errors.As(err, &format):
		h.report("F02", SeverityError, path, 0, path+": "+format.What, format.Fix)
	default:
		h.report("F02", SeverityError, path, 0, err.Error(), "look where it leads and who may read it: ls -ld "+fileWord(path))
	}
}
