package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// VerifyOptions say what the files are for.
type VerifyOptions struct {
	// RegistrationID is compared with the common name; empty: any legal one.
	RegistrationID string
	// Passphrase opens encrypted keys and PFX files.
	Passphrase []byte
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
	Subject     string            `json:"subject"`
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
	file string
}

// opened is one file that was read.
type opened struct {
	path     string
	contents *Contents
	err      error
	mode     fs.FileMode
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
	withCerts []*opened          // files that hold certificates
	byStem    map[string]*opened // of these, by stem
	presented map[string]bool    // raw first certificates of files with several
	keyFiles  map[string]string  // by raw public key
	requested map[string]bool    // raw public keys of requests
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
	names, err := expand(paths)
	if err != nil {
		return nil, err
	}
	h := newHeap(o)
	h.files = readAll(names, o.Passphrase)
	for i := range h.files {
		if err := h.files[i].err; err != nil && slices.Contains(paths, h.files[i].path) && !isFormat(err) {
			return nil, err
		}
		h.add(&h.files[i])
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
		options: o, bySubj: map[string][]int{}, bySPKI: map[string][]int{}, byStem: map[string]*opened{},
		presented: map[string]bool{}, keyFiles: map[string]string{}, requested: map[string]bool{},
	}
}

func isFormat(err error) bool {
	var f *FormatError
	return errors.As(err, &f)
}

// extensions are the names under which certificates and keys lie in folders. A
// file that is named outright is read whatever it is called.
var extensions = []string{".pem", ".crt", ".cer", ".der", ".key", ".csr", ".pfx", ".p12", ".p7b"}

// expand replaces folders by the files in them, sorted.
func expand(paths []string) ([]string, error) {
	var names []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fileError("read", path, err)
		}
		if !info.IsDir() {
			names = append(names, path)
			continue
		}
		err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && p != path && strings.HasPrefix(d.Name(), "."):
				return filepath.SkipDir
			case d.Type().IsRegular() && slices.Contains(extensions, strings.ToLower(filepath.Ext(p))):
				names = append(names, p)
			}
			return nil
		})
		if err != nil {
			return nil, fileError("read", path, err)
		}
	}
	return names, nil
}

// readAll reads files on all processors, keeping their order.
func readAll(names []string, passphrase []byte) []opened {
	files := make([]opened, len(names))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		wg.Go(func() {
			for i := range next {
				files[i].path = names[i]
				files[i].contents, files[i].err = ReadAny(names[i], passphrase)
				if info, err := os.Stat(names[i]); err == nil {
					files[i].mode = info.Mode()
				}
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	wg.Wait()
	return files
}

// add sorts what is in a file into the heap.
func (h *heap) add(f *opened) {
	if f.contents == nil {
		return
	}
	position := 0
	for _, item := range f.contents.Items {
		switch {
		case item.Certificate != nil:
			position++
			h.addCertificate(found{item.Certificate, f.path, position})
		case item.Key != nil:
			h.keys = append(h.keys, foundKey{item.Key, f.path})
			h.keyFiles[publicOf(item.Key.Public())] = f.path
		case item.Request != nil:
			h.requested[publicOf(item.Request.PublicKey)] = true
		}
	}
	certs := f.contents.Certificates()
	if len(certs) == 0 {
		return
	}
	h.withCerts = append(h.withCerts, f)
	if _, taken := h.byStem[stem(f.path)]; !taken {
		h.byStem[stem(f.path)] = f
	}
	if len(certs) > 1 {
		h.presented[string(certs[0].Raw)] = true
	}
}

// publicOf is a public key in its usual encoding, as a map key.
func publicOf(pub crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return "unknown"
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
		for _, err := range f.contents.Problems() {
			h.reportError(f.path, err)
		}
		for _, o := range f.contents.Oddities {
			h.report("F02", SeverityWarning, f.path, 0, f.path+": "+o.What, o.Fix)
		}
		h.checkSecrecy(f)
	}
}

func (h *heap) reportError(path string, err error) {
	var format *FormatError
	switch {
	case errors.Is(err, ErrPassphraseNeeded):
		h.report("F03", SeverityWarning, path, 0, path+" is encrypted, and no pass phrase was given: it was not checked",
			"give the pass phrase: dpslab cert verify "+shellWord(path)+" --passphrase-env NAME")
	case errors.Is(err, ErrWrongPassphrase):
		h.report("F03", SeverityError, path, 0, path+": the pass phrase does not open it",
			"find the right one: openssl pkey -in "+shellWord(path)+" -noout asks for it until it fits")
	case errors.As(err, &format):
		h.report("F02", SeverityError, path, 0, path+": "+format.What, format.Fix)
	default:
		h.report("F02", SeverityError, path, 0, err.Error(), "check the path and its permissions: ls -l "+shellWord(path))
	}
}

func (h *heap) checkSecrecy(f opened) {
	secret := false
	for _, item := range f.contents.Items {
		if item.Kind != ItemKey {
			continue
		}
		secret = true
		if item.Legacy {
			h.report("F03", SeverityWarning, f.path, 0,
				f.path+": the key is encrypted in OpenSSL's traditional form (Proc-Type, one round of MD5), which newer libraries do not read",
				"dpslab cert convert "+shellWord(f.path)+" --passphrase-env NAME --out "+fixFor("NEW.key.pem", f.path))
		}
	}
	if !secret {
		return
	}
	if runtime.GOOS != "windows" && f.mode.Perm()&0o077 != 0 {
		h.report("F16", SeverityWarning, f.path, 0, fmt.Sprintf("%s holds a private key and has mode %04o: others can read it", f.path, f.mode.Perm()),
			"chmod 600 "+shellWord(f.path))
	}
	if tree := workTree(f.path); tree != "" {
		h.report("F16", SeverityWarning, f.path, 0, f.path+" holds a private key and lies in the git work tree "+tree,
			"echo "+shellWord(filepath.Base(f.path))+" >> "+shellWord(filepath.Join(tree, ".gitignore")))
	}
}

// workTree finds the git work tree that a file lies in, unless the tree's own
// .gitignore names the file or all of its kind.
func workTree(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			if ignored(dir, abs) {
				return ""
			}
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

func ignored(tree, path string) bool {
	data, err := os.ReadFile(filepath.Join(tree, ".gitignore"))
	if err != nil {
		return false
	}
	relative, _ := filepath.Rel(tree, path)
	for line := range strings.Lines(string(data)) {
		pattern := strings.Trim(strings.TrimSpace(line), "/")
		if pattern == "" || pattern[0] == '#' {
			continue
		}
		name, _ := filepath.Match(pattern, filepath.Base(path))
		whole, _ := filepath.Match(pattern, relative)
		if name || whole || strings.HasPrefix(relative, pattern+string(filepath.Separator)) {
			return true
		}
	}
	return false
}
