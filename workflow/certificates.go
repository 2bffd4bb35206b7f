package workflow

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/wire"
)

// authorityDays is the life of a new root and intermediate CA.
const authorityDays = 3650

// files are where the device's key and certificates are: alone, and as the
// chain that is presented.
type files struct{ certificate, chain, key string }

func (r *run) files() files {
	f := r.deviceFiles()
	if r.profile.Identity.Source != profiles.SourceSelfSigned {
		return files{f.Certificate(), f.FullChain(), f.Key()}
	}
	return files{f.SelfSignedCertificate(), f.SelfSignedCertificate(), f.SelfSignedKey()}
}

func (r *run) deviceFiles() pki.DeviceFiles {
	return pki.DeviceFiles{Dir: r.session.config.Store.Paths.DeviceDir(r.name), RegistrationID: r.profile.Identity.RegistrationID}
}

func (r *run) authorityFiles() pki.AuthorityFiles {
	return pki.AuthorityFiles{Dir: r.session.config.Store.Paths.AuthorityDir(r.profile.Identity.Authority)}
}

// certificates makes the device's key and certificate, or keeps the good ones
// that are there. Keys are never replaced.
func (r *run) certificates(ctx context.Context) (string, error) {
	if r.profile.Identity.Source == profiles.SourceFiles {
		return r.importFiles(ctx)
	}
	algorithm, err := pki.ParseAlgorithm(r.profile.Identity.Algorithm)
	if err != nil {
		return "", err
	}
	passphrase, err := r.passphrase(ctx, "", false)
	if err != nil {
		return "", err
	}
	if !r.options.Force {
		if leaf, err := r.present(ctx); err != nil {
			return "", err
		} else if leaf != nil {
			return r.certificateSummary(leaf, "kept"), r.noteCertificate(leaf)
		}
	}
	if algorithm == pki.RSA3072 || algorithm == pki.RSA4096 {
		r.note("searching for RSA keys; this takes some seconds")
	}
	stock := r.session.takeStock()
	defer stock.Stop()
	ctx = pki.WithStock(ctx, stock)
	var leaf *x509.Certificate
	if r.profile.Identity.Source == profiles.SourceChain {
		leaf, err = r.makeChain(ctx, algorithm, passphrase)
	} else {
		leaf, err = r.makeSelfSigned(ctx, algorithm, passphrase)
	}
	if err != nil {
		return "", err
	}
	return r.certificateSummary(leaf, "made"), r.noteCertificate(leaf)
}

// present returns the certificate that is there when it can still be used, nil
// when one must be made, and an error when a person should look first.
func (r *run) present(ctx context.Context) (*x509.Certificate, error) {
	f := r.files()
	certificates, err := pki.ReadCertificates(f.chain)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	leaf := certificates[0]
	id := r.profile.Identity.RegistrationID
	if !strings.EqualFold(leaf.Subject.CommonName, id) {
		return nil, &Problem{
			Kind: LocalFile, Op: "use " + f.chain, Rule: "F05",
			Summary: fmt.Sprintf("its CN is %q, the registration ID is %q", leaf.Subject.CommonName, id),
			Fix:     "Move the file away to have a new one made, or correct identity.registration_id.",
		}
	}
	if why := r.useless(certificates); why != "" {
		r.note("%s: making a new certificate", why)
		return nil, nil
	}
	if _, err := r.loadIdentity(ctx); err != nil {
		return nil, err
	}
	r.wrote(File{Path: f.chain, What: "certificate"}, File{Path: f.key, What: "private key"})
	return leaf, nil
}

// useless says why DPS would refuse the chain whatever is enrolled, or why it
// is not the one that the profile describes; "" when it is good.
func (r *run) useless(chain []*x509.Certificate) string {
	now, leaf := time.Now(), chain[0]
	for _, c := range chain {
		switch {
		case now.After(c.NotAfter):
			return fmt.Sprintf("%s ran out on %s", c.Subject, c.NotAfter.UTC().Format(time.DateOnly))
		case now.Before(c.NotBefore):
			return fmt.Sprintf("%s is not valid before %s", c.Subject, c.NotBefore.UTC().Format(time.RFC3339))
		}
	}
	switch {
	case leaf.IsCA:
		return fmt.Sprintf("%s is a CA", leaf.Subject)
	case !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return fmt.Sprintf("%s is not for client authentication", leaf.Subject)
	case r.profile.Identity.Source != profiles.SourceChain:
		return ""
	}
	issuers, err := pki.ReadCertificates(r.authorityFiles().IntermediateCertificate())
	if err != nil || leaf.CheckSignatureFrom(issuers[0]) != nil {
		return fmt.Sprintf("%s is not signed by the authority %s", leaf.Subject, r.profile.Identity.Authority)
	}
	return ""
}

