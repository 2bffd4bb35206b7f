package azure_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"dpslab/workflow/azure"
)

// isolate takes away what of this machine could sign in.
func isolate(t *testing.T) {
	t.Helper()
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AZURE_") || strings.HasPrefix(name, "IDENTITY_") || strings.HasPrefix(name, "MSI_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	t.Setenv("HOME", t.TempDir())
}

var managementScope = policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}}

// signIn takes two tokens of the same account; the second comes from memory.
func signIn(t *testing.T, a *authority, o azure.CredentialOptions) (azcore.AccessToken, error) {
	t.Helper()
	c, err := azure.NewCredential(o.Through(a.client))
	if err != nil {
		return azcore.AccessToken{}, err
	}
	first, err := c.GetToken(t.Context(), managementScope)
	if err != nil {
		return first, err
	}
	asked := a.tokens()
	again, err := c.GetToken(t.Context(), managementScope)
	if err != nil || again.Token != first.Token || a.tokens() != asked {
		t.Errorf("the second token %v, %v, %d requests", again.Token == first.Token, err, a.tokens()-asked)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, first.Token) {
			t.Errorf("%s shows the token: %s", verb, text)
		}
	}
	return first, err
}

func TestEnvironmentCredential(t *testing.T) {
	isolate(t)
	t.Setenv("AZURE_TENANT_ID", tenant)
	t.Setenv("AZURE_CLIENT_ID", principal)
	t.Setenv("AZURE_CLIENT_SECRET", "client-secret-1")
	for kind, cloud := range map[azure.CredentialKind]azure.Cloud{
		azure.CredentialEnvironment: azure.CloudPublic, azure.CredentialEntra: azure.CloudPublic, "": azure.CloudUSGovernment,
	} {
		a := startAuthority(t)
		if _, err := signIn(t, a, azure.CredentialOptions{Kind: kind, Cloud: cloud}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		last, host := a.seen[len(a.seen)-1], "login.microsoftonline.com"
		if cloud == azure.CloudUSGovernment {
			host = "login.microsoftonline.us"
		}
		if last != host+"/"+tenant+"/oauth2/v2.0/token" || !strings.Contains(a.form[0], "client-secret-1") {
			t.Errorf("%s: asked %v", kind, a.seen)
		}
		a = startAuthority(t)
		a.refuse = "invalid_client"
		_, err := signIn(t, a, azure.CredentialOptions{Kind: kind, Cloud: cloud})
		wantSignIn(t, err, "AZURE_CLIENT_SECRET", "client-secret-1")
	}
}

func wantSignIn(t *testing.T, err error, fix string, secrets ...string) {
	t.Helper()
	var failed *azure.SignInError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v (%T)", err, err)
	}
	if !strings.Contains(failed.Fix(), fix) {
		t.Errorf("%v does not say %q: %q", err, fix, failed.Fix())
	}
	for _, s := range secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("a secret is in %v", err)
		}
	}
}

