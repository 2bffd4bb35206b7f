package workflow

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

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
		return "", skipped{"a self-signed certificate has no signing CA"}
	}
	root, err := r.rootCertificate()
	if err != nil {
		return "", err
	}
	t, err := r.resolve(ctx)
	if err != nil {
		return "", err
	}
	r.connectDevice(ctx, t)
	name := r.caName()
	if t.management == nil {
		return r.caByHand(ctx, t, name, r.authorityFiles().RootCertificate())
	}
	proved, err := r.prove(ctx, t, name, root)
	if err != nil {
		return "", err
	}
	if !proved {
		return fmt.Sprintf("%s is uploaded and verified already", name), nil
	}
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

// uploaded makes sure that DPS holds root under name; a new upload counts as
// verified at once.
func (r *run) uploaded(ctx context.Context, client *azure.Certificates, name string, root *x509.Certificate) (held *azure.Certificate, err error) {
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
			return nil, nameTaken(&azure.NameTakenError{Name: name, Thumbprint: held.Thumbprint, Subject: held.Subject})
		}
		r.note("replacing the certificate that this device uploaded as %s before", name)
		tag = held.ETag
	}
	held, err = r.upload(ctx, client, name, root, tag)
	if err == nil {
		created := tag == "" || r.state.SigningCertificate.Created
		r.state.SigningCertificate = profiles.SigningCertificate{Name: name, Created: created}
	}
	return held, err
}

// nameTaken is what to do where DPS holds another certificate of the name.
func nameTaken(e *azure.NameTakenError) *Problem {
	return &Problem{
		Kind: Refused, Op: "upload signing certificate " + e.Name, Rule: "F14",
		Summary: fmt.Sprintf("DPS holds another certificate of that name (SHA-1 %s, subject %s)", e.Thumbprint, e.Subject),
		Why:     "The CA was made anew on this machine, or somebody else uses the name.",
		Fix:     "Choose another identity.authority in the profile, or delete the certificate at DPS.",
	}
}

// upload puts the certificate. An attempt whose answer was lost may have done
// it, and makes the next one a conflict: what DPS then holds decides.
func (r *run) upload(ctx context.Context, client *azure.Certificates, name string, root *x509.Certificate, tag string) (held *azure.Certificate, err error) {
	lost := false
	err = r.retry(ctx, true, func() error {
		held, err = client.Put(ctx, name, root, tag, true)
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

// prove brings the root to verified; proved is false when it was so before. The
// state file knows each stage before the next request goes out: a run that is
// killed in between is gone on with, and what it uploaded can be retired.
func (r *run) prove(ctx context.Context, t *target, name string, root *x509.Certificate) (proved bool, err error) {
	p := &proof{run: r, name: name, root: root}
	client, err := r.management(t).WithRetry(p.retry).Certificates(t.instance, azure.CertificateOptions{})
	if err != nil {
		return false, err
	}
	known := r.state.SigningCertificate
	order := azure.Proof{
		Name: name, CA: root, Signer: p.signer, Note: p.issued,
		Replace: known.Created && known.Name == name,
	}
	if known.Code != "" && known.Name == name && known.SHA1 == strings.ToUpper(pki.Thumbprint1(root)) {
		order.Resume = azure.ProofProgress{Stage: azure.ProofCode, Name: name, ETag: known.ETag, Code: known.Code}
	}
	held, err := azure.ProvePossession(ctx, client, order, p.reached)
	var taken *azure.NameTakenError
	switch {
	case errors.As(err, &taken):
		return false, nameTaken(taken)
	case err != nil:
		return false, err
	}
	r.rememberCA(held)
	return p.signed, nil
}

// proof is a proof of possession of a run.
type proof struct {
	*run
	name      string
	root      *x509.Certificate
	uploading bool // DPS does not hold the certificate, as far as was read
	lost      bool // an upload may have had its effect without an answer
	signed    bool
}

// retry is the run's, with an eye on answers that were lost.
func (p *proof) retry(ctx context.Context, idempotent bool, call func() error) error {
	return p.run.retry(ctx, idempotent, func() error {
		err := call()
		p.lost = p.lost || p.uploading && unanswered(err)
		return err
	})
}

// signer opens the authority, unless this run made or opened it before: a pass
// phrase takes a quarter of a second.
func (p *proof) signer(ctx context.Context) (crypto.Signer, error) {
	if p.authority != nil {
		return p.authority.Root.Key, nil
	}
	passphrase, err := p.openPassphrase(ctx, p.authorityFiles().RootKey(), nil)
	if err != nil {
		return nil, err
	}
	if p.authority, err = pki.OpenAuthority(p.authorityFiles(), passphrase); err != nil {
		return nil, err
	}
	return p.authority.Root.Key, nil
}

// issued keeps the authority's ledger.
func (p *proof) issued(i pki.Issued) error {
	if p.authority.Root.Note == nil {
		return nil
	}
	return p.authority.Root.Note(i)
}

// reached notes a stage, first in the state file.
func (p *proof) reached(at azure.ProofProgress) {
	s := &p.state.SigningCertificate
	switch at.Stage {
	case azure.ProofAbsent:
		p.uploading = true
	case azure.ProofUploaded:
		mine := s.Created && s.Name == p.name
		*s = profiles.SigningCertificate{Name: p.name, Created: mine || at.Uploaded || p.lost}
		p.keep(at)
	case azure.ProofCode:
		p.keep(at)
	case azure.ProofSigned:
		p.signed = true
	}
	p.note("%s", at.Note)
}

// keep writes the state file.
func (p *proof) keep(at azure.ProofProgress) {
	p.rememberCA(&azure.Certificate{Name: p.name, ETag: at.ETag, Thumbprint: pki.Thumbprint1(p.root)})
	p.state.SigningCertificate.Code = at.Code
	if err := p.save(); err != nil {
		p.warn("the progress could not be saved: " + err.Error())
	}
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
	s.Code = ""
	s.Name, s.ETag, s.Verified, s.SHA1 = held.Name, held.ETag, held.Verified, strings.ToUpper(held.Thumbprint)
}