func (r *run) makeSelfSigned(ctx context.Context, a pki.Algorithm, passphrase []byte) (*x509.Certificate, error) {
	f := r.files()
	passphrase, err := r.openPassphrase(ctx, f.key, passphrase)
	if err != nil {
		return nil, err
	}
	key, made, err := pki.EnsureKey(ctx, f.key, a, passphrase)
	if err != nil {
		return nil, err
	}
	r.wrote(File{Path: f.key, What: "device private key", New: made})
	leaf, err := pki.SelfSignedDevice(key, r.profile.Identity.RegistrationID, r.validity())
	if err != nil {
		return nil, err
	}
	if err := pki.WriteCertificates(f.certificate, leaf); err != nil {
		return nil, err
	}
	r.wrote(File{Path: f.certificate, What: "device certificate", New: true})
	return leaf, nil
}

// makeChain makes what is missing of root, intermediate and device, all keys at
// the same time.
func (r *run) makeChain(ctx context.Context, a pki.Algorithm, passphrase []byte) (*x509.Certificate, error) {
	f, ca := r.files(), r.authorityFiles()
	passphrase, err := r.chainPassphrase(ctx, f, ca, passphrase)
	if err != nil {
		return nil, err
	}
	authorityThere, keyThere := ca.Exists(), exists(f.key)
	_, leaf, err := pki.CreateDeviceChain(ctx, ca, r.deviceFiles(), pki.ChainOptions{
		Authority: r.profile.Identity.Authority, Algorithm: a, Passphrase: passphrase,
		AuthorityValidity: pki.ValidFor(time.Now(), authorityDays), Validity: r.validity(),
	})
	if err != nil {
		return nil, err
	}
	r.wrote(
		File{Path: ca.RootCertificate(), What: "root CA certificate", New: !authorityThere},
		File{Path: ca.RootKey(), What: "root CA key", New: !authorityThere},
		File{Path: ca.IntermediateCertificate(), What: "intermediate CA certificate", New: !authorityThere},
		File{Path: ca.IntermediateKey(), What: "intermediate CA key", New: !authorityThere},
		File{Path: f.key, What: "device private key", New: !keyThere},
		File{Path: f.certificate, What: "device certificate", New: true},
		File{Path: f.chain, What: "full chain: device, intermediate, root", New: true},
	)
	return leaf, nil
}

