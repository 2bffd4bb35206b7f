package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dpslab/pki"
)

// renewal is one invocation of `dpslab cert renew`.
type renewal struct {
	*app
	outputFlags
	keyFlags
	by                issuerFlags
	secret, newSecret secretFlags
	keyFile           string
	newKey, secondary bool
	byRoot            bool
	changeIssuer      bool
	encrypt, plain    bool
	asJSON            bool

	path     string
	contents *pki.Contents
	old      *x509.Certificate
	above    issuer
	written  func() error
}

func (a *app) certRenewCommand() *cobra.Command {
	r := &renewal{app: a, written: noLedger}
	c := &cobra.Command{
		Use:   "renew CERTIFICATE",
		Short: "Issue a certificate anew: same name, same or new key",
		Long: `Issue a certificate anew, with the same subject and the extensions of its kind,
for as long as the old one was good. The old file is kept as a copy. A device's
certificate and its full chain are renewed together when both lie side by side.
The thumbprints change: tell an individual enrollment, and register again so
that the hub learns of it. --secondary writes beside the old files instead, for
the secondary certificate of an enrollment.

A CA of any origin keeps its subject byte for byte, its path length and, with the
same key, its key identifier: what it signed is good below the renewed one.`,
		Example: `  dpslab cert renew device-cert.pem --key device-key.pem --days 365
  dpslab cert renew certs/device-01-full-chain.cert.pem --authority line-3
  dpslab cert renew device-cert.pem --new-key --secondary`,
		Args: operands(1),
	}
	flags := c.Flags()
	r.outputFlags.add(c, "write the certificate here (default: in place of the old one)")
	r.keyFlags.add(c, 0)
	flags.IntVar(&r.days, "days", 0, "life of the certificate (default: as long as the old one's)")
	flags.Lookup("algorithm").Usage += "; of a new key (default: the old one's)"
	flags.Lookup("algorithm").DefValue = ""
	r.by.add(c)
	r.secret.add(c, "", "of the private key; a new key gets it too")
	r.newSecret.add(c, "new-", "for the new private key, when it is another")
	flags.StringVar(&r.keyFile, "key", "", "the certificate's private key; with --new-key: where the new one goes")
	flags.BoolVar(&r.newKey, "new-key", false, "make a new private key")
	flags.BoolVar(&r.encrypt, "encrypt", false, "with --new-key: ask for a pass phrase for it")
	flags.BoolVar(&r.plain, "no-encrypt", false, "with --new-key: write it without a pass phrase though the old one has one")
	flags.BoolVar(&r.byRoot, "by-root", false, "the authority's root CA signs, not its intermediate CA")
	flags.BoolVar(&r.changeIssuer, "change-issuer", false, "let another CA sign than the one that signed the old certificate")
	flags.BoolVar(&r.secondary, "secondary", false, "write to new files that end in -secondary")
	a.certJSON(c, "renew", func(ctx context.Context, args []string, asJSON bool) error {
		r.path, r.asJSON = args[0], asJSON
		if err := r.pairs(flags); err != nil {
			return err
		}
		files, err := r.run(ctx, flags)
		if err != nil {
			return err
		}
		return a.tellFiles(asJSON, files...)
	})
	return c
}

// pairs refuses flags that do not go with each other.
func (r *renewal) pairs(flags *pflag.FlagSet) error {
	if err := r.by.check(r.byRoot); err != nil {
		return err
	}
	if err := r.check(inPEM, r.asJSON); err != nil {
		return err
	}
	newSecret := r.newSecret.env != "" || r.newSecret.command != ""
	for _, p := range []struct {
		wrong    bool
		why, fix string
	}{
		{!r.newKey && flags.Changed("algorithm"), "--algorithm is the kind of a new key, and the key stays the same", "--new-key"},
		{!r.newKey && (r.encrypt || r.plain || newSecret), "the key stays the same: there is none to encrypt", "--new-key makes one; dpslab cert convert changes the pass phrase of a key"},
		{r.plain && (r.encrypt || newSecret), "--no-encrypt and a pass phrase for the new key exclude each other", "leave out one of them"},
		{r.out != "" && r.secondary, "--out and --secondary both say where the result goes", "leave out one of them"},
		{r.newKey && r.path == stdio && r.keyFile == "", "--new-key needs to know where the key goes when the certificate comes from standard input", "--key FILE"},
		{r.path == stdio && r.out == "", "what comes from standard input cannot be replaced", "--out FILE, or --out - for standard output"},
		{r.changeIssuer && !r.by.given(), "--change-issuer, and no CA to change to", "--authority NAME, or --issuer-cert FILE --issuer-key FILE"},
	} {
		if p.wrong {
			return usage(p.why, p.fix)
		}
	}
	return nil
}

