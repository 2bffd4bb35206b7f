package workflow

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/azure"
)

// ProveSigningCertificate brings a CA from wherever it is to verified: upload,
// verification code, a certificate with the code signed by the CA, verify. It can
// be repeated at any point: a code that was made and not used is kept below the
// state folder, and used while DPS's record is the one it was made for. The sink
// and progress, which may be nil, hear of each stage.
func (v *Service) ProveSigningCertificate(ctx context.Context, name string, f CAFiles, progress func(ProofProgress)) (*SigningCertificate, error) {
	op := "prove possession of " + name
	if err := v.mayWrite(op); err != nil {
		return nil, err
	}
	f = v.located(f)
	ca, err := readCA(op, f.Certificate)
	if err != nil {
		return nil, err
	}
	c, err := v.certificates(op)
	if err != nil {
		return nil, err
	}
	order := azure.Proof{
		Name: name, CA: ca, Replace: f.ReplaceExisting, Resume: v.unfinished(name, ca),
		Signer: func(ctx context.Context) (crypto.Signer, error) { return v.signer(ctx, f) },
	}
	held, err := azure.ProvePossession(v.writing(ctx), c, order, func(p ProofProgress) {
		v.emit(Event{Kind: Noted, Text: cmp.Or(p.Note, string(p.Stage))})
		v.remember(name, ca, p)
		if progress != nil {
			progress(p)
		}
	})
	return held, v.problem(op, err)
}

// proofOf names the place of a proof: a certificate of the target's instance.
func (v *Service) proofOf(name string) profiles.Proof {
	i := v.target.instance
	return profiles.Proof{Host: v.target.managementHost, SubscriptionID: i.SubscriptionID, ResourceGroup: i.ResourceGroup, DPSName: i.DPSName, Name: name}
}

// unfinished is how far an earlier call for the same CA came. What cannot be
// read only costs a new code.
func (v *Service) unfinished(name string, ca *x509.Certificate) ProofProgress {
	kept, err := v.session.config.Store.LoadProof(v.proofOf(name))
	if err != nil {
		v.emit(Event{Kind: Warned, Text: "an unfinished proof cannot be read: " + err.Error()})
	}
	if err != nil || kept.Code == "" || !strings.EqualFold(kept.SHA1, pki.Thumbprint1(ca)) {
		return ProofProgress{}
	}
	return ProofProgress{Stage: azure.ProofCode, Name: name, ETag: kept.ETag, Code: kept.Code}
}

// remember keeps a code before it is used, and forgets it when it has been.
func (v *Service) remember(name string, ca *x509.Certificate, p ProofProgress) {
	if v.dry {
		return
	}
	store, place := v.session.config.Store, v.proofOf(name)
	var err error
	switch p.Stage {
	case azure.ProofCode:
		place.Code, place.ETag, place.SHA1, place.At = p.Code, p.ETag, strings.ToUpper(pki.Thumbprint1(ca)), time.Now().UTC()
		err = store.KeepProof(place)
	case azure.ProofAbsent, azure.ProofVerified:
		err = store.DropProof(place)
	}
	if err != nil {
		v.emit(Event{Kind: Warned, Text: "the progress could not be saved: " + err.Error()})
	}
}
