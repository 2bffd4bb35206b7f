package workflow

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"dpslab/profiles"
	"dpslab/workflow/dps"
)

// Change is one member that differs between two records.
type Change = dps.Change

// enrollment makes sure that DPS has the record that admits the device: it
// reads what is there, shows the difference, and writes with the etag it read.
func (r *run) enrollment(ctx context.Context) (string, error) {
	t, err := r.resolve(ctx)
	if err != nil {
		return "", err
	}
	if t.authorize == nil {
		return r.enrolledByHand(ctx, t)
	}
	r.connectDevice(ctx, t)
	service := r.serviceClient(t)
	if r.profile.Enrollment.Kind == profiles.EnrollmentGroup {
		return enroll(ctx, r, service, r.groupRecords(ctx, service))
	}
	return enroll(ctx, r, service, r.individualRecords(ctx, service))
}

// records is how one kind of enrollment is read, changed and written.
type records[T any] struct {
	kind, id string
	created  string // kind of a profiles.Creation
	what     string // "enrollment group line-3"
	get      func() (*T, error)
	save     func(base, updated *T) (*T, error)
	common   func(*T) *dps.EnrollmentRecord
	own      func(want *T) // puts in what is not in the common part
	diff     func(there, want *T) []dps.Change
}

func (r *run) individualRecords(ctx context.Context, service *dps.ServiceClient) records[dps.IndividualEnrollment] {
	id := r.profile.Identity.RegistrationID
	return records[dps.IndividualEnrollment]{
		kind: profiles.EnrollmentIndividual, created: profiles.CreatedEnrollment, id: id, what: "individual enrollment " + id,
		get: func() (*dps.IndividualEnrollment, error) { return service.Enrollment(ctx, id) },
		save: func(base, updated *dps.IndividualEnrollment) (*dps.IndividualEnrollment, error) {
			return service.SaveEnrollment(ctx, base, updated)
		},
		common: func(e *dps.IndividualEnrollment) *dps.EnrollmentRecord { return &e.EnrollmentRecord },
		own: func(want *dps.IndividualEnrollment) {
			want.RegistrationID, want.RegistrationState = id, nil
			if d := r.profile.Enrollment.DeviceID; d != "" {
				want.DeviceID = d
			}
			if info := r.profile.Enrollment.DeviceInfo; info != nil {
				want.OptionalDeviceInformation = info
			}
		},
		diff: dps.Diff[*dps.IndividualEnrollment],
	}
}

func (r *run) groupRecords(ctx context.Context, service *dps.ServiceClient) records[dps.EnrollmentGroup] {
	id := r.profile.Enrollment.ID
	return records[dps.EnrollmentGroup]{
		kind: profiles.EnrollmentGroup, created: profiles.CreatedGroup, id: id, what: "enrollment group " + id,
		get: func() (*dps.EnrollmentGroup, error) { return service.Group(ctx, id) },
		save: func(base, updated *dps.EnrollmentGroup) (*dps.EnrollmentGroup, error) {
			return service.SaveGroup(ctx, base, updated)
		},
		common: func(g *dps.EnrollmentGroup) *dps.EnrollmentRecord { return &g.EnrollmentRecord },
		own:    func(want *dps.EnrollmentGroup) { want.EnrollmentGroupID = id },
		diff:   dps.Diff[*dps.EnrollmentGroup],
	}
}

// enroll reads the record, shows the difference and writes it with the etag it
// read. When a write met a conflict after an attempt without an answer, that
// attempt may have been the writer: the record is read once more.
func enroll[T any](ctx context.Context, r *run, service *dps.ServiceClient, k records[T]) (string, error) {
	there, found, err := read(ctx, r, k.get)
	if err != nil {
		return "", err
	}
	existed := found
	for again := false; ; again = true {
		want, err := wanted(ctx, r, service, k, there)
		if err != nil {
			return "", err
		}
		changes := k.diff(there, want)
		if found && len(changes) == 0 && !r.rekeyed {
			r.enrolled(k.kind, k.created, k.id, k.common(there), existed)
			return k.what + " is there and as wanted", nil
		}
		written, lost, err := put(ctx, r, k, found, there, want, changes)
		if lost && !again && isConflict(err) {
			r.note("the attempt without an answer may have written it: reading again")
			if there, found, err = read(ctx, r, k.get); err != nil {
				return "", err
			}
			continue
		}
		if err != nil {
			return "", r.showChanged(err)
		}
		r.enrolled(k.kind, k.created, k.id, k.common(written), existed)
		if existed {
			return "updated " + k.what, nil
		}
		return "created " + k.what, nil
	}
}

