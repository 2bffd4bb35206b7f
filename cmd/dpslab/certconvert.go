package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

func (a *app) certPFXCommand() *cobra.Command {
	var o outputFlags
	var in, out secretFlags
	var keyFile string
	var compatible bool
	c := &cobra.Command{
		Use:   "pfx CERTIFICATE...",
		Short: "Put a key and its chain into a PFX (PKCS#12)",
		Long: `Put a private key and its certificates into a PFX, as API Management and Windows
take them. AES-256 by default; --compatible takes 3DES for Windows Server 2016
and older, which answer "the password is not correct" to AES.`,
		Example: `  dpslab cert pfx device-cert.pem --key device-key.pem --out-passphrase-env PFX_PASSWORD
  dpslab cert pfx certs/device-01-full-chain.cert.pem --key private/device-01.key.pem --compatible --out device-01.pfx`,
		Args: operands(0),
	}
	o.add(c, "write the PFX here (default: the certificate's name with .pfx)")
	in.add(c, "", "of the private key")
	out.add(c, "out-", "for the PFX")
	c.Flags().StringVar(&keyFile, "key", "", "file with the private key (default: the certificate's file)")
	c.Flags().BoolVar(&compatible, "compatible", false, "3DES with SHA-1, for old Windows")
	a.certJSON(c, "make a PFX", func(ctx context.Context, args []string, asJSON bool) error {
		if err := cmp.Or(o.check(inPFX, asJSON), a.noBinary(o.out, pki.ContainerPFX), needOut(args[0], o.out)); err != nil {
			return err
		}
		key, certs, err := a.keyAndChain(ctx, args, keyFile, &in)
		if err != nil {
			return err
		}
		secret, err := out.fresh(ctx, a, "the PFX", true)
		if err != nil {
			return err
		}
		encryption := pki.PFXModern
		if compatible {
			encryption = pki.PFXCompatible
		}
		data, err := pki.EncodePFX(key, certs, secret, encryption)
		if err != nil {
			return err
		}
		file, err := o.write(a, certFile{Path: cmp.Or(o.out, withEnding(args[0], ".pfx")), What: "PFX"}, data, true)
		if err != nil {
			return err
		}
		return a.tellFiles(asJSON, file)
	})
	return c
}

// noBinary keeps DER and PFX off a terminal.
func (a *app) noBinary(out string, form pki.Container) error {
	if out != stdio || form == pki.ContainerPEM || !isTerminal(a.out.File) {
		return nil
	}
	return usage("a terminal cannot show "+strings.ToUpper(string(form))+", which is binary", "--out FILE, or send the output elsewhere")
}

// needOut demands a name for the result of what comes from standard input.
func needOut(in, out string) error {
	if in == stdio && out == "" {
		return usage("where does the result go? What comes from standard input has no name", "--out FILE, or --out - for standard output")
	}
	return nil
}

// keyAndChain finds a private key and the certificates that belong to it, in
// the order in which a device presents them.
func (a *app) keyAndChain(ctx context.Context, files []string, keyFile string, secret *secretFlags) (crypto.Signer, []*x509.Certificate, error) {
	g, err := a.gather(ctx, files, secret)
	if err != nil {
		return nil, nil, err
	}
	certs, err := pki.FullChain(g.certs, true)
	if missing := new(*pki.MissingIssuerError); errors.As(err, missing) {
		a.note("the PFX gets a part of the chain: " + (*missing).Error())
		err = nil
	}
	if err != nil {
		return nil, nil, err
	}
	if keyFile != "" {
		if g.key, err = a.readKey(ctx, keyFile, secret); err != nil {
			return nil, nil, err
		}
		g.keyFile = keyFile
	}
	leafFile := g.fileOf(certs[0])
	if g.key == nil {
		fix := "--key FILE"
		if found := keyOf(leafFile, certs[0]); found != "" {
			fix = "--key " + workflow.ShellWord(found)
		}
		return nil, nil, usage("which private key? There is none in "+strings.Join(files, ", "), fix)
	}
	return g.key, certs, pki.CheckKey(certs, g.key, leafFile, g.keyFile)
}

// note says on standard error what a person should know of a result.
func (a *app) note(text string) {
	if !a.quiet {
		fmt.Fprintln(a.err, printable(text))
	}
}

