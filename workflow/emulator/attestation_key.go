package emulator

import (
	"strings"

	"dpslab/workflow/dps"
)

// attestKey proves a device by a shared access signature: with the key of its
// individual enrollment, or with one derived from the key of a symmetric-key
// group. Which group is found by trying: the token does not say.
func (l *Lab) attestKey(t *tx, c *call, registrationID, header string) (*admission, error) {
	token, err := dps.ParseSharedAccessSignature(header)
	if err != nil {
		return nil, refuse(401000, unauthorized).because("%v", err)
	}
	if token.Expiry.Before(c.now) {
		return nil, refuse(401002, unauthorized).because("the shared access signature expired")
	}
	if !strings.EqualFold(token.Resource, l.registrationResource(registrationID)) {
		return nil, refuse(401002, unauthorized).because("the shared access signature is for another resource")
	}
	e, err := lookAtEntry(t, entryRef{individual, registrationID})
	if err != nil {
		return nil, err
	}
	if e != nil && e.Attestation.TPM != nil {
		return matchTPM(t, token, e)
	}
	if e != nil {
		return matchKeys(token, e, registrationID)
	}
	cursor := t.cursor(bucketKeyGroups)
	for name, _ := cursor.First(); name != nil; name, _ = cursor.Next() {
		e, err := lookAtEntry(t, entryRef{group, string(name)})
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		if a, err := matchKeys(token, e, registrationID); err == nil {
			return a, nil
		}
	}
	return nil, refuse(401002, unauthorized).because("no enrollment, and no group key gives the key that signed")
}

// matchKeys checks the token against both keys of an entry. The keys of a
// group's device are derived from its registration ID, in the case of the
// request or in lower case: clients do either.
func matchKeys(token dps.SharedAccessSignature, e *entry, registrationID string) (*admission, error) {
	keys := e.Attestation.SymmetricKey
	if keys == nil {
		return nil, refuse(401002, unauthorized).because("the enrollment does not attest by symmetric key")
	}
	candidates := []credential{{PrimaryKey: keys.PrimaryKey, SecondaryKey: keys.SecondaryKey}}
	if e.Kind == group {
		candidates = nil
		for _, id := range []string{registrationID, strings.ToLower(registrationID)} {
			derived, err := derivedKeys(keys, id)
			if err != nil {
				return nil, err
			}
			candidates = append(candidates, derived)
		}
	}
	for _, found := range candidates {
		if token.SignedBy(found.PrimaryKey) || token.SignedBy(found.SecondaryKey) {
			return &admission{entry: e, credential: found}, nil
		}
	}
	return nil, refuse(401002, unauthorized).because("the shared access signature was made with another key")
}

func derivedKeys(keys *dps.SymmetricKeyAttestation, registrationID string) (c credential, err error) {
	if c.PrimaryKey, err = dps.DeriveDeviceKey(keys.PrimaryKey, registrationID); err != nil {
		return c, err
	}
	c.SecondaryKey, err = dps.DeriveDeviceKey(keys.SecondaryKey, registrationID)
	return c, err
}
