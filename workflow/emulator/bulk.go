package emulator

import (
	"encoding/json"
	"net/http"

	"dpslab/pki"
)

// maxBulk is how many entries one bulk operation takes.
const maxBulk = 10

// bulkBody is the body of POST /enrollments and /enrollmentGroups.
type bulkBody struct {
	Enrollments []json.RawMessage `json:"enrollments"`
	Groups      []json.RawMessage `json:"enrollmentGroups"`
	Mode        string            `json:"mode"`
}

// bulkError says what was wrong with one item.
type bulkError struct {
	RegistrationID    string `json:"registrationId,omitempty"`
	EnrollmentGroupID string `json:"enrollmentGroupId,omitempty"`
	ErrorCode         int    `json:"errorCode"`
	ErrorStatus       string `json:"errorStatus"`
}

// bulkResult answers a bulk operation, with 200 even if items failed.
type bulkResult struct {
	IsSuccessful bool        `json:"isSuccessful"`
	Errors       []bulkError `json:"errors"`
}

// bulkEntries answers POST /enrollments and /enrollmentGroups. Each item is
// done or refused by itself.
func bulkEntries(k kind) handler {
	return func(l *Lab, c *call) error {
		if err := l.authorize(c, rightEnrollmentWrite); err != nil {
			return err
		}
		var body bulkBody
		if err := c.jsonBody(&body); err != nil {
			return err
		}
		items := body.Enrollments
		if k == group {
			items = body.Groups
		}
		if len(items) == 0 || len(items) > maxBulk {
			return bulkSize.refuse(len(items))
		}
		work, err := l.bulkMode(c, body.Mode)
		if err != nil {
			return err
		}
		result := bulkResult{IsSuccessful: true, Errors: []bulkError{}}
		for _, raw := range items {
			e, err := decodeEntry(k, raw)
			if err == nil {
				err = work(e)
			} else {
				err = malformedBody.refuse(jsonTrouble(err))
			}
			if err != nil {
				result.IsSuccessful = false
				result.Errors = append(result.Errors, newBulkError(e.entryRef, asRefusal(err)))
			}
		}
		c.json(http.StatusOK, result)
		return nil
	}
}

func newBulkError(of entryRef, r *refusal) bulkError {
	b := bulkError{ErrorCode: r.code, ErrorStatus: r.message}
	if of.Kind == group {
		b.EnrollmentGroupID = of.ID
	} else {
		b.RegistrationID = of.ID
	}
	return b
}

// bulkMode gives what a mode does with one item.
func (l *Lab) bulkMode(c *call, mode string) (func(*entry) error, error) {
	write := func(check func(e, old *entry) error) func(*entry) error {
		return func(e *entry) error {
			if err := pki.CheckRegistrationID(e.ID); err != nil {
				return refuse(400004, "Invalid ID: %v", err)
			}
			if err := validate(e); err != nil {
				return err
			}
			_, err := l.writeEntry(e, func(old *entry) error { return check(e, old) }, c.now)
			return err
		}
	}
	switch mode {
	case "create":
		return write(func(_, old *entry) error { return checkEntryTag(old, "") }), nil
	case "update":
		return write(func(_, old *entry) error { return checkPresent(old) }), nil
	case "updateIfMatchETag":
		return write(func(e, old *entry) error {
			if err := checkPresent(old); err != nil {
				return err
			}
			if e.ETag == "" || !tagMatches(e.ETag, old.ETag) {
				return staleTag.refuse()
			}
			return nil
		}), nil
	case "delete":
		return func(e *entry) error { return l.removeEntry(e.entryRef, "") }, nil
	}
	return nil, invalid("mode %q is not create, update, updateIfMatchETag or delete", mode)
}

func checkPresent(old *entry) error {
	if old == nil {
		return noEnrollment()
	}
	return nil
}
