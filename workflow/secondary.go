package workflow

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
)

// secondaryFiles are those of the certificate to roll over to.
func (r *run) secondaryFiles() files {
	d := r.deviceFiles()
	d.Suffix = pki.SecondarySuffix
	return r.filesOf(d)
}

// secondaryAuthority is the CA that a group names as its secondary one.
func (r *run) secondaryAuthority() pki.AuthorityFiles {
	return pki.AuthorityFiles{Dir: r.session.config.Store.Paths.AuthorityDir(r.profile.Identity.SecondaryAuthority)}
}

// extras makes what stands beside the device's certificate: a second one, a
// second CA, a PFX. What is there and good stays.
func (r *run) extras(ctx context.Context, a pki.Algorithm, leaf *x509.Certificate) error {
	i := r.profile.Identity
	if i.Secondary {
		if err := r.makeSecondary(ctx, a); err != nil {
			return err
		}
	}
	if i.SecondaryAuthority != "" && r.profile.Enrollment.Kind == profiles.EnrollmentGroup {
		if err := r.makeSecondaryAuthority(ctx, a); err != nil {
			return err
		}
	}
	if i.PFXPasswordEnv != "" {
		return r.writePFX(ctx, leaf)
	}
	return nil
}

func (r *run) makeSecondary(ctx context.Context, a pki.Algorithm) error {
	f := r.secondaryFiles()
	if held, err := pki.ReadCertificates(f.chain); err == nil && !r.options.Force && r.useless(held) == "" && strings.EqualFold(held[0].Subject.CommonName, r.profile.Identity.RegistrationID) {
		r.wrote(File{Path: f.certificate, What: "secondary certificate"}, File{Path: f.key, What: "secondary private key"})
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	passphrase, err := r.passphrase(ctx, "", false)
	if err != nil {
		return err
	}
	if passphrase, err = r.openPassphrase(ctx, f.key, passphrase); err != nil {
		return err
	}
	key, made, err := pki.EnsureKey(ctx, f.key, a, passphrase)
	if err != nil {
		return err
	}
	r.wrote(File{Path: f.key, What: "secondary private key", New: made})
	var chain []*x509.Certificate
	if r.profile.Identity.Source == profiles.SourceChain {
		authority, err := r.openAuthority(ctx, r.authorityFiles())
		if err != nil {
			return err
		}
		c, err := pki.DeviceCertificate(key.Public(), r.profile.Identity.RegistrationID, r.validity(), authority.Intermediate)
		if err != nil {
			return err
		}
		chain = authority.FullChain(c)
	} else {
		c, err := pki.SelfSignedDevice(key, r.profile.Identity.RegistrationID, r.validity())
		if err != nil {
			return err
		}
		chain = []*x509.Certificate{c}
	}
	if err := pki.WriteCertificates(f.certificate, chain[0]); err != nil {
		return err
	}
	if f.chain != f.certificate {
		if err := pki.WriteCertificates(f.chain, chain...); err != nil {
			return err
		}
	}
	r.wrote(File{Path: f.certificate, What: "secondary certificate", New: true})
	return nil
}

// openAuthority reads a CA with its keys.
func (r *run) openAuthority(ctx context.Context, f pki.AuthorityFiles) (*pki.Authority, error) {
	passphrase, err := r.openPassphrase(ctx, f.IntermediateKey(), nil)
	if err != nil {
		return nil, err
	}
	return pki.OpenAuthority(f, passphrase)
}

func (r *run) makeSecondaryAuthority(ctx context.Context, a pki.Algorithm) error {
	f, there := r.secondaryAuthority(), r.secondaryAuthority().Exists()
	if !there {
		passphrase, err := r.passphrase(ctx, "", false)
		if err != nil {
			return err
		}
		i := r.profile.Identity
		_, err = pki.CreateDeepAuthority(ctx, f, a, i.SecondaryAuthority, pki.ValidFor(time.Now(), authorityDays), passphrase, max(i.Intermediates, 1))
		if err != nil {
			return err
		}
	}
	r.wrote(
		File{Path: f.RootCertificate(), What: "secondary root CA certificate", New: !there},
		File{Path: f.IntermediateCertificate(), What: "secondary intermediate CA certificate", New: !there},
	)
	return nil
}

// pfxFile is where the PFX goes: it holds the key.
func (r *run) pfxFile() string {
	d := r.deviceFiles()
	return filepath.Join(d.Dir, "private", d.RegistrationID+".pfx")
}

// writePFX writes key and chain as a PFX, unless the one that is there holds the
// same certificate in the same encryption.
func (r *run) writePFX(ctx context.Context, leaf *x509.Certificate) error {
	path, name := r.pfxFile(), r.profile.Identity.PFXPasswordEnv
	password := []byte(r.session.config.Getenv(name))
	if len(password) == 0 {
		return &Problem{
			Kind: Usage, Op: "write the PFX", Summary: "environment variable " + name + " is not set",
			Fix: "Set it before dpslab starts, or take identity.pfx_password_env out of the profile.",
		}
	}
	encryption := pki.PFXModern
	if r.profile.Identity.PFXCompatible {
		encryption = pki.PFXCompatible
	}
	if held, err := pki.ReadAny(path, password); err == nil {
		if c := held.Certificates(); len(c) > 0 && c[0].Equal(leaf) && held.Encryption == encryption {
			r.wrote(File{Path: path, What: "PFX"})
			return nil
		}
	}
	data, err := r.pfx(ctx, password, encryption)
	if err != nil {
		return err
	}
	backup, err := pki.WriteOutput(path, data, pki.WriteOptions{Secret: true, Force: true})
	if err != nil {
		return err
	}
	if backup != "" {
		r.note("the PFX that was there is kept as %s", backup)
	}
	r.wrote(File{Path: path, What: "PFX", New: true})
	return nil
}

// pfx makes a PFX of the device's key and chain, in memory.
func (r *run) pfx(ctx context.Context, password []byte, encryption pki.PFXEncryption) ([]byte, error) {
	f := r.files()
	chain, err := pki.ReadCertificates(f.chain)
	if err != nil {
		return nil, err
	}
	passphrase, err := r.openPassphrase(ctx, f.key, nil)
	if err != nil {
		return nil, err
	}
	key, err := pki.ReadKey(f.key, passphrase)
	if err != nil {
		return nil, err
	}
	return pki.EncodePFX(key, chain, password, encryption)
}