func (r *renewal) run(ctx context.Context, flags *pflag.FlagSet) ([]certFile, error) {
	var err error
	if r.contents, err = r.readCertificates(ctx, "renew", r.path, &r.secret); err != nil {
		return nil, err
	}
	r.old = r.contents.Certificates()[0]
	if err := r.checkInPlace(); err != nil {
		return nil, err
	}
	want := pki.Renewal{Validity: pki.ValidLike(time.Now(), r.old)}
	if flags.Changed("days") {
		if want.Validity, err = r.validity(); err != nil {
			return nil, err
		}
	}
	if err := r.openIssuer(ctx, &want); err != nil {
		return nil, err
	}
	// Everything that can fail comes before the first file.
	keyData, err := r.key(ctx, flags, &want)
	if err != nil {
		return nil, err
	}
	c, err := pki.Renew(r.old, want)
	if err != nil {
		return nil, r.needed(err)
	}
	if lost := pki.NotKept(r.old, c); len(lost) > 0 {
		r.note("not kept as it was: " + strings.Join(lost, ", "))
	}
	if c.SerialNumber.Cmp(r.old.SerialNumber) == 0 {
		r.note("the serial number stays: the old certificate has no key identifier, so what it signed names it by that")
	}
	return r.writeAll(c, keyData)
}

// needed adds the command that works to an error about a missing CA or key.
func (r *renewal) needed(err error) error {
	switch {
	case errors.Is(err, pki.ErrIssuerNeeded):
		if flags := r.signerOf(r.old); flags != nil {
			return usage(err.Error(), command(append([]string{"cert", "renew", r.path}, flags...)...))
		}
	case errors.Is(err, pki.ErrKeyNeeded):
		if key := keyOf(r.path, r.old); key != "" {
			return usage(err.Error(), command("cert", "renew", r.path, "--key", key))
		}
	}
	return err
}

// checkInPlace refuses to write a renewed certificate over a file that is more
// than PEM certificates: the key in it, or its format, would be lost.
func (r *renewal) checkInPlace() error {
	if r.out != "" || r.secondary {
		return nil
	}
	fix := "--out " + strings.TrimSuffix(r.path, filepath.Ext(r.path)) + "-renewed.pem writes the renewed certificate beside it"
	if r.contents.Format != "PEM" {
		return usage(fmt.Sprintf("%s is %s: what is renewed is written as PEM", r.path, r.contents.Format), fix)
	}
	if r.contents.Key() != nil || r.contents.NeedsPassphrase() {
		return usage(r.path+" holds the private key too, which would be lost from it", fix)
	}
	return nil
}

// openIssuer opens the CA and checks that it is the one that signed the old
// certificate.
func (r *renewal) openIssuer(ctx context.Context, want *pki.Renewal) (err error) {
	if !r.by.given() {
		return nil
	}
	if pki.SelfSigned(r.old) {
		return usage(r.path+" signed itself: no CA renews it", "leave the CA out; a request (dpslab cert csr) lets a CA sign the same key")
	}
	if r.above, err = r.by.open(ctx, r.app, r.byRoot); err != nil {
		return err
	}
	if !r.changeIssuer && !pki.SignedBy(r.old, r.above.Certificate) {
		return r.otherIssuer()
	}
	signer, written := r.above.Unwritten()
	want.Issuer, r.written = &signer, written
	return nil
}

func (r *renewal) otherIssuer() error {
	was, is := pki.Describe(r.old).Issuer, pki.Describe(r.above.Certificate).Subject
	if was == is {
		was += " with another key"
	}
	fix := "name the CA that signed it; --change-issuer lets this one sign"
	if flags := r.signerOf(r.old); flags != nil {
		fix = "--change-issuer lets it sign; the one that signed before: " + command(append([]string{"cert", "renew", r.path}, flags...)...)
	}
	return usage(fmt.Sprintf("%s was signed by %s, and %s is %s", r.path, was, r.above.name, is), fix)
}

// key finds or makes the private key; data is that of a new one.
func (r *renewal) key(ctx context.Context, flags *pflag.FlagSet, want *pki.Renewal) (data []byte, err error) {
	if r.newKey {
		secret, err := r.newPassphrase(ctx)
		if err != nil {
			return nil, err
		}
		algorithm := pki.Algorithm(r.algorithm)
		if !flags.Changed("algorithm") {
			algorithm = cmp.Or(pki.AlgorithmOf(r.old.PublicKey), algorithm)
		}
		if algorithm, err = pki.ParseAlgorithm(string(algorithm)); err != nil {
			return nil, usage(err.Error(), "")
		}
		want.Key, data, err = pki.StartKey(ctx, algorithm, secret).Encode(ctx)
		return data, err
	}
	want.Key = r.contents.Key()
	name := r.path
	if r.keyFile != "" {
		name = r.keyFile
		if want.Key, err = r.readKey(ctx, r.keyFile, &r.secret); err != nil {
			return nil, err
		}
	}
	if want.Key == nil {
		return nil, nil
	}
	return nil, pki.CheckKey([]*x509.Certificate{r.old}, want.Key, r.path, name)
}

