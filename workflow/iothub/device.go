package iothub

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// APIVersion is the device API version that is sent. 2020-03-13 is what the
// public X.509-over-HTTPS how-to uses.
const APIVersion = "2020-03-13"

// DeviceAPIVersions are the versions of the device API that clients of the
// service send, the newest first.
var DeviceAPIVersions = []string{"2021-04-12", "2020-09-30", "2020-03-13", "2019-10-01", "2016-11-14"}

// DeviceClient is one device at one hub. By X.509 the wire client carries the
// device's certificate and must allow renegotiation; by key or TPM, Authorize
// signs.
type DeviceClient struct {
	Wire       *wire.Client
	Host       string // {hub}.azure-devices.net
	DeviceID   string
	APIVersion string         // empty: APIVersion
	Authorize  dps.Authorizer // nil: no Authorization header
}

// tokenLife is how long a token is good for: made anew for each call, it only
// has to outlive that call and a clock that is a little off.
const tokenLife = 10 * time.Minute

// deviceResource is what a device's token is for.
func deviceResource(host, deviceID string) string { return host + "/devices/" + deviceID }

// DeviceKeyAuthorizer signs a token for each call of a device with a symmetric
// key: that of its enrollment, derived for a group.
func DeviceKeyAuthorizer(host, deviceID string, key dps.Secret) dps.Authorizer {
	return func(context.Context) (dps.Secret, error) {
		return dps.Token(deviceResource(host, deviceID), "", key, time.Now().Add(tokenLife))
	}
}

// TPMAuthorizer signs a token for each call with the key that a TPM holds for
// the hub; see dps.DeviceClient.ActivateHubKey.
func TPMAuthorizer(host, deviceID string, tpm dps.TPM) dps.Authorizer {
	return dps.TPMAuthorizer(tpm, deviceResource(host, deviceID), "")
}

// Send posts one event. The hub answers 204 without a body.
func (c *DeviceClient) Send(ctx context.Context, m Message) error {
	const operation = "send event"
	if err := m.check(); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	_, err := c.do(ctx, wire.Request{Operation: operation, Method: http.MethodPost, Header: m.header(), Body: m.Body}, "/messages/events", "")
	return err
}

// do makes a request with the credential of the device. flag is a parameter
// without a value.
func (c *DeviceClient) do(ctx context.Context, q wire.Request, path, flag string) (*wire.Answer, error) {
	q.URL = "https://" + c.Host + "/devices/" + url.PathEscape(c.DeviceID) + path +
		"?api-version=" + url.QueryEscape(cmp.Or(c.APIVersion, APIVersion)) + flag
	if q.Header == nil {
		q.Header = http.Header{}
	}
	if c.Authorize != nil {
		token, err := c.Authorize(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Operation, err)
		}
		q.Header.Set("Authorization", token.Reveal())
	}
	return c.Wire.Do(ctx, q)
}
