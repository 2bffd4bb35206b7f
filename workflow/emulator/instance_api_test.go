package emulator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	armdps "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"

	"dpslab/workflow/dps"
)

// TestLinkedHubs takes a hub out, gives it weights and a stale key, with
// Azure's own module.
func TestLinkedHubs(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	client, group, name := l.azure(t).NewIotDpsResourceClient(), l.ready.ResourceGroup, l.ready.DPSName
	link := func(hub, key string, weight int32) *armdps.IotHubDefinitionDescription {
		h := l.instance().hub(hub + hubSuffix)
		return &armdps.IotHubDefinitionDescription{
			ConnectionString: to.Ptr(fmt.Sprintf("HostName=%s;SharedAccessKeyName=iothubowner;SharedAccessKey=%s", h.Host, key)),
			Location:         to.Ptr(location), AllocationWeight: to.Ptr(weight),
		}
	}
	put := func(policy armdps.AllocationPolicy, hubs ...*armdps.IotHubDefinitionDescription) error {
		poller, err := client.BeginCreateOrUpdate(t.Context(), group, name, armdps.ProvisioningServiceDescription{
			Location: to.Ptr(location), SKU: &armdps.IotDpsSKUInfo{Name: to.Ptr(armdps.IotDpsSKUS1)}, Tags: map[string]*string{"by": to.Ptr("test")},
			Properties: &armdps.IotDpsPropertiesDescription{AllocationPolicy: to.Ptr(policy), IotHubs: hubs},
		}, nil)
		if err == nil {
			_, err = poller.PollUntilDone(t.Context(), nil)
		}
		return err
	}
	id := selfSigned(t, "d1")
	assigned := func() dps.RegistrationOperationStatus {
		l.enroll(t, "d1", id.chain[0], func(e *dps.IndividualEnrollment) { e.IoTHubs = nil })
		return l.as(t, id).provision(t, "d1")
	}
	if err := put(armdps.AllocationPolicyHashed, link("hub-b", "****", 1000)); err != nil {
		t.Fatal(err)
	}
	got, err := client.Get(t.Context(), name, group, nil)
	if err != nil || len(got.Properties.IotHubs) != 1 || *got.Properties.IotHubs[0].Name != "hub-b"+hubSuffix || *got.Properties.IotHubs[0].AllocationWeight != 1000 || *got.Tags["by"] != "test" {
		t.Errorf("%+v %v", got.Properties, err)
	}
	if s := jsonText(t, got.Properties); strings.Contains(s, l.instance().hub("hub-b"+hubSuffix).Policy.PrimaryKey) {
		t.Error("the hub's key is shown")
	}
	if op := assigned(); op.RegistrationState.AssignedHub != "hub-b"+hubSuffix {
		t.Errorf("%+v", op.RegistrationState)
	}
	wantRefusal(t, l.service(t, "PUT", "/enrollments/d2", `{"attestation":{"type":"symmetricKey"},"iotHubs":["hub-a.azure-devices.net"]}`), 400000, "")
	if err := put(armdps.AllocationPolicyGeoLatency, link("hub-a", newKey(), 1)); err != nil {
		t.Fatal(err)
	}
	if op := assigned(); op.Status != "failed" || op.RegistrationState.ErrorCode != 400209 {
		t.Errorf("%+v", op.RegistrationState)
	}
	var e dps.IndividualEnrollment
	l.service(t, "PUT", "/enrollments/d3", `{"attestation":{"type":"symmetricKey"}}`).into(t, &e)
	if e.AllocationPolicy != dps.AllocationGeoLatency {
		t.Errorf("default policy %s", e.AllocationPolicy)
	}
	wantAllRefused(t, map[string]error{
		"weight":      put(armdps.AllocationPolicyHashed, link("hub-a", "****", 1001)),
		"twice":       put(armdps.AllocationPolicyHashed, link("hub-a", "****", 1), link("hub-a", "****", 1)),
		"unknown hub": put(armdps.AllocationPolicyHashed, &armdps.IotHubDefinitionDescription{ConnectionString: to.Ptr("HostName=x.azure-devices.net;SharedAccessKeyName=a;SharedAccessKey=b"), Location: to.Ptr("x")}),
		"policy":      put("Custom", link("hub-a", "****", 1)),
	})
}

// TestHubsOfAnEntry shows an entry that names no hub while hubs come and go.
func TestHubsOfAnEntry(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	shown := func() string {
		var e dps.IndividualEnrollment
		l.service(t, "GET", "/enrollments/d1", "").into(t, &e)
		return strings.Join(e.IoTHubs, " ")
	}
	a, b := "hub-a"+hubSuffix, "hub-b"+hubSuffix
	if got := shown(); got != a+" "+b {
		t.Errorf("%s", got)
	}
	link := func(host string) hubLink {
		return hubLink{ConnectionString: "HostName=" + host + ";SharedAccessKeyName=iothubowner;SharedAccessKey=" + maskedKey}
	}
	for _, step := range []struct {
		linked []hubLink
		want   string
	}{{[]hubLink{link(b)}, b}, {[]hubLink{link(a)}, a}, {[]hubLink{link(b), link(a)}, b + " " + a}} {
		if err := l.changeInstance(func(i *instance) error { return i.relink(step.linked) }); err != nil {
			t.Fatal(err)
		}
		if got := shown(); got != step.want {
			t.Errorf("%s, want %s", got, step.want)
		}
		if op := l.as(t, id).provision(t, "d1"); !strings.Contains(step.want, op.RegistrationState.AssignedHub) {
			t.Errorf("%+v, want one of %s", op.RegistrationState, step.want)
		}
	}
}

