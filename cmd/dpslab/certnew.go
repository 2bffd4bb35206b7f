package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"dpslab/pki"
)

// The kinds of `dpslab cert new`.
const (
	kindSelfSigned   = "self-signed"
	kindDevice       = "device"
	kindAuthority    = "authority"
	kindRoot         = "root"
	kindIntermediate = "intermediate"
	kindVerification = "verification"
)

// certNew is one invocation of `dpslab cert new`.
type certNew struct {
	*app
	outputFlags
	keyFlags
	kind          string
	issuer        issuerFlags
	secret        secretFlags
	encrypt       bool
	secondary     bool
	byRoot        bool
	pathLength    int
	authorityDays int
	daysGiven     bool // --authority-days
	count, first  int
	asJSON        bool
}

func (a *app) certNewCommand() *cobra.Command {
	n := &certNew{app: a}
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a key and a certificate",
		Long: `Make a key and a certificate. NAME is the registration ID of a device, the name
of a CA, or the verification code. The kinds:

  self-signed   a device that signs for itself (individual enrollment)
  device        a device below a CA; with --authority the CA is made if it is not there
  authority     a root CA and an intermediate CA, to be shared by the devices of a group
  root          a root CA alone
  intermediate  a CA below another
  verification  proof of possession: NAME is the code from DPS, signed by the CA, for a day`,
		Example: `  dpslab cert new my-x509-device
  dpslab cert new device-01 --authority line-3 --algorithm rsa-2048
  dpslab cert new press --authority line-3 --count 500     press-001 to press-500
  dpslab cert new device-01 --authority line-3 --secondary
  dpslab cert new sub-ca --kind intermediate --issuer-cert root.pem --issuer-key root.key.pem
  dpslab cert new 75B86466DA34D2B0… --kind verification --authority line-3 --by-root`,
		Args: operands(1),
	}
	flags := c.Flags()
	flags.StringVar(&n.kind, "kind", "", "self-signed|device|authority|root|intermediate|verification; default: device with a CA, else self-signed")
	n.outputFlags.add(c, "folder for the files (default: this one; for an authority its own)")
	n.keyFlags.add(c, pki.DeviceDays)
	n.issuer.add(c)
	n.secret.add(c, "", "for the new private key")
	flags.BoolVar(&n.encrypt, "encrypt", false, "ask for a pass phrase for the new private key")
	flags.BoolVar(&n.secondary, "secondary", false, "a second certificate for the same device, to roll over: its files end in -secondary")
	flags.BoolVar(&n.byRoot, "by-root", false, "the authority's root CA signs, not its intermediate CA")
	flags.IntVar(&n.pathLength, "path-length", 0, "of an intermediate CA: how many CA levels may stand below it")
	flags.IntVar(&n.authorityDays, "authority-days", 3650, "life of a CA")
	flags.IntVar(&n.count, "count", 0, "make so many devices: NAME-1, NAME-2, …")
	flags.IntVar(&n.first, "first", 1, "number of the first of --count devices")
	a.certJSON(c, "make a certificate", func(ctx context.Context, args []string, asJSON bool) error {
		if err := n.complete(flags); err != nil {
			return err
		}
		return n.run(ctx, args, asJSON)
	})
	return c
}

func (n *certNew) run(ctx context.Context, args []string, asJSON bool) error {
	n.asJSON = asJSON
	name := args[0]
	algorithm, validity, err := n.keyFlags.read()
	if err != nil {
		return err
	}
	if n.authorityDays < 1 || n.authorityDays > 36500 {
		return usage(fmt.Sprintf("--authority-days %d: 1 to 36500 are possible", n.authorityDays), "")
	}
	secret, err := n.secret.fresh(ctx, n.app, "the new key", n.encrypt)
	if err != nil {
		return err
	}
	if algorithm == pki.RSA4096 || algorithm == pki.RSA3072 {
		n.tell("searching for the primes of %s keys; this takes some seconds", algorithm)
	}
	switch n.kind {
	case kindSelfSigned:
		return n.selfSigned(ctx, name, algorithm, validity, secret)
	case kindDevice:
		return n.device(ctx, name, algorithm, validity, secret)
	case kindAuthority:
		return n.newAuthority(ctx, name, algorithm, secret)
	case kindRoot, kindIntermediate:
		return n.ca(ctx, name, algorithm, secret)
	case kindVerification:
		return n.verification(ctx, name, validity)
	}
	return usage("there is no kind "+n.kind, "")
}

func (n *certNew) tell(format string, args ...any) {
	if !n.quiet {
		fmt.Fprintf(n.err, format+"\n", args...)
	}
}

func (n *certNew) files(name string) pki.DeviceFiles {
	f := pki.DeviceFiles{Dir: n.out, RegistrationID: name}
	if n.secondary {
		f.Suffix = pki.SecondarySuffix
	}
	return f
}

