package emulator

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/apimanagement/armapimanagement/v3"

	"dpslab/pki"
)

// apim makes the certificate client of Azure's own module.
func (l *Lab) apim(t *testing.T) *armapimanagement.CertificateClient {
	t.Helper()
	o := &arm.ClientOptions{ClientOptions: azpolicy.ClientOptions{
		Transport: l.as(t, ident{}).http, Retry: azpolicy.RetryOptions{MaxRetries: -1},
	}}
	c, err := armapimanagement.NewCertificateClient(l.ready.SubscriptionID, labCredential(l.ready.ManagementToken), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pfx makes a PFX with openssl: in its modern and its old form, with a chain,
// and without a password.
func pfx(t testing.TB, id ident, password string, arguments ...string) string {
	t.Helper()
	dir := t.TempDir()
	key, chain, out := filepath.Join(dir, "key.pem"), filepath.Join(dir, "chain.pem"), filepath.Join(dir, "out.pfx")
	if err := pki.WriteKey(key, id.key, nil); err != nil {
		t.Fatal(err)
	}
	if err := pki.WriteCertificates(chain, id.chain...); err != nil {
		t.Fatal(err)
	}
	run := exec.Command("openssl", append([]string{"pkcs12", "-export", "-inkey", key, "-in", chain, "-out", out, "-passout", "pass:" + password}, arguments...)...)
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func inline(data, password string) armapimanagement.CertificateCreateOrUpdateParameters {
	return armapimanagement.CertificateCreateOrUpdateParameters{
		Properties: &armapimanagement.CertificateCreateOrUpdateProperties{Data: to.Ptr(data), Password: to.Ptr(password)},
	}
}

// wantAzure checks the error that Azure's module made of an answer.
func wantAzure(t testing.TB, err error, status int, code string) {
	t.Helper()
	e, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok || e.StatusCode != status || e.ErrorCode != code {
		t.Errorf("want %d %s, got %v", status, code, err)
	}
}

func TestAzureModuleAPIM(t *testing.T) {
	t.Parallel()
	l := start(t)
	client, group := l.apim(t), l.ready.ResourceGroup
	id := selfSigned(t, "backend-1")
	for name, arguments := range map[string][]string{
		"modern": nil, "legacy": {"-legacy"},
	} {
		var answer *http.Response
		ctx := azpolicy.WithCaptureResponse(t.Context(), &answer)
		made, err := client.CreateOrUpdate(ctx, group, apimName, name, inline(pfx(t, id, "1234", arguments...), "1234"), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p := made.Properties
		if answer.StatusCode != 201 || made.ETag == nil || *p.Subject != "CN=backend-1" || *p.Thumbprint != pki.Thumbprint1(id.chain[0]) || !p.ExpirationDate.Equal(id.chain[0].NotAfter) {
			t.Errorf("%s: %d %+v %+v", name, answer.StatusCode, made, p)
		}
		if !strings.HasSuffix(*made.ID, "/service/dpslab-apim/certificates/"+name) || *made.Type != "Microsoft.ApiManagement/service/certificates" || *made.Name != name {
			t.Errorf("%+v", made)
		}
	}
	tag, err := client.GetEntityTag(t.Context(), group, apimName, "modern", nil)
	if err != nil || tag.ETag == nil {
		t.Fatalf("%+v %v", tag, err)
	}
	// An update needs the etag, and gives a new one.
	renewed := inline(pfx(t, newFamily(t, "apim").device(t, "backend-2"), ""), "")
	_, err = client.CreateOrUpdate(t.Context(), group, apimName, "modern", renewed, nil)
	wantAzure(t, err, 412, "PreconditionFailed")
	updated, err := client.CreateOrUpdate(t.Context(), group, apimName, "MODERN", renewed, &armapimanagement.CertificateClientCreateOrUpdateOptions{IfMatch: tag.ETag})
	if err != nil || *updated.ETag == *tag.ETag || *updated.Name != "modern" || *updated.Properties.Subject != "CN=backend-2" {
		t.Fatalf("%+v %v", updated, err)
	}
	_, err = client.Delete(t.Context(), group, apimName, "modern", *tag.ETag, nil)
	wantAzure(t, err, 412, "PreconditionFailed")
	for range 2 { // the second time it is not there, which is fine
		if _, err := client.Delete(t.Context(), group, apimName, "modern", "*", nil); err != nil {
			t.Error(err)
		}
	}
	_, err = client.Get(t.Context(), group, apimName, "modern", nil)
	wantAzure(t, err, 404, "ResourceNotFound")
	_, err = client.Get(t.Context(), group, "contoso", "modern", nil)
	wantAzure(t, err, 404, "ResourceNotFound")
}

func TestAzureModuleVault(t *testing.T) {
	t.Parallel()
	l := start(t)
	client, group := l.apim(t), l.ready.ResourceGroup
	put := func(name, secret string) armapimanagement.CertificateClientCreateOrUpdateResponse {
		made, err := client.CreateOrUpdate(t.Context(), group, apimName, name, armapimanagement.CertificateCreateOrUpdateParameters{
			Properties: &armapimanagement.CertificateCreateOrUpdateProperties{KeyVault: &armapimanagement.KeyVaultContractCreateProperties{SecretIdentifier: to.Ptr(secret)}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	latest, fixed := put("latest", "https://contoso.vault.azure.net/secrets/backend"), put("fixed", "https://contoso.vault.azure.net/secrets/backend/0a1b2c")
	if v := latest.Properties.KeyVault; *latest.Properties.Subject != "CN=backend" || *v.LastStatus.Code != "Success" || v.IdentityClientID != nil {
		t.Errorf("%+v", latest.Properties)
	}
	for _, test := range []struct {
		name    string
		before  string
		rotates bool
	}{{"latest", *latest.Properties.Thumbprint, true}, {"fixed", *fixed.Properties.Thumbprint, false}} {
		again, err := client.RefreshSecret(t.Context(), group, apimName, test.name, nil)
		if err != nil || again.ETag == nil || (*again.Properties.Thumbprint != test.before) != test.rotates {
			t.Errorf("%s: %+v %v", test.name, again.Properties, err)
		}
	}
	l.fault(t, Fault{Scenario: "vault-failure", Count: 1})
	if failed, err := client.RefreshSecret(t.Context(), group, apimName, "latest", nil); err != nil || *failed.Properties.KeyVault.LastStatus.Code == "Success" {
		t.Errorf("%+v %v", failed, err)
	}
	if names := l.apimNames(t, &armapimanagement.CertificateClientListByServiceOptions{IsKeyVaultRefreshFailed: to.Ptr(true)}); names != "latest" {
		t.Errorf("failed to refresh: %s", names)
	}
}

// apimNames lists certificates over all pages.
func (l *Lab) apimNames(t *testing.T, o *armapimanagement.CertificateClientListByServiceOptions) string {
	t.Helper()
	var names []string
	for pager := l.apim(t).NewListByServicePager(l.ready.ResourceGroup, apimName, o); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Value {
			names = append(names, *c.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestAzureModuleList(t *testing.T) {
	t.Parallel()
	l := start(t)
	for _, name := range []string{"alpha", "beta", "gamma"} {
		data := pfx(t, selfSigned(t, name+"-cn"), "x")
		if _, err := l.apim(t).CreateOrUpdate(t.Context(), l.ready.ResourceGroup, apimName, name, inline(data, "x"), nil); err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[string]string{
		"":                                   "alpha beta gamma",
		"name eq 'BETA'":                     "beta",
		"name ne 'beta'":                     "alpha gamma",
		"name gt 'alpha' and name lt 'beta'": "",
		"name ge 'beta' or name eq 'alpha'":  "alpha beta gamma",
		"substringof('eta', name)":           "beta",
		"contains(subject,'gamma-')":         "gamma",
		"startswith(name, 'al')":             "alpha",
		"endswith(name,'mma') eq true":       "gamma",
		"thumbprint eq ' or '":               "",
		"expirationDate gt 2001-01-01":       "alpha beta gamma",
		"expirationDate lt '2001-01-01'":     "",
	} {
		o := &armapimanagement.CertificateClientListByServiceOptions{Top: to.Ptr[int32](1)}
		if filter != "" {
			o.Filter = to.Ptr(filter)
		}
		if got := l.apimNames(t, o); got != want {
			t.Errorf("%q: %s, want %s", filter, got, want)
		}
	}
	if got := l.apimNames(t, &armapimanagement.CertificateClientListByServiceOptions{Skip: to.Ptr[int32](2)}); got != "gamma" {
		t.Errorf("skipping 2: %s", got)
	}
}

func TestAPIMIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t)
	id := selfSigned(t, "backend")
	good := pfx(t, id, "1234")
	keyless := pfx(t, id, "1234", "-nokeys")
	base := "https://" + managementHost + l.apimServiceID() + "/certificates/"
	body := func(properties map[string]any) string { return jsonText(t, map[string]any{"properties": properties}) }
	for _, test := range []struct{ name, id, body, target string }{
		{"wrong password", "a", body(map[string]any{"data": good, "password": "hunter2"}), "password"},
		{"no password", "a", body(map[string]any{"data": good}), "password"},
		{"no base64", "a", body(map[string]any{"data": "?", "password": "1234"}), "data"},
		{"no PFX", "a", body(map[string]any{"data": "AAAA", "password": "1234"}), "data"},
		{"PEM", "a", body(map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(pemText(id.chain[0]))), "password": ""}), "data"},
		{"no key", "a", body(map[string]any{"data": keyless, "password": "1234"}), "data"},
		{"nothing", "a", "{}", "data"},
		{"both", "a", body(map[string]any{"data": good, "password": "1234", "keyVault": map[string]string{"secretIdentifier": "https://v/secrets/x"}}), "keyVault"},
		{"no secret", "a", body(map[string]any{"keyVault": map[string]string{"secretIdentifier": "https://v/keys/x"}}), "keyVault"},
		{"identifier with a colon", "a:b", body(map[string]any{"data": good, "password": "1234"}), "certificateId"},
		{"identifier too long", strings.Repeat("a", 81), body(map[string]any{"data": good, "password": "1234"}), "certificateId"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := l.as(t, ident{}).do(t, "PUT", base+test.id+"?api-version=2024-05-01", test.body, "Authorization", "Bearer "+l.ready.ManagementToken)
			var said struct {
				Error struct{ Code, Message, Target string }
			}
			a.into(t, &said)
			if a.status != 400 || said.Error.Code != "ValidationError" || said.Error.Target != test.target || said.Error.Message == "" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if strings.Contains(string(a.body), "hunter2") {
				t.Error("the answer repeats the password")
			}
		})
	}
	if a := l.as(t, ident{}).do(t, "GET", base+"a?api-version=2024-05-01", ""); a.status != 401 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("name eq 'a'")
	f.Add("substringof('a', name) and expirationDate gt 2020-01-01")
	f.Add("name eq 'it''s' or contains(subject,'')")
	f.Add("((((")
	r := &apimResource{Name: "a"}
	f.Fuzz(func(t *testing.T, text string) {
		keep, err := parseFilter(text)
		if (keep == nil) == (err == nil) {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil {
			keep(r)
		}
	})
}
