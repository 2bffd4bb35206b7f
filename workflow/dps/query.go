package dps

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"strconv"

	"dpslab/workflow/wire"
)

// Query selects records. The zero value is all of them.
type Query struct {
	SQL          string // empty: "SELECT *"; the service documents no other grammar
	PageSize     int    // records of an answer, 0: the service's own choice
	Continuation string // where to go on, of the page before; opaque
}

// Page is one answer of a query.
type Page[T any] struct {
	Items        []*T
	Continuation string // of the next page, empty after the last
}

// QueryEnrollments reads one page of individual enrollments. They come with the
// state of their registration and without symmetric keys.
func (c *ServiceClient) QueryEnrollments(ctx context.Context, q Query) (Page[IndividualEnrollment], error) {
	return queryPage[IndividualEnrollment](ctx, c, "query enrollments", enrollments+"/query", q)
}

// QueryGroups reads one page of enrollment groups.
func (c *ServiceClient) QueryGroups(ctx context.Context, q Query) (Page[EnrollmentGroup], error) {
	return queryPage[EnrollmentGroup](ctx, c, "query enrollment groups", groups+"/query", q)
}

// QueryRegistrationStates reads one page of the registration records of a
// group. Those of individual enrollments come with these.
func (c *ServiceClient) QueryRegistrationStates(ctx context.Context, groupID string, q Query) (Page[DeviceRegistrationState], error) {
	return queryPage[DeviceRegistrationState](ctx, c, "query registrations", c.registration(groupID)+"/query", q)
}

// Enrollments goes through all individual enrollments that q selects, a page at
// a time, as the loop asks for them. An error ends it.
func (c *ServiceClient) Enrollments(ctx context.Context, q Query) iter.Seq2[*IndividualEnrollment, error] {
	return everyPage(q, func(q Query) (Page[IndividualEnrollment], error) { return c.QueryEnrollments(ctx, q) })
}

// Groups goes through all enrollment groups; see Enrollments.
func (c *ServiceClient) Groups(ctx context.Context, q Query) iter.Seq2[*EnrollmentGroup, error] {
	return everyPage(q, func(q Query) (Page[EnrollmentGroup], error) { return c.QueryGroups(ctx, q) })
}

// RegistrationStates goes through all registration records of a group; see
// Enrollments.
func (c *ServiceClient) RegistrationStates(ctx context.Context, groupID string, q Query) iter.Seq2[*DeviceRegistrationState, error] {
	return everyPage(q, func(q Query) (Page[DeviceRegistrationState], error) {
		return c.QueryRegistrationStates(ctx, groupID, q)
	})
}

type querySpecification struct {
	Query string `json:"query"`
}

const (
	continuationHeader = "x-ms-continuation"
	pageSizeHeader     = "x-ms-max-item-count"
)

func queryPage[T any](ctx context.Context, c *ServiceClient, operation, path string, q Query) (Page[T], error) {
	header := jsonHeader()
	// Also with a continuation: the size is not kept from page to page.
	if q.PageSize > 0 {
		header.Set(pageSizeHeader, strconv.Itoa(q.PageSize))
	}
	if q.Continuation != "" {
		header.Set(continuationHeader, q.Continuation)
	}
	answer, err := c.send(ctx, operation, http.MethodPost, path, header, querySpecification{cmp.Or(q.SQL, "SELECT *")})
	if err != nil {
		return Page[T]{}, err
	}
	p := Page[T]{Continuation: answer.Header.Get(continuationHeader)}
	if err := answer.DecodeJSON(operation, &p.Items); err != nil {
		return Page[T]{}, err
	}
	for _, item := range p.Items {
		if item == nil {
			return Page[T]{}, &wire.AnswerError{
				Operation: operation, Status: answer.Status, ContentType: answer.Header.Get("Content-Type"),
				Err: errors.New("a record of the list is null"),
			}
		}
	}
	return p, nil
}

// errSamePage stops what would go round for ever.
var errSamePage = errors.New("query: the service names the page it has just given as the next one")

func everyPage[T any](q Query, get func(Query) (Page[T], error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for q := q; ; {
			p, err := get(q)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			switch p.Continuation {
			case "":
				return
			case q.Continuation:
				yield(nil, errSamePage)
				return
			}
			q.Continuation = p.Continuation
		}
	}
}