// wanted is a copy of the record with what the profile says.
func wanted[T any](ctx context.Context, r *run, service *dps.ServiceClient, k records[T], there *T) (*T, error) {
	want := *there
	k.own(&want)
	e := k.common(&want)
	a, err := r.attestation(ctx, service, e.Attestation)
	if err != nil {
		return nil, err
	}
	e.Attestation = a
	r.fill(e)
	return &want, nil
}

// put writes a record. lost says that an attempt may have been carried out
// although its answer did not come.
func put[T any](ctx context.Context, r *run, k records[T], found bool, there, want *T, changes []dps.Change) (written *T, lost bool, err error) {
	var base *T
	if found {
		base = there
		if len(changes) > 0 {
			r.emit(Event{Kind: ChangesFound, Text: k.what + " is to be changed", Changes: changes})
		}
	}
	err = r.retry(ctx, true, func() error {
		written, err = k.save(base, want)
		lost = lost || unanswered(err)
		return err
	})
	return written, lost, err
}

// showChanged tells what somebody else changed between reading and writing.
func (r *run) showChanged(err error) error {
	var changed *dps.ChangedError
	if errors.As(err, &changed) && len(changed.Changes) > 0 {
		r.emit(Event{Kind: ChangesFound, Text: changed.What + " was changed by somebody else meanwhile", Changes: changed.Changes})
	}
	return err
}

// read fetches a record and reports whether there is one; an empty one stands
// for none.
func read[T any](ctx context.Context, r *run, get func() (*T, error)) (record *T, found bool, err error) {
	err = r.retry(ctx, true, func() error { record, err = get(); return err })
	if err == nil {
		return record, true, nil
	}
	if isStatus(err, http.StatusNotFound) {
		r.note("DPS has no such enrollment yet")
		return new(T), false, nil
	}
	return nil, false, err
}

// enrolled notes what DPS holds.
func (r *run) enrolled(kind, created, id string, record *dps.EnrollmentRecord, existed bool) {
	made := profiles.Creation{Kind: created, Name: id, Host: r.target.serviceHost, ETag: record.ETag}
	_, mine := r.state.Owns(made)
	if mine = mine || !existed; mine {
		r.creates(made)
	}
	r.state.Enrollment = profiles.EnrollmentState{Kind: kind, ID: id, ETag: record.ETag, Created: mine, SHA256: enrolledThumbprint(record.Attestation)}
	if record.ProvisioningStatus == dps.ProvisioningDisabled {
		r.warn("the enrollment is disabled at DPS: registering will end with status disabled")
	}
}

// fill puts what the profile says into a record and leaves the rest alone.
func (r *run) fill(e *dps.EnrollmentRecord) {
	p := r.profile.Enrollment
	e.AllocationPolicy = p.AllocationPolicy
	if len(p.IoTHubs) > 0 {
		e.IoTHubs = p.IoTHubs
	}
	e.CustomAllocationDefinition = nil
	if p.AllocationPolicy == dps.AllocationCustom {
		e.CustomAllocationDefinition = &dps.CustomAllocationDefinition{WebhookURL: p.WebhookURL, APIVersion: p.WebhookVersion}
	}
	if p.IoTEdge {
		e.Capabilities = &dps.DeviceCapabilities{IoTEdge: true}
	}
	if p.Reprovision != nil {
		e.ReprovisionPolicy = &dps.ReprovisionPolicy{
			UpdateHubAssignment: p.Reprovision.UpdateHubAssignment,
			MigrateDeviceData:   p.Reprovision.MigrateDeviceData,
		}
	}
	if p.InitialTwin != nil {
		twin := &dps.InitialTwin{}
		twin.Tags, _ = p.InitialTwin["tags"].(map[string]any)
		if properties, ok := p.InitialTwin["properties"].(map[string]any); ok {
			desired, _ := properties["desired"].(map[string]any)
			twin.Properties = &dps.InitialTwinProperties{Desired: desired}
		}
		e.InitialTwin = twin
	}
}

// enrolledThumbprint is the SHA-256 of the primary certificate of a record,
// upper-case hex; "" when it names none.
func enrolledThumbprint(a dps.AttestationMechanism) string {
	if a.X509 == nil {
		return ""
	}
	for _, set := range []*dps.X509Certificates{a.X509.ClientCertificates, a.X509.SigningCertificates} {
		if set != nil && set.Primary != nil && set.Primary.Info != nil {
			return strings.ToUpper(set.Primary.Info.SHA256Thumbprint)
		}
	}
	return ""
}
