package workflow

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/dps"
)

// attestation is what the enrollment says of how its devices prove themselves.
// What the profile leaves open stays as it is there.
func (r *run) attestation(ctx context.Context, service *dps.ServiceClient, there dps.AttestationMechanism) (dps.AttestationMechanism, error) {
	switch r.profile.Identity.Attestation {
	case profiles.AttestationSymmetricKey:
		keys, err := r.wantedKeys(ctx, service, there)
		return dps.AttestationMechanism{Type: dps.AttestationSymmetricKey, SymmetricKey: keys}, err
	case profiles.AttestationTPM:
		keys, err := r.tpmKeys(ctx)
		return dps.AttestationMechanism{Type: dps.AttestationTPM, TPM: keys}, err
	}
	x, err := r.x509Attestation(there.X509)
	return dps.AttestationMechanism{Type: dps.AttestationX509, X509: x}, err
}

// x509Attestation names CAs by reference, the device's certificate, or the CA
// that signed it.
func (r *run) x509Attestation(there *dps.X509Attestation) (*dps.X509Attestation, error) {
	e := r.profile.Enrollment
	if e.CAReference != "" {
		return &dps.X509Attestation{CAReferences: &dps.X509CAReferences{Primary: e.CAReference, Secondary: e.SecondaryCA}}, nil
	}
	if there == nil {
		there = &dps.X509Attestation{}
	}
	primary, secondary, err := r.enrolledCertificates()
	if err != nil {
		return nil, err
	}
	if e.Kind == profiles.EnrollmentGroup {
		return &dps.X509Attestation{SigningCertificates: certificates(there.SigningCertificates, primary, secondary)}, nil
	}
	return &dps.X509Attestation{ClientCertificates: certificates(there.ClientCertificates, primary, secondary)}, nil
}

// enrolledCertificates are those that the record names: the device's own, or
// the CA that signed it; and the one to roll over to, if the profile has one.
func (r *run) enrolledCertificates() (primary, secondary *x509.Certificate, err error) {
	path, second := r.files().certificate, ""
	switch i := r.profile.Identity; {
	case r.profile.Enrollment.Kind != profiles.EnrollmentGroup:
		if i.Secondary {
			second = r.secondaryFiles().certificate
		}
	case r.imports():
		primary, err = r.importedSigner()
		return primary, nil, err
	default:
		path = r.authorityFiles().IntermediateCertificate()
		if i.SecondaryAuthority != "" {
			second = r.secondaryAuthority().IntermediateCertificate()
		}
	}
	if primary, err = enrolledFile(path); err == nil && second != "" {
		secondary, err = enrolledFile(second)
	}
	return primary, secondary, err
}

func enrolledFile(path string) (*x509.Certificate, error) {
	certificates, err := pki.ReadCertificates(path)
	if err != nil {
		p := problemOf("read the certificate to enroll", err)
		p.Fix = "Run the step \"certificates\" first."
		return nil, p
	}
	return certificates[0], nil
}

// certificates names the primary and the secondary certificate. Without a
// secondary of the profile's, one that is there stays: somebody may be rolling
// over to it.
func certificates(there *dps.X509Certificates, primary, secondary *x509.Certificate) *dps.X509Certificates {
	named := &dps.X509Certificates{Primary: certificateWithInfo(primary)}
	if secondary != nil {
		named.Secondary = certificateWithInfo(secondary)
	} else if there != nil {
		named.Secondary = there.Secondary
	}
	return named
}

func certificateWithInfo(c *x509.Certificate) *dps.X509CertificateWithInfo {
	return &dps.X509CertificateWithInfo{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})),
		Info:        &dps.X509CertificateInfo{SHA256Thumbprint: pki.Thumbprint256(c)},
	}
}

// wantedKeys are the keys to write: nil where the service is to make them. Those
// that are there are sent back, so that no update can lose them.
func (r *run) wantedKeys(ctx context.Context, service *dps.ServiceClient, there dps.AttestationMechanism) (*dps.SymmetricKeyAttestation, error) {
	given, err := r.givenKey()
	if err != nil {
		return nil, err
	}
	held := &dps.SymmetricKeyAttestation{}
	if there.Type == dps.AttestationSymmetricKey {
		if held, err = r.enrolledKeys(ctx, service); err != nil || held == nil {
			return nil, err
		}
	}
	if r.profile.Identity.DerivedKey {
		if held.PrimaryKey == "" {
			return nil, &Problem{
				Kind: Usage, Op: "write the enrollment group", Summary: "the profile holds a key that was derived from the group's; the group itself cannot be made of it",
				Fix: "Have the group made by somebody who has its key, or take identity.symmetric_key_env and derived_key out of the profile.",
			}
		}
		given = dps.Secret{}
	}
	switch {
	case given.Empty() && held.PrimaryKey == "":
		return nil, nil
	case given.Empty() || given.Reveal() == held.PrimaryKey:
		return held, nil
	}
	if held.PrimaryKey != "" {
		r.rekeyed = true
		r.note("change the primary key to the one in %s", r.profile.Identity.SymmetricKeyEnv)
	}
	secondary := held.SecondaryKey
	if secondary == "" {
		secondary = newSymmetricKey()
	}
	return &dps.SymmetricKeyAttestation{PrimaryKey: given.Reveal(), SecondaryKey: secondary}, nil
}

// newSymmetricKey makes a key as DPS itself does: 64 random bytes, base64.
func newSymmetricKey() string {
	raw := make([]byte, dps.MaxKeySize)
	_, _ = rand.Read(raw) // never fails since Go 1.24: the process ends instead
	return base64.StdEncoding.EncodeToString(raw)
}

// tpmKeys are the public keys of the device's TPM.
func (r *run) tpmKeys(ctx context.Context) (*dps.TPMAttestation, error) {
	i, err := r.loadIdentity(ctx)
	if err != nil {
		return nil, err
	}
	ek, err := i.tpm.EndorsementKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the endorsement key of the TPM: %w", err)
	}
	srk, err := i.tpm.StorageRootKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the storage root key of the TPM: %w", err)
	}
	return &dps.TPMAttestation{
		EndorsementKey: base64.StdEncoding.EncodeToString(ek), StorageRootKey: base64.StdEncoding.EncodeToString(srk),
	}, nil
}

// byCertificate says whether a device proves who it is with a certificate.
func byCertificate(p *profiles.Profile) bool {
	return p.Identity.Attestation == "" || p.Identity.Attestation == profiles.AttestationX509
}

// Attestation names what a device proves who it is with, as the wizard does:
// "X.509", "symmetric key" or "TPM".
func Attestation(p *profiles.Profile) string {
	for _, f := range identityFields {
		for _, o := range f.Options {
			if f.Key == keyAttestation && o.Value == p.Identity.Attestation {
				return o.Label
			}
		}
	}
	return p.Identity.Attestation
}