// free refuses before any work when a file would be overwritten.
func (n *certNew) free(paths ...string) error {
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil && !n.force {
			return &pki.FileError{Op: "write", Path: path, Err: pki.ErrExists}
		}
	}
	return nil
}

func noLedger() error { return nil }

// write writes and tells what was made; written enters it in the ledger.
func (n *certNew) write(before []certFile, written func() error, drafts ...draft) error {
	files, err := writeAll(n.force, drafts...)
	if err != nil {
		return err
	}
	if err := written(); err != nil {
		return err
	}
	return n.tellFiles(n.asJSON, append(before, files...)...)
}

func (n *certNew) selfSigned(ctx context.Context, name string, algorithm pki.Algorithm, v pki.Validity, secret []byte) error {
	f := n.files(name)
	if err := pki.CheckCommonName(name); err != nil {
		return err
	}
	if err := n.free(f.SelfSignedKey(), f.SelfSignedCertificate()); err != nil {
		return err
	}
	key, data, err := pki.StartKey(ctx, algorithm, secret).Encode(ctx)
	if err != nil {
		return err
	}
	c, err := pki.SelfSignedDevice(key, name, v)
	if err != nil {
		return err
	}
	return n.write(nil, noLedger, keyDraft(f.SelfSignedKey(), data), certificateDraft(f.SelfSignedCertificate(), "self-signed device certificate", c))
}

// device makes a certificate below a CA, and the authority when it is not there.
func (n *certNew) device(ctx context.Context, name string, algorithm pki.Algorithm, v pki.Validity, secret []byte) error {
	if n.count > 0 {
		return n.batch(ctx, name, algorithm, v, secret)
	}
	f := n.files(name)
	if err := pki.CheckCommonName(name); err != nil {
		return err
	}
	if err := n.free(f.Key(), f.Certificate(), f.FullChain()); err != nil {
		return err
	}
	if n.issuer.authority != "" {
		authority, err := n.authorityFiles(n.issuer.authority)
		switch {
		case err != nil:
			return err
		case !authority.Exists() && !n.force && !n.byRoot:
			return n.chain(ctx, authority, f, algorithm, v, secret)
		case !authority.Exists():
			return n.belowNew(ctx, authority, f, algorithm, v, secret)
		case n.daysGiven:
			n.tell("the authority %s is there already: --authority-days changes nothing", n.issuer.authority)
		}
	}
	pending := pki.StartKey(ctx, algorithm, secret) // beside the CA's pass phrase
	by, err := n.issuer.open(ctx, n.app, n.byRoot)
	if err != nil {
		return err
	}
	return n.below(ctx, by, f, pending, v, nil)
}

// below makes the files of a device whose CA is open. before is what was
// written before them.
func (n *certNew) below(ctx context.Context, by issuer, f pki.DeviceFiles, pending *pki.PendingKey, v pki.Validity, before []certFile) error {
	key, data, err := pending.Encode(ctx)
	if err != nil {
		return err
	}
	signer, written := by.Unwritten()
	c, err := pki.DeviceCertificate(key.Public(), f.RegistrationID, v, signer)
	if err != nil {
		return err
	}
	return n.write(before, written, keyDraft(f.Key(), data), certificateDraft(f.Certificate(), "device certificate", c), certificateDraft(f.FullChain(), "full chain", by.chain(c)...))
}

// belowNew makes an authority, and a device that replaces another or is signed
// by the root.
func (n *certNew) belowNew(ctx context.Context, authority pki.AuthorityFiles, f pki.DeviceFiles, algorithm pki.Algorithm, v pki.Validity, secret []byte) error {
	pending := pki.StartKey(ctx, algorithm, secret)
	made, err := pki.CreateAuthority(ctx, authority, algorithm, filepath.Base(authority.Dir), n.authorityValidity(), secret)
	if err != nil {
		return err
	}
	return n.below(ctx, signerIn(made, n.byRoot), f, pending, v, authorityResult(made))
}

// chain makes a new authority and its first device in one go, all keys at the
// same time.
func (n *certNew) chain(ctx context.Context, authority pki.AuthorityFiles, f pki.DeviceFiles, algorithm pki.Algorithm, v pki.Validity, secret []byte) error {
	made, c, err := pki.CreateDeviceChain(ctx, authority, f, pki.ChainOptions{
		Authority: filepath.Base(authority.Dir), Algorithm: algorithm, AuthorityValidity: n.authorityValidity(), Validity: v, Passphrase: secret,
	})
	if err != nil {
		return err
	}
	return n.tellFiles(n.asJSON, append(authorityResult(made),
		certFile{Path: f.Key(), What: "private key"},
		certificateFile(f.Certificate(), "device certificate", c), certificateFile(f.FullChain(), "full chain", c))...)
}

