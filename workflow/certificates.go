package workflow

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
)

// authorityDays is the life of a new root and intermediate CA.
const authorityDays = 3650

// files are where the device's key and certificates are: alone, and as the
// chain that is presented.
type files struct{ certificate, chain, key string }

func (r *run) files() files {
	return r.filesOf(r.deviceFiles())
}

func (r *run) filesOf(f pki.DeviceFiles) files {
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
	switch i := r.profile.Identity; {
	case i.Attestation == profiles.AttestationSymmetricKey:
		return "", skipped{"not needed: a symmetric key proves the device"}
	case i.Attestation == profiles.AttestationTPM:
		return "", skipped{"not needed: the TPM proves the device"}
	case i.Source == profiles.SourceFiles:
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
			if err := r.extras(ctx, algorithm, leaf); err != nil {
				return "", err
			}
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
	switch r.profile.Identity.Source {
	case profiles.SourceChain:
		leaf, err = r.makeChain(ctx, algorithm, passphrase)
	case profiles.SourceCSR:
		leaf, err = r.request(ctx, algorithm, passphrase)
	default:
		leaf, err = r.makeSelfSigned(ctx, algorithm, passphrase)
	}
	if err == nil {
		err = r.extras(ctx, algorithm, leaf)
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

// ensureDeviceKey is the device's private key: the one on disk, or a new one.
func (r *run) ensureDeviceKey(ctx context.Context, a pki.Algorithm, passphrase []byte) (crypto.Signer, error) {
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
	return key, nil
}

func (r *run) makeSelfSigned(ctx context.Context, a pki.Algorithm, passphrase []byte) (*x509.Certificate, error) {
	f := r.files()
	key, err := r.ensureDeviceKey(ctx, a, passphrase)
	if err != nil {
		return nil, err
	}
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
	if depth := r.profile.Identity.Intermediates; depth > 1 && !authorityThere {
		_, err := pki.CreateDeepAuthority(ctx, ca, a, r.profile.Identity.Authority, pki.ValidFor(time.Now(), authorityDays), passphrase, depth)
		if err != nil {
			return nil, err
		}
	}
	authority, leaf, err := pki.CreateDeviceChain(ctx, ca, r.deviceFiles(), pki.ChainOptions{
		Authority: r.profile.Identity.Authority, Algorithm: a, Passphrase: passphrase,
		AuthorityValidity: pki.ValidFor(time.Now(), authorityDays), Validity: r.validity(),
	})
	if err != nil {
		return nil, err
	}
	r.authority = authority
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
