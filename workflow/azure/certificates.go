// Package azure speaks with Azure Resource Manager through Azure's own Go
// modules, over a recorded transport.
package azure

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// ManagementHost is Azure Resource Manager in public Azure.
const ManagementHost = "management.azure.com"

// Instance names a DPS instance as a resource.
type Instance struct {
	SubscriptionID string // a UUID
	ResourceGroup  string
	DPSName        string
}

// Certificates are the signing certificates of one DPS instance.
type Certificates struct {
	client   *armdeviceprovisioningservices.DpsCertificateClient
	host     string
	instance Instance
}

// Certificate is a signing certificate as DPS holds it.
type Certificate struct {
	Name       string
	Verified   bool
	Thumbprint string // SHA-1, upper-case hex
	Subject    string
	ETag       string
	DER        []byte // as far as the answer carries it
}

// NewCertificates prepares the client. Requests go through w; retrying is left
// to the caller, who shows it.
func NewCertificates(w *wire.Client, host string, credential azcore.TokenCredential, i Instance) (*Certificates, error) {
	options := &arm.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Transport: w.HTTP(),
			Retry:     policy.RetryOptions{MaxRetries: -1},
			Cloud: cloud.Configuration{
				ActiveDirectoryAuthorityHost: cloud.AzurePublic.ActiveDirectoryAuthorityHost,
				Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
					cloud.ResourceManager: {Audience: "https://" + ManagementHost, Endpoint: "https://" + host},
				},
			},
			Telemetry: policy.TelemetryOptions{ApplicationID: "dpslab"},
		},
		DisableRPRegistration: true,
	}
	client, err := armdeviceprovisioningservices.NewDpsCertificateClient(i.SubscriptionID, credential, options)
	if err != nil {
		return nil, fmt.Errorf("prepare the Azure Resource Manager client: %w", err)
	}
	return &Certificates{client: client, host: host, instance: i}, nil
}

// ErrNotFound is returned by Get for a name that DPS does not hold.
var ErrNotFound = errors.New("no certificate of that name")

// Get reads one signing certificate, or ErrNotFound.
func (c *Certificates) Get(ctx context.Context, name string) (*Certificate, error) {
	const operation = "get signing certificate"
	r, err := c.client.Get(wire.WithOperation(ctx, operation), name, c.instance.ResourceGroup, c.instance.DPSName, nil)
	if err != nil {
		err = c.failure(ctx, operation, err)
		var refused *wire.ServiceError
		if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
			return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		return nil, err
	}
	return certificate(r.CertificateResponse), nil
}

// Put uploads a CA certificate under a name; ifMatch is the etag of the one it
// replaces, or empty. With verified set it counts as verified at once, which the
// service allows from api-version 2021-10-15; else possession is to be proved.
func (c *Certificates) Put(ctx context.Context, name string, ca *x509.Certificate, ifMatch string, verified bool) (*Certificate, error) {
	const operation = "upload signing certificate"
	body := armdeviceprovisioningservices.CertificateResponse{
		Properties: &armdeviceprovisioningservices.CertificateProperties{Certificate: pemBytes(ca)},
	}
	if verified {
		body.Properties.IsVerified = &verified
	}
	options := &armdeviceprovisioningservices.DpsCertificateClientCreateOrUpdateOptions{}
	if ifMatch != "" {
		options.IfMatch = &ifMatch
	}
	r, err := c.client.CreateOrUpdate(wire.WithOperation(ctx, operation), c.instance.ResourceGroup, c.instance.DPSName, name, body, options)
	if err != nil {
		return nil, c.failure(ctx, operation, err)
	}
	return certificate(r.CertificateResponse), nil
}

// VerificationCode asks DPS for the code that a verification certificate must
// carry as its CN. The certificate comes back with a new etag.
func (c *Certificates) VerificationCode(ctx context.Context, name, ifMatch string) (code string, _ *Certificate, err error) {
	const operation = "generate verification code"
	r, err := c.client.GenerateVerificationCode(wire.WithOperation(ctx, operation), name, ifMatch, c.instance.ResourceGroup, c.instance.DPSName, nil)
	if err != nil {
		return "", nil, c.failure(ctx, operation, err)
	}
	held := &Certificate{Name: value(r.Name), ETag: value(r.Etag)}
	if r.Properties == nil || value(r.Properties.VerificationCode) == "" {
		return "", nil, errors.New(operation + ": the answer carries no code")
	}
	held.Verified = value(r.Properties.IsVerified)
	return value(r.Properties.VerificationCode), held, nil
}

// Verify sends the verification certificate. ifMatch is the etag that
// VerificationCode returned; an older one is refused with 412.
func (c *Certificates) Verify(ctx context.Context, name, ifMatch string, proof *x509.Certificate) (*Certificate, error) {
	const operation = "verify signing certificate"
	body := armdeviceprovisioningservices.VerificationCodeRequest{Certificate: pointer(base64.StdEncoding.EncodeToString(pemBytes(proof)))}
	r, err := c.client.VerifyCertificate(wire.WithOperation(ctx, operation), name, ifMatch, c.instance.ResourceGroup, c.instance.DPSName, body, nil)
	if err != nil {
		return nil, c.failure(ctx, operation, err)
	}
	return certificate(r.CertificateResponse), nil
}

// StaticToken is a credential that always gives the same token; the lab has one.
type StaticToken struct{ Token dps.Secret }

// GetToken implements azcore.TokenCredential.
func (t StaticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: t.Token.Reveal(), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func certificate(r armdeviceprovisioningservices.CertificateResponse) *Certificate {
	c := &Certificate{Name: value(r.Name), ETag: value(r.Etag)}
	if p := r.Properties; p != nil {
		c.Verified, c.Thumbprint, c.Subject = value(p.IsVerified), value(p.Thumbprint), value(p.Subject)
		c.DER = p.Certificate
		if block, _ := pem.Decode(p.Certificate); block != nil {
			c.DER = block.Bytes
		}
	}
	return c
}

// failure turns the module's error into the one of this program.
func (c *Certificates) failure(ctx context.Context, operation string, err error) error {
	var response *azcore.ResponseError
	if !errors.As(err, &response) || response.RawResponse == nil {
		var transport *url.Error
		if errors.As(err, &transport) || ctx.Err() != nil {
			return wire.NewConnectError(ctx, operation, c.host, err)
		}
		return fmt.Errorf("%s: %w", operation, err)
	}
	body, readErr := runtime.Payload(response.RawResponse)
	if readErr != nil {
		body = nil
	}
	e := wire.NewServiceError(operation, response.RawResponse, body)
	if e.Code == "" {
		e.Code = response.ErrorCode
	}
	return e
}

func pemBytes(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func value[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

func pointer[T any](v T) *T { return &v }
