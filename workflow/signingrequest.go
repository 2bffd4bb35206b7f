package workflow

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/profiles"
)

// imports reports whether the device's certificate was issued elsewhere: what is
// above it stands in its own chain, and no CA here has a key for it.
func (r *run) imports() bool {
	s := r.profile.Identity.Source
	return s == profiles.SourceFiles || s == profiles.SourceCSR
}

// requestFile is where the signing request is written.
func (r *run) requestFile() string {
	d := r.deviceFiles()
	return filepath.Join(d.Dir, "certs", d.RegistrationID+".csr.pem")
}

// signedFile is where the CA's answer is awaited.
func (r *run) signedFile() string {
	if f := r.profile.Identity.SignedFile; f != "" {
		return f
	}
	d := r.deviceFiles()
	return filepath.Join(d.Dir, "certs", d.RegistrationID+".signed.pem")
}

// request makes the device's key here and a signing request, and takes in the
// certificate that a CA elsewhere made of it. Until that is there, it waits;
// another run picks it up.
func (r *run) request(ctx context.Context, a pki.Algorithm, passphrase []byte) (*x509.Certificate, error) {
	f := r.files()
	key, err := r.ensureDeviceKey(ctx, a, passphrase)
	if err != nil {
		return nil, err
	}
	if err := r.writeRequest(key); err != nil {
		return nil, err
	}
	chain, err := r.signed(key, "")
	if errors.Is(err, errNotDone) {
		chain, err = r.awaitSigned(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	if err := pki.WriteCertificates(f.certificate, chain[0]); err != nil {
		return nil, err
	}
	if err := pki.WriteCertificates(f.chain, chain...); err != nil {
		return nil, err
	}
	r.wrote(File{Path: f.certificate, What: "device certificate", New: true}, File{Path: f.chain, What: "full chain", New: true})
	return chain[0], nil
}

// writeRequest writes the request unless one for this key and name is there:
// a CA may have it already.
func (r *run) writeRequest(key crypto.Signer) error {
	path, id := r.requestFile(), r.profile.Identity.RegistrationID
	if held, err := pki.ReadAny(path, nil); err == nil {
		if q := held.Request(); q != nil && samePublic(q.PublicKey, key.Public()) && strings.EqualFold(q.Subject.CommonName, id) {
			r.wrote(File{Path: path, What: "signing request"})
			return nil
		}
	}
	q, err := pki.CreateRequest(key, id)
	if err != nil {
		return err
	}
	if err := pki.WriteRequest(path, q); err != nil {
		return err
	}
	r.wrote(File{Path: path, What: "signing request", New: true})
	return nil
}

func samePublic(a, b crypto.PublicKey) bool {
	x, err := x509.MarshalPKIXPublicKey(a)
	if err != nil {
		return false
	}
	y, err := x509.MarshalPKIXPublicKey(b)
	return err == nil && bytes.Equal(x, y)
}

func (r *run) awaitSigned(ctx context.Context, key crypto.Signer) ([]*x509.Certificate, error) {
	request, want := r.requestFile(), r.signedFile()
	m := Manual{
		What: "Have a CA sign the request of " + r.profile.Identity.RegistrationID + " and put the certificate, with the chain above it, at " + want,
		File: request, Command: shellLine([]string{"dpslab", "cert", "sign", request, "--authority", "NAME", "--out", want}),
	}
	q := Question{Key: keySignedFile, Prompt: "Path of the signed certificate (enter: " + want + ")"}
	var chain []*x509.Certificate
	err := r.hand(ctx, m, q, func(_ context.Context, answer string) (err error) {
		chain, err = r.signed(key, answer)
		return err
	})
	return chain, err
}

// signed reads the CA's answer from the awaited place or another, leaf first.
// errNotDone says that it is not there yet, or is still the one that ran out.
func (r *run) signed(key crypto.Signer, path string) ([]*x509.Certificate, error) {
	if path == "" {
		path = r.signedFile()
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, errNotDone
	}
	held, err := pki.ReadAny(path, nil)
	if err != nil {
		return nil, err
	}
	op := "take in " + path
	chain, err := pki.FullChain(held.Certificates(), true)
	if err != nil || len(chain) == 0 {
		return nil, &Problem{Kind: LocalFile, Op: op, Rule: "F12", Summary: "it holds no certificate chain that can be used", Fix: "dpslab cert verify " + path + " shows what is in it."}
	}
	leaf, id := chain[0], r.profile.Identity.RegistrationID
	switch {
	case !samePublic(leaf.PublicKey, key.Public()):
		return nil, &Problem{
			Kind: LocalFile, Op: op, Rule: "F01", Summary: "its certificate is for another key than the one in " + r.files().key,
			Fix: "Have the request " + r.requestFile() + " signed.",
		}
	case !strings.EqualFold(leaf.Subject.CommonName, id):
		return nil, &Problem{
			Kind: LocalFile, Op: op, Rule: "F05", Summary: fmt.Sprintf("its CN is %q, the registration ID is %q", leaf.Subject.CommonName, id),
			Fix: "The CA must keep the name of the request.",
		}
	case time.Now().After(leaf.NotAfter):
		return nil, errNotDone
	}
	return chain, nil
}
