package dps

import (
	"context"
	"net/http"
	"slices"
)

// BulkMode is what a bulk operation does with each of its records.
type BulkMode string

// The modes. Only BulkUpdateIfMatchETag compares etags.
const (
	BulkCreate            BulkMode = "create"
	BulkUpdate            BulkMode = "update"
	BulkUpdateIfMatchETag BulkMode = "updateIfMatchETag"
	BulkDelete            BulkMode = "delete"
)

// MaxBulk is how many records the service takes in one bulk operation.
const MaxBulk = 10

// BulkError says what was wrong with one record of a bulk operation.
type BulkError struct {
	RegistrationID    string `json:"registrationId,omitempty"`
	EnrollmentGroupID string `json:"enrollmentGroupId,omitempty"`
	ErrorCode         int    `json:"errorCode"` // HTTP status × 1000 + detail
	ErrorStatus       string `json:"errorStatus"`
}

// ID is of the record.
func (e BulkError) ID() string { return e.RegistrationID + e.EnrollmentGroupID }

// BulkResult is how a bulk operation ended. Records that are not named in
// Errors were carried out.
type BulkResult struct {
	IsSuccessful bool        `json:"isSuccessful"`
	Errors       []BulkError `json:"errors,omitempty"`
}

type bulkBody struct {
	Enrollments []*IndividualEnrollment `json:"enrollments,omitempty"`
	Groups      []*EnrollmentGroup      `json:"enrollmentGroups,omitempty"`
	Mode        BulkMode                `json:"mode"`
}

// BulkEnrollments does one thing with many individual enrollments, ten in a
// request. Records are whole ones as they were read, to be deleted too: the contract
// asks for an attestation. done counts those that the service has answered for: with an error it
// tells where to go on.
func (c *ServiceClient) BulkEnrollments(ctx context.Context, mode BulkMode, records []*IndividualEnrollment) (result BulkResult, done int, err error) {
	return inTens(records, func(ten []*IndividualEnrollment) (*BulkResult, error) {
		return call[BulkResult](ctx, c, "bulk enrollments", http.MethodPost, enrollments, "", bulkBody{Enrollments: ten, Mode: mode})
	})
}

// BulkGroups does one thing with many enrollment groups; see BulkEnrollments.
func (c *ServiceClient) BulkGroups(ctx context.Context, mode BulkMode, records []*EnrollmentGroup) (result BulkResult, done int, err error) {
	return inTens(records, func(ten []*EnrollmentGroup) (*BulkResult, error) {
		return call[BulkResult](ctx, c, "bulk enrollment groups", http.MethodPost, groups, "", bulkBody{Groups: ten, Mode: mode})
	})
}

func inTens[T any](records []*T, send func([]*T) (*BulkResult, error)) (all BulkResult, done int, err error) {
	all.IsSuccessful = true
	for ten := range slices.Chunk(records, MaxBulk) {
		r, err := send(ten)
		if err != nil {
			all.IsSuccessful = false
			return all, done, err
		}
		done += len(ten)
		all.IsSuccessful = all.IsSuccessful && r.IsSuccessful
		all.Errors = append(all.Errors, r.Errors...)
	}
	return all, done, nil
}
