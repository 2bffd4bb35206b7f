package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
)

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
		Args: operands(1),
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
		if err := o.check(inPEM, asJSON); err != nil {
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
	if _, err := os.Lstat(out); err == nil && out != stdio && !r.force {
		return nil, &pki.FileError{Op: "write", Path: out, Err: pki.ErrExists} // before a key is made
	}
	secret, err := r.secret.fresh(ctx, r.app, keyFile, r.encrypt)
	if err != nil {
		return nil, err
	}
	key, keyFiles, err := r.key(ctx, keyFile, algorithm, secret)
	if err != nil {
		return nil, err
	}
	request, err := pki.CreateRequest(key, name)
	if err != nil {
		return nil, err
	}
	file := draft{certFile{Path: out, What: "certificate signing request"}, pki.EncodeRequest(request), false}
	if out != stdio && !r.force {
		return writeAll(false, append(keyFiles, file)...)
	}
	// Only the request replaces: a key never does.
	files, err := writeAll(false, keyFiles...)
	if err != nil {
		return nil, err
	}
	written, err := r.write(r.app, file.certFile, file.data, false)
	if err != nil && len(keyFiles) > 0 {
		err = errors.Join(err, os.Remove(keyFile)) // made for this request alone
	}
	return append(files, written), err
}

// key is the private key in a file, or a new one that is still to be written
// there.
func (r *requestMaker) key(ctx context.Context, path string, algorithm pki.Algorithm, secret []byte) (crypto.Signer, []draft, error) {
	if _, err := os.Stat(path); path == stdio || !errors.Is(err, fs.ErrNotExist) {
		key, err := r.readKey(ctx, path, &r.secret)
		return key, nil, err
	}
	key, data, err := pki.StartKey(ctx, algorithm, secret).Encode(ctx)
	return key, []draft{keyDraft(path, data)}, err
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
		Args: operands(1),
	}
	o.add(c, "write the chain here (default: NAME-full-chain.cert.pem)")
	c.Flags().IntVar(&days.days, "days", pki.DeviceDays, "life of the certificate")
	by.add(c)
	c.Flags().BoolVar(&byRoot, "by-root", false, "the authority's root CA signs, not its intermediate CA")
	a.certJSON(c, "sign the request", func(ctx context.Context, args []string, asJSON bool) error {
		v, err := days.validity()
		if err != nil {
			return err
		}
		if err := cmp.Or(by.check(byRoot), o.check(inPEM, asJSON)); err != nil {
			return err
		}
		request, err := a.readRequest(ctx, args[0], &by, byRoot)
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

func (a *app) readRequest(ctx context.Context, path string, by *issuerFlags, byRoot bool) (*x509.CertificateRequest, error) {
	contents, err := a.readAny(ctx, path, &secretFlags{})
	if err != nil {
		return nil, err
	}
	if r := contents.Request(); r != nil {
		return r, nil
	}
	if wrong := contents.Problems(); len(wrong) > 0 && !contents.NeedsPassphrase() {
		return nil, wrong[0]
	}
	return nil, wrongKind(path, "certificate signing request", contents, a.insteadOfRequest(path, contents, by, byRoot))
}

// insteadOfRequest is the command that fits a file without a request: a
// certificate is renewed by the CA that was named, a key makes a request.
func (a *app) insteadOfRequest(path string, c *pki.Contents, by *issuerFlags, byRoot bool) string {
	certs := c.Certificates()
	switch {
	case len(certs) == 0 && c.Key() != nil:
		return command("cert", "csr", nameFrom(path), "--key", path)
	case len(certs) == 0 || pki.SelfSigned(certs[0]):
		return command("cert", "inspect", path)
	}
	if flags := a.signerOf(certs[0]); flags != nil {
		return command(append([]string{"cert", "renew", path}, flags...)...)
	}
	if by.cert != "" && !byRoot {
		if held, err := a.readContents(by.cert, nil); err == nil && len(held.Certificates()) > 0 && pki.SignedBy(certs[0], held.Certificates()[0]) {
			return command("cert", "renew", path, "--issuer-cert", by.cert, "--issuer-key", cmp.Or(by.key, by.cert))
		}
	}
	return command("cert", "inspect", path)
}

func (a *app) sign(request *x509.CertificateRequest, v pki.Validity, by issuer, o *outputFlags, asJSON bool) error {
	signer, written := by.Unwritten()
	c, ignored, err := pki.SignRequest(request, v, signer)
	if err != nil {
		return err
	}
	if len(ignored) > 0 && !a.quiet {
		fmt.Fprintln(a.err, "asked for and not granted: "+printable(strings.Join(ignored, ", ")))
	}
	out := cmp.Or(o.out, c.Subject.CommonName+"-full-chain.cert.pem")
	d := certificateDraft(out, "full chain", by.chain(c)...)
	file, err := o.write(a, d.certFile, d.data, false)
	if err != nil {
		return err
	}
	if err := written(); err != nil {
		return err
	}
	return a.tellFiles(asJSON, file)
}
