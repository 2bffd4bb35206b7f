package workflow

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"dpslab/pki"
	"dpslab/workflow/azure"
)

// importFiles copies a certificate and key that the person has already to where
// the steps expect them: as a full chain and an own key file, whatever they
// were before. The originals stay as they are.
func (r *run) importFiles(ctx context.Context) (string, error) {
	p := r.profile.Identity
	held, passphrase, err := r.readHeld(ctx, p.CertificateFile)
	if err != nil {
		return "", err
	}
	keys := held
	if p.KeyFile != "" {
		if keys, passphrase, err = r.readHeld(ctx, p.KeyFile); err != nil {
			return "", err
		}
	}
	if keys.Key() == nil {
		return "", &Problem{
			Kind: LocalFile, Op: "import " + p.CertificateFile, Rule: "F02", Summary: "there is no private key in " + cmp.Or(p.KeyFile, p.CertificateFile),
			Fix: "Name the file that holds it in identity.key_file.",
		}
	}
	chain, err := pki.FullChain(held.Certificates(), true)
	// A CA that is missing may be the one that DPS holds: the import goes on.
	if missing := new(*pki.MissingIssuerError); err != nil && !errors.As(err, missing) {
		return "", &Problem{Kind: LocalFile, Op: "import " + p.CertificateFile, Rule: "F12", Summary: err.Error(), Fix: "dpslab cert verify " + p.CertificateFile + " shows what is in it."}
	}
	if cn := chain[0].Subject.CommonName; !strings.EqualFold(cn, p.RegistrationID) {
		return "", &Problem{
			Kind: LocalFile, Op: "import " + p.CertificateFile, Rule: "F05",
			Summary: fmt.Sprintf("its CN is %q, the registration ID is %q", cn, p.RegistrationID),
			Fix:     "Take the CN as the registration ID: DPS compares the two.",
		}
	}
	if err := pki.CheckKey(chain, keys.Key(), p.CertificateFile, cmp.Or(p.KeyFile, p.CertificateFile)); err != nil {
		return "", err // before anything is written: a key stays where it is
	}
	if err := r.writeImported(keys, passphrase, chain); err != nil {
		return "", err
	}
	if err := r.extras(ctx, "", chain[0]); err != nil {
		return "", err
	}
	return r.certificateSummary(chain[0], "imported"), r.noteCertificate(chain[0])
}

// readHeld reads a file of any kind; a pass phrase that the profile does not
// give is asked for.
func (r *run) readHeld(ctx context.Context, path string) (*pki.Contents, []byte, error) {
	passphrase, err := r.passphrase(ctx, path, false)
	if err != nil {
		return nil, nil, err
	}
	held, err := pki.ReadAny(path, passphrase)
	if err == nil && held.NeedsPassphrase() {
		if passphrase, err = r.passphrase(ctx, path, true); err != nil {
			return nil, nil, err
		}
		held, err = pki.ReadAny(path, passphrase)
	}
	if err == nil {
		err = errors.Join(held.Problems()...)
	}
	return held, passphrase, err
}

// writeImported puts key and chain in place. A key that is there must be the
// same: keys are never overwritten.
func (r *run) writeImported(keys *pki.Contents, passphrase []byte, chain []*x509.Certificate) error {
	f := r.files()
	err := pki.WriteKey(f.key, keys.Key(), passphrase)
	made := err == nil
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	r.wrote(File{Path: f.key, What: "device private key", New: made})
	if err := pki.WriteCertificates(f.certificate, chain[0]); err != nil {
		return err
	}
	if err := pki.WriteCertificates(f.chain, chain...); err != nil {
		return err
	}
	r.wrote(File{Path: f.certificate, What: "device certificate", New: true}, File{Path: f.chain, What: "full chain", New: true})
	// The key that is there must fit; that of another device is named.
	_, err = pki.LoadIdentity(f.chain, f.key, passphrase)
	return err
}

// importedChain is the chain of a profile with source files, leaf first.
func (r *run) importedChain() ([]*x509.Certificate, error) {
	chain, err := pki.ReadCertificates(r.files().chain)
	if err != nil {
		p := problemOf("read the device's chain", err)
		p.Fix = "Run the step \"certificates\" first."
		return nil, p
	}
	return chain, nil
}

// errNoSigner says that an imported certificate stands alone.
var errNoSigner = &Problem{
	Kind: LocalFile, Op: "find the signing CA", Rule: "F12", Summary: "the imported file holds no CA above the device's certificate",
	Fix: "Import the full chain, or choose an individual enrollment.",
}

// importedSigner is the CA that signed the imported device certificate.
func (r *run) importedSigner() (*x509.Certificate, error) {
	chain, err := r.importedChain()
	if err != nil {
		return nil, err
	}
	if len(chain) < 2 {
		return nil, errNoSigner
	}
	return chain[1], nil
}

// importedTop writes the topmost CA to a file of its own, for those who upload
// it by hand.
func (r *run) importedTop(top *x509.Certificate) (string, error) {
	path := filepath.Join(r.deviceFiles().Dir, "certs", "signing-ca.cert.pem")
	if held, err := pki.ReadCertificates(path); err == nil && held[0].Equal(top) {
		return path, nil
	}
	if err := pki.WriteCertificates(path, top); err != nil {
		return "", err
	}
	r.wrote(File{Path: path, What: "signing CA certificate", New: true})
	return path, nil
}

// vouch uploads the topmost CA of an imported chain as verified: its key is not
// here to prove possession with, and who may write the DPS instance may say so.
func (r *run) vouch(ctx context.Context) (string, error) {
	chain, err := r.importedChain()
	if err != nil {
		return "", err
	}
	if len(chain) < 2 {
		return "", skipped{"the imported certificate has no CA above it"}
	}
	top := chain[len(chain)-1]
	t, err := r.resolve(ctx)
	if err != nil {
		return "", err
	}
	name := "dpslab-" + strings.ToLower(pki.Thumbprint1(top)[:12])
	file, err := r.importedTop(top)
	if err != nil {
		return "", err
	}
	if t.management == nil {
		return r.caByHand(ctx, t, name, file)
	}
	client, err := azure.NewCertificates(r.serviceWire(t, serviceManagement), t.managementHost, t.management, t.instance)
	if err != nil {
		return "", err
	}
	held, err := r.uploaded(ctx, client, name, top)
	if err != nil {
		return "", err
	}
	r.rememberCA(held)
	if !held.Verified {
		return "", &Problem{Kind: Refused, Op: "upload signing certificate " + name, Rule: "M04", Summary: "DPS holds it, but not as verified", Fix: "Prove possession of its key: dpslab cert new CODE --kind verification makes the certificate for it."}
	}
	return fmt.Sprintf("%s is uploaded as verified", name), nil
}
