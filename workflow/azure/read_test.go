package azure

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/apimanagement/armapimanagement/v3"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"
)

func TestInstanceOf(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]Instance{
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/d":  {"s", "g", "d"},
		"/SUBSCRIPTIONS/S/resourcegroups/G/providers/microsoft.devices/ProvisioningServives/D/": {"S", "G", "D"},
		"":               {},
		"/subscriptions": {DPSName: "subscriptions"},
	} {
		if got := instanceOf(id); got != want {
			t.Errorf("%q: %+v", id, got)
		}
	}
}

// FuzzAnswers reads any text as each of the answers. Nothing may panic, and a
// key may not get into what is printed.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `{"value":[null]}`, `{"properties":null,"name":null}`,
		`{"value":[{"id":"/subscriptions/s","properties":{"iotHubs":[null,{"connectionString":"HostName=h;SharedAccessKeyName=k;SharedAccessKey=****"}],"allocationPolicy":"GeoLatency"},"tags":{"a":null}}],"nextLink":"https://x/"}`,
		`{"keyName":"k","primaryKey":"top","rights":"ServiceConfig, , DeviceConnect"}`,
		`{"name":"n","etag":"AAA=","properties":{"expiry":"Thu, 01 Jan 2032 00:00:00 GMT","certificate":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="}}`,
		`{"properties":{"expiry":7,"certificate":"%%%"}}`,
		`{"name":"n","properties":{"expirationDate":"2018-03-17T21:55:07+00:00","keyVault":{"lastStatus":null}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		data := []byte(text)
		var services armdeviceprovisioningservices.ProvisioningServiceDescriptionListResult
		if json.Unmarshal(data, &services) == nil {
			servicesOf(services.Value)
		}
		var key armdeviceprovisioningservices.SharedAccessSignatureAuthorizationRuleAccessRightsDescription
		if json.Unmarshal(data, &key) == nil {
			keyOf(key)
		}
		var held armdeviceprovisioningservices.CertificateResponse
		if json.Unmarshal(data, &held) == nil {
			certificate(held)
		}
		var flat flatAnswer
		if json.Unmarshal(data, &flat) == nil {
			flat.certificate()
		}
		var apim armapimanagement.CertificateContract
		if json.Unmarshal(data, &apim) == nil {
			apimCertificate(apim, nil)
		}
	})
}

// FuzzResourceID takes any text apart as a resource ID.
func FuzzResourceID(f *testing.F) {
	f.Add("/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/d")
	f.Add("subscriptions//resourceGroups")
	f.Add("////")
	f.Fuzz(func(t *testing.T, id string) {
		i := instanceOf(id)
		for _, part := range []string{i.SubscriptionID, i.ResourceGroup, i.DPSName} {
			if strings.Contains(part, "/") || !strings.Contains(id, part) {
				t.Errorf("%q gave %+v", id, i)
			}
		}
	})
}

// FuzzRefusal reads any body as a refusal.
func FuzzRefusal(f *testing.F) {
	for _, body := range []string{
		``, `{"code":412001,"httpStatusCode":"PreconditionFailed","message":"Invalid ETag"}`, `{"error":{"code":"X","message":"m","details":[{"code":"Y"}]}}`,
		`{"error":null}`, `{"error":"text"}`, `{"details":"text","error":{"details":[null,{"target":"a"}]}}`, `{"code":{},"message":[]}`, "\xef\xbb\xbf{}", `{"error":{"code":7}}`,
	} {
		f.Add(403, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 100 || status > 599 || status/100 == 2 {
			return
		}
		r := &http.Response{
			StatusCode: status, Header: http.Header{"X-Ms-Correlation-Request-Id": {"c1"}}, Body: io.NopCloser(strings.NewReader(body)),
			Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: ManagementHost}},
		}
		var response *azcore.ResponseError
		response, _ = runtime.NewResponseError(r).(*azcore.ResponseError)
		if response == nil {
			t.Fatal("no error was made of it")
		}
		if err := refusal(opGet, response); !strings.Contains(err.Error(), opGet) {
			t.Errorf("%q: %v", body, err)
		}
	})
}
