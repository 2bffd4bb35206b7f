package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
)

func (a *app) certRenewCommand() *cobra.Command {
	var o outputFlags
	var k keyFlags
	var by issuerFlags
	var secret secretFlags
	var keyFile string
	var newKey, byRoot bool
	c := &cobra.Command{
		Use:   "renew CERTIFICATE",
		Short: "Issue a certificate anew: same name, same or new key",
		Long: `Issue a certificate anew, with the same name and the extensions of its kind. The
old file is kept as a copy. The thumbprints change: tell an individual
enrollment, and register again so that the hub learns of it. --secondary writes
beside the old file instead, for the secondary certificate of an enrollment.`,
		Example: `  dpslab cert renew device-cert.pem --key device-key.pem --days 365
  dpslab cert renew certs/device-01-full-chain.cert.pem --authority line-3
  dpslab cert renew device-cert.pem --new-key --secondary`,
		Args: cobra.ExactArgs(1),
	}
	o.add(c, "write the certificate here (default: in place of the old one)")
	k.add(c, 30)
	by.add(c)
	secret.add(c, "", "of the private key")
	c.Flags().StringVar(&keyFile, "key", "", "the certificate's private key; with --new-key: where the new one goes")
	c.Flags().BoolVar(&newKey, "new-key", false, "make a new private key")
	c.Flags().BoolVar(&byRoot, "by-root", false, "the authority's root CA signs, not its intermediate CA")
	secondary := c.Flags().Bool("secondary", false, "write to new files that end in -secondary")
	a.certJSON(c, "renew", func(ctx context.Context, args []string, asJSON bool) error {
		r := renewal{app: a, outputFlags: o, secret: secret, keyFile: keyFile, newKey: newKey, secondary: *secondary}
		algorithm, validity, err := k.read()
		if err != nil {
			return err
		}
		files, err := r.run(ctx, args[0], algorithm, validity, &by, byRoot)
		if err != nil {
			return err
		}
		return a.tellFiles(asJSON, files...)
	})
	return c
}

// renewal is one invocation of `dpslab cert renew`.
type renewal struct {
	*app
	outputFlags
	secret            secretFlags
	keyFile           string
	newKey, secondary bool
}

func (r *renewal) run(ctx context.Context, path string, algorithm pki.Algorithm, v pki.Validity, by *issuerFlags, byRoot bool) ([]certFile, error) {
	contents, err := r.readCertificates(ctx, path, &r.secret)
	if err != nil {
		return nil, err
	}
	if err := r.checkInPlace(path, contents); err != nil {
		return nil, err
	}
	old := contents.Certificates()
	want := pki.Renewal{Validity: v}
	var above issuer
	if by.given() {
		if above, err = by.open(ctx, r.app, byRoot); err != nil {
			return nil, err
		}
		want.Issuer = &above.Issuer
	}
	// Everything that can fail comes before the first file.
	keyData, err := r.key(ctx, contents, algorithm, &want)
	if err != nil {
		return nil, err
	}
	c, err := pki.Renew(old[0], want)
	if err != nil {
		return nil, err
	}
	return r.writeAll(path, c, len(old) > 1, above, keyData)
}

// checkInPlace refuses to write a renewed certificate over a file that is more
// than PEM certificates: the key in it, or its format, would be lost.
func (r *renewal) checkInPlace(path string, contents *pki.Contents) error {
	if r.out != "" || r.secondary {
		return nil
	}
	fix := "--out NEW.pem writes the renewed certificate beside it"
	if contents.Format != "PEM" {
		return usage(fmt.Sprintf("%s is %s: what is renewed is written as PEM", path, contents.Format), fix)
	}
	if contents.Key() != nil || contents.NeedsPassphrase() {
		return usage(path+" holds the private key too, which would be lost from it", fix)
	}
	return nil
}