// newPassphrase is the pass phrase of a new key. One that follows an encrypted
// key is encrypted too, with the same pass phrase unless another is named.
func (r *renewal) newPassphrase(ctx context.Context) ([]byte, error) {
	if r.plain {
		return nil, nil
	}
	secret, err := r.newSecret.fresh(ctx, r.app, "the new key", r.encrypt)
	if err != nil || secret != nil {
		return secret, err
	}
	oldKey := cmp.Or(r.keyFile, pki.KeyName(r.path))
	held, err := r.oldKey(oldKey)
	if err != nil || held == nil || !held.NeedsPassphrase() {
		given, givenErr := r.secret.given(ctx, r.app)
		return given, cmp.Or(err, givenErr)
	}
	if secret, err = r.secret.open(ctx, r.app, oldKey); err != nil {
		if errors.Is(err, pki.ErrPassphraseNeeded) {
			return nil, usage("the old key in "+oldKey+" has a pass phrase, and none was given for the new one",
				"--passphrase-env with the name of the variable that holds the old one protects the new key too, --new-passphrase-env another; --no-encrypt writes it open")
		}
		return nil, err
	}
	if held, err = pki.ReadAny(oldKey, secret); err != nil {
		return nil, err
	}
	return secret, cmp.Or(held.Problems()...)
}

// oldKey reads the key that a new one follows, closed as it is; nil when there
// is none.
func (r *renewal) oldKey(path string) (*pki.Contents, error) {
	if r.contents.NeedsPassphrase() || r.contents.Key() != nil {
		path = r.path
	}
	if path == stdio {
		return r.contents, nil
	}
	held, err := pki.ReadAny(path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return held, err
}

// writeAll writes the key, the certificate, and what else holds the old
// certificate.
func (r *renewal) writeAll(c *x509.Certificate, keyData []byte) ([]certFile, error) {
	out, force := r.out, r.force
	if out == "" {
		if out, force = r.path, true; r.secondary {
			out, force = pki.SecondaryName(r.path), r.force
		}
	}
	var drafts []draft
	if keyData != nil {
		keyOut := cmp.Or(r.keyFile, pki.KeyName(r.path))
		if r.secondary {
			keyOut = pki.SecondaryName(keyOut)
		}
		drafts = append(drafts, keyDraft(keyOut, keyData))
	}
	main := certificateDraft(out, "renewed certificate", r.chain(c, r.contents.Certificates())...)
	if r.out == stdio {
		files, err := writeAll(force, drafts...)
		if err != nil {
			return nil, err
		}
		piped, err := r.write(r.app, main.certFile, main.data, false)
		return append(files, piped), cmp.Or(err, r.written())
	}
	drafts = append(drafts, main)
	if r.out == "" {
		drafts = append(drafts, r.pair(c)...)
	}
	files, err := writeAll(force, drafts...)
	if err != nil {
		return nil, err
	}
	return files, r.written()
}

// chain is what a file gets that held these certificates: the renewed one, and
// the CAs above it if there were some.
func (r *renewal) chain(c *x509.Certificate, old []*x509.Certificate) []*x509.Certificate {
	if len(old) < 2 {
		return []*x509.Certificate{c}
	}
	heap := []*x509.Certificate{c}
	if r.above.Certificate != nil {
		heap = r.above.chain(c)
	}
	chain, _ := pki.FullChain(append(heap, old[1:]...), pki.SelfSigned(old[len(old)-1]))
	if len(chain) == 0 || !chain[0].Equal(c) { // the rest of the file is no chain: a heap of CAs stays one
		return append([]*x509.Certificate{c}, old[1:]...)
	}
	return chain
}

// pair is the other file with the old certificate in it, so that a full chain
// and the certificate alone stay the same.
func (r *renewal) pair(c *x509.Certificate) []draft {
	other := pki.ChainPair(r.path)
	if other == "" {
		return nil
	}
	held, err := pki.ReadCertificates(other)
	if err != nil || !bytes.Equal(held[0].Raw, r.old.Raw) {
		return nil
	}
	what := "renewed certificate, which was in this file too"
	if r.secondary {
		other = pki.SecondaryName(other)
	}
	return []draft{certificateDraft(other, what, r.chain(c, held)...)}
}
