package azure

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"dpslab/workflow/dps"
)

// dataPlaneScope is the Entra audience of the DPS service API.
const dataPlaneScope = "https://azure-devices-provisioning.net/.default"

// SignInError means that no Entra ID token could be had.
type SignInError struct{ Err error }

func (e *SignInError) Error() string { return "no Entra ID token: " + e.Err.Error() }

// Unwrap returns what the credential said.
func (e *SignInError) Unwrap() error { return e.Err }

// entra marks the errors of a credential, so that they are not taken for a
// service's.
type entra struct{ azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (c entra) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, &SignInError{Err: err}
	}
	return token, nil
}

// EntraCredential is the account that Azure's own tools would use here: the
// environment, a managed identity, az login. No request is made until a token
// is needed; tokens stay in memory.
func EntraCredential() (azcore.TokenCredential, error) {
	c, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, &SignInError{Err: err}
	}
	return entra{c}, nil
}

// ServiceAuthorizer authorizes service API calls with Entra tokens. The account
// needs the role "Device Provisioning Service Data Contributor".
func ServiceAuthorizer(c azcore.TokenCredential) dps.Authorizer {
	return func(ctx context.Context) (dps.Secret, error) {
		token, err := c.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{dataPlaneScope}})
		if err != nil {
			return dps.Secret{}, err
		}
		return dps.NewSecret("Bearer " + token.Token), nil
	}
}