func TestWorkloadIdentityCredential(t *testing.T) {
	isolate(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("federated-secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := startAuthority(t)
	_, err := signIn(t, a, azure.CredentialOptions{Kind: azure.CredentialWorkloadIdentity})
	wantSignIn(t, err, "AZURE_FEDERATED_TOKEN_FILE")
	t.Setenv("AZURE_TENANT_ID", tenant)
	t.Setenv("AZURE_CLIENT_ID", principal)
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	if _, err := signIn(t, a, azure.CredentialOptions{Kind: azure.CredentialWorkloadIdentity}); err != nil || !strings.Contains(a.form[0], "federated-secret") {
		t.Errorf("got %v", err)
	}
}

func TestManagedIdentityCredential(t *testing.T) {
	isolate(t)
	a := startAuthority(t)
	if _, err := signIn(t, a, azure.CredentialOptions{Kind: azure.CredentialManagedIdentity, ClientID: principal}); err != nil {
		t.Fatal(err)
	}
	if a.seen[0] != "169.254.169.254/metadata/identity/oauth2/token" || !strings.Contains(a.form[0], principal) {
		t.Errorf("asked %v", a.seen)
	}
}

func TestCLICredential(t *testing.T) {
	isolate(t)
	bin := t.TempDir()
	az := func(script string) {
		if err := os.WriteFile(filepath.Join(bin, "az"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	count := filepath.Join(bin, "count")
	az(`echo "$@" >> ` + count + fmt.Sprintf("\necho '{\"accessToken\":\"token-az\",\"expiresOn\":\"x\",\"expires_on\":%d,\"tenant\":\"t\",\"tokenType\":\"Bearer\"}'\n", time.Now().Add(time.Hour).Unix()))
	a := startAuthority(t)
	token, err := signIn(t, a, azure.CredentialOptions{Kind: azure.CredentialCLI, TenantID: tenant})
	if err != nil || token.Token != "token-az" {
		t.Fatalf("got %v", err)
	}
	if calls, err := os.ReadFile(count); err != nil || strings.Count(string(calls), "\n") != 1 || !strings.Contains(string(calls), tenant) {
		t.Errorf("az was started as %q, %v", calls, err)
	}
	az("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1\n")
	_, err = signIn(t, a, azure.CredentialOptions{Kind: azure.CredentialCLI})
	wantSignIn(t, err, "az login")
	if err := os.Remove(filepath.Join(bin, "az")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	_, err = signIn(t, a, azure.CredentialOptions{Kind: azure.CredentialCLI})
	wantSignIn(t, err, "az login")
}

func TestDeviceCodeCredential(t *testing.T) {
	t.Parallel()
	a := startAuthority(t)
	a.pending = 2
	var shown []azure.DeviceCode
	o := azure.CredentialOptions{Kind: azure.CredentialDeviceCode, TenantID: tenant, Prompt: func(_ context.Context, c azure.DeviceCode) error {
		shown = append(shown, c)
		return nil
	}}
	if _, err := signIn(t, a, o); err != nil {
		t.Fatal(err)
	}
	want := azure.DeviceCode{Code: "ABCD-1234", URL: "https://microsoft.com/devicelogin", Message: "Open the page and type ABCD-1234."}
	if len(shown) != 1 || shown[0] != want || a.tokens() != 3 {
		t.Errorf("shown %+v, asked %d times", shown, a.tokens())
	}
	a.refuse = "authorization_declined"
	_, err := signIn(t, a, o)
	wantSignIn(t, err, "types the code", "device-secret", "refresh-secret")

	closed := errors.New("nobody looks")
	o.Prompt = func(context.Context, azure.DeviceCode) error { return closed }
	if _, err = signIn(t, a, o); !errors.Is(err, closed) {
		t.Errorf("the prompt failed: %v", err)
	}
	o.Prompt = nil
	_, err = signIn(t, a, o)
	wantSignIn(t, err, "a person")
}

// A device code that nobody types ends with the person's ctrl+c.
func TestDeviceCodeThatIsGivenUp(t *testing.T) {
	t.Parallel()
	a := startAuthority(t)
	a.pending = 1 << 30
	byUser := errors.New("the user pressed ctrl+c")
	ctx, cancel := context.WithCancelCause(t.Context())
	c, err := azure.NewCredential(azure.CredentialOptions{Kind: azure.CredentialDeviceCode, Prompt: func(context.Context, azure.DeviceCode) error {
		cancel(byUser)
		return nil
	}}.Through(a.client))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetToken(ctx, managementScope); !errors.Is(err, byUser) {
		t.Errorf("got %v", err)
	}
	// Nor does one who waits for his turn wait for ever.
	if _, err := c.GetToken(ctx, managementScope); !errors.Is(err, byUser) {
		t.Errorf("got %v", err)
	}
}

func TestNoSuchCredential(t *testing.T) {
	t.Parallel()
	_, err := azure.NewCredential(azure.CredentialOptions{Kind: "kerberos"})
	var rule *azure.ValueError
	if !errors.As(err, &rule) || !strings.Contains(err.Error(), "entra-device-code") {
		t.Errorf("got %v", err)
	}
}

// A token is not used in the last minutes of its life, nor after a challenge.
func TestTokenThatEndsSoon(t *testing.T) {
	isolate(t)
	t.Setenv("AZURE_TENANT_ID", tenant)
	t.Setenv("AZURE_CLIENT_ID", principal)
	t.Setenv("AZURE_CLIENT_SECRET", "client-secret-1")
	a := startAuthority(t)
	a.life = 2 * time.Minute
	c, err := azure.NewCredential(azure.CredentialOptions{Kind: azure.CredentialEnvironment}.Through(a.client))
	if err != nil {
		t.Fatal(err)
	}
	hub := policy.TokenRequestOptions{Scopes: []string{"https://iothubs.azure.net/.default"}}
	for i, o := range []policy.TokenRequestOptions{managementScope, managementScope, hub} {
		if _, err := c.GetToken(t.Context(), o); err != nil || a.tokens() != i+1 {
			t.Errorf("after %d calls %d requests, %v", i+1, a.tokens(), err)
		}
	}
}

func TestClouds(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]struct {
		cloud              azure.Cloud
		management, device string
	}{
		"contoso-dps.azure-devices-provisioning.net":  {azure.CloudPublic, "management.azure.com", "global.azure-devices-provisioning.net"},
		"contoso-dps.azure-devices-provisioning.cn":   {azure.CloudChina, "management.chinacloudapi.cn", "global.azure-devices-provisioning.cn"},
		"GLOBAL.azure-devices-provisioning.us":        {azure.CloudUSGovernment, "management.usgovcloudapi.net", "global.azure-devices-provisioning.us"},
		"hub.azure-devices.us":                        {azure.CloudUSGovernment, "management.usgovcloudapi.net", "global.azure-devices-provisioning.us"},
		"management.usgovcloudapi.net":                {azure.CloudUSGovernment, "management.usgovcloudapi.net", "global.azure-devices-provisioning.us"},
		"":                                            {azure.CloudPublic, "management.azure.com", "global.azure-devices-provisioning.net"},
		"azure-devices-provisioning.us.evil.example.": {azure.CloudPublic, "management.azure.com", "global.azure-devices-provisioning.net"},
	} {
		c := azure.CloudOf(host)
		if c != want.cloud || c.ManagementHost() != want.management || c.DeviceEndpoint() != want.device {
			t.Errorf("%s: %s %s %s", host, c, c.ManagementHost(), c.DeviceEndpoint())
		}
	}
}

// scopeSeen is a credential that notes what tokens are for.
type scopeSeen struct{ scopes *[]string }

func (s scopeSeen) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	*s.scopes = append(*s.scopes, o.Scopes...)
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestScopes(t *testing.T) {
	t.Parallel()
	var got []string
	c := scopeSeen{&got}
	for _, authorize := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := azure.ServiceAuthorizer(c)(ctx); return err },
		func(ctx context.Context) error {
			_, err := azure.HubAuthorizer(c, "hub.azure-devices.net")(ctx)
			return err
		},
		func(ctx context.Context) error {
			_, err := azure.HubAuthorizer(c, "hub.azure-devices.cn")(ctx)
			return err
		},
		func(ctx context.Context) error {
			_, err := azure.HubAuthorizer(c, "hub.azure-devices.us")(ctx)
			return err
		},
	} {
		if err := authorize(t.Context()); err != nil {
			t.Error(err)
		}
	}
	want := "https://azure-devices-provisioning.net/.default https://iothubs.azure.net/.default https://iothubs.azure.net/.default https://iothubs.azure.us/.default"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
}
