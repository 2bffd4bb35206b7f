package workflow

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/azure"
)

// Names of services, as exchanges show them.
const (
	serviceDPS        = "DPS"
	serviceEnrollment = "DPS service API"
	serviceManagement = "Azure Resource Manager"
	serviceHub        = "IoT Hub"
)

// verificationDays is the life of a proof-of-possession certificate. It is used
// at once and kept nowhere.
const verificationDays = 1

// signingCA uploads the root CA to DPS and proves possession of its key: upload,
// code, a certificate whose CN is the code signed by the CA, verify. Every
// answer's etag is the next call's If-Match.
func (r *run) signingCA(ctx context.Context) (string, error) {
	switch i := r.profile.Identity; {
	case i.Attestation != profiles.AttestationX509:
		return "", skipped{"not needed: the device has no certificate"}
	case r.imports():
		return r.vouch(ctx)
	case i.Source == profiles.SourceSelfSigned:
		return "", skipped{"nothing to do: a self-signed certificate has no signing CA"}
	}
	root, err := r.rootCertificate()
	if err != nil {
		return "", err
	}
	t, err := r.resolve(ctx)
	if err != nil {
		return "", err
	}
	name := r.caName()
	if t.management == nil {
		return r.caByHand(ctx, t, name, r.authorityFiles().RootCertificate())
	}
	client, err := azure.NewCertificates(r.serviceWire(t, serviceManagement), t.managementHost, t.management, t.instance)
	if err != nil {
		return "", err
	}
	held, err := r.uploaded(ctx, client, name, root, false)
	if err != nil {
		return "", err
	}
	if held.Verified {
		r.rememberCA(held)
		return fmt.Sprintf("%s is uploaded and verified already", name), nil
	}
	held, err = r.prove(ctx, client, held)
	if err != nil {
		return "", err
	}
	r.rememberCA(held)
	return fmt.Sprintf("%s is uploaded, possession of its key is proved", name), nil
}

// caName is the root's name at DPS: letters, digits, '-', '.', '_'.
func (r *run) caName() string { return r.profile.Identity.Authority }

func (r *run) rootCertificate() (*x509.Certificate, error) {
	path := r.authorityFiles().RootCertificate()
	certificates, err := pki.ReadCertificates(path)
	if err != nil {
		p := problemOf("read the root CA", err)
		p.Fix = "Run the step \"certificates\" first."
		return nil, p
	}
	return certificates[0], nil
}

// uploaded makes sure that DPS holds root under name, and, when verified is
// set, that a new upload counts as verified at once.
func (r *run) uploaded(ctx context.Context, client *azure.Certificates, name string, root *x509.Certificate, verified bool) (held *azure.Certificate, err error) {
	err = r.retry(ctx, true, func() error { held, err = client.Get(ctx, name); return err })
	if err != nil && !errors.Is(err, azure.ErrNotFound) {
		return nil, err
	}
	tag := ""
	if err != nil {
		r.note("DPS has no certificate of the name %s yet", name)
	} else {
		if strings.EqualFold(held.Thumbprint, pki.Thumbprint1(root)) {
			return held, nil
		}
		if mine := r.state.SigningCertificate; !mine.Created || mine.Name != name {
			return nil, &Problem{
				Kind: Refused, Op: "upload signing certificate " + name, Rule: "F14",
				Summary: fmt.Sprintf("DPS holds another certificate of that name (SHA-1 %s, subject %s)", held.Thumbprint, held.Subject),
				Why:     "The CA was made anew on this machine, or somebody else uses the name.",
				Fix:     "Choose another identity.authority in the profile, or delete the certificate at DPS.",
			}
		}
		r.note("replacing the certificate that this device uploaded as %s before", name)
		tag = held.ETag
	}
	held, err = r.upload(ctx, client, name, root, tag, verified)
	if err == nil {
		created := tag == "" || r.state.SigningCertificate.Created
		r.state.SigningCertificate = profiles.SigningCertificate{Name: name, Created: created}
	}
	return held, err
}

// upload puts the certificate. An attempt whose answer was lost may have done
// it, and makes the next one a conflict: what DPS then holds decides.
func (r *run) upload(ctx context.Context, client *azure.Certificates, name string, root *x509.Certificate, tag string, verified bool) (held *azure.Certificate, err error) {
	lost := false
	err = r.retry(ctx, true, func() error {
		held, err = client.Put(ctx, name, root, tag, verified)
		lost = lost || unanswered(err)
		return err
	})
	if !lost || !isConflict(err) {
		return held, err
	}
	there, getErr := client.Get(ctx, name)
	if getErr == nil && strings.EqualFold(there.Thumbprint, pki.Thumbprint1(root)) {
		return there, nil
	}
	return nil, err
}

// prove answers DPS's challenge.
func (r *run) prove(ctx context.Context, client *azure.Certificates, held *azure.Certificate) (*azure.Certificate, error) {
	passphrase, err := r.openPassphrase(ctx, r.authorityFiles().RootKey(), nil)
	if err != nil {
		return nil, err
	}
	authority, err := pki.OpenAuthority(r.authorityFiles(), passphrase)
	if err != nil {
		return nil, err
	}
	// Neither call may be repeated blindly: the first changes the etag that the
	// second must carry. A service that is too busy has changed nothing.
	var code string
	name, tag := held.Name, held.ETag
	err = r.retry(ctx, false, func() (err error) { code, held, err = client.VerificationCode(ctx, name, tag); return err })
	if err != nil {
		return nil, err
	}
	r.note("verification code %s", code)
	key, err := pki.ECP256.GenerateKey(ctx)
	if err != nil {
		return nil, err
	}
	proof, err := pki.VerificationCertificate(key.Public(), code, pki.ValidFor(time.Now(), verificationDays), authority.Root)
	if err != nil {
		return nil, err
	}
	r.note("signed a certificate with that code as its CN, by %s", authority.Root.Certificate.Subject)
	tag = held.ETag
	err = r.retry(ctx, false, func() (err error) { held, err = client.Verify(ctx, name, tag, proof); return err })
	return held, err
}

func (r *run) rememberCA(held *azure.Certificate) {
	s := &r.state.SigningCertificate
	made := profiles.Creation{
		Kind: profiles.CreatedSigningCA, Name: held.Name, Host: r.target.managementHost, ETag: held.ETag,
		SubscriptionID: r.target.instance.SubscriptionID, ResourceGroup: r.target.instance.ResourceGroup, Parent: r.target.instance.DPSName,
	}
	if s.Created = s.Created && s.Name == held.Name; s.Created {
		r.creates(made)
	}
	s.Name, s.ETag, s.Verified, s.SHA1 = held.Name, held.ETag, held.Verified, strings.ToUpper(held.Thumbprint)
}
