package emulator

import (
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	var made, got deviceBody
	a := l.hubService(t, "hub-b", "PUT", "/devices/Truck-7", `{"deviceId":"Truck-7","status":"enabled","authentication":{"type":"sas"},"capabilities":{"iotEdge":true}}`)
	a.into(t, &made)
	if a.status != 200 || made.ETag == "" || made.GenerationID == "" || textOf(made.Authentication.SymmetricKey.PrimaryKey) == "" || !made.Capabilities.IoTEdge {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantHub(t, l.hubService(t, "hub-b", "PUT", "/devices/Truck-7", `{"deviceId":"Truck-7"}`), 409, "DeviceAlreadyExists")
	wantHub(t, l.hubService(t, "hub-b", "GET", "/devices/truck-7", ""), 404, "DeviceNotFound")
	wantHub(t, l.hubService(t, "hub-a", "GET", "/devices/Truck-7", ""), 404, "DeviceNotFound")
	made.Status, made.StatusReason = "disabled", textOrNull("stolen")
	wantHub(t, l.hubService(t, "hub-b", "PUT", "/devices/Truck-7", jsonText(t, made), "If-Match", `"stale"`), 412, "PreconditionFailed")
	l.hubService(t, "hub-b", "PUT", "/devices/Truck-7", jsonText(t, made), "If-Match", `"`+made.ETag+`"`).into(t, &got)
	if got.Status != "disabled" || textOf(got.StatusReason) != "stolen" || got.StatusUpdatedTime == never || *got.Authentication.SymmetricKey.PrimaryKey != *made.Authentication.SymmetricKey.PrimaryKey {
		t.Errorf("%+v", got)
	}
	wantHub(t, l.hubService(t, "hub-b", "PUT", "/devices/nobody", `{}`, "If-Match", "*"), 404, "DeviceNotFound")
	for name, body := range map[string]string{
		"another ID": `{"deviceId":"other"}`, "status": `{"status":"broken"}`, "type": `{"authentication":{"type":"magic"}}`,
		"key":        `{"authentication":{"type":"sas","symmetricKey":{"primaryKey":"AA==","secondaryKey":"AA=="}}}`,
		"thumbprint": `{"authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"xyz"}}}`, "JSON": `[`,
	} {
		if a := l.hubService(t, "hub-b", "PUT", "/devices/new", body); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if s := l.hubService(t, "hub-b", "GET", "/statistics/devices", ""); string(s.body) != `{"disabledDeviceCount":1,"enabledDeviceCount":0,"totalDeviceCount":1}` {
		t.Errorf("%s", s.body)
	}
	if s := l.hubService(t, "hub-b", "GET", "/statistics/service", ""); string(s.body) != `{"connectedDeviceCount":0}` {
		t.Errorf("%s", s.body)
	}
	if a := l.hubService(t, "hub-b", "DELETE", "/devices/Truck-7", "", "If-Match", "*"); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantHub(t, l.hubService(t, "hub-b", "DELETE", "/devices/Truck-7", ""), 404, "DeviceNotFound")
	wantHub(t, l.as(t, ident{}).do(t, "GET", "https://"+hubA+"/devices?api-version=2021-04-12", ""), 401, "IotHubUnauthorizedAccess")
}

func TestDeviceByCertificate(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	f := newFamily(t, "line")
	self, chained := selfSigned(t, "s1"), f.device(t, "c1")
	put := func(id, authentication string) {
		t.Helper()
		if a := l.hubService(t, "hub-a", "PUT", "/devices/"+id, `{"authentication":`+authentication+`}`); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	put("s1", `{"x509Thumbprint":{"primaryThumbprint":"`+strings.Repeat("00", 32)+`","secondaryThumbprint":"`+strings.ToLower(pki.Thumbprint1(self.chain[0]))+`"}}`)
	put("c1", `{"type":"certificateAuthority"}`)
	send := func(id ident, name string) answer {
		return l.as(t, id).do(t, "POST", "https://"+hubA+"/devices/"+name+"/messages/events?api-version=2020-03-13", "{}")
	}
	if a := send(self, "s1"); a.status != 204 {
		t.Errorf("secondary thumbprint: %d %s", a.status, a.body)
	}
	wantHub(t, send(chained, "c1"), 401, "IotHubUnauthorizedAccess")
	l.upload(t, "root", f.root.Certificate, true)
	if a := send(chained, "c1"); a.status != 204 {
		t.Errorf("by CA: %d %s", a.status, a.body)
	}
	wantHub(t, send(f.device(t, "c2"), "c1"), 401, "IotHubUnauthorizedAccess")
	wantHub(t, send(chained.short(1), "c1"), 401, "IotHubUnauthorizedAccess")
}

func TestTwinWrites(t *testing.T) {
	t.Parallel()
	l, _ := atHub(t)
	type twin struct {
		ETag       string
		Version    int
		Tags       map[string]any
		Properties struct{ Desired map[string]any }
	}
	var one, two, three twin
	l.hubService(t, "hub-a", "PATCH", "/twins/d1", `{"tags":{"site":{"line":3,"hall":"A"}},"properties":{"desired":{"interval":5,"$version":77}}}`).into(t, &one)
	l.hubService(t, "hub-a", "PATCH", "/twins/d1", `{"tags":{"site":{"hall":null,"row":1}}}`, "If-Match", `"`+one.ETag+`"`).into(t, &two)
	if got := jsonText(t, two.Tags); got != `{"site":{"line":3,"row":1}}` || two.Properties.Desired["interval"] != 5.0 || two.Version != one.Version+1 || two.Properties.Desired["$version"] != one.Properties.Desired["$version"] {
		t.Errorf("%s %+v", got, two)
	}
	wantHub(t, l.hubService(t, "hub-a", "PATCH", "/twins/d1", `{"tags":{}}`, "If-Match", `"`+one.ETag+`"`), 412, "PreconditionFailed")
	l.hubService(t, "hub-a", "PUT", "/twins/d1", `{"properties":{"desired":{"mode":"x"}}}`, "If-Match", "*").into(t, &three)
	if len(three.Tags) != 0 || three.Properties.Desired["mode"] != "x" || three.Properties.Desired["interval"] != nil {
		t.Errorf("%+v", three)
	}
	wantHub(t, l.hubService(t, "hub-a", "PATCH", "/twins/nobody", `{}`), 404, "DeviceNotFound")
	wantHub(t, l.hubService(t, "hub-a", "POST", "/twins/d1/methods", `{"methodName":"x"}`), 404, "DeviceNotOnline")
}

func TestDeviceQueries(t *testing.T) {
	t.Parallel()
	l, _ := atHub(t)
	items := `[{"id":"d2","importMode":"create"},{"id":"d3","importMode":"createOrUpdate","authentication":{"type":"none"}},{"id":"d1","importMode":"create"},{"id":"d9","importMode":"delete"},{"id":"d9","importMode":"x"}]`
	a := l.hubService(t, "hub-a", "POST", "/devices", items)
	var r struct {
		IsSuccessful bool
		Errors       []struct {
			DeviceID  string
			ErrorCode int
		}
	}
	a.into(t, &r)
	if a.status != 400 || r.IsSuccessful || len(r.Errors) != 3 || r.Errors[0].DeviceID != "d1" || r.Errors[0].ErrorCode != 409001 || r.Errors[1].ErrorCode != 404001 {
		t.Errorf("%d %s", a.status, a.body)
	}
	var devices []deviceBody
	l.hubService(t, "hub-a", "GET", "/devices?top=2", "").into(t, &devices)
	if len(devices) != 2 || devices[0].DeviceID != "d1" || devices[1].DeviceID != "d2" {
		t.Errorf("%+v", devices)
	}
	var ids []string
	for token := "-"; token != ""; {
		headers := []string{"x-ms-max-item-count", "2"}
		if token != "-" {
			headers = append(headers, "x-ms-continuation", token)
		}
		a := l.hubService(t, "hub-a", "POST", "/devices/query", `{"query":"SELECT * FROM devices"}`, headers...)
		var page []struct{ DeviceID string }
		a.into(t, &page)
		for _, d := range page {
			ids = append(ids, d.DeviceID)
		}
		token = a.header.Get("x-ms-continuation")
	}
	if got := strings.Join(ids, " "); got != "d1 d2 d3" {
		t.Errorf("%s", got)
	}
	// One device is found at once, whatever the size of a page.
	if a := l.hubService(t, "hub-a", "POST", "/devices/query", `{"query":"select * from devices where deviceId = 'd2'"}`, "x-ms-max-item-count", "1"); strings.Count(string(a.body), `"deviceId":"d2"`) != 1 || a.header.Get("x-ms-continuation") != "" {
		t.Errorf("%v %s", a.header, a.body)
	}
	if a := l.hubService(t, "hub-a", "POST", "/devices/query", `{"query":"select * from devices where deviceId = 'd8'"}`); string(a.body) != "[]" {
		t.Errorf("%s", a.body)
	}
	wantHub(t, l.hubService(t, "hub-a", "POST", "/devices/query", `{"query":"SELECT COUNT() FROM devices"}`), 400, "ArgumentInvalid")
	wantHub(t, l.hubService(t, "hub-a", "GET", "/devices?top=x", ""), 400, "ArgumentInvalid")
	if err := l.operator.Send(t.Context(), hubA, "d1", Command{Body: "x"}); err != nil {
		t.Fatal(err)
	}
	if a := l.hubService(t, "hub-a", "GET", "/devices/d1", ""); !strings.Contains(string(a.body), `"cloudToDeviceMessageCount":1`) {
		t.Errorf("%s", a.body)
	}
	if a := l.hubService(t, "hub-a", "DELETE", "/devices/d1/commands", ""); string(a.body) != `{"deviceId":"d1","moduleId":null,"totalMessagesPurged":1}` {
		t.Errorf("%s", a.body)
	}
}

// TestRegisterRestoresTheDevice deletes at the hub and disables, and registers
// again.
func TestRegisterRestoresTheDevice(t *testing.T) {
	t.Parallel()
	l, c := atHub(t)
	l.hubService(t, "hub-a", "DELETE", "/devices/d1", "")
	send := func() answer {
		return c.do(t, "POST", "https://"+hubA+"/devices/d1/messages/events?api-version=2020-03-13", "{}")
	}
	wantHub(t, send(), 401, "IotHubUnauthorizedAccess")
	if op := c.provision(t, "d1"); op.Status != dps.StatusAssigned {
		t.Fatalf("%+v", op)
	}
	if a := send(); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	enabled := string(l.hubService(t, "hub-a", "GET", "/devices/d1", "").body)
	disabled := strings.Replace(enabled, `"status":"enabled"`, `"status":"disabled"`, 1)
	l.hubService(t, "hub-a", "PUT", "/devices/d1", disabled, "If-Match", "*")
	wantHub(t, send(), 403, "DeviceDisabled")
	stranger := l.as(t, selfSigned(t, "d1"))
	wantHub(t, stranger.do(t, "POST", "https://"+hubA+"/devices/d1/messages/events?api-version=2020-03-13", "{}"), 401, "IotHubUnauthorizedAccess")
}