// key finds or makes the private key; data is that of a new one.
func (r *renewal) key(ctx context.Context, contents *pki.Contents, algorithm pki.Algorithm, want *pki.Renewal) (data []byte, err error) {
	switch {
	case r.newKey:
		secret, err := r.secret.given(ctx, r.app)
		if err != nil {
			return nil, err
		}
		want.Key, data, err = pki.StartKey(ctx, algorithm, secret).Encode(ctx)
		return data, err
	case r.keyFile != "":
		want.Key, err = r.readKey(ctx, r.keyFile, &r.secret)
		return nil, err
	}
	want.Key = contents.Key()
	return nil, nil
}

func (r *renewal) writeAll(path string, c *x509.Certificate, chained bool, above issuer, keyData []byte) ([]certFile, error) {
	out, o := r.out, r.outputFlags
	if out == "" {
		if out, o.force = path, true; r.secondary {
			out, o.force = secondaryName(path), r.force
		}
	}
	var files []certFile
	if keyData != nil {
		keyOut := r.keyFile
		if keyOut == "" {
			keyOut = keyNameFor(path)
		}
		if r.secondary {
			keyOut = secondaryName(keyOut)
		}
		file, err := (&outputFlags{force: o.force}).write(keyOut, "private key", keyData, true)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	certs := []*x509.Certificate{c}
	if chained && above.Certificate != nil {
		certs = above.chain(c)
	}
	file, err := o.write(out, "renewed certificate", pki.EncodeCertificates(certs...), false)
	if err != nil {
		return nil, err
	}
	described := certificateFile(out, file.What, c)
	described.Backup = file.Backup
	return append(files, described), nil
}

// secondaryName puts "-secondary" before the endings of a file's name.
func secondaryName(path string) string {
	dir, name := filepath.Split(path)
	stem, ending, _ := strings.Cut(name, ".")
	return dir + stem + pki.SecondarySuffix + "." + ending
}

// keyNameFor is where the key of a certificate file lies by the how-to's names.
func keyNameFor(path string) string {
	dir, name := filepath.Split(path)
	if name == "device-cert.pem" {
		return dir + "device-key.pem"
	}
	name = strings.TrimSuffix(strings.TrimSuffix(name, filepath.Ext(name)), ".cert")
	name = strings.TrimSuffix(name, "-full-chain")
	if filepath.Base(dir) == "certs" {
		return filepath.Join(dir, "..", "private", name+".key.pem")
	}
	return dir + name + ".key.pem"
}

func (a *app) certCSRCommand() *cobra.Command {
	var o outputFlags
	var k keyFlags
	var secret secretFlags
	var keyFile string
	var encrypt bool
	c := &cobra.Command{
		Use:   "csr NAME",
		Short: "Make a certificate signing request; the key stays here",
		Example: `  dpslab cert csr device-01                                   makes device-01.key.pem too
  dpslab cert csr device-01 --key private/device-01.key.pem   with a key that is there`,
		Args: oneName,
	}
	o.add(c, "write the request here (default: NAME.csr.pem)")
	k.add(c, 0)
	secret.add(c, "", "of the private key")
	c.Flags().StringVar(&keyFile, "key", "", "use this private key; made when it is not there (default: NAME.key.pem)")
	c.Flags().BoolVar(&encrypt, "encrypt", false, "ask for a pass phrase for a new private key")
	a.certJSON(c, "make a request", func(ctx context.Context, args []string, asJSON bool) error {
		algorithm, err := pki.ParseAlgorithm(k.algorithm)
		if err != nil {
			return usage(err.Error(), "")
		}
		if err := pki.CheckCommonName(args[0]); err != nil {
			return err
		}
		r := requestMaker{app: a, outputFlags: o, secret: secret, encrypt: encrypt}
		files, err := r.run(ctx, args[0], keyFile, algorithm)
		if err != nil {
			return err
		}
		return a.tellFiles(asJSON, files...)
	})
	return c
}

// requestMaker is one invocation of `dpslab cert csr`.
type requestMaker struct {
	*app
	outputFlags
	secret  secretFlags
	encrypt bool
}

func (r *requestMaker) run(ctx context.Context, name, keyFile string, algorithm pki.Algorithm) ([]certFile, error) {
	if keyFile == "" {
		keyFile = name + ".key.pem"
	}
	out := r.out
	if out == "" {
		out = name + ".csr.pem"
	}
	secret, err := r.secret.fresh(ctx, r.app, keyFile, r.encrypt)
	if err != nil {
		return nil, err
	}
	key, made, err := pki.EnsureKey(ctx, keyFile, algorithm, secret)
	if errors.Is(err, pki.ErrPassphraseNeeded) || err != nil && !made {
		key, err = r.readKey(ctx, keyFile, &r.secret) // closed, or not PEM
	}
	if err != nil {
		return nil, err
	}
	request, err := pki.CreateRequest(key, name)
	if err != nil {
		return nil, err
	}
	file, err := r.write(out, "certificate signing request", pki.EncodeRequest(request), false)
	if err != nil {
		return nil, err
	}
	files := []certFile{file}
	if made {
		files = append([]certFile{{Path: keyFile, What: "private key"}}, files...)
	}
	return files, nil
}

func (a *app) certSignCommand() *cobra.Command {
	var o outputFlags
	var days keyFlags
	var by issuerFlags
	var byRoot bool
	c := &cobra.Command{
		Use:   "sign REQUEST",
		Short: "Sign a certificate signing request",
		Long: `Sign a certificate signing request from a device, an openssl or another tool. The
request gives name and public key; the extensions are those of a device
certificate, whatever it asks for. The result is the full chain.`,
		Example: `  dpslab cert sign device-01.csr.pem --authority line-3
  dpslab cert sign device-01.csr --issuer-cert ca.pem --issuer-key ca.key.pem --days 365 --out device-01.pem`,
		Args: cobra.ExactArgs(1),
	}
	o.add(c, "write the chain here (default: NAME-full-chain.cert.pem)")
	c.Flags().IntVar(&days.days, "days", 30, "life of the certificate")
	by.add(c)
	c.Flags().BoolVar(&byRoot, "by-root", false, "the authority's root CA signs, not its intermediate CA")
	a.certJSON(c, "sign the request", func(ctx context.Context, args []string, asJSON bool) error {
		v, err := days.validity()
		if err != nil {
			return err
		}
		request, err := a.readRequest(ctx, args[0])
		if err != nil {
			return err
		}
		signer, err := by.open(ctx, a, byRoot)
		if err != nil {
			return err
		}
		return a.sign(request, v, signer, &o, asJSON)
	})
	return c
}

func (a *app) readRequest(ctx context.Context, path string) (*x509.CertificateRequest, error) {
	contents, err := a.readAny(ctx, path, &secretFlags{})
	if err != nil {
		return nil, err
	}
	if r := contents.Request(); r != nil {
		return r, nil
	}
	if wrong := contents.Problems(); len(wrong) > 0 {
		return nil, wrong[0]
	}
	return nil, &pki.FileError{Op: "read", Path: path, Err: &pki.FormatError{
		What: "there is no certificate signing request in it", Fix: "dpslab cert csr NAME makes one",
	}}
}

func (a *app) sign(request *x509.CertificateRequest, v pki.Validity, by issuer, o *outputFlags, asJSON bool) error {
	c, ignored, err := pki.SignRequest(request, v, by.Issuer)
	if err != nil {
		return err
	}
	if len(ignored) > 0 && !a.quiet {
		fmt.Fprintln(a.err, "asked for and not granted: "+printable(strings.Join(ignored, ", ")))
	}
	out := o.out
	if out == "" {
		out = c.Subject.CommonName + "-full-chain.cert.pem"
	}
	file, err := o.write(out, "full chain", pki.EncodeCertificates(by.chain(c)...), false)
	if err != nil {
		return err
	}
	described := certificateFile(out, file.What, c)
	described.Backup = file.Backup
	return a.tellFiles(asJSON, described)
}
