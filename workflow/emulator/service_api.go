package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// handler is one operation of a surface.
type handler = func(*Lab, *call) error

// getEntry answers GET /enrollments/{id} and /enrollmentGroups/{id}.
func getEntry(k kind) handler {
	return func(l *Lab, c *call) error {
		if err := l.authorize(c, rightEnrollmentRead); err != nil {
			return err
		}
		found, err := read(l.store, func(t *tx) (any, error) {
			e, err := l.entryOf(t, c, k)
			if err != nil {
				return nil, err
			}
			return l.showEntry(t, e)
		})
		if err != nil {
			return err
		}
		c.json(http.StatusOK, found)
		return nil
	}
}

// entryOf finds the entry that the path names.
func (l *Lab) entryOf(t *tx, c *call, k kind) (*entry, error) {
	c.device = c.args["id"]
	e, err := getEntryRecord(t, entryRef{k, c.args["id"]})
	if err == nil && e == nil {
		err = noEnrollment()
	}
	return e, err
}

// showEntry is an entry without its keys, with the registration that belongs to
// an individual enrollment.
func (l *Lab) showEntry(t *tx, e *entry) (any, error) {
	state, err := stateOf(t, e)
	if err != nil {
		return nil, err
	}
	return l.show(e, false, state), nil
}

// stateOf gives the registration of an individual enrollment; nil when there is
// none, and for a group.
func stateOf(t *tx, e *entry) (*dps.DeviceRegistrationState, error) {
	if e.Kind == group {
		return nil, nil
	}
	r, err := getRegistrationRecord(t, e.ID)
	if err != nil || r == nil || !r.Entry.same(e.entryRef) {
		return nil, err
	}
	return r.forService(), nil
}

// putEntry answers PUT /enrollments/{id} and /enrollmentGroups/{id}: 200 for a
// create and for an update.
func putEntry(k kind) handler {
	return func(l *Lab, c *call) error {
		if err := l.authorize(c, rightEnrollmentWrite); err != nil {
			return err
		}
		e, err := readEntry(c, k)
		if err != nil {
			return err
		}
		ifMatch := c.r.Header.Get("If-Match")
		state, err := l.writeEntry(e, func(old *entry) error { return checkEntryTag(old, ifMatch) }, c.now)
		if err != nil {
			return err
		}
		c.json(http.StatusOK, l.show(e, true, state))
		return nil
	}
}

// writeEntry creates or updates an entry that validate has passed. allowed
// looks at the entry it replaces, nil for a create. The registration of an
// individual enrollment is returned beside it.
func (l *Lab) writeEntry(e *entry, allowed func(old *entry) error, now time.Time) (state *dps.DeviceRegistrationState, err error) {
	err = l.store.update(func(t *tx) error {
		old, err := getEntryRecord(t, e.entryRef)
		if err != nil {
			return err
		}
		if err := allowed(old); err != nil {
			return err
		}
		if err := l.complete(t, e, old); err != nil {
			return err
		}
		if err := checkUnique(t, e); err != nil {
			return err
		}
		if old == nil {
			if err := checkGroupQuota(t, e); err != nil {
				return err
			}
		}
		if state, err = stateOf(t, e); err != nil {
			return err
		}
		return stampEntry(t, e, old, now)
	})
	return state, err
}

// removeEntry deletes an entry, with the registration of an individual
// enrollment.
func (l *Lab) removeEntry(ref entryRef, ifMatch string) error {
	return l.store.update(func(t *tx) error {
		e, err := getEntryRecord(t, ref)
		if err != nil {
			return err
		}
		if e == nil {
			return noEnrollment()
		}
		if ifMatch != "" && !tagMatches(ifMatch, e.ETag) {
			return staleTag.refuse()
		}
		state, err := stateOf(t, e)
		if err != nil {
			return err
		}
		if state != nil {
			if err := t.delete(bucketRegistrations, e.key()); err != nil {
				return err
			}
		}
		if err := dropEntryKeys(t, e); err != nil {
			return err
		}
		return t.delete(e.Kind.bucket(), e.key())
	})
}

func noEnrollment() *refusal { return refuse(404201, "Enrollment not found") }