func withEnding(path, ending string) string {
	name := strings.TrimSuffix(path, filepath.Ext(path))
	return strings.TrimSuffix(name, ".cert") + ending
}

// gathered is what several files hold together.
type gathered struct {
	certs   []*x509.Certificate
	from    []string // the file of each certificate
	key     crypto.Signer
	keyFile string
}

func (g *gathered) fileOf(c *x509.Certificate) string {
	return g.from[slices.IndexFunc(g.certs, c.Equal)]
}

// gather reads several files as one, for a PFX. A file with a key alone is
// welcome among others.
func (a *app) gather(ctx context.Context, paths []string, s *secretFlags) (*gathered, error) {
	g := &gathered{}
	var first *pki.Contents
	for _, path := range paths {
		contents, err := a.readAny(ctx, path, s)
		if err != nil {
			return nil, err
		}
		if wrong := contents.Problems(); len(wrong) > 0 {
			return nil, wrong[0]
		}
		if first == nil {
			first = contents
		}
		for _, c := range contents.Certificates() {
			g.certs, g.from = append(g.certs, c), append(g.from, path)
		}
		if key := contents.Key(); key != nil && g.key == nil {
			g.key, g.keyFile = key, path
		}
	}
	if len(g.certs) == 0 {
		return nil, wrongKind(paths[0], "certificate", first, a.instead("pfx", paths[0], first))
	}
	return g, nil
}

func (a *app) certFullChainCommand() *cobra.Command {
	var o outputFlags
	var noRoot, partial bool
	c := &cobra.Command{
		Use:   "fullchain FILE...",
		Short: "Put a chain into one file, in order, the device first",
		Long: `Put certificates into one file in the order in which a device presents them:
its own first, each signed by the next. Strangers and duplicates are left out.
The root goes along unless --no-root says otherwise: DPS needs it when only the
root is verified there. When the certificate of an issuer is missing nothing is
written, unless --partial says that the part is wanted.`,
		Example: `  dpslab cert fullchain device-01.cert.pem intermediate.pem root.pem --out device-01-full-chain.cert.pem
  dpslab cert fullchain heap.pem --no-root --out chain.pem`,
		Args: operands(0),
	}
	o.add(c, "write the chain here (default: the first file's name with -full-chain.cert.pem)")
	c.Flags().BoolVar(&noRoot, "no-root", false, "leave out the root CA")
	c.Flags().BoolVar(&partial, "partial", false, "write what is there of the chain although an issuer is missing")
	a.certJSON(c, "put together a chain", func(ctx context.Context, args []string, asJSON bool) error {
		if err := cmp.Or(o.check(inPEM, asJSON), needOut(args[0], o.out)); err != nil {
			return err
		}
		var certs []*x509.Certificate
		for _, path := range args {
			contents, err := a.readCertificates(ctx, "fullchain", path, &secretFlags{})
			if err != nil {
				return err
			}
			certs = slices.Concat(certs, contents.Certificates())
		}
		chain, err := pki.FullChain(certs, !noRoot)
		if missing := new(*pki.MissingIssuerError); partial && errors.As(err, missing) {
			a.note("a part of the chain only: " + (*missing).Error())
			err = nil
		}
		if err != nil {
			return err
		}
		d := certificateDraft(cmp.Or(o.out, pki.FullChainName(args[0])), "full chain", chain...)
		file, err := o.write(a, d.certFile, d.data, false)
		if err != nil {
			return err
		}
		return a.tellFiles(asJSON, file)
	})
	return c
}

