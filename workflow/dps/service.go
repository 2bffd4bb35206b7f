package dps

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"dpslab/workflow/wire"
)

// Authorizer gives the value of the Authorization header of a call.
type Authorizer func(ctx context.Context) (Secret, error)

// tokenLife is how long a token is good for. It is made anew for each call, so
// it only has to outlive that call and a clock that is a little off.
const tokenLife = 10 * time.Minute

// Authorizer signs a new token for every call.
func (c ConnectionString) Authorizer() Authorizer {
	return func(context.Context) (Secret, error) {
		return Token(c.HostName, c.KeyName, c.Key, time.Now().Add(tokenLife))
	}
}

// BearerAuthorizer authorizes by an Entra token; token gives the bare one.
func BearerAuthorizer(token func(ctx context.Context) (Secret, error)) Authorizer {
	return func(ctx context.Context) (Secret, error) {
		t, err := token(ctx)
		if err != nil {
			return Secret{}, err
		}
		return NewSecret("Bearer " + t.Reveal()), nil
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
// 409, a stale tag with 412. Members of e that came from the service and have
// no field are sent back. See also [ServiceClient.SaveEnrollment].
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

// EnrollmentAttestation reads how a device proves itself, symmetric keys
// included: Enrollment leaves them out. It needs a right of its own.
func (c *ServiceClient) EnrollmentAttestation(ctx context.Context, registrationID string) (*AttestationMechanism, error) {
	return call[AttestationMechanism](ctx, c, "get enrollment attestation", http.MethodPost, c.enrollment(registrationID)+"/attestationmechanism", "", nil)
}

// GroupAttestation reads how the devices of a group prove themselves, symmetric
// keys included.
func (c *ServiceClient) GroupAttestation(ctx context.Context, id string) (*AttestationMechanism, error) {
	return call[AttestationMechanism](ctx, c, "get group attestation", http.MethodPost, c.group(id)+"/attestationmechanism", "", nil)
}

// RegistrationState reads the registration record of a device. There is one
// from its first registration on, also where that was refused.
func (c *ServiceClient) RegistrationState(ctx context.Context, registrationID string) (*DeviceRegistrationState, error) {
	return call[DeviceRegistrationState](ctx, c, "get registration", http.MethodGet, c.registration(registrationID), "", nil)
}

// DeleteRegistrationState removes a registration record; ifMatch may be empty.
// The device at the hub stays.
func (c *ServiceClient) DeleteRegistrationState(ctx context.Context, registrationID, ifMatch string) error {
	_, err := c.do(ctx, "delete registration", http.MethodDelete, c.registration(registrationID), ifMatch, nil)
	return err
}

const (
	enrollments   = "/enrollments"
	groups        = "/enrollmentGroups"
	registrations = "/registrations"
)

func (c *ServiceClient) enrollment(id string) string { return enrollments + "/" + url.PathEscape(id) }
func (c *ServiceClient) group(id string) string      { return groups + "/" + url.PathEscape(id) }
func (c *ServiceClient) registration(id string) string {
	return registrations + "/" + url.PathEscape(id)
}

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
	header := jsonHeader()
	if ifMatch != "" {
		header.Set("If-Match", ifMatch)
	}
	return c.send(ctx, operation, method, path, header, body)
}

func (c *ServiceClient) send(ctx context.Context, operation, method, path string, header http.Header, body any) (*wire.Answer, error) {
	authorization, err := c.Authorize(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	q := wire.Request{
		Operation: operation, Method: method, Header: header,
		URL: "https://" + c.Host + path + "?api-version=" + url.QueryEscape(cmp.Or(c.APIVersion, ServiceAPIVersion)),
	}
	q.Header.Set("Authorization", authorization.Reveal())
	if body != nil {
		if q.Body, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
	}
	return c.Wire.Do(ctx, q)
}
