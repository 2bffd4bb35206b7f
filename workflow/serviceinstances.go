package workflow

import (
	"cmp"
	"context"
	"crypto/x509"
	"time"

	"dpslab/pki"
	"dpslab/workflow/azure"
	"dpslab/workflow/wire"
)

// Instance reads one DPS instance as a resource; empty parts of its name are
// those of the target.
func (v *Service) Instance(ctx context.Context, subscriptionID, resourceGroup, name string) (*Instance, error) {
	i := v.target.instance
	i = azure.Instance{
		SubscriptionID: cmp.Or(subscriptionID, i.SubscriptionID), ResourceGroup: cmp.Or(resourceGroup, i.ResourceGroup), DPSName: cmp.Or(name, i.DPSName),
	}
	op := "read DPS instance " + i.DPSName
	m, err := v.management(op)
	if err != nil {
		return nil, err
	}
	held, err := m.Service(v.reading(ctx), i)
	return held, v.problem(op, err)
}

// RehearseProof makes the requests of a proof of possession in a dry run: the
// upload, the verification code, and the certificate that proves it. What only
// DPS can say stands for itself: the etags are "*", and the code in the
// certificate is not one of DPS. Its error is that of the last request; see
// [DryRunOf].
func (v *Service) RehearseProof(ctx context.Context, name string, f CAFiles) error {
	op := "prove possession of " + name
	if !v.dry {
		return &Problem{Kind: Internal, Op: op, Summary: "only a dry run rehearses"}
	}
	f = v.located(f)
	ca, err := readCA(op, f.Certificate)
	if err != nil {
		return err
	}
	c, err := v.certificates(op)
	if err != nil {
		return err
	}
	var last error
	err = rehearse(v.writing(ctx), c, name, ca, func(x *Exchange) { last = &wire.DryRunError{Exchange: *x} })
	if err != nil {
		return v.problem(op, err)
	}
	return last
}

// rehearse makes the requests of a proof of possession with a context that sends
// none, and hands on each.
func rehearse(ctx context.Context, c *azure.Certificates, name string, ca *x509.Certificate, made func(*Exchange)) error {
	proof, err := rehearsedProof(ctx)
	if err != nil {
		return err
	}
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := c.Get(ctx, name); return err },
		func(ctx context.Context) error { _, err := c.Put(ctx, name, ca, "", false); return err },
		func(ctx context.Context) error { _, _, err := c.VerificationCode(ctx, name, "*"); return err },
		func(ctx context.Context) error { _, err := c.Verify(ctx, name, "*", proof); return err },
	} {
		err := call(ctx)
		x, dry := DryRunOf(err)
		if !dry {
			return err
		}
		made(x)
	}
	return nil
}

// located fills in the files of an authority of this program.
func (v *Service) located(f CAFiles) CAFiles {
	if f.Authority == "" {
		return f
	}
	files := pki.AuthorityFiles{Dir: v.session.config.Store.Paths.AuthorityDir(f.Authority)}
	f.Certificate, f.Key = files.RootCertificate(), files.RootKey()
	if f.ByIntermediate {
		f.Certificate, f.Key = files.IntermediateCertificate(), files.IntermediateKey()
	}
	return f
}

// rehearsedProof is a certificate of the form that proves possession, of a code
// that DPS has not given.
func rehearsedProof(ctx context.Context) (*x509.Certificate, error) {
	key, err := pki.ECP256.GenerateKey(ctx)
	if err != nil {
		return nil, err
	}
	validity := pki.ValidFor(time.Now(), pki.VerificationDays)
	root, err := pki.RootCA(key, "not sent", validity)
	if err != nil {
		return nil, err
	}
	return pki.VerificationCertificate(key.Public(), "VERIFICATION-CODE", validity, pki.Issuer{Certificate: root, Key: key})
}
