package dps

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"dpslab/workflow/wire"
)

// DeviceClient is the device API as one device. How the device proves itself:
// by X.509, the wire client carries its certificate; by symmetric key, Authorize
// signs (see [DeviceKeyAuthorizer]); by TPM, TPM is set.
type DeviceClient struct {
	Wire       *wire.Client
	Host       string // the cloud's global endpoint (see Cloud) or the instance's own host
	IDScope    string
	APIVersion string     // empty: DeviceAPIVersion
	Authorize  Authorizer // nil: no Authorization header
	TPM        TPM        // nil: no TPM
}

// DefaultPollDelay is how long to wait before a poll when the service names no
// time; the figure is the one the service's own client libraries use.
const DefaultPollDelay = 2 * time.Second

// Register begins a registration: PUT …/register, answered 202 with an
// operation ID. The status carries the wait that Retry-After asks for. With a
// TPM it is two requests: DPS answers the first with 401 and a key that only
// this TPM can open, and the second is signed with it.
func (c *DeviceClient) Register(ctx context.Context, d DeviceRegistration) (*OperationAnswer, error) {
	q, err := c.registration(ctx, "register", http.MethodPut, "/register", d)
	if err != nil {
		return nil, err
	}
	if c.TPM != nil {
		return operationAnswer(q.Operation)(c.answerChallenge(ctx, q, d.RegistrationID))
	}
	return operationAnswer(q.Operation)(c.do(ctx, q, d.RegistrationID))
}

// OperationStatus asks how the registration that Register began stands.
func (c *DeviceClient) OperationStatus(ctx context.Context, registrationID, operationID string) (*OperationAnswer, error) {
	const operation = "operation status"
	return operationAnswer(operation)(c.do(ctx, wire.Request{
		Operation: operation, Method: http.MethodGet, Header: jsonHeader(),
		URL: c.url(registrationID, "/operations/"+url.PathEscape(operationID)),
	}, registrationID))
}

// RegistrationStatus looks up the device's current registration without
// registering: POST …/registrations/{id}. It is not billed.
func (c *DeviceClient) RegistrationStatus(ctx context.Context, registrationID string) (*DeviceRegistrationResult, error) {
	q, err := c.registration(ctx, "registration status", http.MethodPost, "", DeviceRegistration{RegistrationID: registrationID})
	if err != nil {
		return nil, err
	}
	answer, err := c.do(ctx, q, registrationID)
	if errors.Is(err, ErrNoIdentity) {
		answer, err = c.answerChallenge(ctx, q, registrationID)
	}
	if err != nil {
		return nil, err
	}
	var r DeviceRegistrationResult
	if err := answer.DecodeJSON(q.Operation, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// registration is a request whose body is the device's own description.
func (c *DeviceClient) registration(ctx context.Context, operation, method, suffix string, d DeviceRegistration) (wire.Request, error) {
	q := wire.Request{Operation: operation, Method: method, URL: c.url(d.RegistrationID, suffix), Header: jsonHeader()}
	var err error
	if c.TPM != nil && d.TPM == nil {
		if d.TPM, err = c.tpmKeys(ctx); err != nil {
			return q, fmt.Errorf("%s: %w", operation, err)
		}
	}
	q.Body, err = json.Marshal(d)
	if err != nil {
		return q, fmt.Errorf("%s: payload: %w", operation, err)
	}
	return q, nil
}

// do makes a request with the credential of the device.
func (c *DeviceClient) do(ctx context.Context, q wire.Request, registrationID string) (*wire.Answer, error) {
	switch {
	case c.Authorize != nil:
		return c.signed(ctx, q, c.Authorize)
	case c.TPM != nil:
		return c.signed(ctx, q, TPMAuthorizer(c.TPM, registrationResource(c.IDScope, registrationID), registrationKeyName))
	}
	return c.Wire.Do(ctx, q)
}

// OperationAnswer is an operation's status and the service's wish when to ask
// again.
type OperationAnswer struct {
	RegistrationOperationStatus
	RetryAfter    time.Duration
	HasRetryAfter bool
}

// PollDelay is how long to wait before the next operation status lookup:
// Retry-After as it came, else DefaultPollDelay.
func (a *OperationAnswer) PollDelay() time.Duration {
	if a.HasRetryAfter {
		return a.RetryAfter
	}
	return DefaultPollDelay
}

func operationAnswer(operation string) func(*wire.Answer, error) (*OperationAnswer, error) {
	return func(answer *wire.Answer, err error) (*OperationAnswer, error) {
		if err != nil {
			return nil, err
		}
		var a OperationAnswer
		if err := answer.DecodeJSON(operation, &a.RegistrationOperationStatus); err != nil {
			return nil, err
		}
		a.RetryAfter, a.HasRetryAfter = wire.RetryAfter(answer.Header, time.Now())
		return &a, nil
	}
}

func (c *DeviceClient) url(registrationID, suffix string) string {
	return "https://" + c.Host + "/" + url.PathEscape(c.IDScope) + "/registrations/" + url.PathEscape(registrationID) +
		suffix + "?api-version=" + url.QueryEscape(cmp.Or(c.APIVersion, DeviceAPIVersion))
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Accept": {"application/json"}}
}
