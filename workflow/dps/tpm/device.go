package tpm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"dpslab/workflow/dps"
)

// Persistent handles.
const (
	endorsementHandle tpm2.TPMHandle = 0x81010001
	storageHandle     tpm2.TPMHandle = 0x81000001
	identityHandle    tpm2.TPMHandle = 0x81000100
)

// Device is a TPM 2.0. It is safe for use by many goroutines, one after the
// other.
type Device struct {
	mu       sync.Mutex
	path     string
	tpm      transport.TPMCloser
	ek, srk  primary
	identity *key // nil until a key is activated or found
	kept     error
}

var _ dps.TPM = (*Device)(nil)

// key is an object in the TPM. A transient one must be flushed.
type key struct {
	tpm2.NamedHandle
	public    tpm2.TPM2BPublic
	transient bool
}

// primary is the endorsement key or the storage root key. A TPM has three places
// for loaded keys, so it is loaded only while it is in use; to make it anew takes
// seconds in some TPMs, so its context is saved meanwhile.
type primary struct {
	known  []byte            // public area, nil until it was asked for
	saved  *tpm2.TPMSContext // nil for one at its persistent handle
	made   key               // what the context is of
	loaded *key
}

// Close frees what was loaded and ends the connection. What was kept stays.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []error
	for _, k := range []**key{&d.ek.loaded, &d.srk.loaded, &d.identity} {
		all = append(all, d.flush(k))
	}
	return errors.Join(append(all, d.tpm.Close())...)
}

func (d *Device) flush(at **key) error {
	k := *at
	*at = nil
	if k == nil || !k.transient {
		return nil
	}
	_, err := tpm2.FlushContext{FlushHandle: k.Handle}.Execute(d.tpm)
	return err
}

// EndorsementKey gives the public endorsement key as TPM2B_PUBLIC. It names the
// TPM: an enrollment holds it.
func (d *Device) EndorsementKey(ctx context.Context) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.publicOf(ctx, &d.ek, d.endorsement)
}

// StorageRootKey gives the public storage root key as TPM2B_PUBLIC.
func (d *Device) StorageRootKey(ctx context.Context) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.publicOf(ctx, &d.srk, d.storage)
}

func (d *Device) publicOf(ctx context.Context, p *primary, load func(context.Context) (*key, error)) ([]byte, error) {
	if p.known == nil {
		if _, err := load(ctx); err != nil {
			return nil, err
		}
		if err := d.flush(&p.loaded); err != nil {
			return nil, d.failed("free a key", err)
		}
	}
	return slices.Clone(p.known), nil
}

func (d *Device) endorsement(ctx context.Context) (*key, error) {
	return d.primary(ctx, &d.ek, "endorsement key", endorsementHandle, tpm2.TPMRHEndorsement, tpm2.RSAEKTemplate)
}

func (d *Device) storage(ctx context.Context) (*key, error) {
	return d.primary(ctx, &d.srk, "storage root key", storageHandle, tpm2.TPMRHOwner, tpm2.RSASRKTemplate)
}

// primary loads a primary key: from its handle, from its saved context, or by
// making it.
func (d *Device) primary(ctx context.Context, p *primary, what string, handle, hierarchy tpm2.TPMHandle, template tpm2.TPMTPublic) (*key, error) {
	if p.loaded != nil {
		return p.loaded, nil
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if p.saved != nil {
		return d.restore(p, what)
	}
	if k, err := d.persistent(handle); err == nil && like(k.public, template) {
		p.loaded, p.known = k, tpm2.Marshal(k.public)
		return k, nil
	}
	made, err := tpm2.CreatePrimary{
		PrimaryHandle: tpm2.AuthHandle{Handle: hierarchy, Auth: tpm2.PasswordAuth(nil)},
		InPublic:      tpm2.New2B(template),
	}.Execute(d.tpm)
	if err != nil {
		return nil, d.failed("make the "+what, err)
	}
	p.loaded = &key{tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name}, made.OutPublic, true}
	p.known = tpm2.Marshal(made.OutPublic)
	saved, err := tpm2.ContextSave{SaveHandle: made.ObjectHandle}.Execute(d.tpm)
	if err != nil {
		return nil, d.failed("save the "+what, err)
	}
	p.saved, p.made = &saved.Context, *p.loaded
	return p.loaded, nil
}

func (d *Device) restore(p *primary, what string) (*key, error) {
	back, err := tpm2.ContextLoad{Context: *p.saved}.Execute(d.tpm)
	if err != nil {
		p.saved = nil // the TPM was reset: it is made anew the next time
		return nil, d.failed("load the "+what+" again", err)
	}
	again := p.made
	again.Handle = back.LoadedHandle
	p.loaded = &again
	return p.loaded, nil
}

// persistent looks at what is at a persistent handle.
func (d *Device) persistent(handle tpm2.TPMHandle) (*key, error) {
	read, err := tpm2.ReadPublic{ObjectHandle: handle}.Execute(d.tpm)
	if err != nil {
		return nil, err
	}
	return &key{tpm2.NamedHandle{Handle: handle, Name: read.Name}, read.OutPublic, false}, nil
}

// like reports whether a key is of the kind that a template makes: others may
// keep theirs, of elliptic curves say, at the same handle.
func like(public tpm2.TPM2BPublic, template tpm2.TPMTPublic) bool {
	p, err := public.Contents()
	return err == nil && p.Type == template.Type && p.NameAlg == template.NameAlg && p.ObjectAttributes == template.ObjectAttributes
}

// Sign makes HMAC-SHA256 of text, at most 1024 bytes, with the key that was
// activated last, by this process or an earlier one.
func (d *Device) Sign(ctx context.Context, text []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if d.identity == nil {
		k, err := d.persistent(identityHandle)
		if err != nil || !isIdentity(k.public) {
			return nil, dps.ErrNoIdentity
		}
		d.identity = k
	}
	signed, err := tpm2.Hmac{
		Handle:  tpm2.AuthHandle{Handle: d.identity.Handle, Name: d.identity.Name, Auth: tpm2.PasswordAuth(nil)},
		Buffer:  tpm2.TPM2BMaxBuffer{Buffer: text},
		HashAlg: tpm2.TPMAlgSHA256,
	}.Execute(d.tpm)
	if err != nil {
		return nil, d.failed("sign", err)
	}
	return signed.OutHMAC.Buffer, nil
}

// isIdentity reports whether a key is one that signs by HMAC.
func isIdentity(public tpm2.TPM2BPublic) bool {
	p, err := public.Contents()
	return err == nil && p.Type == tpm2.TPMAlgKeyedHash && p.ObjectAttributes.SignEncrypt
}

// NotKept says why the key that was activated last could not be kept in the TPM
// for later processes, such as an owner's password that is not known here. It is
// nil when the key was kept.
func (d *Device) NotKept() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept
}

func (d *Device) failed(what string, err error) error {
	return fmt.Errorf("TPM %s: %s: %w", d.path, what, err)
}
