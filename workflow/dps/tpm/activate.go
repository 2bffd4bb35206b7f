package tpm

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// activation is what an authenticationKey of DPS holds, each part after its size
// in two bytes: a credential for the endorsement key with the secret that opens
// it, an HMAC key wrapped for the storage root key with its secret, the public
// area of that key, and encrypted text about it. The credential is the key of
// the inner wrapper ("Trusted Platform Module Library" part 1, sections 23 and
// 24).
type activation struct {
	credential, credentialSecret []byte
	duplicate, duplicateSecret   []byte
	public                       []byte
	note                         []byte // not needed
}

// errNotActivation says that a blob has another shape.
var errNotActivation = errors.New("the authenticationKey has another shape than those of Device Provisioning Service")

// maxPart bounds each part; all that a TPM takes is smaller.
const maxPart = 2048

func parseActivation(blob []byte) (*activation, error) {
	a := &activation{}
	for _, part := range []*[]byte{&a.credential, &a.credentialSecret, &a.duplicate, &a.duplicateSecret, &a.public, &a.note} {
		if len(blob) < 2 {
			return nil, errNotActivation
		}
		n := int(binary.BigEndian.Uint16(blob))
		if n > maxPart || n > len(blob)-2 {
			return nil, errNotActivation
		}
		*part, blob = blob[2:2+n], blob[2+n:]
	}
	if len(blob) > 0 {
		return nil, errNotActivation
	}
	return a, nil
}

// ActivateIdentity opens what DPS sent for this TPM alone, and signs with the
// key inside from then on. See NotKept for later processes.
func (d *Device) ActivateIdentity(ctx context.Context, blob []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, err := parseActivation(blob)
	if err != nil {
		return err
	}
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](a.public)
	if err != nil {
		return errNotActivation
	}
	k, err := d.take(ctx, a, tpm2.New2B(*public))
	// What the work needed makes room: also a kept key takes a place while it
	// signs.
	if freed := errors.Join(d.flush(&d.ek.loaded), d.flush(&d.srk.loaded)); err == nil && freed != nil {
		err = d.failed("free the primary keys", freed)
	}
	if err != nil {
		return err
	}
	d.identity = k
	d.kept = d.keep()
	return nil
}

// take opens the wrappers and loads the key in place of the former one.
func (d *Device) take(ctx context.Context, a *activation, public tpm2.TPM2BPublic) (*key, error) {
	inner, err := d.open(ctx, a)
	if err != nil {
		return nil, err
	}
	if err := d.flush(&d.ek.loaded); err != nil {
		return nil, d.failed("free the endorsement key", err)
	}
	return d.load(ctx, a, inner, public)
}

// open gives the key of the inner wrapper.
func (d *Device) open(ctx context.Context, a *activation) ([]byte, error) {
	ek, err := d.endorsement(ctx)
	if err != nil {
		return nil, err
	}
	srk, err := d.storage(ctx)
	if err != nil {
		return nil, err
	}
	opened, err := tpm2.ActivateCredential{
		ActivateHandle: tpm2.AuthHandle{Handle: srk.Handle, Name: srk.Name, Auth: tpm2.PasswordAuth(nil)},
		KeyHandle:      tpm2.AuthHandle{Handle: ek.Handle, Name: ek.Name, Auth: tpm2.Policy(tpm2.TPMAlgSHA256, 16, endorsementPolicy)},
		CredentialBlob: tpm2.TPM2BIDObject{Buffer: a.credential},
		Secret:         tpm2.TPM2BEncryptedSecret{Buffer: a.credentialSecret},
	}.Execute(d.tpm)
	if err != nil {
		return nil, d.failed("open the key that DPS sent: it is for the TPM of the enrollment, with its endorsement key and storage root key", err)
	}
	return opened.CertInfo.Buffer, nil
}

// endorsementPolicy is what the template of the endorsement key asks for:
// whoever may use the endorsement hierarchy.
func endorsementPolicy(t transport.TPM, session tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
	_, err := tpm2.PolicySecret{
		AuthHandle:    tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
		PolicySession: session, NonceTPM: nonce,
	}.Execute(t)
	return err
}

// load takes the HMAC key into the TPM.
func (d *Device) load(ctx context.Context, a *activation, inner []byte, public tpm2.TPM2BPublic) (*key, error) {
	srk, err := d.storage(ctx)
	if err != nil {
		return nil, err
	}
	parent := tpm2.AuthHandle{Handle: srk.Handle, Name: srk.Name, Auth: tpm2.PasswordAuth(nil)}
	imported, err := tpm2.Import{
		ParentHandle:  parent,
		EncryptionKey: tpm2.TPM2BData{Buffer: inner},
		ObjectPublic:  public,
		Duplicate:     tpm2.TPM2BPrivate{Buffer: a.duplicate},
		InSymSeed:     tpm2.TPM2BEncryptedSecret{Buffer: a.duplicateSecret},
		Symmetric: tpm2.TPMTSymDef{
			Algorithm: tpm2.TPMAlgAES,
			KeyBits:   tpm2.NewTPMUSymKeyBits(tpm2.TPMAlgAES, tpm2.TPMKeyBits(128)),
			Mode:      tpm2.NewTPMUSymMode(tpm2.TPMAlgAES, tpm2.TPMAlgCFB),
		},
	}.Execute(d.tpm)
	if err != nil {
		return nil, d.failed("take over the key that DPS sent", err)
	}
	if err := d.flush(&d.identity); err != nil {
		return nil, d.failed("free the former key", err)
	}
	loaded, err := tpm2.Load{ParentHandle: parent, InPrivate: imported.OutPrivate, InPublic: public}.Execute(d.tpm)
	if err != nil {
		return nil, d.failed("load the key that DPS sent", err)
	}
	return &key{tpm2.NamedHandle{Handle: loaded.ObjectHandle, Name: loaded.Name}, public, true}, nil
}

// keep makes the activated key persistent in place of the former one.
func (d *Device) keep() error {
	owner := tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
	if former, err := d.persistent(identityHandle); err == nil {
		if !isIdentity(former.public) {
			return d.failed("keep the key", errors.New("handle 0x81000100 holds a key of somebody else"))
		}
		_, err := tpm2.EvictControl{Auth: owner, ObjectHandle: former.NamedHandle, PersistentHandle: identityHandle}.Execute(d.tpm)
		if err != nil {
			return d.failed("remove the former key", err)
		}
	}
	_, err := tpm2.EvictControl{Auth: owner, ObjectHandle: d.identity.NamedHandle, PersistentHandle: identityHandle}.Execute(d.tpm)
	if err != nil {
		return d.failed("keep the key", err)
	}
	return nil
}
