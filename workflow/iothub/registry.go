package iothub

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// ServiceAPIVersion is the version of the hub's service API that is sent.
const ServiceAPIVersion = "2021-04-12"

// ServiceAPIVersions are the versions of the service API that clients of the
// hub send, the newest first.
var ServiceAPIVersions = []string{"2024-03-31", "2021-04-12", "2020-09-30"}

// ServiceClient is the service API of one hub.
type ServiceClient struct {
	Wire       *wire.Client
	Host       string // {hub}.azure-devices.net
	Authorize  dps.Authorizer
	APIVersion string // empty: ServiceAPIVersion
}

// Device is a device identity of the registry.
type Device struct {
	DeviceID                   string         `json:"deviceId"`
	GenerationID               string         `json:"generationId,omitempty"`
	ETag                       string         `json:"etag,omitempty"`
	Status                     string         `json:"status,omitempty"` // enabled or disabled
	StatusReason               string         `json:"statusReason,omitempty"`
	StatusUpdatedTime          time.Time      `json:"statusUpdatedTime,omitzero"`
	ConnectionState            string         `json:"connectionState,omitempty"` // stays Disconnected over HTTPS
	ConnectionStateUpdatedTime time.Time      `json:"connectionStateUpdatedTime,omitzero"`
	LastActivityTime           time.Time      `json:"lastActivityTime,omitzero"`
	CloudToDeviceMessageCount  int            `json:"cloudToDeviceMessageCount"`
	Authentication             Authentication `json:"authentication"`
	Capabilities               struct {
		IoTEdge bool `json:"iotEdge"`
	} `json:"capabilities"`
	DeviceScope  string   `json:"deviceScope,omitempty"`
	ParentScopes []string `json:"parentScopes,omitempty"`
}

// Ways in which a device proves itself to its hub.
const (
	AuthenticationSAS                  = "sas"
	AuthenticationSelfSigned           = "selfSigned" // by thumbprint; DPS makes these
	AuthenticationCertificateAuthority = "certificateAuthority"
	AuthenticationNone                 = "none"
)

// Authentication is how a device proves itself to its hub.
type Authentication struct {
	Type           string                      `json:"type"`
	SymmetricKey   dps.SymmetricKeyAttestation `json:"symmetricKey"` // secrets
	X509Thumbprint Thumbprints                 `json:"x509Thumbprint"`
}

// Thumbprints are those of the certificates that a device may show, SHA-1 or
// SHA-256 in hex.
type Thumbprints struct {
	Primary   string `json:"primaryThumbprint,omitempty"`
	Secondary string `json:"secondaryThumbprint,omitempty"`
}

// Twin is a device twin.
type Twin struct {
	DeviceID                  string         `json:"deviceId"`
	ETag                      string         `json:"etag,omitempty"`
	DeviceETag                string         `json:"deviceEtag,omitempty"`
	Status                    string         `json:"status,omitempty"`
	StatusUpdateTime          time.Time      `json:"statusUpdateTime,omitzero"`
	ConnectionState           string         `json:"connectionState,omitempty"`
	LastActivityTime          time.Time      `json:"lastActivityTime,omitzero"`
	CloudToDeviceMessageCount int            `json:"cloudToDeviceMessageCount"`
	AuthenticationType        string         `json:"authenticationType,omitempty"`
	X509Thumbprint            Thumbprints    `json:"x509Thumbprint"`
	ModelID                   string         `json:"modelId,omitempty"`
	Version                   int64          `json:"version"`
	Tags                      map[string]any `json:"tags,omitempty"`
	Properties                struct {
		Desired  map[string]any `json:"desired,omitempty"`  // with $metadata and $version
		Reported map[string]any `json:"reported,omitempty"` // with $metadata and $version
	} `json:"properties"`

	Raw json.RawMessage `json:"-"` // as it came
}

// Device reads a device identity.
func (c *ServiceClient) Device(ctx context.Context, deviceID string) (*Device, error) {
	const operation = "get device"
	answer, err := c.do(ctx, operation, http.MethodGet, "/devices/"+url.PathEscape(deviceID), nil, nil)
	if err != nil {
		return nil, err
	}
	var d Device
	if err := answer.DecodeJSON(operation, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// DeleteDevice removes a device identity. ifMatch is its etag; empty is any.
func (c *ServiceClient) DeleteDevice(ctx context.Context, deviceID, ifMatch string) error {
	header := http.Header{"If-Match": {quoted(cmp.Or(ifMatch, "*"))}}
	_, err := c.do(ctx, "delete device", http.MethodDelete, "/devices/"+url.PathEscape(deviceID), header, nil)
	return err
}

// quoted is an entity tag as this API wants it in a header.
func quoted(tag string) string {
	if tag == "*" || len(tag) > 1 && tag[0] == '"' {
		return tag
	}
	return `"` + tag + `"`
}

// Twin reads a device twin.
func (c *ServiceClient) Twin(ctx context.Context, deviceID string) (*Twin, error) {
	const operation = "get twin"
	answer, err := c.do(ctx, operation, http.MethodGet, "/twins/"+url.PathEscape(deviceID), nil, nil)
	if err != nil {
		return nil, err
	}
	t := Twin{Raw: answer.Body}
	if err := answer.DecodeJSON(operation, &t); err != nil {
		return nil, err
	}
	return &t, nil
}

func (c *ServiceClient) do(ctx context.Context, operation, method, path string, header http.Header, body []byte) (*wire.Answer, error) {
	authorization, err := c.Authorize(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Accept", "application/json")
	header.Set("Authorization", authorization.Reveal())
	return c.Wire.Do(ctx, wire.Request{
		Operation: operation, Method: method, Header: header, Body: body,
		URL: "https://" + c.Host + path + "?api-version=" + url.QueryEscape(cmp.Or(c.APIVersion, ServiceAPIVersion)),
	})
}
