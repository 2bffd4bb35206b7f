package main

import (
	"context"
	"crypto/x509"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

// issuerFlags name the CA that signs.
type issuerFlags struct {
	authority, cert, key string
	secret               secretFlags
}

func (i *issuerFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&i.authority, "authority", "", "the CA that signs: a name, or a folder (./ca)")
	c.Flags().StringVar(&i.cert, "issuer-cert", "", "the CA that signs: its certificate, with those above it for a full chain")
	c.Flags().StringVar(&i.key, "issuer-key", "", "the private key of --issuer-cert")
	i.secret.add(c, "issuer-", "of the CA's key")
}

func (i *issuerFlags) given() bool { return i.authority != "" || i.cert != "" || i.key != "" }

// issuer is a CA with the certificates above it.
type issuer struct {
	pki.Issuer
	above []*x509.Certificate
	name  string // the authority, or the file
}

// chain is what a device presents.
func (i issuer) chain(device *x509.Certificate) []*x509.Certificate {
	return append([]*x509.Certificate{device, i.Certificate}, i.above...)
}

// issuerError went wrong with the CA that signs: its pass phrase has flags of its
// own.
type issuerError struct{ err error }

func (e *issuerError) Error() string { return e.err.Error() }
func (e *issuerError) Unwrap() error { return e.err }

// open reads the CA. byRoot takes an authority's root instead of its
// intermediate CA.
func (i *issuerFlags) open(ctx context.Context, a *app, byRoot bool) (issuer, error) {
	by, err := i.read(ctx, a, byRoot)
	if err != nil {
		return issuer{}, &issuerError{err}
	}
	return by, nil
}

func (i *issuerFlags) read(ctx context.Context, a *app, byRoot bool) (issuer, error) {
	if err := i.check(byRoot); err != nil {
		return issuer{}, err
	}
	switch {
	case i.authority != "":
		return i.openAuthority(ctx, a, byRoot)
	case i.cert == "":
		return issuer{}, usage("which CA signs?", "--authority NAME, or --issuer-cert FILE --issuer-key FILE")
	}
	contents, err := a.readCertificates(ctx, "inspect", i.cert, &i.secret)
	if err != nil {
		return issuer{}, err
	}
	certs, key, keyFile := contents.Certificates(), contents.Key(), i.cert
	if i.key != "" {
		keyFile = i.key
		if key, err = a.readKey(ctx, i.key, &i.secret); err != nil {
			return issuer{}, err
		}
	}
	if key == nil {
		fix := "--issuer-key FILE names the CA's private key"
		if found := keyOf(i.cert, certs[0]); found != "" {
			fix = "--issuer-key " + workflow.ShellWord(found)
		}
		return issuer{}, usage("--issuer-key is missing: "+i.cert+" holds no private key", fix)
	}
	if err := pki.CheckKey(certs, key, i.cert, keyFile); err != nil {
		return issuer{}, err
	}
	return issuer{Issuer: pki.Issuer{Certificate: certs[0], Key: key}, above: certs[1:], name: i.cert}, nil
}

// check finds what does not go together before anything is read.
func (i *issuerFlags) check(byRoot bool) error {
	switch {
	case i.authority != "" && (i.cert != "" || i.key != ""):
		return usage("--authority and --issuer-cert exclude each other: one CA signs", "leave out one of them")
	case i.key != "" && i.cert == "":
		return usage("--issuer-key without --issuer-cert: the CA's name stands in its certificate", "--issuer-cert FILE names it")
	case (i.secret.env != "" || i.secret.command != "") && !i.given():
		return usage("a pass phrase of a CA's key, and no CA", "--authority NAME, or --issuer-cert FILE --issuer-key FILE")
	case byRoot && i.authority == "":
		return usage("--by-root chooses between the two CAs of --authority, which is missing", "--authority NAME")
	}
	return nil
}

func (i *issuerFlags) openAuthority(ctx context.Context, a *app, byRoot bool) (issuer, error) {
	authority, err := i.readAuthority(ctx, a)
	if err != nil {
		return issuer{}, err
	}
	by := signerIn(authority, byRoot)
	by.name = "authority " + i.authority
	if byRoot {
		by.name = "the root of " + by.name
	}
	return by, nil
}

// signerIn is one of an authority's CAs with what is above it.
func signerIn(a *pki.Authority, byRoot bool) issuer {
	if byRoot {
		return issuer{Issuer: a.Root}
	}
	return issuer{Issuer: a.Intermediate, above: append(slices.Clone(a.Upper), a.Root.Certificate)}
}

// noAuthority says that there is none of a name or in a folder.
func (a *app) noAuthority(name string, files pki.AuthorityFiles) error {
	words := []string{"cert", "new", filepath.Base(files.Dir), "--kind", "authority"}
	if filepath.Base(name) != name {
		words = append(words, "--out", files.Dir)
	}
	summary := "there is no authority " + name + " in " + files.Dir
	if known := a.authorities(); len(known) > 0 {
		summary += "; there is " + strings.Join(known, ", ")
	}
	return usage(summary, command(words...))
}

func (i *issuerFlags) readAuthority(ctx context.Context, a *app) (*pki.Authority, error) {
	files, err := a.authorityFiles(i.authority)
	if err != nil {
		return nil, err
	}
	if !files.Exists() {
		return nil, a.noAuthority(i.authority, files)
	}
	secret, err := i.secret.given(ctx, a)
	if err != nil {
		return nil, err
	}
	authority, err := pki.OpenAuthority(files, secret)
	if !errors.Is(err, pki.ErrPassphraseNeeded) {
		return authority, err
	}
	if secret, err = i.secret.open(ctx, a, "authority "+i.authority); err != nil {
		return nil, &issuerError{err}
	}
	if authority, err = pki.OpenAuthority(files, secret); err != nil {
		return nil, &issuerError{err}
	}
	return authority, nil
}