func (a *app) certConvertCommand() *cobra.Command {
	var o outputFlags
	var in, out secretFlags
	var to, only string
	var decrypt, encrypt bool
	c := &cobra.Command{
		Use:   "convert FILE",
		Short: "Convert between PEM, DER and PFX, and clean up",
		Long: `Convert any file with keys and certificates: PEM, DER, PFX, PKCS#7 (.p7b), base64
without its frame, UTF-16, literal \n, text around. The result is clean. A private key that
was encrypted is encrypted again with the same pass phrase, as PKCS#8 with
AES-256, unless --decrypt or another pass phrase says otherwise.`,
		Example: `  dpslab cert convert device.cer --out device.pem
  dpslab cert convert device.pfx --passphrase-env PFX_PASSWORD --out device.pem
  dpslab cert convert device.pem --only certificate --out device.der
  dpslab cert convert old.key.pem --passphrase-env OLD --out-passphrase-env NEW --out new.key.pem`,
		Args: operands(1),
	}
	o.add(c, "write the result here")
	in.add(c, "", "that opens the file")
	out.add(c, "out-", "for the private key in the result")
	c.Flags().StringVar(&to, "to", "", "pem|der|pfx, or pkcs8 for the private key alone (default: by the name of --out)")
	c.Flags().StringVar(&only, "only", "", "certificate|key|request: take nothing else")
	c.Flags().BoolVar(&decrypt, "decrypt", false, "write the private key without a pass phrase")
	c.Flags().BoolVar(&encrypt, "encrypt", false, "ask for a new pass phrase for the private key")
	a.certJSON(c, "convert", func(ctx context.Context, args []string, asJSON bool) error {
		options, err := convertOptions(to, only, o.out)
		if err != nil {
			return err
		}
		if err := cmp.Or(o.check("", asJSON), a.noBinary(o.out, options.To), convertPairs(&out, decrypt, encrypt, options)); err != nil {
			return err
		}
		contents, err := a.readAny(ctx, args[0], &in)
		if err != nil {
			return err
		}
		if options.Passphrase, err = a.outSecret(ctx, contents, &in, &out, decrypt, encrypt || options.To == pki.ContainerPFX); err != nil {
			return err
		}
		data, secret, err := pki.Convert(contents, options)
		if err != nil {
			return err
		}
		file, err := o.write(a, certFile{Path: o.out, What: string(options.To)}, data, secret)
		if err != nil {
			return err
		}
		return a.tellFiles(asJSON, file)
	})
	return c
}

// convertPairs refuses flags that do not go with each other.
func convertPairs(out *secretFlags, decrypt, encrypt bool, o pki.ConvertOptions) error {
	protected := encrypt || out.env != "" || out.command != ""
	switch {
	case decrypt && protected:
		return usage("--decrypt and a pass phrase for the result exclude each other", "leave out one of them")
	case decrypt && o.To == pki.ContainerPFX:
		return usage("--decrypt does not go with a PFX, which always has a pass phrase", "--out-passphrase-env NAME, or a .pem file")
	case (decrypt || protected) && o.Only != "" && o.Only != pki.ItemKey:
		return usage("--only "+string(o.Only)+" leaves the private key out: there is nothing to encrypt or decrypt", "leave out one of them")
	}
	return nil
}

func convertOptions(to, only, out string) (pki.ConvertOptions, error) {
	if out == "" {
		return pki.ConvertOptions{}, usage("where does the result go?", "--out FILE")
	}
	if ending := strings.ToLower(filepath.Ext(out)); to == "" && slices.Contains([]string{".p7b", ".p7c", ".p7s", ".jks"}, ending) {
		return pki.ConvertOptions{}, usage(out+": PKCS#7 and JKS are not written here, and PEM in a file that ends in "+ending+" is what nobody expects", otherForm(out, ending))
	}
	o, err := formOf(to, out)
	if err != nil {
		return o, err
	}
	kinds := map[string]pki.ItemKind{"": "", "certificate": pki.ItemCertificate, "key": pki.ItemKey, "request": pki.ItemRequest}
	kind, ok := kinds[only]
	if !ok {
		return o, usage("--only "+only+" is not possible", "certificate, key or request")
	}
	if o.Only != "" && kind != "" && kind != o.Only {
		return o, usage("--to "+to+" is a form of private keys, and --only "+only+" leaves them out", "leave out one of them")
	}
	o.Only = cmp.Or(kind, o.Only)
	return o, nil
}

// outSecret is the pass phrase of the result: what was asked for, or the one
// that opened the file, so that converting never lays a key open by itself.
func (a *app) outSecret(ctx context.Context, contents *pki.Contents, in, out *secretFlags, decrypt, required bool) ([]byte, error) {
	if decrypt || contents.Key() == nil {
		return nil, nil
	}
	secret, err := out.fresh(ctx, a, "the result", false)
	if err != nil || secret != nil {
		return secret, err
	}
	encrypted := slices.ContainsFunc(contents.Items, func(i pki.Item) bool { return i.Key != nil && i.Encrypted })
	if encrypted {
		if secret, err = in.given(ctx, a); err != nil || secret != nil {
			return secret, err
		}
		required = true // it was typed in, and nobody kept it
	}
	return out.fresh(ctx, a, "the result", required)
}
