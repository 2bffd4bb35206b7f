package pki

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"os"
)

// ChainOptions say what [CreateDeviceChain] makes.
type ChainOptions struct {
	Authority         string // name of the CA, for its common names
	Algorithm         Algorithm
	AuthorityValidity Validity
	Validity          Validity // of the device certificate
	// Passphrase protects the keys of a new authority and of the device, and
	// opens those that are there; empty means none.
	Passphrase []byte
}

// CreateDeviceChain makes a device certificate below an authority, and the
// authority too when it is not there yet. All keys are searched for at the same
// time. Files that are there are kept as by [CreateAuthority] and [EnsureKey];
// the device's certificates are written anew.
func CreateDeviceChain(ctx context.Context, authority AuthorityFiles, device DeviceFiles, o ChainOptions) (*Authority, *x509.Certificate, error) {
	return createDeviceChain(ctx, authority, device, o, iterations)
}

func createDeviceChain(ctx context.Context, files AuthorityFiles, device DeviceFiles, o ChainOptions, iterations int) (*Authority, *x509.Certificate, error) {
	if err := CheckCommonName(device.RegistrationID); err != nil {
		return nil, nil, err // before any file is written
	}
	if nothingThere(files, device) {
		a, c, err := freshChain(ctx, files, device, o, iterations)
		if !errors.Is(err, ErrExists) {
			return a, c, err
		}
		// Another process began the same files: finish what is there.
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type result struct {
		key crypto.Signer
		err error
	}
	own := make(chan result, 1)
	go func() {
		key, _, err := ensureKey(ctx, device.Key(), o.Algorithm, o.Passphrase, iterations)
		if err != nil {
			cancel(err)
		}
		own <- result{key, err}
	}()
	a, err := openOrCreate(ctx, files, o, iterations)
	if err != nil {
		cancel(err)
		<-own
		return nil, nil, err
	}
	r := <-own
	if r.err != nil {
		return nil, nil, r.err
	}
	by, written := a.Intermediate.Unwritten()
	c, err := DeviceCertificate(r.key.Public(), device.RegistrationID, o.Validity, by)
	if err != nil {
		return nil, nil, err
	}
	if err := writeBoth(device, c, a.FullChain(c)); err != nil {
		return nil, nil, err
	}
	return a, c, written()
}

func nothingThere(a AuthorityFiles, d DeviceFiles) bool {
	for _, path := range []string{
		a.RootKey(), a.RootCertificate(), a.IntermediateKey(), a.IntermediateCertificate(), d.Key(), d.Certificate(), d.FullChain(),
	} {
		if _, err := os.Lstat(path); err == nil {
			return false
		}
	}
	return true
}

// freshChain makes everything in memory, all keys at the same time, and writes
// all files together, the keys before the certificates. [ErrExists] means that
// somebody else wrote one of them meanwhile; what is on the disk then is what a
// stopped [CreateAuthority] leaves, which another call finishes.
func freshChain(ctx context.Context, files AuthorityFiles, device DeviceFiles, o ChainOptions, iterations int) (*Authority, *x509.Certificate, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var keys [3]crypto.Signer // root, intermediate, device
	var data [3][]byte
	err := together([]int{0, 1, 2}, func(i int) (err error) {
		if keys[i], data[i], err = startKey(ctx, o.Algorithm, o.Passphrase, iterations).Encode(ctx); err != nil {
			cancel(err)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	a, c, err := issueChain(keys, files, device.RegistrationID, o)
	if err != nil {
		return nil, nil, err
	}
	listed := []Issued{issuedOf(intermediateTemplate.kind, a.Intermediate.Certificate), issuedOf(deviceTemplate.kind, c)}
	for i := range listed {
		listed[i].Unwritten = true
	}
	if err := files.note(listed...); err != nil {
		return nil, nil, err
	}
	err = writeGroup([]newFile{
		{path: files.RootKey(), data: data[0], perm: 0o600},
		{path: files.IntermediateKey(), data: data[1], perm: 0o600},
		{path: device.Key(), data: data[2], perm: 0o600},
	}, []newFile{
		{path: files.RootCertificate(), data: EncodeCertificates(a.Root.Certificate), perm: 0o644},
		{path: files.IntermediateCertificate(), data: EncodeCertificates(a.Intermediate.Certificate), perm: 0o644},
		{path: device.Certificate(), data: EncodeCertificates(c), perm: 0o644},
		{path: device.FullChain(), data: EncodeCertificates(a.FullChain(c)...), perm: 0o644},
	})
	if err != nil {
		return nil, nil, err
	}
	return a, c, files.noteWritten(listed...)
}

// issueChain signs without entering anything in the ledger.
func issueChain(keys [3]crypto.Signer, files AuthorityFiles, id string, o ChainOptions) (*Authority, *x509.Certificate, error) {
	name := caNames(o.Authority)
	root, err := RootCA(keys[0], name("root"), o.AuthorityValidity)
	if err != nil {
		return nil, nil, err
	}
	intermediate, err := IntermediateCA(keys[1].Public(), name("intermediate"), o.AuthorityValidity, 0, Issuer{Certificate: root, Key: keys[0]})
	if err != nil {
		return nil, nil, err
	}
	c, err := DeviceCertificate(keys[2].Public(), id, o.Validity, Issuer{Certificate: intermediate, Key: keys[1]})
	return &Authority{Root: files.issuer(root, keys[0]), Intermediate: files.issuer(intermediate, keys[1]), Files: files}, c, err
}

func openOrCreate(ctx context.Context, files AuthorityFiles, o ChainOptions, iterations int) (*Authority, error) {
	if files.Exists() {
		return OpenAuthority(files, o.Passphrase)
	}
	return createAuthority(ctx, files, o.Algorithm, o.Authority, o.AuthorityValidity, o.Passphrase, iterations)
}

// writeBoth writes the certificate and its full chain at the same time, in place
// of those that are there.
func writeBoth(f DeviceFiles, c *x509.Certificate, chain []*x509.Certificate) error {
	return writeGroup([]newFile{
		{path: f.Certificate(), data: EncodeCertificates(c), perm: 0o644, replace: true},
		{path: f.FullChain(), data: EncodeCertificates(chain...), perm: 0o644, replace: true},
	})
}