func authorityResult(a *pki.Authority) []certFile {
	f := a.Files
	return []certFile{
		{Path: f.RootKey(), What: "root CA key"},
		certificateFile(f.RootCertificate(), "root CA certificate", a.Root.Certificate),
		{Path: f.IntermediateKey(), What: "intermediate CA key"},
		certificateFile(f.IntermediateCertificate(), "intermediate CA certificate", a.Intermediate.Certificate),
	}
}

func (n *certNew) newAuthority(ctx context.Context, name string, algorithm pki.Algorithm, secret []byte) error {
	files, err := n.authorityFiles(name)
	if n.out != "" {
		files, err = pki.AuthorityFiles{Dir: n.out}, nil
	}
	if err != nil {
		return err
	}
	if files.Exists() {
		return usage("the authority is there already: "+files.Dir, "a new one needs a new name: DPS and the devices know the old one")
	}
	made, err := pki.CreateAuthority(ctx, files, algorithm, name, n.authorityValidity(), secret)
	if err != nil {
		return err
	}
	return n.tellFiles(n.asJSON, authorityResult(made)...)
}

// ca makes a single CA certificate, for chains of any depth.
func (n *certNew) ca(ctx context.Context, name string, algorithm pki.Algorithm, secret []byte) error {
	f := n.files(name)
	if err := n.free(f.Key(), f.Certificate()); err != nil {
		return err
	}
	pending := pki.StartKey(ctx, algorithm, secret)
	if n.kind == kindRoot {
		key, data, err := pending.Encode(ctx)
		if err != nil {
			return err
		}
		c, err := pki.RootCA(key, name, n.authorityValidity())
		if err != nil {
			return err
		}
		return n.write(nil, noLedger, keyDraft(f.Key(), data), certificateDraft(f.Certificate(), "root CA certificate", c))
	}
	by, err := n.issuer.open(ctx, n.app, n.byRoot)
	if err != nil {
		return err
	}
	key, data, err := pending.Encode(ctx)
	if err != nil {
		return err
	}
	signer, written := by.Unwritten()
	c, err := pki.IntermediateCA(key.Public(), name, n.authorityValidity(), n.pathLength, signer)
	if err != nil {
		return err
	}
	// The CAs above go along, so that the file can be --issuer-cert again.
	return n.write(nil, written, keyDraft(f.Key(), data), certificateDraft(f.Certificate(), "intermediate CA certificate, with those above", by.chain(c)...))
}

func (n *certNew) authorityValidity() pki.Validity {
	v, _ := (&keyFlags{days: n.authorityDays}).validity() // the range was checked
	return v
}

// verification makes the certificate for a proof of possession. Its key is
// thrown away: DPS looks at the name and the signature only.
func (n *certNew) verification(ctx context.Context, code string, v pki.Validity) error {
	by, err := n.issuer.open(ctx, n.app, n.byRoot)
	if err != nil {
		return err
	}
	path := filepath.Join(n.out, "verification.cert.pem")
	if err := n.free(path); err != nil {
		return err
	}
	key, err := pki.ECP256.GenerateKey(ctx)
	if err != nil {
		return err
	}
	signer, written := by.Unwritten()
	c, err := pki.VerificationCertificate(key.Public(), code, v, signer)
	if err != nil {
		return err
	}
	return n.write(nil, written, certificateDraft(path, "verification certificate", c))
}

// batch makes many devices below one authority.
func (n *certNew) batch(ctx context.Context, name string, algorithm pki.Algorithm, v pki.Validity, secret []byte) error {
	if n.first < 0 || n.count > 1_000_000 {
		return usage("--count goes to 1000000, --first begins at 0", "")
	}
	authority, err := n.issuer.readAuthority(ctx, n.app)
	if err != nil {
		return err
	}
	width := len(fmt.Sprint(n.first + n.count - 1))
	names := make([]string, n.count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%0*d", name, width, n.first+i)
	}
	result, err := authority.IssueBatch(ctx, pki.BatchOptions{
		Names: names, Dir: filepath.Clean(n.out), Algorithm: algorithm, Validity: v, Passphrase: secret,
	}, func(done int) { n.tell("%d of %d", done, n.count) })
	if err != nil {
		return err
	}
	if len(result.Kept) > 0 {
		n.tell("%d were there already and are kept", len(result.Kept))
	}
	for one := range slices.Values(result.Issued) {
		if n.asJSON {
			err = n.printJSON(issuedLine(one))
		} else {
			_, err = fmt.Fprintln(n.app.out, pki.DeviceFiles{Dir: filepath.Clean(n.out), RegistrationID: one.Subject}.FullChain())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
