package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// BulkItem is what became of one record of a list.
type BulkItem struct {
	ID      string   `json:"id"`
	Group   bool     `json:"group"`
	Outcome string   `json:"outcome"` // one of the Bulk… constants
	Code    int      `json:"code,omitempty"`
	Error   string   `json:"error,omitempty"` // why it failed
	Changes []Change `json:"changes,omitempty"`
}

// Outcomes of one record of a list.
const (
	BulkCreated   = "created"
	BulkUpdated   = "updated"
	BulkUnchanged = "unchanged" // it was as wanted, nothing was sent
	BulkDeleted   = "deleted"
	BulkAbsent    = "absent"    // to be deleted, and not there
	BulkFailed    = "failed"    // see Code and Error
	BulkUntried   = "not tried" // an earlier request of the list failed as a whole
)

// bulkEntry is a record on its way.
type bulkEntry struct {
	record Enrollment
	item   *BulkItem
}

// PutEnrollments writes many enrollments, ten in a request. Each is read first:
// members that a text leaves out stay as they are, and one that is null goes.
// Those that are as wanted are left out, the others are created or updated with
// the etag that was read. The error is of a request that failed as a whole; what
// the service refused of a record stands in its item.
func (v *Service) PutEnrollments(ctx context.Context, group bool, texts []json.RawMessage) ([]BulkItem, error) {
	op := "write a list of " + kindOf(group) + "s"
	client, err := v.bulkClient(op)
	if err != nil {
		return nil, err
	}
	items := make([]BulkItem, len(texts))
	for i, text := range texts {
		items[i] = BulkItem{ID: EnrollmentIDOf(group, text), Group: group, Outcome: BulkUntried}
	}
	var create, update []bulkEntry
	for i, text := range texts {
		there, err := v.there(ctx, op, client, group, items[i].ID)
		if err != nil {
			return items, err
		}
		want, err := wantedRecord(group, there, text)
		if err != nil {
			return items, err
		}
		if there == nil {
			create = append(create, bulkEntry{*want, &items[i]})
			continue
		}
		items[i].Changes = differences(there, want)
		if len(items[i].Changes) == 0 && !carriesKeys(want) {
			items[i].Outcome = BulkUnchanged
			continue
		}
		v.emit(Event{Kind: ChangesFound, Text: kindOf(group) + " " + want.ID + " is to be changed", Changes: items[i].Changes})
		update = append(update, bulkEntry{withTag(*want, there.ETag), &items[i]})
	}
	if err := v.bulk(ctx, op, client, dps.BulkCreate, create, BulkCreated); err != nil {
		return items, err
	}
	return items, v.bulk(ctx, op, client, dps.BulkUpdateIfMatchETag, update, BulkUpdated)
}

// wantedRecord is what a record becomes that a text changes; there is nil for a
// new one.
func wantedRecord(group bool, there *Enrollment, text json.RawMessage) (*Enrollment, error) {
	if there != nil {
		text = MergeEnrollment(there, text)
	}
	return ParseEnrollment(group, text)
}

// MergeEnrollment puts the members of a JSON text over those of a record: what
// the text leaves out stays, and what it says is null goes. A text that is no
// object comes back as it is, for [ParseEnrollment] to say so.
func MergeEnrollment(there *Enrollment, text json.RawMessage) json.RawMessage {
	var base, over map[string]json.RawMessage
	if json.Unmarshal([]byte(there.JSON), &base) != nil || json.Unmarshal(text, &over) != nil || over == nil {
		return text
	}
	for name, value := range over {
		base[name] = value
		if string(value) == "null" {
			delete(base, name)
		}
	}
	merged, err := json.Marshal(base)
	if err != nil {
		return text
	}
	return merged
}

// DeleteEnrollments removes many enrollments, ten in a request. Each is read
// first: the contract asks for whole records. Registrations by them stay.
func (v *Service) DeleteEnrollments(ctx context.Context, group bool, ids []string) ([]BulkItem, error) {
	op := "delete a list of " + kindOf(group) + "s"
	client, err := v.bulkClient(op)
	if err != nil {
		return nil, err
	}
	items := make([]BulkItem, len(ids))
	var entries []bulkEntry
	for i, id := range ids {
		items[i] = BulkItem{ID: id, Group: group, Outcome: BulkUntried}
		there, err := v.there(ctx, op, client, group, id)
		switch {
		case err != nil:
			return items, err
		case there == nil && !v.dry:
			items[i].Outcome = BulkAbsent
			continue
		case there == nil:
			there = unread(group, id)
		}
		entries = append(entries, bulkEntry{*there, &items[i]})
	}
	return items, v.bulk(ctx, op, client, dps.BulkDelete, entries, BulkDeleted)
}

func (v *Service) bulkClient(op string) (*dps.ServiceClient, error) {
	if err := v.mayWrite(op); err != nil {
		return nil, err
	}
	return v.dps(op)
}

// unread stands for a record that a dry run did not read.
func unread(group bool, id string) *Enrollment {
	if group {
		e := ofGroup(&dps.EnrollmentGroup{EnrollmentGroupID: id})
		return &e
	}
	e := ofIndividual(&dps.IndividualEnrollment{RegistrationID: id})
	return &e
}

// withTag is the record with another etag in it.
func withTag(e Enrollment, tag string) Enrollment {
	e.ETag = tag
	if e.Group {
		g := *e.group
		g.ETag, e.group = tag, &g
		return e
	}
	i := *e.individual
	i.ETag, e.individual = tag, &i
	return e
}

