package workflow

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"

	"dpslab/pki"
	"dpslab/workflow/azure"
)

// What Azure Resource Manager tells, under names of this package so that faces
// need not import the client.
type (
	// SigningCertificate is a CA as DPS holds it.
	SigningCertificate = azure.Certificate
	// Instance is a DPS instance.
	Instance = azure.Service
	// Subscription is one that the account may look into.
	Subscription = azure.Subscription
	// APIMCertificate is a certificate as API Management holds it.
	APIMCertificate = azure.APIMCertificate
	// APIMQuery chooses certificates of a list.
	APIMQuery = azure.APIMQuery
	// VaultReference is where in Key Vault a certificate lies.
	VaultReference = azure.VaultReference
	// ProofProgress is how far a proof of possession has come.
	ProofProgress = azure.ProofProgress
)

// APIMHelp says how a certificate of API Management differs from the one of DPS
// whose operation has the same title.
const APIMHelp = azure.APIMHelp

func (v *Service) certificates(op string) (*azure.Certificates, error) {
	m, err := v.management(op)
	if err != nil {
		return nil, err
	}
	c, err := m.Certificates(v.target.instance, azure.CertificateOptions{})
	if err != nil {
		return nil, v.problem(op, err)
	}
	return c, nil
}

// SigningCertificates lists the CAs that DPS holds, at most 25.
func (v *Service) SigningCertificates(ctx context.Context) ([]SigningCertificate, error) {
	const op = "list signing certificates"
	c, err := v.certificates(op)
	if err != nil {
		return nil, err
	}
	all, err := c.List(v.reading(ctx))
	return all, v.problem(op, err)
}

// SigningCertificate reads one.
func (v *Service) SigningCertificate(ctx context.Context, name string) (*SigningCertificate, error) {
	op := "read signing certificate " + name
	c, err := v.certificates(op)
	if err != nil {
		return nil, err
	}
	held, err := c.Get(v.reading(ctx), name)
	return held, v.problem(op, err)
}

// UploadSigningCertificate uploads the first CA certificate of a file. verified
// vouches for it, as who may write the DPS instance may; otherwise possession of
// its key is to be proved. One of that name that is another is only replaced
// when ifMatch is its etag, or "*".
func (v *Service) UploadSigningCertificate(ctx context.Context, name, file string, verified bool, ifMatch string) (*SigningCertificate, error) {
	op := "upload signing certificate " + name
	if err := v.mayWrite(op); err != nil {
		return nil, err
	}
	ca, err := readCA(op, file)
	if err != nil {
		return nil, err
	}
	c, err := v.certificates(op)
	if err != nil {
		return nil, err
	}
	held, err := c.Put(v.writing(ctx), name, ca, ifMatch, verified)
	return held, v.certificateNow(ctx, v.problem(op, err), ifMatch, c, name)
}

func readCA(op, file string) (*x509.Certificate, error) {
	held, err := pki.ReadAny(file, nil)
	if err != nil {
		return nil, problemOf(op, err)
	}
	for _, c := range held.Certificates() {
		if c.IsCA {
			return c, nil
		}
	}
	return nil, &Problem{Kind: LocalFile, Op: op, Summary: file + " holds no CA certificate", Fix: "dpslab cert inspect " + file + " shows what is in it."}
}

// CAFiles says where a CA and its key are: an authority of this program, or
// files.
type CAFiles struct {
	Authority       string // its root CA; the files do not count then
	Certificate     string // file with the CA's certificate
	Key             string // file with its private key; empty: the same file
	Passphrase      Secret // of the key; empty: none, or a person is asked
	ByIntermediate  bool   // of an authority the intermediate CA instead of the root
	ReplaceExisting bool   // another certificate of that name at DPS gives way
}

// signer reads the CA's private key.
func (v *Service) signer(ctx context.Context, f CAFiles) (crypto.Signer, error) {
	path := cmp.Or(f.Key, f.Certificate)
	held, err := v.opened(ctx, path, f.Passphrase)
	if err != nil {
		return nil, err
	}
	if held.Key() == nil {
		return nil, &Problem{Kind: LocalFile, Op: "read the CA's key", Rule: "F02", Summary: path + " holds no private key"}
	}
	return held.Key(), nil
}

// DeleteSigningCertificate removes a CA from DPS; ifMatch is its etag, or empty
// for any. existed is false when there was none; a DPS that answers 404 to that
// makes it a *Problem with that status.
func (v *Service) DeleteSigningCertificate(ctx context.Context, name, ifMatch string) (existed bool, err error) {
	op := "delete signing certificate " + name
	if err := v.mayWrite(op); err != nil {
		return false, err
	}
	c, err := v.certificates(op)
	if err != nil {
		return false, err
	}
	existed, err = c.Delete(v.writing(ctx), name, cmp.Or(ifMatch, "*"))
	return existed, v.certificateNow(ctx, v.problem(op, err), ifMatch, c, name)
}

// Subscriptions lists those that the account may look into.
func (v *Service) Subscriptions(ctx context.Context) ([]Subscription, error) {
	const op = "list subscriptions"
	m, err := v.management(op)
	if err != nil {
		return nil, err
	}
	all, err := azure.Collect(m.Subscriptions(v.reading(ctx)))
	return all, v.problem(op, err)
}

