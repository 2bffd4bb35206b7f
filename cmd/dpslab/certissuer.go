package main

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/spf13/cobra"

	"dpslab/pki"
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
}

// chain is what a device presents.
func (i issuer) chain(device *x509.Certificate) []*x509.Certificate {
	return append([]*x509.Certificate{device, i.Certificate}, i.above...)
}

// open reads the CA. byRoot takes an authority's root instead of its
// intermediate CA.
func (i *issuerFlags) open(ctx context.Context, a *app, byRoot bool) (issuer, error) {
	switch {
	case i.authority != "" && (i.cert != "" || i.key != ""):
		return issuer{}, usage("--authority and --issuer-cert exclude each other", "")
	case i.authority != "":
		return i.openAuthority(ctx, a, byRoot)
	case i.cert == "":
		return issuer{}, usage("which CA signs?", "--authority NAME, or --issuer-cert FILE --issuer-key FILE")
	}
	contents, err := a.readCertificates(ctx, i.cert, &i.secret)
	if err != nil {
		return issuer{}, err
	}
	certs := contents.Certificates()
	key := contents.Key()
	if i.key != "" {
		if key, err = a.readKey(ctx, i.key, &i.secret); err != nil {
			return issuer{}, err
		}
	}
	if key == nil {
		return issuer{}, usage("--issuer-key is missing: "+i.cert+" holds no private key", "")
	}
	return issuer{Issuer: pki.Issuer{Certificate: certs[0], Key: key}, above: certs[1:]}, nil
}

func (i *issuerFlags) openAuthority(ctx context.Context, a *app, byRoot bool) (issuer, error) {
	authority, err := i.readAuthority(ctx, a)
	if err != nil {
		return issuer{}, err
	}
	if byRoot {
		return issuer{Issuer: authority.Root}, nil
	}
	return issuer{Issuer: authority.Intermediate, above: append(authority.Upper, authority.Root.Certificate)}, nil
}

func (i *issuerFlags) readAuthority(ctx context.Context, a *app) (*pki.Authority, error) {
	files, err := a.authorityFiles(i.authority)
	if err != nil {
		return nil, err
	}
	if !files.Exists() {
		return nil, usage("there is no authority "+i.authority+" in "+files.Dir, "dpslab cert new "+i.authority+" --kind authority")
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
		return nil, err
	}
	return pki.OpenAuthority(files, secret)
}