// TestManagementHeaders counts down what a subscription may ask.
func TestManagementHeaders(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.upload(t, "root", newFamily(t, "line").root.Certificate, true) // one write
	for i, version := range []string{"2018-01-22", "2021-10-15", "2022-02-05"} {
		a := l.manageCall(t, version, "GET", "/certificates/root", "")
		if got := a.header.Get("x-ms-ratelimit-remaining-subscription-reads"); got != fmt.Sprint(managementReads-1-i) {
			t.Errorf("reads %q", got)
		}
		var r certificateResource
		a.into(t, &r)
		if (r.SystemData != nil) != (version >= verifiedFlagVersion) || r.SystemData != nil && r.SystemData.CreatedAt == "" {
			t.Errorf("%s: %s", version, a.body)
		}
	}
	a := l.manageCall(t, "2022-02-05", "POST", "/listkeys", "")
	if got := a.header.Get("x-ms-ratelimit-remaining-subscription-writes"); got != fmt.Sprint(managementWrites-2) || a.header.Get("x-ms-ratelimit-remaining-subscription-reads") != "" {
		t.Errorf("%v", a.header)
	}
	if a.header.Get("x-ms-routing-request-id") == "" || a.header.Get("x-ms-correlation-request-id") == "" {
		t.Errorf("%v", a.header)
	}
}

func wantAllRefused(t *testing.T, errs map[string]error) {
	t.Helper()
	for why, err := range errs {
		if err == nil {
			t.Errorf("%s was accepted", why)
		}
	}
}

func TestWeightedAllocation(t *testing.T) {
	t.Parallel()
	hubs := []*linkedHub{{Host: "a", Weight: 1}, {Host: "b", Weight: 3}}
	count := map[string]int{}
	for i := range 4000 {
		count[weighted(hubs, fmt.Sprint("device-", i))]++
	}
	if count["a"] < 800 || count["a"] > 1200 || count["a"]+count["b"] != 4000 {
		t.Errorf("%v", count)
	}
}

// TestWhatToolsRead reads what az reads on its way.
func TestWhatToolsRead(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	subscription := "/subscriptions/" + l.ready.SubscriptionID
	inGroup := subscription + "/resourcegroups/" + l.ready.ResourceGroup
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/tenants", "", 200, `"tenantId"`},
		{"GET", "/subscriptions", "", 200, `"state":"Enabled"`},
		{"GET", subscription, "", 200, l.ready.SubscriptionID},
		{"GET", subscription + "/resourcegroups", "", 200, `"name":"dpslab"`},
		{"GET", inGroup, "", 200, `"Succeeded"`},
		{"HEAD", inGroup, "", 204, ""},
		{"GET", subscription + "/resourcegroups/other", "", 404, "ResourceGroupNotFound"},
		{"GET", "/subscriptions/00000000-0000-0000-0000-000000000000", "", 404, "SubscriptionNotFound"},
		{"GET", subscription + "/providers/Microsoft.Devices/IotHubs", "", 200, `"hostName":"hub-b.azure-devices.net"`},
		{"GET", inGroup + "/providers/Microsoft.Devices/IotHubs/hub-a", "", 200, `"name":"hub-a"`},
		{"GET", inGroup + "/providers/Microsoft.Devices/IotHubs/hub-x", "", 404, "ResourceNotFound"},
		{"POST", inGroup + "/providers/Microsoft.Devices/IotHubs/hub-a/listkeys", "", 200, `"keyName":"iothubowner"`},
		{"POST", inGroup + "/providers/Microsoft.Devices/IotHubs/hub-a/IotHubKeys/iothubowner/listkeys", "", 200, `"rights":"RegistryWrite, ServiceConnect, DeviceConnect"`},
		{"GET", inGroup + "/providers/Microsoft.Devices/provisioningServices/dpslab-dps/skus", "", 200, `"S1"`},
		{"POST", subscription + "/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability", `{"name":"dpslab-dps"}`, 200, "AlreadyExists"},
		{"POST", subscription + "/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability", `{"name":"123"}`, 200, "Invalid"},
		{"POST", subscription + "/providers/Microsoft.Devices/checkProvisioningServiceNameAvailability", `{"name":"contoso"}`, 200, `"nameAvailable":true`},
		{"PUT", inGroup + "/providers/Microsoft.Devices/provisioningServices/second", `{}`, 409, "ResourceCreationNotAllowed"},
		{"PATCH", inGroup + "/providers/Microsoft.Devices/provisioningServices/dpslab-dps", `{"tags":{"a":"b"}}`, 200, `"tags":{"a":"b"}`},
		{"GET", inGroup + "/providers/Microsoft.ApiManagement/service/dpslab-apim", "", 200, `"Succeeded"`},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			a := l.as(t, ident{}).do(t, test.method, "https://"+managementHost+test.path+"?api-version=2021-04-01", test.body, "Authorization", "Bearer "+l.ready.ManagementToken)
			if a.status != test.status || !strings.Contains(string(a.body), test.want) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a := l.as(t, ident{}).do(t, test.method, "https://"+managementHost+test.path+"?api-version=2021-04-01", test.body); a.status != 401 {
				t.Errorf("without a token: %d %s", a.status, a.body)
			}
		})
	}
}
