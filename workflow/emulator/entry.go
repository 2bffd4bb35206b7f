package emulator

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"

	"dpslab/workflow/dps"
)

// kind tells individual enrollments from enrollment groups.
type kind string

const (
	individual kind = "enrollment"
	group      kind = "enrollmentGroup"
)

func (k kind) bucket() bucket {
	if k == group {
		return bucketGroups
	}
	return bucketEnrollments
}

// entryRef names an entry.
type entryRef struct {
	Kind kind   `json:"kind"`
	ID   string `json:"id"` // in the case it was written
}

func (r entryRef) key() string { return strings.ToLower(r.ID) }

// same compares IDs as DPS does, without regard to case.
func (r entryRef) same(o entryRef) bool { return r.Kind == o.Kind && r.key() == o.key() }

// entry is an individual enrollment or an enrollment group as it is stored:
// keys included, certificates as base64 DER with their facts beside them.
type entry struct {
	entryRef
	DeviceID string `json:"deviceId,omitempty"` // individual enrollments only
	dps.EnrollmentRecord
	OptionalDeviceInformation map[string]any `json:"optionalDeviceInformation,omitempty"` // individual enrollments only
	// SelfSigned are the SHA-256 thumbprints of the certificates in it that signed
	// themselves. That is found out once, when they are enrolled: a signature to
	// check is a good part of what a registration costs.
	SelfSigned []string `json:"selfSigned,omitempty"` // individual enrollments only
}

// noteSelfSigned fills in SelfSigned.
func (e *entry) noteSelfSigned() error {
	e.SelfSigned = nil
	if e.Kind == group {
		return nil
	}
	for _, c := range e.certificates() {
		cert, err := parseStored(c)
		if err != nil {
			return err
		}
		if signedItself(cert) {
			e.SelfSigned = append(e.SelfSigned, c.Info.SHA256Thumbprint)
		}
	}
	return nil
}

// decodeEntry reads the body of a create or update.
func decodeEntry(k kind, raw json.RawMessage) (*entry, error) {
	if k == group {
		var g dps.EnrollmentGroup
		err := json.Unmarshal(raw, &g)
		return &entry{entryRef: entryRef{group, g.EnrollmentGroupID}, EnrollmentRecord: g.EnrollmentRecord}, err
	}
	var i dps.IndividualEnrollment
	err := json.Unmarshal(raw, &i)
	return &entry{
		entryRef: entryRef{individual, i.RegistrationID}, DeviceID: i.DeviceID,
		EnrollmentRecord: i.EnrollmentRecord, OptionalDeviceInformation: i.OptionalDeviceInformation,
	}, err
}

// show is the entry as the service API shows it. One that names no hub shows
// those that are linked now: it means all of them, also those to come.
func (l *Lab) show(e *entry, reveal bool, state *dps.DeviceRegistrationState) any {
	if len(e.IoTHubs) > 0 || e.IoTHubHostName != "" {
		return e.wire(reveal, state)
	}
	filled := *e
	for _, h := range l.instance().linked() {
		filled.IoTHubs = append(filled.IoTHubs, h.Host)
	}
	return filled.wire(reveal, state)
}

// wire is the entry in the service API's form. Keys are shown where reveal says
// so; state is an individual enrollment's registration, if it has one.
func (e *entry) wire(reveal bool, state *dps.DeviceRegistrationState) any {
	record := e.EnrollmentRecord
	if !reveal && record.Attestation.SymmetricKey != nil {
		record.Attestation.SymmetricKey = nil
	}
	if e.Kind == group {
		return dps.EnrollmentGroup{EnrollmentGroupID: e.ID, EnrollmentRecord: record}
	}
	return dps.IndividualEnrollment{
		RegistrationID: e.ID, DeviceID: e.DeviceID, RegistrationState: state,
		EnrollmentRecord: record, OptionalDeviceInformation: e.OptionalDeviceInformation,
	}
}

// certificates are the X.509 certificates the entry attests with, never nil
// ones.
func (e *entry) certificates() []*dps.X509CertificateWithInfo {
	x := e.Attestation.X509
	if x == nil {
		return nil
	}
	var all []*dps.X509CertificateWithInfo
	for _, set := range []*dps.X509Certificates{x.ClientCertificates, x.SigningCertificates} {
		if set == nil {
			continue
		}
		for _, c := range []*dps.X509CertificateWithInfo{set.Primary, set.Secondary} {
			if c != nil {
				all = append(all, c)
			}
		}
	}
	return all
}

