package workflow

import (
	"context"
	"net/http"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// SetEnabled enables or disables an enrollment. One that is as wanted is not
// written.
func (v *Service) SetEnabled(ctx context.Context, group bool, id string, on bool) (*PutResult, error) {
	op := "disable " + kindOf(group) + " " + id
	if on {
		op = "enable " + kindOf(group) + " " + id
	}
	if err := v.mayWrite(op); err != nil {
		return nil, err
	}
	client, err := v.dps(op)
	if err != nil {
		return nil, err
	}
	base, err := v.there(ctx, op, client, group, id)
	if err != nil {
		return nil, err
	}
	if base == nil && v.dry {
		base = unread(group, id)
	}
	if base == nil {
		return nil, &Problem{Kind: Refused, Op: op, Summary: "there is no such enrollment", Status: http.StatusNotFound}
	}
	status := dps.ProvisioningDisabled
	if on {
		status = dps.ProvisioningEnabled
	}
	want := *base
	if group {
		g := *base.group
		g.ProvisioningStatus, want.group = status, &g
	} else {
		e := *base.individual
		e.ProvisioningStatus, want.individual = status, &e
	}
	return v.write(ctx, op, client, base, &want)
}

// DeleteEnrollment removes an enrollment; ifMatch is the etag that was seen, or
// empty for any. Registrations by it stay.
func (v *Service) DeleteEnrollment(ctx context.Context, group bool, id, ifMatch string) error {
	op := "delete " + kindOf(group) + " " + id
	if err := v.mayWrite(op); err != nil {
		return err
	}
	client, err := v.dps(op)
	if err != nil {
		return err
	}
	return v.try(v.writing(ctx), op, true, func(ctx context.Context) error {
		if group {
			return client.DeleteGroup(ctx, id, ifMatch)
		}
		return client.DeleteEnrollment(ctx, id, ifMatch)
	})
}

// Secret is a text that prints as a mask; Reveal gives it.
type Secret = dps.Secret

// DeriveKey gives a device's key of a symmetric-key enrollment group, offline.
// Its error is a *Problem.
func DeriveKey(groupKey Secret, registrationID string) (Secret, error) {
	const op = "derive the key"
	if err := dps.CheckKey(groupKey); err != nil {
		return Secret{}, &Problem{Kind: Usage, Op: op, Summary: err.Error()}
	}
	key, err := dps.DeriveKey(groupKey, registrationID)
	if err != nil {
		return Secret{}, problemOf(op, err)
	}
	return key, nil
}

// RegistrationPage is a part of the registrations of a group.
type RegistrationPage struct {
	Items        []RegistrationRecord
	Continuation string
}

// RegistrationRecord is a registration as the service API shows it.
type RegistrationRecord struct {
	Registration
	Created string `json:"created,omitempty"` // as DPS writes times
	Updated string `json:"updated,omitempty"`
}

func ofState(s *dps.DeviceRegistrationState) RegistrationRecord {
	return RegistrationRecord{
		Registration: Registration{
			RegistrationID: s.RegistrationID, Status: s.Status, Substatus: s.Substatus, AssignedHub: s.AssignedHub,
			DeviceID: s.DeviceID, ETag: s.ETag, ErrorCode: s.ErrorCode, ErrorMessage: wire.RedactText(s.ErrorMessage),
		},
		Created: s.CreatedDateTimeUTC, Updated: s.LastUpdatedDateTimeUTC,
	}
}

// Registrations lists a page of the registration records of a group; Group of
// the query does not count. Those of individual enrollments stand in these.
func (v *Service) Registrations(ctx context.Context, groupID string, q EnrollmentQuery) (RegistrationPage, error) {
	op := "list the registrations of " + groupID
	client, err := v.dps(op)
	if err != nil {
		return RegistrationPage{}, err
	}
	out := RegistrationPage{Continuation: q.Continuation}
	for {
		query := dps.Query{PageSize: q.PageSize, Continuation: out.Continuation}
		var page dps.Page[dps.DeviceRegistrationState]
		err := v.try(v.reading(ctx), op, true, func(ctx context.Context) (err error) {
			page, err = client.QueryRegistrationStates(ctx, groupID, query)
			return err
		})
		if err != nil {
			return RegistrationPage{}, err
		}
		for _, s := range page.Items {
			if matches(s.RegistrationID, q.Filter) {
				out.Items = append(out.Items, ofState(s))
			}
		}
		out.Continuation = page.Continuation
		if len(out.Items) > 0 || out.Continuation == "" || out.Continuation == query.Continuation {
			return out, nil
		}
	}
}

// Registration reads the registration record of a device.
func (v *Service) Registration(ctx context.Context, id string) (*RegistrationRecord, error) {
	op := "read registration " + id
	client, err := v.dps(op)
	if err != nil {
		return nil, err
	}
	var s *dps.DeviceRegistrationState
	err = v.try(v.reading(ctx), op, true, func(ctx context.Context) (err error) { s, err = client.RegistrationState(ctx, id); return err })
	if err != nil {
		return nil, err
	}
	record := ofState(s)
	return &record, nil
}

// DeleteRegistration removes a registration record; ifMatch may be empty. The
// device at the hub stays.
func (v *Service) DeleteRegistration(ctx context.Context, id, ifMatch string) error {
	op := "delete registration " + id
	if err := v.mayWrite(op); err != nil {
		return err
	}
	client, err := v.dps(op)
	if err != nil {
		return err
	}
	return v.try(v.writing(ctx), op, true, func(ctx context.Context) error { return client.DeleteRegistrationState(ctx, id, ifMatch) })
}

// DeleteHubDevice removes a device from its hub; ifMatch may be empty.
func (v *Service) DeleteHubDevice(ctx context.Context, host, deviceID, ifMatch string) error {
	op := "delete device " + deviceID + " at " + host
	if err := v.mayWrite(op); err != nil {
		return err
	}
	client, err := v.hub(op, host)
	if err != nil {
		return err
	}
	return v.try(v.writing(ctx), op, true, func(ctx context.Context) error { return client.DeleteDevice(ctx, deviceID, ifMatch) })
}