// Instances lists the DPS instances of a resource group, or with an empty group
// of the whole subscription; an empty subscription is the target's own.
func (v *Service) Instances(ctx context.Context, subscriptionID, resourceGroup string) ([]*Instance, error) {
	const op = "list DPS instances"
	m, err := v.management(op)
	if err != nil {
		return nil, err
	}
	all, err := azure.Collect(m.Services(v.reading(ctx), cmp.Or(subscriptionID, v.target.instance.SubscriptionID), resourceGroup))
	return all, v.problem(op, err)
}

// apim prepares the certificates of an API Management service. Empty parts are
// those of the target; in the lab also the service's name.
func (v *Service) apim(op, service, resourceGroup string) (*azure.APIMCertificates, error) {
	m, err := v.management(op)
	if err != nil {
		return nil, err
	}
	if service == "" && v.target.lab != nil {
		service = v.target.lab.APIMName
	}
	c, err := m.APIM(azure.APIMService{
		SubscriptionID: v.target.instance.SubscriptionID, ResourceGroup: cmp.Or(resourceGroup, v.target.instance.ResourceGroup), Name: service,
	})
	if err != nil {
		return nil, v.problem(op, err)
	}
	return c, nil
}

// APIM names an API Management service; empty parts are those of the target.
type APIM struct{ Service, ResourceGroup string }

// APIMCertificates lists the certificates of an API Management service.
func (v *Service) APIMCertificates(ctx context.Context, a APIM, q APIMQuery) ([]*APIMCertificate, error) {
	const op = "list certificates of API Management"
	c, err := v.apim(op, a.Service, a.ResourceGroup)
	if err != nil {
		return nil, err
	}
	all, err := azure.Collect(c.List(v.reading(ctx), q))
	return all, v.problem(op, err)
}

// APIMCertificate reads one.
func (v *Service) APIMCertificate(ctx context.Context, a APIM, id string) (*APIMCertificate, error) {
	op := "read certificate " + id + " of API Management"
	c, err := v.apim(op, a.Service, a.ResourceGroup)
	if err != nil {
		return nil, err
	}
	held, err := c.Get(v.reading(ctx), id)
	return held, v.problem(op, err)
}

// PutAPIMPFX uploads a PFX with its password; ifMatch is empty for a new
// certificate, else the etag of the one it replaces, or "*".
func (v *Service) PutAPIMPFX(ctx context.Context, a APIM, id string, pfx []byte, password Secret, ifMatch string) (held *APIMCertificate, created bool, err error) {
	return v.putAPIM(ctx, a, id, ifMatch, func(ctx context.Context, c *azure.APIMCertificates) (*APIMCertificate, bool, error) {
		return c.PutPFX(ctx, id, pfx, password, ifMatch)
	})
}

// PutAPIMVault has API Management take a certificate from Key Vault.
func (v *Service) PutAPIMVault(ctx context.Context, a APIM, id string, ref VaultReference, ifMatch string) (held *APIMCertificate, created bool, err error) {
	return v.putAPIM(ctx, a, id, ifMatch, func(ctx context.Context, c *azure.APIMCertificates) (*APIMCertificate, bool, error) {
		return c.PutVault(ctx, id, ref, ifMatch)
	})
}

func (v *Service) putAPIM(ctx context.Context, a APIM, id, ifMatch string, put func(context.Context, *azure.APIMCertificates) (*APIMCertificate, bool, error)) (*APIMCertificate, bool, error) {
	op := "upload certificate " + id + " to API Management"
	if err := v.mayWrite(op); err != nil {
		return nil, false, err
	}
	c, err := v.apim(op, a.Service, a.ResourceGroup)
	if err != nil {
		return nil, false, err
	}
	held, created, err := put(v.writing(ctx), c)
	return held, created, v.apimNow(ctx, v.problem(op, err), ifMatch, c, id)
}

// RefreshAPIM has API Management read Key Vault again.
func (v *Service) RefreshAPIM(ctx context.Context, a APIM, id string) (*APIMCertificate, error) {
	op := "refresh certificate " + id + " of API Management"
	if err := v.mayWrite(op); err != nil {
		return nil, err
	}
	c, err := v.apim(op, a.Service, a.ResourceGroup)
	if err != nil {
		return nil, err
	}
	held, err := c.Refresh(v.writing(ctx), id)
	return held, v.problem(op, err)
}

// DeleteAPIM removes a certificate; ifMatch is its etag, or empty for any.
// existed is false when there was none.
func (v *Service) DeleteAPIM(ctx context.Context, a APIM, id, ifMatch string) (existed bool, err error) {
	op := "delete certificate " + id + " of API Management"
	if err := v.mayWrite(op); err != nil {
		return false, err
	}
	c, err := v.apim(op, a.Service, a.ResourceGroup)
	if err != nil {
		return false, err
	}
	existed, err = c.Delete(v.writing(ctx), id, cmp.Or(ifMatch, "*"))
	return existed, v.apimNow(ctx, v.problem(op, err), ifMatch, c, id)
}
