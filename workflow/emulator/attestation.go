package emulator

import (
	"encoding/json"
	"slices"
	"strings"

	"dpslab/workflow/dps"
)

// Messages of 401002 as the service words them.
const (
	unauthorized       = "Unauthorized"
	invalidCertificate = "Invalid certificate"
	authorityNotFound  = "CA certificate not found"
	signerMismatch     = "Signing certificate info did not match chain elements"
)

// credential is what IoT Hub will know the device by.
type credential struct {
	SHA256 string `json:"sha256,omitempty"` // thumbprint of the leaf
	// Keys of a symmetric-key device. They are the hub's to know, as in Azure.
	PrimaryKey   string `json:"primary_key,omitempty"`
	SecondaryKey string `json:"secondary_key,omitempty"`
}

// admission is the outcome of an attestation that succeeded: which entry admits
// the device, enabled or not.
type admission struct {
	entry      *entry
	credential credential
	activation string          // TPM only: the hub's key, for this TPM alone
	payload    json.RawMessage // what the device tells a custom allocation webhook
}

// attest proves that a device is registrationID and finds the entry that
// decides about it.
func (l *Lab) attest(t *tx, c *call, registrationID string) (*admission, error) {
	if header := c.r.Header.Get("Authorization"); header != "" {
		return l.attestKey(t, c, registrationID, header)
	}
	if len(c.presented()) == 0 {
		return nil, refuse(401000, unauthorized).because("no client certificate and no Authorization header")
	}
	leaf := c.presented()[0]
	if err := checkLeaf(leaf, c.now); err != nil {
		return nil, err
	}
	if !strings.EqualFold(leaf.Subject.CommonName, registrationID) {
		return nil, nameMismatch.because("the common name is not the registration ID")
	}
	e, err := lookAtEntry(t, entryRef{individual, registrationID})
	if err != nil {
		return nil, err
	}
	if thumbprint := c.leafThumbprint(); e != nil && slices.Contains(e.SelfSigned, thumbprint) {
		return &admission{entry: e, credential: credential{SHA256: thumbprint}}, nil
	}
	path := buildChain(c.presented())
	if err := path.checkSigners(c.now); err != nil {
		return nil, err
	}
	if e, err = decidingEntry(t, path, e); err != nil {
		return nil, err
	}
	return &admission{entry: e, credential: credential{SHA256: path.sha256[0]}}, nil
}

// decidingEntry is the first entry that the chain leads to: own, the individual
// enrollment if there is one, then the group of the nearest intermediate, and so on up to the
// root. It decides even if it is disabled.
func decidingEntry(t *tx, path *chain, own *entry) (*entry, error) {
	if own != nil {
		return own, matchIndividual(t, path, own)
	}
	for i := 1; i < len(path.path); i++ {
		e, err := groupOf(t, path.sha256[i])
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		anchored, err := verifiedFrom(t, path, i)
		if err == nil && !anchored {
			err = refuse(401002, authorityNotFound).because("group %s: its certificate and those above it in the chain are not verified", e.ID)
		}
		return e, err
	}
	return nil, noEntry(t, path)
}

// matchIndividual checks the chain against an individual enrollment.
func matchIndividual(t *tx, path *chain, e *entry) error {
	if e.Attestation.X509 == nil {
		return refuse(401002, unauthorized).because("the enrollment does not attest by X.509")
	}
	if names := e.references(); len(names) > 0 {
		return matchReferences(t, path, names)
	}
	enrolled := func(c *dps.X509CertificateWithInfo) bool { return c.Info.SHA256Thumbprint == path.sha256[0] }
	if !slices.ContainsFunc(e.certificates(), enrolled) {
		return individualLookup.because("the enrollment of this registration ID holds another certificate")
	}
	if path.selfSigned {
		return nil
	}
	anchored, err := verifiedFrom(t, path, 1)
	if err == nil && !anchored {
		err = refuse(401002, authorityNotFound).because("no signer in the presented chain is uploaded and verified")
	}
	return err
}

// matchReferences checks that the chain holds one of the CA certificates that
// an individual enrollment refers to by name, and that it is verified.
func matchReferences(t *tx, path *chain, names []string) error {
	anyVerified := false
	for _, thumbprint := range path.sha256[1:] {
		a, err := anchor(t, thumbprint)
		if err != nil {
			return err
		}
		if a == nil || !a.Verified {
			continue
		}
		anyVerified = true
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, a.Name) }) {
			return nil
		}
	}
	if anyVerified {
		return refuse(401002, signerMismatch).because("the chain leads to another CA than the enrollment refers to")
	}
	return refuse(401002, authorityNotFound).because("no signer in the presented chain is uploaded and verified")
}

// groupOf finds the enrollment group that attests by a certificate, either its
// own or an uploaded one it refers to.
func groupOf(t *tx, sha256Thumbprint string) (*entry, error) {
	keys := []string{certificateKey(sha256Thumbprint)}
	if name := t.text(bucketAnchors, sha256Thumbprint); name != "" {
		keys = append(keys, referenceKey(name))
	}
	for _, key := range keys {
		ref, err := get[entryRef](t, bucketAttested, key)
		if err != nil {
			return nil, err
		}
		if ref != nil && ref.Kind == group {
			return lookAtEntry(t, *ref)
		}
	}
	return nil, nil
}

// noEntry words the refusal of a chain that leads to no entry by what is the
// matter with it.
func noEntry(t *tx, path *chain) error {
	if path.selfSigned {
		return refuse(401002, unauthorized).because("no individual enrollment, and a self-signed certificate leads to no group")
	}
	if len(path.signers()) == 0 {
		return refuse(401002, authorityNotFound).because("the device presented no certificate of a CA that signed its own")
	}
	for _, s := range path.signers() {
		ref, err := get[entryRef](t, bucketAttested, subjectKey(s.RawSubject))
		if err != nil {
			return err
		}
		if ref != nil {
			return refuse(401002, signerMismatch).because("group %s holds another certificate of the same name", ref.ID)
		}
	}
	anchored, err := verifiedFrom(t, path, 1)
	if err != nil {
		return err
	}
	if !anchored {
		return refuse(401002, authorityNotFound).because("no signer in the presented chain is uploaded and verified")
	}
	return refuse(401002, unauthorized).because("no enrollment group for a signer in the presented chain")
}
