package dps

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"dpslab/workflow/wire"
)

// ChangedError says that a record was not written because somebody else had
// changed it since it was read (HTTP 412), made it (409), or deleted it. Nothing
// was overwritten.
type ChangedError struct {
	What        string             // "enrollment group line-3"
	Refused     *wire.ServiceError // the service's own words
	Gone        bool               // it is not there any more
	Changes     []Change           // from what was read to what is there now
	Current     any                // what is there now, of the type that was to be written; nil when Gone
	RereadError error              // why it could not be read again; then Changes is not known
}

func (e *ChangedError) Error() string {
	switch {
	case e.RereadError != nil:
		return fmt.Sprintf("%s has changed since it was read, and reading it again failed: %v", e.What, e.RereadError)
	case e.Gone:
		return fmt.Sprintf("%s was deleted since it was read (%v)", e.What, e.Refused)
	case len(e.Changes) == 0:
		return fmt.Sprintf("%s was written again since it was read, to the same content: read it again and repeat (%v)", e.What, e.Refused)
	}
	s := fmt.Sprintf("%s has changed since it was read: %v", e.What, e.Changes[0])
	if n := len(e.Changes) - 1; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s + ": read it again and repeat (" + e.Refused.Error() + ")"
}

func (e *ChangedError) Unwrap() error { return e.Refused }

// SaveEnrollment writes an individual enrollment that was read as base, with
// the etag that base carries; base nil creates. When somebody was faster, it
// reads what is there now and returns a [*ChangedError].
func (c *ServiceClient) SaveEnrollment(ctx context.Context, base, updated *IndividualEnrollment) (*IndividualEnrollment, error) {
	tag := ""
	if base != nil {
		tag = base.ETag
	}
	written, err := c.PutEnrollment(ctx, updated, tag)
	return written, explained(err, "enrollment "+updated.RegistrationID, base,
		func() (*IndividualEnrollment, error) { return c.Enrollment(ctx, updated.RegistrationID) })
}

// SaveGroup is SaveEnrollment for an enrollment group.
func (c *ServiceClient) SaveGroup(ctx context.Context, base, updated *EnrollmentGroup) (*EnrollmentGroup, error) {
	tag := ""
	if base != nil {
		tag = base.ETag
	}
	written, err := c.PutGroup(ctx, updated, tag)
	return written, explained(err, "enrollment group "+updated.EnrollmentGroupID, base,
		func() (*EnrollmentGroup, error) { return c.Group(ctx, updated.EnrollmentGroupID) })
}

// explained finds out what has changed where a refusal says that something has.
func explained[R Record](err error, what string, base R, read func() (R, error)) error {
	var refused *wire.ServiceError
	if !errors.As(err, &refused) {
		return err
	}
	update := base != nil
	switch refused.Status {
	case http.StatusPreconditionFailed:
	case http.StatusConflict:
		if update {
			return err // not about this record: a certificate that another one has, say
		}
	case http.StatusNotFound:
		if !update {
			return err
		}
	default:
		return err
	}
	changed := &ChangedError{What: what, Refused: refused}
	current, readErr := read()
	switch {
	case readErr == nil:
		changed.Current, changed.Changes = current, Diff(base, current)
	case isNotFound(readErr) && !update:
		return err // a conflict with something else
	case isNotFound(readErr):
		changed.Gone = true
	default:
		changed.RereadError = readErr
	}
	return changed
}

func isNotFound(err error) bool {
	var refused *wire.ServiceError
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}
