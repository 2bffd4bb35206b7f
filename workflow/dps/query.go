package dps

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"dpslab/workflow/wire"
)

// maxQueryPage is the most that one page of a query may hold; the service's own
// limit. Pages are kept smaller so that their answer stays below wire.MaxBody.
const maxQueryPage = 100

// Enrollments lists individual enrollments, at most max of them; more says
// whether there are others.
func (c *ServiceClient) Enrollments(ctx context.Context, max int) (all []IndividualEnrollment, more bool, err error) {
	return query[IndividualEnrollment](ctx, c, "query enrollments", "/enrollments/query", selectFrom("enrollments"), max)
}

// Groups lists enrollment groups, at most max of them.
func (c *ServiceClient) Groups(ctx context.Context, max int) (all []EnrollmentGroup, more bool, err error) {
	return query[EnrollmentGroup](ctx, c, "query enrollment groups", "/enrollmentGroups/query", selectFrom("enrollmentGroups"), max)
}

// Registrations lists the registration records of an enrollment group, at most
// max of them.
func (c *ServiceClient) Registrations(ctx context.Context, group string, max int) (all []DeviceRegistrationState, more bool, err error) {
	return query[DeviceRegistrationState](ctx, c, "query registrations", "/registrations/"+url.PathEscape(group)+"/query", nil, max)
}

// selectFrom is the one query that every version of the service takes.
func selectFrom(what string) []byte { return []byte(`{"query":"SELECT * FROM ` + what + `"}`) }

// query follows the continuation header from page to page.
func query[T any](ctx context.Context, c *ServiceClient, operation, path string, body []byte, max int) (all []T, more bool, err error) {
	for from := ""; ; {
		authorization, err := c.Authorize(ctx)
		if err != nil {
			return nil, false, err
		}
		q := wire.Request{
			Operation: operation, Method: http.MethodPost, Header: jsonHeader(), Body: body,
			URL: "https://" + c.Host + path + "?api-version=" + or(c.APIVersion, ServiceAPIVersion),
		}
		q.Header.Set("Authorization", authorization.Reveal())
		q.Header.Set("x-ms-max-item-count", strconv.Itoa(min(maxQueryPage, max-len(all))))
		if from != "" {
			q.Header.Set("x-ms-continuation", from)
		}
		answer, err := c.Wire.Do(ctx, q)
		if err != nil {
			return nil, false, err
		}
		var page []T
		if err := answer.DecodeJSON(operation, &page); err != nil {
			return nil, false, err
		}
		all = append(all, page...)
		from = answer.Header.Get("x-ms-continuation")
		switch {
		case from == "":
			return all, false, nil
		case len(all) >= max:
			return all[:max], true, nil
		case len(page) == 0:
			return all, true, nil // a service that goes on for ever
		}
	}
}
