package main

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow"
)

// The fixes of this file are whole command lines that work as they are printed.

// command is a command line for a person to run.
func command(words ...string) string {
	quoted := make([]string, 0, len(words))
	for _, w := range words {
		quoted = append(quoted, workflow.ShellWord(w))
	}
	return "dpslab " + strings.Join(quoted, " ")
}

// fixOfFile is what to do about a file that the system did not give; "" for
// other errors.
func fixOfFile(err error) string {
	var file *pki.FileError
	if !errors.As(err, &file) {
		return ""
	}
	info, statErr := os.Stat(file.Path)
	switch {
	case statErr == nil && info.IsDir():
		return "Name a file in it. This looks through all of them: " + command("cert", "verify", file.Path)
	case errors.Is(err, fs.ErrNotExist):
		return "Compare the name with those in the folder: ls " + workflow.ShellWord(filepath.Dir(file.Path))
	case errors.Is(err, fs.ErrPermission):
		return "See whose it is: ls -ld " + workflow.ShellWord(file.Path)
	}
	return ""
}

// wrongKind says what a file really holds, in place of what was wanted, and the
// command that fits.
func wrongKind(path, wanted string, c *pki.Contents, fix string) error {
	return &pki.FileError{Op: "read", Path: shown(path), Err: &pki.FormatError{
		What: "there is no " + wanted + " in it: it holds " + held(c), Fix: fix,
	}}
}

// held is what contents are, in words.
func held(c *pki.Contents) string {
	var kinds []pki.ItemKind
	for _, i := range c.Items {
		if !slices.Contains(kinds, i.Kind) {
			kinds = append(kinds, i.Kind)
		}
	}
	words := make([]string, 0, len(kinds))
	for _, k := range kinds {
		words = append(words, map[pki.ItemKind]string{
			pki.ItemCertificate: "a certificate", pki.ItemKey: "a private key", pki.ItemRequest: "a certificate signing request (CSR)",
			pki.ItemPublicKey: "a public key", pki.ItemParameters: "EC parameters", pki.ItemOther: "something else",
		}[k])
	}
	if len(words) == 0 {
		return "nothing of that kind"
	}
	return strings.Join(words, " and ")
}

// instead is the command that fits a file without a certificate; verb is what
// was tried with it.
func (a *app) instead(verb, path string, c *pki.Contents) string {
	if verb == "inspect" {
		return command("cert", "inspect", path)
	}
	if c.Request() != nil {
		return a.signCommand(path)
	}
	if key := c.Key(); key != nil {
		partner := certificateOf(path, key.Public())
		switch {
		case partner == "":
			return command("cert", "csr", nameFrom(path), "--key", path)
		case verb == "fullchain":
			return command("cert", verb, partner)
		}
		return command("cert", verb, partner, "--key", path)
	}
	return command("cert", "inspect", path)
}

// signCommand signs a request with the first authority there is, or makes one.
func (a *app) signCommand(request string) string {
	if names := a.authorities(); len(names) > 0 {
		return command("cert", "sign", request, "--authority", names[0])
	}
	return command("cert", "new", "line-3", "--kind", "authority") + " && " + command("cert", "sign", request, "--authority", "line-3")
}

// nameFrom makes a registration ID of a file's name.
func nameFrom(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	if pki.CheckCommonName(name) != nil {
		return "device-01"
	}
	return name
}

// authorities are the names of those that are kept for all devices.
func (a *app) authorities() []string {
	p, err := a.paths()
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir(filepath.Dir(p.AuthorityDir("any"))) // none yet
	var names []string
	for _, e := range entries {
		if e.IsDir() && (pki.AuthorityFiles{Dir: p.AuthorityDir(e.Name())}).Exists() {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, profiles.CompareNames)
	return names
}

// signerOf finds the authority that signed a certificate, as flags; nil when
// none of those that are kept did.
func (a *app) signerOf(c *x509.Certificate) []string {
	p, err := a.paths()
	if err != nil {
		return nil
	}
	for _, name := range a.authorities() {
		f := pki.AuthorityFiles{Dir: p.AuthorityDir(name)}
		for path, flags := range map[string][]string{
			f.IntermediateCertificate(): {"--authority", name}, f.RootCertificate(): {"--authority", name, "--by-root"},
		} {
			if certs, err := pki.ReadCertificates(path); err == nil && pki.SignedBy(c, certs[0]) {
				return flags
			}
		}
	}
	return nil
}

// maxNeighbours bounds how many files are read to find what belongs together.
const maxNeighbours = 100

// certificateOf finds the certificate of a key: beside it, or in the how-to's
// folder of certificates. "" when there is none.
func certificateOf(keyFile string, pub crypto.PublicKey) string {
	dir := filepath.Dir(keyFile)
	read := 0
	for _, folder := range []string{dir, filepath.Join(dir, "..", "certs")} {
		entries, _ := os.ReadDir(folder)
		for _, e := range entries {
			ending := strings.ToLower(filepath.Ext(e.Name()))
			if !e.Type().IsRegular() || !slices.Contains([]string{".pem", ".crt", ".cer", ".der"}, ending) {
				continue
			}
			if read++; read > maxNeighbours {
				return ""
			}
			path := filepath.Join(folder, e.Name())
			if c, err := pki.ReadAny(path, nil); err == nil && len(c.Certificates()) > 0 && samePublic(c.Certificates()[0].PublicKey, pub) {
				return path
			}
		}
	}
	return ""
}

// keyOf finds the private key file of a certificate by its name; "" when there
// is none, or it is another's.
func keyOf(certFile string, c *x509.Certificate) string {
	path := pki.KeyName(certFile)
	held, err := pki.ReadAny(path, nil)
	if err != nil {
		return ""
	}
	if key := held.Key(); key == nil && !held.NeedsPassphrase() || key != nil && !samePublic(key.Public(), c.PublicKey) {
		return ""
	}
	return path
}

func samePublic(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}