// chainPassphrase is the one pass phrase for the keys of a chain: the
// profile's, or what opens the key that is there already.
func (r *run) chainPassphrase(ctx context.Context, f files, ca pki.AuthorityFiles, known []byte) ([]byte, error) {
	for _, key := range []string{ca.IntermediateKey(), f.key} {
		var err error
		if known, err = r.openPassphrase(ctx, key, known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (r *run) wrote(files ...File) { r.emit(Event{Kind: FilesWritten, Files: files}) }

func (r *run) validity() pki.Validity {
	return pki.ValidFor(time.Now(), r.profile.Identity.ValidDays)
}

func (r *run) certificateSummary(leaf *x509.Certificate, verb string) string {
	return fmt.Sprintf("%s certificate %s, good until %s, SHA-256 %s…", verb, leaf.Subject.CommonName,
		leaf.NotAfter.UTC().Format(time.DateOnly), pki.Thumbprint256(leaf)[:16])
}

func (r *run) noteCertificate(leaf *x509.Certificate) error {
	f := r.files()
	r.state.Certificate = profiles.Certificate{
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		SHA1: pki.Thumbprint1(leaf), SHA256: pki.Thumbprint256(leaf),
		CertificateFile: f.certificate, ChainFile: f.chain, KeyFile: f.key,
	}
	r.note("SHA-1 %s (shown by DPS)", r.state.Certificate.SHA1)
	r.note("SHA-256 %s (stored at the hub)", r.state.Certificate.SHA256)
	// The identity may have been loaded before a new certificate was made.
	r.forgetIdentity()
	return nil
}

// identity is the device towards the services: its certificate, and one client
// for each service, because a connection must never carry another's.
type identity struct {
	certificate tls.Certificate
	clients     map[string]*wire.Client
}

func (i *identity) close() {
	for _, c := range i.clients {
		c.Close()
	}
}

func (r *run) forgetIdentity() {
	if r.identity != nil {
		r.identity.close()
		r.identity = nil
	}
}

// loadIdentity reads the device's key and chain, once in a run.
func (r *run) loadIdentity(ctx context.Context) (*identity, error) {
	if r.identity != nil {
		return r.identity, nil
	}
	f := r.files()
	if _, err := os.Stat(f.chain); errors.Is(err, fs.ErrNotExist) {
		return nil, &Problem{
			Kind: LocalFile, Op: "load the device certificate", Summary: f.chain + " is not there",
			Fix: "Run the step \"certificates\" first.",
		}
	}
	passphrase, err := r.openPassphrase(ctx, f.key, nil)
	if err != nil {
		return nil, err
	}
	certificate, err := pki.LoadIdentity(f.chain, f.key, passphrase)
	if err != nil {
		return nil, err
	}
	r.identity = &identity{certificate: certificate, clients: make(map[string]*wire.Client)}
	return r.identity, nil
}

// deviceWire is the device's own connection to a service, with its certificate.
func (r *run) deviceWire(ctx context.Context, t *target, service string, renegotiate bool) (*wire.Client, error) {
	i, err := r.loadIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if c, ok := i.clients[service]; ok {
		return c, nil
	}
	f := r.files()
	o := t.wire(r, service)
	o.Certificate, o.CertificateFile, o.KeyFile, o.Renegotiate = &i.certificate, f.chain, f.key, renegotiate
	i.clients[service] = wire.NewClient(o)
	return i.clients[service], nil
}

// openPassphrase is the pass phrase for an existing key file: the profile's,
// or, when the file is encrypted and the profile names none, a person's.
func (r *run) openPassphrase(ctx context.Context, keyFile string, known []byte) ([]byte, error) {
	encrypted, err := pki.KeyEncrypted(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil || !encrypted || len(known) > 0 {
		return known, err
	}
	return r.passphrase(ctx, keyFile, true)
}

// passphrase is what the profile's passphrase_env or passphrase_command gives,
// nil when it names neither. A needed one may be asked for.
func (r *run) passphrase(ctx context.Context, keyFile string, needed bool) ([]byte, error) {
	p := r.profile.Identity
	switch {
	case p.PassphraseEnv != "":
		v := r.session.config.Getenv(p.PassphraseEnv)
		if v == "" {
			return nil, &Problem{
				Kind: Usage, Op: "read the pass phrase", Summary: "environment variable " + p.PassphraseEnv + " is not set",
				Fix: "Set it before dpslab starts, or take identity.passphrase_env out of the profile for keys without a pass phrase.",
			}
		}
		return []byte(v), nil
	case p.PassphraseCommand != "":
		return r.commandPassphrase(ctx)
	case !needed:
		return nil, nil
	case r.session.config.Ask == nil:
		return nil, &pki.FileError{Op: "read", Path: keyFile, Err: pki.ErrPassphraseNeeded}
	}
	return r.askPassphrase(ctx, keyFile)
}

// commandPassphrase runs passphrase_command once: it may unlock a store, or ask.
func (r *run) commandPassphrase(ctx context.Context) (secret []byte, err error) {
	if r.commanded == nil {
		r.commanded, err = PassphraseFrom(ctx, r.profile.Identity.PassphraseCommand)
	}
	return r.commanded, err
}

// askPassphrase asks a person, once in a run for each key.
func (r *run) askPassphrase(ctx context.Context, keyFile string) ([]byte, error) {
	if known, ok := r.answered[keyFile]; ok {
		return known, nil
	}
	answer, err := r.session.config.Ask(ctx, Question{Key: keyPassphraseEnv, Prompt: "Pass phrase of " + filepath.Base(keyFile), Secret: true})
	if err != nil {
		return nil, err
	}
	if r.answered == nil {
		r.answered = make(map[string][]byte)
	}
	r.answered[keyFile] = []byte(answer)
	return r.answered[keyFile], nil
}

// commandGrace is how long a cancelled passphrase_command may keep its output
// open; a child of the shell would otherwise hold the run for as long as it
// lives.
const commandGrace = 500 * time.Millisecond

// PassphraseFrom runs a passphrase_command; its first line of output counts.
// What is wrong with it is a *Problem.
func PassphraseFrom(ctx context.Context, command string) ([]byte, error) {
	// What the command prints to standard error is left out: it may repeat a
	// secret.
	c := exec.CommandContext(ctx, "sh", "-c", command)
	c.WaitDelay = commandGrace
	out, err := c.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("exit status %d", exit.ExitCode())
		}
		return nil, &Problem{Kind: Usage, Op: "run identity.passphrase_command", Summary: err.Error(), Fix: "Run it by hand; it must print the pass phrase on its first line."}
	}
	line, _, _ := strings.Cut(string(out), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return nil, &Problem{Kind: Usage, Op: "run identity.passphrase_command", Summary: "it printed nothing", Fix: "Its first line of output is the pass phrase."}
	}
	return []byte(line), nil
}
