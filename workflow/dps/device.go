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

// DeviceClient is the device API as one device: the wire client carries its
// certificate.
type DeviceClient struct {
	Wire       *wire.Client
	Host       string // global.azure-devices-provisioning.net or the instance's own host
	IDScope    string
	APIVersion string // empty: DeviceAPIVersion
}

// DefaultPollDelay is how long to wait before a poll when the service names no
// time; the figure is the one the service's own client libraries use.
const DefaultPollDelay = 2 * time.Second

// Register begins a registration: PUT …/register, answered 202 with an
// operation ID. The status carries the wait that Retry-After asks for.
func (c *DeviceClient) Register(ctx context.Context, d DeviceRegistration) (*OperationAnswer, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return c.operation(ctx, wire.Request{
		Operation: "register", Method: http.MethodPut,
		URL:  c.url(d.RegistrationID, "/register"),
		Body: body,
	})
}

// OperationStatus asks how the registration that Register began stands.
func (c *DeviceClient) OperationStatus(ctx context.Context, registrationID, operationID string) (*OperationAnswer, error) {
	return c.operation(ctx, wire.Request{
		Operation: "operation status", Method: http.MethodGet,
		URL: c.url(registrationID, "/operations/"+url.PathEscape(operationID)),
	})
}

// RegistrationStatus looks up the device's current registration without
// registering: POST …/registrations/{id}. It is not billed.
func (c *DeviceClient) RegistrationStatus(ctx context.Context, registrationID string) (*DeviceRegistrationResult, error) {
	const operation = "registration status"
	body, err := json.Marshal(DeviceRegistration{RegistrationID: registrationID})
	if err != nil {
		return nil, err
	}
	answer, err := c.Wire.Do(ctx, wire.Request{
		Operation: operation, Method: http.MethodPost,
		URL: c.url(registrationID, ""), Header: jsonHeader(), Body: body,
	})
	if err != nil {
		return nil, err
	}
	var r DeviceRegistrationResult
	if err := answer.DecodeJSON(operation, &r); err != nil {
		return nil, err
	}
	return &r, nil
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

func (c *DeviceClient) operation(ctx context.Context, q wire.Request) (*OperationAnswer, error) {
	q.Header = jsonHeader()
	answer, err := c.Wire.Do(ctx, q)
	if err != nil {
		return nil, err
	}
	var a OperationAnswer
	if err := answer.DecodeJSON(q.Operation, &a.RegistrationOperationStatus); err != nil {
		return nil, err
	}
	a.RetryAfter, a.HasRetryAfter = wire.RetryAfter(answer.Header, time.Now())
	return &a, nil
}

func (c *DeviceClient) url(registrationID, suffix string) string {
	return "https://" + c.Host + "/" + url.PathEscape(c.IDScope) + "/registrations/" + url.PathEscape(registrationID) +
		suffix + "?api-version=" + cmp.Or(c.APIVersion, DeviceAPIVersion)
}

func jsonHeader() http.Header {
	return http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Accept": {"application/json"}}
}
