package emulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azpolicy "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	armdps "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"

	"dpslab/pki"
)

// labCredential hands out the lab's management token.
type labCredential string

func (c labCredential) GetToken(context.Context, azpolicy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(c), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// azure makes the clients of Azure's own module for a lab.
func (l *Lab) azure(t *testing.T) *armdps.ClientFactory {
	t.Helper()
	o := &arm.ClientOptions{ClientOptions: azpolicy.ClientOptions{
		Transport: l.as(t, ident{}).http, Retry: azpolicy.RetryOptions{MaxRetries: -1},
	}}
	f, err := armdps.NewClientFactory(l.ready.SubscriptionID, labCredential(l.ready.ManagementToken), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAzureModuleProvesPossession(t *testing.T) {
	t.Parallel()
	l := start(t)
	f := newFamily(t, "arm")
	certificates := l.azure(t).NewDpsCertificateClient()
	group, name := l.ready.ResourceGroup, l.ready.DPSName
	body := func(raw []byte) armdps.CertificateResponse {
		return armdps.CertificateResponse{Properties: &armdps.CertificateProperties{Certificate: raw}}
	}
	// The module puts base64 around whatever bytes it is given; PEM is common.
	made, err := certificates.CreateOrUpdate(t.Context(), group, name, "my-root", body([]byte(pemText(f.root.Certificate))), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := made.Properties
	if *p.IsVerified || *p.Subject != "CN=arm root" || !regexp.MustCompile(`^[0-9A-F]{40}$`).MatchString(*p.Thumbprint) ||
		!p.Expiry.Equal(f.root.Certificate.NotAfter) || p.Created.IsZero() || p.Updated.IsZero() || string(p.Certificate) != string(f.root.Certificate.Raw) {
		t.Errorf("%+v", p)
	}
	code, err := certificates.GenerateVerificationCode(t.Context(), "my-root", *made.Etag, group, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^[0-9A-F]{48}$`).MatchString(*code.Properties.VerificationCode) || *code.Etag == *made.Etag {
		t.Errorf("code %s, etag %s after %s", *code.Properties.VerificationCode, *code.Etag, *made.Etag)
	}
	proof := func(cn string, by pki.Issuer) armdps.VerificationCodeRequest {
		cert, err := pki.VerificationCertificate(newECKey(t).Public(), cn, month(), by)
		if err != nil {
			t.Fatal(err)
		}
		text := pemText(cert)
		return armdps.VerificationCodeRequest{Certificate: &text}
	}
	right := proof(*code.Properties.VerificationCode, f.root)
	for what, refused := range map[string]struct {
		etag    string
		proof   armdps.VerificationCodeRequest
		status  int
		message string
	}{
		"stale etag":  {*made.Etag, right, 412, "IH412001"},
		"wrong code":  {*code.Etag, proof("0123", f.root), 400, "IH400053"},
		"another key": {*code.Etag, proof(*code.Properties.VerificationCode, f.intermediate), 400, "IH400053"},
	} {
		_, err := certificates.VerifyCertificate(t.Context(), "my-root", refused.etag, group, name, refused.proof, nil)
		failed, ok := errors.AsType[*azcore.ResponseError](err)
		if !ok || failed.StatusCode != refused.status || !regexp.MustCompile(refused.message).MatchString(failed.Error()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	verified, err := certificates.VerifyCertificate(t.Context(), "my-root", *code.Etag, group, name, right, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !*verified.Properties.IsVerified || *verified.Etag == *code.Etag {
		t.Errorf("%+v", verified.CertificateResponse)
	}
}

func TestAzureModuleReadsAndDeletes(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.upload(t, "my-root", newFamily(t, "arm").root.Certificate, true)
	certificates := l.azure(t).NewDpsCertificateClient()
	group, name := l.ready.ResourceGroup, l.ready.DPSName
	list, err := certificates.List(t.Context(), group, name, nil)
	if err != nil || len(list.Value) != 1 || *list.Value[0].Name != "my-root" || !*list.Value[0].Properties.IsVerified {
		t.Errorf("%+v %v", list, err)
	}
	got, err := certificates.Get(t.Context(), "MY-ROOT", group, name, nil)
	if err != nil || *got.Etag != *list.Value[0].Etag {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := certificates.Delete(t.Context(), group, "AAAAAAAAAAA=", name, "my-root", nil); err == nil {
		t.Error("deleted with a stale etag")
	}
	if _, err := certificates.Delete(t.Context(), group, *got.Etag, name, "my-root", nil); err != nil {
		t.Error(err)
	}
	if _, err := certificates.Get(t.Context(), "my-root", group, name, nil); err == nil {
		t.Error("still there after delete")
	}
}

func TestAzureModuleInstance(t *testing.T) {
	t.Parallel()
	l := start(t)
	instances := l.azure(t).NewIotDpsResourceClient()
	got, err := instances.Get(t.Context(), l.ready.DPSName, l.ready.ResourceGroup, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := got.Properties
	if *p.IDScope != l.ready.IDScope || *p.ServiceOperationsHostName != l.ready.ServiceHost || *p.DeviceProvisioningHostName != globalHost ||
		*p.State != armdps.StateActive || *p.AllocationPolicy != armdps.AllocationPolicyHashed || len(p.IotHubs) != 1 || *p.IotHubs[0].Name != l.ready.HubHosts[0] {
		t.Errorf("%+v", p)
	}
	found := 0
	for pager := instances.NewListByResourceGroupPager(l.ready.ResourceGroup, nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found += len(page.Value)
	}
	for pager := instances.NewListBySubscriptionPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found += len(page.Value)
	}
	if found != 2 {
		t.Errorf("found %d times", found)
	}
	keys, err := instances.NewListKeysPager(l.ready.DPSName, l.ready.ResourceGroup, nil).NextPage(t.Context())
	if err != nil || len(keys.Value) != 1 || *keys.Value[0].KeyName != "provisioningserviceowner" {
		t.Fatalf("%+v %v", keys, err)
	}
	if want := "ServiceConfig, DeviceConnect, EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, RegistrationStatusWrite"; string(*keys.Value[0].Rights) != want {
		t.Errorf("rights %q", *keys.Value[0].Rights)
	}
	one, err := instances.ListKeysForKeyName(t.Context(), l.ready.DPSName, "provisioningserviceowner", l.ready.ResourceGroup, nil)
	if err != nil || *one.PrimaryKey != *keys.Value[0].PrimaryKey {
		t.Errorf("%+v %v", one, err)
	}
	if _, err := instances.Get(t.Context(), "contoso", l.ready.ResourceGroup, nil); err == nil {
		t.Error("found an instance that does not exist")
	}
}

// TestCertificateForms uploads the same CA in each form a client has been seen
// to send, in the schema of each generation of api-versions.
func TestCertificateForms(t *testing.T) {
	t.Parallel()
	f := newFamily(t, "forms")
	der, armour := base64.StdEncoding.EncodeToString(f.root.Certificate.Raw), pemText(f.root.Certificate)
	for _, test := range []struct {
		version, body      string
		verified, answered bool // answered: the certificate stands in the answer
	}{
		{"2018-01-22", jsonText(t, map[string]any{"certificate": der}), false, false},
		{"2018-01-22", jsonText(t, map[string]any{"certificate": armour, "isVerified": true}), false, false},
		{"2020-03-01", jsonText(t, map[string]any{"certificate": base64.StdEncoding.EncodeToString([]byte(armour))}), false, false},
		{"2021-10-15", jsonText(t, map[string]any{"certificate": der, "isVerified": true}), true, true},
		{"2022-02-05", jsonText(t, map[string]any{"properties": map[string]any{"certificate": armour, "isVerified": true}}), true, true},
		{"2022-02-05", jsonText(t, map[string]any{"properties": map[string]any{"certificate": der}}), false, true},
	} {
		t.Run(test.version, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			a := l.manageCall(t, test.version, "PUT", "/certificates/root", test.body)
			var r struct {
				ID, Name, Type, ETag string
				Properties           struct {
					Certificate, Expiry, Created, Updated string
					IsVerified                            bool
				}
			}
			a.into(t, &r)
			if a.status != 200 || r.Properties.IsVerified != test.verified || (r.Properties.Certificate == der) != test.answered {
				t.Fatalf("%d %s", a.status, a.body)
			}
			for _, date := range []string{r.Properties.Expiry, r.Properties.Created, r.Properties.Updated} {
				if _, err := time.Parse(http.TimeFormat, date); err != nil {
					t.Error(err)
				}
			}
			tag, err := base64.StdEncoding.DecodeString(r.ETag)
			if err != nil || len(tag) != 8 || r.Name != "root" || r.Type != "Microsoft.Devices/ProvisioningServices/Certificates" {
				t.Errorf("%s", a.body)
			}
		})
	}
}

func TestCertificateIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t)
	f, other := newFamily(t, "f"), newFamily(t, "other")
	l.upload(t, "root", f.root.Certificate, true)
	l.enrollGroup(t, "g", f.root.Certificate, referTo("root"))
	body := func(raw []byte) string {
		return jsonText(t, map[string]any{"properties": map[string]any{"certificate": raw}})
	}
	for _, test := range []struct {
		name, method, path, body string
		headers                  []string
		code                     int
	}{
		{"update without If-Match", "PUT", "/certificates/root", body(other.root.Certificate.Raw), nil, 412001},
		{"update with a stale tag", "PUT", "/certificates/root", body(other.root.Certificate.Raw), []string{"If-Match", "AAAAAAAAAAA="}, 412001},
		{"same certificate, second name", "PUT", "/certificates/twin", body(f.root.Certificate.Raw), nil, 409000},
		{"no certificate", "PUT", "/certificates/new", "{}", nil, 400000},
		{"no base64", "PUT", "/certificates/new", `{"certificate":"%%"}`, nil, 400000},
		{"no JSON", "PUT", "/certificates/new", "certificate", nil, 400000},
		{"two certificates", "PUT", "/certificates/new", jsonText(t, map[string]string{"certificate": pemText(f.root.Certificate, other.root.Certificate)}), nil, 400000},
		{"bad name", "PUT", "/certificates/my%20root", body(other.root.Certificate.Raw), nil, 400000},
		{"absent", "GET", "/certificates/new", "", nil, 404001},
		{"delete without If-Match", "DELETE", "/certificates/root", "", nil, 412001},
		{"delete of one in use", "DELETE", "/certificates/root", "", []string{"If-Match", "*"}, 409000},
		{"code without If-Match", "POST", "/certificates/root/generateVerificationCode", "", nil, 412001},
		{"verify before a code", "POST", "/certificates/root/verify", `{"certificate":` + jsonText(t, pemText(other.root.Certificate)) + `}`, []string{"If-Match", "*"}, 400053},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := l.manageCall(t, "2022-02-05", test.method, test.path, test.body, test.headers...)
			var e struct {
				Code                    int
				HTTPStatusCode, Message string
				Error                   json.RawMessage
			}
			a.into(t, &e)
			if a.status != test.code/1000 || e.Code != test.code || e.Message == "" || e.HTTPStatusCode == "" || e.Error != nil {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestCertificateQuotaAndReset(t *testing.T) {
	t.Parallel()
	l := start(t)
	for i := range maxAuthorities {
		l.upload(t, "ca-"+string(rune('a'+i)), newFamily(t, "ca").root.Certificate, true)
	}
	next := jsonText(t, map[string]any{"properties": map[string]any{"certificate": newFamily(t, "ca").root.Certificate.Raw}})
	if a := l.manageCall(t, "2022-02-05", "PUT", "/certificates/one-more", next); a.status != 403 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Another certificate under the same name is not proved.
	a := l.manageCall(t, "2022-02-05", "PUT", "/certificates/ca-a", next, "If-Match", "*")
	var r armdps.CertificateResponse
	a.into(t, &r)
	if a.status != 200 || *r.Properties.IsVerified {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestFrontDoor(t *testing.T) {
	t.Parallel()
	l := start(t)
	c, bearer := l.as(t, ident{}), "Bearer "+l.ready.ManagementToken
	base := "https://" + managementHost
	for _, test := range []struct {
		name, url, token, code string
		status                 int
	}{
		{"no token", base + l.instanceID() + "?api-version=2022-02-05", "", "AuthenticationFailed", 401},
		{"another token", base + l.instanceID() + "?api-version=2022-02-05", "Bearer a.b.c", "AuthenticationFailed", 401},
		{"subscription", base + "/subscriptions/0/resourceGroups/x/providers/Microsoft.Devices/provisioningServices/x?api-version=2022-02-05", bearer, "SubscriptionNotFound", 404},
		{"group", base + "/subscriptions/" + l.ready.SubscriptionID + "/resourceGroups/x/providers/Microsoft.Devices/provisioningServices/x?api-version=2022-02-05", bearer, "ResourceGroupNotFound", 404},
		{"instance", base + l.instanceID() + "x?api-version=2022-02-05", bearer, "ResourceNotFound", 404},
		{"version", base + l.instanceID(), bearer, "MissingApiVersionParameter", 400},
		{"path", base + "/locations?api-version=2022-02-05", bearer, "NotFound", 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := c.do(t, "GET", test.url, "", "Authorization", test.token)
			var e struct {
				Error struct{ Code, Message string }
			}
			a.into(t, &e)
			if a.status != test.status || e.Error.Code != test.code || e.Error.Message == "" {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}