// references are the names of uploaded CA certificates the entry attests with.
func (e *entry) references() []string {
	if e.Attestation.X509 == nil || e.Attestation.X509.CAReferences == nil {
		return nil
	}
	var names []string
	for _, name := range []string{e.Attestation.X509.CAReferences.Primary, e.Attestation.X509.CAReferences.Secondary} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Keys of bucketAttested.
func certificateKey(sha256Thumbprint string) string { return "certificate " + sha256Thumbprint }
func referenceKey(name string) string               { return "reference " + strings.ToLower(name) }
func referrerPrefix(name string) string             { return "referrer " + strings.ToLower(name) + "\x00" }

func subjectKey(rawSubject []byte) string {
	return fmt.Sprintf("subject %x", sha256.Sum256(rawSubject))
}

// entryKeys are the keys by which the entry is found from a device's chain.
// unique ones may belong to one entry only: its certificates, and for a group
// the names of its CAs. shared ones tell who refers to a CA by name, and help to
// explain a refusal.
func (e *entry) entryKeys() (unique, shared []string, err error) {
	for _, c := range e.certificates() {
		unique = append(unique, certificateKey(c.Info.SHA256Thumbprint))
		if e.Kind != group {
			continue
		}
		parsed, err := parseStored(c)
		if err != nil {
			return nil, nil, err
		}
		shared = append(shared, subjectKey(parsed.RawSubject))
	}
	for _, name := range e.references() {
		if e.Kind == group {
			unique = append(unique, referenceKey(name))
		}
		shared = append(shared, referrerPrefix(name)+string(e.Kind)+" "+e.key())
	}
	return unique, shared, nil
}

// putEntryRecord writes an entry and what it is found by. The keys of old, the
// entry it replaces, are dropped.
func putEntryRecord(t *tx, e, old *entry) error {
	if old != nil {
		if err := dropEntryKeys(t, old); err != nil {
			return err
		}
	}
	unique, shared, err := e.entryKeys()
	if err != nil {
		return err
	}
	for _, key := range append(unique, shared...) {
		if err := put(t, bucketAttested, key, e.entryRef); err != nil {
			return err
		}
	}
	if e.attestsByGroupKey() {
		if err := t.putText(bucketKeyGroups, e.key(), ""); err != nil {
			return err
		}
	}
	return put(t, e.Kind.bucket(), e.key(), e)
}

func (e *entry) attestsByGroupKey() bool { return e.Kind == group && e.Attestation.SymmetricKey != nil }

// dropEntryKeys forgets what an entry is found by. A shared key may have passed
// to another entry and then stays.
func dropEntryKeys(t *tx, e *entry) error {
	if e.Attestation.TPM != nil {
		if err := t.delete(bucketChallenges, e.key()); err != nil {
			return err
		}
	}
	if e.attestsByGroupKey() {
		if err := t.delete(bucketKeyGroups, e.key()); err != nil {
			return err
		}
	}
	unique, shared, err := e.entryKeys()
	if err != nil {
		return err
	}
	for _, key := range append(unique, shared...) {
		owner, err := get[entryRef](t, bucketAttested, key)
		if err != nil {
			return err
		}
		if owner == nil || !owner.same(e.entryRef) {
			continue
		}
		if err := t.delete(bucketAttested, key); err != nil {
			return err
		}
	}
	return nil
}

// checkUnique refuses an entry whose certificate another one holds.
func checkUnique(t *tx, e *entry) error {
	unique, _, err := e.entryKeys()
	if err != nil {
		return err
	}
	for _, key := range unique {
		owner, err := get[entryRef](t, bucketAttested, key)
		if err != nil {
			return err
		}
		if owner != nil && !owner.same(e.entryRef) {
			return certificateTaken.refuse(owner.ID)
		}
	}
	return nil
}

func getEntryRecord(t *tx, ref entryRef) (*entry, error) {
	return get[entry](t, ref.Kind.bucket(), ref.key())
}

// parseStored gives the certificate that is stored in an entry.
func parseStored(c *dps.X509CertificateWithInfo) (*x509.Certificate, error) {
	cert, err := readCertificateText(c.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading a stored certificate: %w", err)
	}
	return cert, nil
}