// bulk sends records and notes what became of each. It is not repeated after an
// answer that was lost: records that were created would be conflicts.
func (v *Service) bulk(ctx context.Context, op string, client *dps.ServiceClient, mode dps.BulkMode, entries []bulkEntry, done string) error {
	for len(entries) > 0 {
		ten := entries[:min(dps.MaxBulk, len(entries))]
		var result dps.BulkResult
		err := v.try(v.writing(ctx), op, false, func(ctx context.Context) (err error) {
			result, _, err = sendBulk(ctx, client, mode, ten)
			return err
		})
		if _, dry := DryRunOf(err); err != nil && (!dry || len(entries) == len(ten)) {
			return err
		}
		for _, e := range ten {
			e.item.Outcome = done
			for _, refused := range result.Errors {
				if refused.ID() == e.record.ID {
					e.item.Outcome, e.item.Code, e.item.Error = BulkFailed, refused.ErrorCode, wire.RedactText(refused.ErrorStatus)
				}
			}
		}
		entries = entries[len(ten):]
	}
	return nil
}

func sendBulk(ctx context.Context, client *dps.ServiceClient, mode dps.BulkMode, entries []bulkEntry) (dps.BulkResult, int, error) {
	if entries[0].record.Group {
		groups := make([]*dps.EnrollmentGroup, len(entries))
		for i, e := range entries {
			groups[i] = e.record.group
		}
		return client.BulkGroups(ctx, mode, groups)
	}
	individuals := make([]*dps.IndividualEnrollment, len(entries))
	for i, e := range entries {
		individuals[i] = e.record.individual
	}
	return client.BulkEnrollments(ctx, mode, individuals)
}

// PutEnrollmentIf writes an enrollment as PutEnrollment does, without reading it
// first: on the condition that DPS holds it with the etag ifMatch, as a file says
// that was read before, or with an empty one that DPS holds none. When that is
// not so, nothing is written, and the *Problem lists the difference from what was
// to be written to what DPS holds.
func (v *Service) PutEnrollmentIf(ctx context.Context, group bool, text []byte, ifMatch string) (*PutResult, error) {
	want, err := ParseEnrollment(group, text)
	if err != nil {
		return nil, err
	}
	op := "write " + kindOf(group) + " " + want.ID
	client, err := v.bulkClient(op)
	if err != nil {
		return nil, err
	}
	result := &PutResult{Created: ifMatch == "", sent: true}
	var base *Enrollment
	if ifMatch != "" {
		was := withTag(*want, ifMatch)
		base = &was
	}
	err = v.try(v.writing(ctx), op, true, func(ctx context.Context) (err error) {
		result.Enrollment, err = save(ctx, client, base, want)
		return err
	})
	if err != nil {
		return nil, notAsRead(err, want.ID)
	}
	return result, nil
}

// notAsRead says of a record whose etag is another one what to do about it.
func notAsRead(err error, id string) error {
	var p *Problem
	if errors.As(err, &p) && p.Status == http.StatusPreconditionFailed {
		p.Why = "The etag that was given is not the one that the record has at DPS: it was changed after that etag was read. What is told goes from what was to be written to what DPS holds; nothing was overwritten."
		p.Fix = "Read it again and make the change in that: dpslab enrollment show " + ShellWord(id) + "."
	}
	return err
}

// AttestationFacts is how a record's devices prove themselves, keys included.
type AttestationFacts struct {
	Type                            string
	PrimaryKey, SecondaryKey        Secret // symmetricKey
	EndorsementKey, StorageRootKey  string // tpm; public keys
	CertificateSHA256, SecondSHA256 string // x509, as DPS tells them
	CAReference, SecondCAReference  string
}

// Attestation reads the attestation mechanism of an enrollment, which needs a
// right of its own: it alone shows symmetric keys.
func (v *Service) Attestation(ctx context.Context, group bool, id string) (*AttestationFacts, error) {
	op := "read the attestation of " + kindOf(group) + " " + id
	client, err := v.dps(op)
	if err != nil {
		return nil, err
	}
	var a *dps.AttestationMechanism
	err = v.try(v.reading(ctx), op, true, func(ctx context.Context) (err error) {
		if group {
			a, err = client.GroupAttestation(ctx, id)
		} else {
			a, err = client.EnrollmentAttestation(ctx, id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return factsOf(a), nil
}

func factsOf(a *dps.AttestationMechanism) *AttestationFacts {
	f := &AttestationFacts{Type: a.Type}
	if k := a.SymmetricKey; k != nil {
		f.PrimaryKey, f.SecondaryKey = dps.NewSecret(k.PrimaryKey), dps.NewSecret(k.SecondaryKey)
	}
	if t := a.TPM; t != nil {
		f.EndorsementKey, f.StorageRootKey = t.EndorsementKey, t.StorageRootKey
	}
	if a.X509 == nil {
		return f
	}
	if r := a.X509.CAReferences; r != nil {
		f.CAReference, f.SecondCAReference = r.Primary, r.Secondary
	}
	for _, set := range []*dps.X509Certificates{a.X509.ClientCertificates, a.X509.SigningCertificates} {
		if set != nil {
			f.CertificateSHA256, f.SecondSHA256 = thumbprintOf(set.Primary), thumbprintOf(set.Secondary)
		}
	}
	return f
}

func thumbprintOf(c *dps.X509CertificateWithInfo) string {
	if c == nil || c.Info == nil {
		return ""
	}
	return c.Info.SHA256Thumbprint
}

// Unchanged reports whether nothing was written, because DPS holds the record as
// it is wanted.
func (r *PutResult) Unchanged() bool { return !r.Created && len(r.Changes) == 0 && !r.sent }