// readEntry reads and checks what can be checked without the store.
func readEntry(c *call, k kind) (*entry, error) {
	id := c.args["id"]
	c.device = id
	if err := pki.CheckRegistrationID(id); err != nil {
		return nil, refuse(400004, "Invalid ID: %v", err)
	}
	var raw json.RawMessage
	if err := c.jsonBody(&raw); err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, malformedBody.refuse("the body is empty")
	}
	e, err := decodeEntry(k, raw)
	if err != nil {
		return nil, malformedBody.refuse(jsonTrouble(err))
	}
	if e.ID == "" {
		e.ID = id
	}
	if !strings.EqualFold(e.ID, id) {
		return nil, idMismatch.refuse()
	}
	return e, validate(e)
}

// checkEntryTag applies If-Match to a write. An existing entry is not
// overwritten by somebody who has not seen it.
func checkEntryTag(old *entry, ifMatch string) error {
	switch {
	case old == nil && ifMatch != "" && bareTag(ifMatch) != anyTag:
		return updateOfAbsent.refuse()
	case old == nil:
		return nil
	case ifMatch == "":
		return alreadyExists.refuse()
	case !tagMatches(ifMatch, old.ETag):
		return staleTag.refuse()
	}
	return nil
}

// stampEntry writes an entry with its new etag and times.
func stampEntry(t *tx, e, old *entry, now time.Time) error {
	n, err := t.next()
	if err != nil {
		return err
	}
	e.ETag, e.LastUpdatedDateTimeUTC, e.CreatedDateTimeUTC = quotedTag(n, now), dataPlaneTime(now), dataPlaneTime(now)
	if old != nil {
		e.CreatedDateTimeUTC = old.CreatedDateTimeUTC
	}
	return putEntryRecord(t, e, old)
}

// deleteEntry answers DELETE /enrollments/{id} and /enrollmentGroups/{id}. The
// registration of an individual enrollment goes with it; those of a group stay.
func deleteEntry(k kind) handler {
	return func(l *Lab, c *call) error {
		if err := l.authorize(c, rightEnrollmentWrite); err != nil {
			return err
		}
		c.device = c.args["id"]
		if err := l.removeEntry(entryRef{k, c.args["id"]}, c.r.Header.Get("If-Match")); err != nil {
			return err
		}
		c.empty(http.StatusNoContent)
		return nil
	}
}

// revealEntry answers POST …/{id}/attestationmechanism, the one read that shows
// keys.
func revealEntry(k kind) handler {
	return func(l *Lab, c *call) error {
		if err := l.authorize(c, rightEnrollmentWrite); err != nil {
			return err
		}
		e, err := read(l.store, func(t *tx) (*entry, error) { return l.entryOf(t, c, k) })
		if err != nil {
			return err
		}
		c.json(http.StatusOK, e.Attestation)
		return nil
	}
}

// forService is a registration as the service API shows it.
func (r *registration) forService() *dps.DeviceRegistrationState {
	return &dps.DeviceRegistrationState{
		RegistrationID: r.RegistrationID, CreatedDateTimeUTC: r.CreatedDateTimeUTC,
		AssignedHub: r.AssignedHub, DeviceID: r.DeviceID, Status: r.Status, Substatus: r.Substatus,
		ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
		LastUpdatedDateTimeUTC: r.LastUpdatedDateTimeUTC, ETag: r.ETag, Payload: r.Payload,
	}
}

// getRegistration answers GET /registrations/{id}.
func (l *Lab) getRegistration(c *call) error {
	if err := l.authorize(c, rightRegistrationRead); err != nil {
		return err
	}
	c.device = c.args["id"]
	r, err := read(l.store, func(t *tx) (*registration, error) { return getRegistrationRecord(t, c.args["id"]) })
	if err != nil {
		return err
	}
	if r == nil {
		return registrationAbsent.refuse()
	}
	c.json(http.StatusOK, r.forService())
	return nil
}

// deleteRegistration answers DELETE /registrations/{id}. The hub's device is
// not touched.
func (l *Lab) deleteRegistration(c *call) error {
	if err := l.authorize(c, rightRegistrationWrite); err != nil {
		return err
	}
	id, ifMatch := c.args["id"], c.r.Header.Get("If-Match")
	c.device = id
	err := l.store.update(func(t *tx) error {
		r, err := getRegistrationRecord(t, id)
		if err != nil {
			return err
		}
		if r == nil {
			return registrationAbsent.refuse()
		}
		if ifMatch != "" && !registrationTagMatches(ifMatch, r.ETag) {
			return staleTag.refuse()
		}
		if r.Entry.Kind == group {
			if err := t.delete(bucketMembers, memberKey(r.Entry.ID, id)); err != nil {
				return err
			}
		}
		return t.delete(bucketRegistrations, strings.ToLower(id))
	})
	if err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}
