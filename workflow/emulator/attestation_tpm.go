package emulator

import (
	"encoding/base64"
	"net/http"
	"strings"

	"dpslab/workflow/dps"
)

// validateTPM checks the keys of an enrollment by TPM.
func validateTPM(a *dps.TPMAttestation) error {
	if a == nil || a.EndorsementKey == "" {
		return invalid("attestation.tpm.endorsementKey is missing")
	}
	for _, key := range []string{a.EndorsementKey, a.StorageRootKey} {
		if key == "" {
			continue
		}
		if _, err := parseTPMKey(key); err != nil {
			return tpmKeyShape.refuse(err)
		}
	}
	return nil
}

// tpmKeySize is the size of the HMAC keys that a TPM is given.
const tpmKeySize = 32

// registrationResource is what a device's token is for.
func (l *Lab) registrationResource(registrationID string) string {
	return l.instance().IDScope + "/registrations/" + registrationID
}

// newActivation makes an HMAC key, base64, and the blob that gives it to the
// TPM of an enrollment. shown is what the device says of its TPM; its storage
// root key counts when the enrollment names none.
func newActivation(e *entry, shown *dps.TPMAttestation, note string) (key, blob string, err error) {
	enrolled := e.Attestation.TPM
	root := enrolled.StorageRootKey
	if root == "" && shown != nil {
		root = shown.StorageRootKey
	}
	ek, err := parseTPMKey(enrolled.EndorsementKey)
	if err != nil {
		return "", "", tpmKeyShape.refuse(err)
	}
	srk, err := parseTPMKey(root)
	if err != nil {
		return "", "", tpmKeyShape.refuse("storageRootKey: ", err)
	}
	raw := randomBytes(tpmKeySize)
	blob, err = activationBlob(ek, srk, raw, note)
	return base64.StdEncoding.EncodeToString(raw), blob, err
}

// challenge answers the first register of a TPM with 401 and a key that only
// the TPM of the enrollment can read. Signing the second register with it is
// the proof.
func (l *Lab) challenge(c *call, registrationID string, shown *dps.TPMAttestation) error {
	e, err := read(l.store, func(t *tx) (*entry, error) {
		return getEntryRecord(t, entryRef{individual, registrationID})
	})
	if err != nil {
		return err
	}
	if e == nil || e.Attestation.TPM == nil || e.Attestation.TPM.EndorsementKey != shown.EndorsementKey {
		return tpmUnknown.because("no enrollment with this endorsement key")
	}
	key, blob, err := newActivation(e, shown, l.registrationResource(registrationID))
	if err != nil {
		return err
	}
	err = l.store.update(func(t *tx) error { return t.putText(bucketChallenges, strings.ToLower(registrationID), key) })
	if err != nil {
		return err
	}
	c.verdict = "challenged the TPM"
	c.json(http.StatusUnauthorized, map[string]string{
		"message": unauthorized, "authenticationKey": blob, "keyName": "registration", "trackingId": c.requestID,
	})
	return nil
}

// matchTPM checks a token against the key of the newest challenge.
func matchTPM(t *tx, token dps.SharedAccessSignature, e *entry) (*admission, error) {
	key := t.text(bucketChallenges, e.key())
	if key == "" || !token.SignedBy(key) {
		return nil, refuse(401002, unauthorized).because("the token was not made with the key of the newest challenge")
	}
	return &admission{entry: e}, nil
}

// giveHubKey makes the key that the device will use at the hub.
func (a *admission) giveHubKey(note string, shown *dps.TPMAttestation) (err error) {
	a.credential.PrimaryKey, a.activation, err = newActivation(a.entry, shown, note)
	a.credential.SecondaryKey = newKey() // nobody gets to know it
	return err
}
