package dps

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"dpslab/workflow/wire"
)

// Authorizer gives the value of the Authorization header of a service call.
type Authorizer func(ctx context.Context) (Secret, error)

// tokenLife is how long a service token is good for. It is made anew for each
// call, so it only has to outlive that call and a clock that is a little off.
const tokenLife = 10 * time.Minute

// Authorizer signs a new token for every call.
func (c ConnectionString) Authorizer() Authorizer {
	return func(context.Context) (Secret, error) {
		return Token(c.HostName, c.KeyName, c.Key, time.Now().Add(tokenLife))
	}
}

// ServiceClient is the service API of one DPS instance.
type ServiceClient struct {
	Wire       *wire.Client
	Host       string // {dps}.azure-devices-provisioning.net
	Authorize  Authorizer
	APIVersion string // empty: ServiceAPIVersion
}

// Enrollment reads an individual enrollment.
func (c *ServiceClient) Enrollment(ctx context.Context, registrationID string) (*IndividualEnrollment, error) {
	return call[IndividualEnrollment](ctx, c, "get enrollment", http.MethodGet, c.enrollment(registrationID), "", nil)
}

// PutEnrollment creates an individual enrollment (ifMatch empty) or updates the
// one whose etag is ifMatch. An existing one without ifMatch is refused with
// 409, a stale tag with 412.
func (c *ServiceClient) PutEnrollment(ctx context.Context, e *IndividualEnrollment, ifMatch string) (*IndividualEnrollment, error) {
	return call[IndividualEnrollment](ctx, c, "put enrollment", http.MethodPut, c.enrollment(e.RegistrationID), ifMatch, e)
}

// DeleteEnrollment removes an individual enrollment; ifMatch may be empty.
func (c *ServiceClient) DeleteEnrollment(ctx context.Context, registrationID, ifMatch string) error {
	_, err := c.do(ctx, "delete enrollment", http.MethodDelete, c.enrollment(registrationID), ifMatch, nil)
	return err
}

// Group reads an enrollment group.
func (c *ServiceClient) Group(ctx context.Context, id string) (*EnrollmentGroup, error) {
	return call[EnrollmentGroup](ctx, c, "get enrollment group", http.MethodGet, c.group(id), "", nil)
}

// PutGroup creates or updates an enrollment group; see PutEnrollment.
func (c *ServiceClient) PutGroup(ctx context.Context, g *EnrollmentGroup, ifMatch string) (*EnrollmentGroup, error) {
	return call[EnrollmentGroup](ctx, c, "put enrollment group", http.MethodPut, c.group(g.EnrollmentGroupID), ifMatch, g)
}

// DeleteGroup removes an enrollment group; ifMatch may be empty.
func (c *ServiceClient) DeleteGroup(ctx context.Context, id, ifMatch string) error {
	_, err := c.do(ctx, "delete enrollment group", http.MethodDelete, c.group(id), ifMatch, nil)
	return err
}

func (c *ServiceClient) enrollment(id string) string { return "/enrollments/" + url.PathEscape(id) }
func (c *ServiceClient) group(id string) string      { return "/enrollmentGroups/" + url.PathEscape(id) }

func call[T any](ctx context.Context, c *ServiceClient, operation, method, path, ifMatch string, body any) (*T, error) {
	answer, err := c.do(ctx, operation, method, path, ifMatch, body)
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := answer.DecodeJSON(operation, out); err != nil {
		return nil, err
	}
	return out, nil
}

func (c *ServiceClient) do(ctx context.Context, operation, method, path, ifMatch string, body any) (*wire.Answer, error) {
	authorization, err := c.Authorize(ctx)
	if err != nil {
		return nil, err
	}
	q := wire.Request{
		Operation: operation, Method: method, Header: jsonHeader(),
		URL: "https://" + c.Host + path + "?api-version=" + cmp.Or(c.APIVersion, ServiceAPIVersion),
	}
	q.Header.Set("Authorization", authorization.Reveal())
	if ifMatch != "" {
		q.Header.Set("If-Match", ifMatch)
	}
	if body != nil {
		if q.Body, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	return c.Wire.Do(ctx, q)
}
