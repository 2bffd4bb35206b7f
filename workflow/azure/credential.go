package azure

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// CredentialKind is a way to sign in with Microsoft Entra ID.
type CredentialKind string

// The ways.
const (
	// CredentialEntra is the account that Azure's own tools would use here: the
	// first that gives a token of environment, workload identity, managed
	// identity, az login, azd auth login and Connect-AzAccount.
	CredentialEntra            CredentialKind = "entra"
	CredentialCLI              CredentialKind = "entra-cli"
	CredentialEnvironment      CredentialKind = "entra-environment"
	CredentialManagedIdentity  CredentialKind = "entra-managed-identity"
	CredentialWorkloadIdentity CredentialKind = "entra-workload-identity"
	// CredentialDeviceCode shows a code to type into a browser on any machine.
	CredentialDeviceCode CredentialKind = "entra-device-code"
)

// CredentialChoice is a way to sign in, for lists and help.
type CredentialChoice struct {
	Kind  CredentialKind
	Label string
	Needs string // what has to be there, and what to do when it fails
}

// CredentialChoices are all ways, the usual one first.
func CredentialChoices() []CredentialChoice {
	return []CredentialChoice{
		{
			CredentialEntra, "the account that Azure's tools use here",
			"az login (over SSH: az login --use-device-code), or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of a service principal, or credential = \"entra-device-code\"",
		},
		{CredentialCLI, "az login", "az login (over SSH: az login --use-device-code), and the Azure CLI in PATH"},
		{
			CredentialEnvironment, "a service principal in environment variables",
			"AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH",
		},
		{CredentialManagedIdentity, "the managed identity of this Azure machine", "an identity assigned to this machine, and AZURE_CLIENT_ID when there are several"},
		{
			CredentialWorkloadIdentity, "the workload identity of this Kubernetes pod",
			"AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE, as the workload identity webhook sets them",
		},
		{CredentialDeviceCode, "a code typed into a browser, also on another machine", "a person who opens the page and types the code, and a tenant that allows the device code flow"},
	}
}

// DeviceCode is what a person needs to sign in by device code.
type DeviceCode struct {
	Code    string // to be typed
	URL     string // into this page
	Message string // both in one sentence, by Microsoft
}

// CredentialOptions choose an account.
type CredentialOptions struct {
	Kind     CredentialKind // empty: CredentialEntra
	Cloud    Cloud          // empty: CloudPublic
	TenantID string         // empty: the account's home tenant
	ClientID string         // of a user-assigned managed identity
	Roots    *x509.CertPool // that the sign-in servers are trusted by; nil: the system's

	// Prompt shows the device code. It is called from the goroutine of the call
	// that needs a token. CredentialDeviceCode needs one.
	Prompt func(context.Context, DeviceCode) error

	transport policy.Transporter // nil: signInTransport
}

// SignInError means that no Entra ID token could be had.
type SignInError struct {
	Kind CredentialKind // which way; empty: CredentialEntra
	Err  error
}

func (e *SignInError) Error() string {
	return "no Entra ID token: " + wire.RedactText(e.Err.Error())
}

// Unwrap returns what the credential said.
func (e *SignInError) Unwrap() error { return e.Err }

// Fix is what has to be there for signing in that way.
func (e *SignInError) Fix() string {
	for _, c := range CredentialChoices() {
		if c.Kind == e.Kind || c.Kind == CredentialEntra && e.Kind == "" {
			return "Needed: " + c.Needs + "."
		}
	}
	return ""
}

// NewCredential prepares an account. No request is made until a token is
// needed. Tokens stay in memory, and one is used until five minutes before its
// end. A sign-in request is repeated by Azure's own module and is not recorded:
// it is made of secrets.
func NewCredential(o CredentialOptions) (azcore.TokenCredential, error) {
	if o.Kind == "" {
		o.Kind = CredentialEntra
	}
	c, err := o.credential()
	if err != nil {
		return nil, &SignInError{Kind: o.Kind, Err: err}
	}
	return newMemory(o.Kind, c), nil
}

func (o CredentialOptions) credential() (azcore.TokenCredential, error) {
	client := azcore.ClientOptions{
		Cloud:     o.Cloud.configuration(o.Cloud.ManagementHost()),
		Transport: o.transport,
		Telemetry: policy.TelemetryOptions{ApplicationID: "dpslab"},
	}
	if client.Transport == nil {
		client.Transport = signInTransport(o.Roots)
	}
	switch o.Kind {
	case CredentialEntra:
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: client, TenantID: o.TenantID})
	case CredentialCLI:
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: o.TenantID})
	case CredentialEnvironment:
		return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: client})
	case CredentialManagedIdentity:
		m := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: client}
		if o.ClientID != "" {
			m.ID = azidentity.ClientID(o.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(m)
	case CredentialWorkloadIdentity:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: client, TenantID: o.TenantID, ClientID: o.ClientID})
	case CredentialDeviceCode:
		return o.deviceCode(client)
	}
	return nil, &ValueError{"credential", string(o.Kind), "one of entra, entra-cli, entra-environment, entra-managed-identity, entra-workload-identity, entra-device-code"}
}

func (o CredentialOptions) deviceCode(client azcore.ClientOptions) (azcore.TokenCredential, error) {
	if o.Prompt == nil {
		return nil, errors.New("signing in by device code needs a person, and nobody can be asked here")
	}
	d := &prompted{}
	c, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
		ClientOptions: client, TenantID: o.TenantID,
		UserPrompt: func(ctx context.Context, m azidentity.DeviceCodeMessage) error {
			d.failed = o.Prompt(ctx, DeviceCode{Code: m.UserCode, URL: m.VerificationURL, Message: m.Message})
			return d.failed
		},
	})
	d.source = c
	return d, err
}

// prompted keeps why a code could not be shown, which Azure's module makes a
// text of. It is asked by one at a time.
type prompted struct {
	source azcore.TokenCredential
	failed error
}

// GetToken implements azcore.TokenCredential.
func (d *prompted) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	d.failed = nil
	token, err := d.source.GetToken(ctx, o)
	if d.failed != nil {
		return token, fmt.Errorf("show the code: %w", d.failed)
	}
	return token, err
}

// StaticToken is a credential that always gives the same token; the lab has one.
type StaticToken struct{ Token dps.Secret }

// GetToken implements azcore.TokenCredential.
func (t StaticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: t.Token.Reveal(), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// ServiceAuthorizer authorizes calls of the DPS service API with Entra tokens.
// The account needs the data actions that [LeastRights] names, such as of the
// role "Device Provisioning Service Data Contributor".
func ServiceAuthorizer(c azcore.TokenCredential) dps.Authorizer {
	return bearer(c, CloudPublic.serviceScope())
}

// HubAuthorizer authorizes calls of the service API of the IoT hub at host with
// Entra tokens.
func HubAuthorizer(c azcore.TokenCredential, host string) dps.Authorizer {
	return bearer(c, CloudOf(host).hubScope())
}

func bearer(c azcore.TokenCredential, scope string) dps.Authorizer {
	c = account{c}
	return func(ctx context.Context) (dps.Secret, error) {
		token, err := c.GetToken(ctx, scopes(scope))
		if err != nil {
			return dps.Secret{}, err
		}
		return dps.NewSecret("Bearer " + token.Token), nil
	}
}
