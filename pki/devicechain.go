package pki

import (
	"context"
	"crypto"
	"crypto/x509"
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
	c, err := DeviceCertificate(r.key.Public(), device.RegistrationID, o.Validity, a.Intermediate)
	if err != nil {
		return nil, nil, err
	}
	return a, c, writeBoth(device, c, a.FullChain(c))
}

func openOrCreate(ctx context.Context, files AuthorityFiles, o ChainOptions, iterations int) (*Authority, error) {
	if files.Exists() {
		return OpenAuthority(files, o.Passphrase)
	}
	return createAuthority(ctx, files, o.Algorithm, o.Authority, o.AuthorityValidity, o.Passphrase, iterations)
}

// writeBoth writes the certificate and its full chain at the same time: most of
// the time goes to waiting for the disk.
func writeBoth(f DeviceFiles, c *x509.Certificate, chain []*x509.Certificate) error {
	alone := make(chan error, 1)
	go func() { alone <- WriteCertificates(f.Certificate(), c) }()
	err := WriteCertificates(f.FullChain(), chain...)
	if other := <-alone; other != nil {
		return other
	}
	return err
}
