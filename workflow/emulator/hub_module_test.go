package emulator

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

func TestModules(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	hub := func(method, path, body string, headers ...string) answer {
		return l.hubService(t, "hub-a", method, path, body, headers...)
	}
	wantHub(t, hub("PUT", "/devices/d1/modules/camera", `{}`), 404, "DeviceNotFound")
	hub("PUT", "/devices/d1", `{}`)
	var made moduleBody
	hub("PUT", "/devices/d1/modules/camera", `{"deviceId":"d1","moduleId":"camera","managedBy":"me"}`).into(t, &made)
	if made.ModuleID != "camera" || made.DeviceID != "d1" || made.ManagedBy != "me" || made.Authentication.Type != "sas" || made.GenerationID == "" {
		t.Fatalf("%+v", made)
	}
	wantHub(t, hub("PUT", "/devices/d1/modules/camera", `{}`), 409, "ModuleAlreadyExistsOnDevice")
	wantHub(t, hub("PUT", "/devices/d1/modules/camera", `{"moduleId":"other"}`), 400, "ArgumentInvalid")
	wantHub(t, hub("PUT", "/devices/d1/modules/camera", `{}`, "If-Match", `"stale"`), 412, "PreconditionFailed")
	wantHub(t, hub("GET", "/devices/d1/modules/radio", ""), 404, "ModuleNotFound")
	wantHub(t, hub("GET", "/devices/d2/modules/camera", ""), 404, "DeviceNotFound")
	wantHub(t, hub("GET", "/twins/d1/modules/radio", ""), 404, "ModuleNotFound")
	wantHub(t, hub("POST", "/twins/d1/modules/camera/methods", `{}`), 404, "DeviceNotOnline")
	var twin struct {
		ModuleID   string
		Properties struct{ Desired map[string]any }
	}
	hub("PATCH", "/twins/d1/modules/camera", `{"properties":{"desired":{"fps":5}}}`).into(t, &twin)
	if twin.ModuleID != "camera" || twin.Properties.Desired["fps"] != 5.0 {
		t.Errorf("%+v", twin)
	}
	var ofDevice struct {
		Properties struct{ Desired map[string]any }
	}
	if hub("GET", "/twins/d1", "").into(t, &ofDevice); ofDevice.Properties.Desired["fps"] != nil {
		t.Error("the module's twin is the device's")
	}

	// The module sends with its own key; the device's does not do.
	send := func(key, path string) answer {
		token, err := dps.Token(hubA+path, "", dps.NewSecret(key), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return l.as(t, ident{}).do(t, "POST", "https://"+hubA+path+"/messages/events?api-version=2021-04-12", "{}", "Authorization", token.Reveal())
	}
	if a := send(*made.Authentication.SymmetricKey.PrimaryKey, "/devices/d1/modules/camera"); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	var device deviceBody
	hub("GET", "/devices/d1", "").into(t, &device)
	wantHub(t, send(*device.Authentication.SymmetricKey.PrimaryKey, "/devices/d1/modules/camera"), 401, "IotHubUnauthorizedAccess")
	wantHub(t, send(*made.Authentication.SymmetricKey.PrimaryKey, "/devices/d1"), 401, "IotHubUnauthorizedAccess")
	events, err := l.operator.Inbox(t.Context(), hubA, "d1", 0)
	if err != nil || len(events) != 1 || events[0].System["iothub-connection-module-id"] != "camera" {
		t.Errorf("%+v %v", events, err)
	}
	if a := hub("DELETE", "/devices/d1/modules/camera", "", "If-Match", "*"); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := hub("GET", "/devices/d1/modules", ""); string(a.body) != "[]" {
		t.Errorf("%s", a.body)
	}
}

// TestEdgeModules registers an IoT Edge device and moves it to another hub.
func TestEdgeModules(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	id := selfSigned(t, "edge")
	edge := func(e *dps.IndividualEnrollment) { e.Capabilities = &dps.DeviceCapabilities{IoTEdge: true} }
	l.enroll(t, "edge", id.chain[0], atHubA, edge)
	c := l.as(t, id)
	c.provision(t, "edge")
	names := func(hub string) (all []string) {
		var modules []moduleBody
		a := l.hubService(t, hub, "GET", "/devices/edge/modules", "")
		if a.status == 404 {
			return nil
		}
		a.into(t, &modules)
		for _, m := range modules {
			all = append(all, m.ModuleID+":"+m.Authentication.Type)
		}
		return all
	}
	if got := strings.Join(names("hub-a"), " "); got != "$edgeAgent:none $edgeHub:none" {
		t.Errorf("%s", got)
	}
	l.hubService(t, "hub-a", "PUT", "/devices/edge/modules/camera", `{}`)
	if err := l.operator.Send(t.Context(), hubA, "edge", Command{Body: "old"}); err != nil {
		t.Fatal(err)
	}
	l.enroll(t, "edge", id.chain[0], atHubB, edge)
	if op := c.provision(t, "edge"); op.RegistrationState.Substatus != deviceDataMigrated {
		t.Errorf("%+v", op.RegistrationState)
	}
	if a, b := names("hub-a"), strings.Join(names("hub-b"), " "); a != nil || b != "$edgeAgent:none $edgeHub:none camera:sas" {
		t.Errorf("%v %s", a, b)
	}
	// Nothing waits at the old hub for a device that comes back.
	err := l.store.view(func(t2 *tx) error {
		if left, err := commandsOf(t2, hubA, "edge", time.Now()); len(left) > 0 || err != nil {
			t.Errorf("%d messages are left behind, %v", len(left), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l.enroll(t, "edge", id.chain[0], atHubA, edge, func(e *dps.IndividualEnrollment) {
		e.ReprovisionPolicy = &dps.ReprovisionPolicy{UpdateHubAssignment: true}
	})
	c.provision(t, "edge")
	if got := strings.Join(names("hub-a"), " "); got != "$edgeAgent:none $edgeHub:none" {
		t.Errorf("%s", got)
	}
}

func TestFileUploadIsHonest(t *testing.T) {
	t.Parallel()
	l, c := atHub(t)
	for _, path := range []string{"", "/notifications", "/notifications/c-1"} {
		url := "https://" + hubA + "/devices/d1/files" + path + "?api-version=2021-04-12"
		wantHub(t, c.do(t, "POST", url, `{"blobName":"x"}`), 400, "InvalidOperation")
		wantHub(t, l.as(t, ident{}).do(t, "POST", url, `{}`), 401, "IotHubUnauthorizedAccess")
	}
}

func TestFeedback(t *testing.T) {
	t.Parallel()
	l, c := atHub(t)
	send := func(id, ack string, life time.Duration) {
		t.Helper()
		if err := l.operator.Send(t.Context(), hubA, "d1", Command{MessageID: id, Ack: ack, Body: "x", TimeToLive: life}); err != nil {
			t.Fatal(err)
		}
	}
	end := func(how string) {
		t.Helper()
		token := strings.Trim(c.commands(t, "GET", "").header.Get("ETag"), `"`)
		if a := c.commands(t, "DELETE", "/"+token+how); a.status != 204 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	feedback := func() (string, string) {
		a := l.hubService(t, "hub-a", "GET", "/messages/serviceBound/feedback", "")
		if a.status == 204 {
			return "", ""
		}
		var records []feedbackRecord
		if err := json.Unmarshal(a.body, &records); err != nil || !strings.Contains(a.header.Get("Content-Type"), "json") {
			t.Fatalf("%v %s", err, a.body)
		}
		var all []string
		for _, r := range records {
			all = append(all, r.OriginalMessageID+" "+r.StatusCode)
		}
		return strings.Join(all, ", "), strings.Trim(a.header.Get("ETag"), `"`)
	}
	for _, m := range [][3]string{{"m1", "full", ""}, {"m2", "positive", ""}, {"m3", "negative", ""}, {"m4", "none", ""}, {"m5", "full", "?reject"}, {"m6", "positive", "?reject"}} {
		send(m[0], m[1], 0)
		end(m[2])
	}
	send("m7", "negative", time.Nanosecond)
	send("m8", "full", 0)
	l.hubService(t, "hub-a", "DELETE", "/devices/d1/commands", "")
	want := "m1 Success, m2 Success, m5 Rejected, m7 Expired, m8 Purged"
	got, token := feedback()
	if got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	if again, _ := feedback(); again != "" {
		t.Errorf("locked, and there: %s", again)
	}
	path := "/messages/servicebound/feedback/"
	wantHub(t, l.hubService(t, "hub-a", "DELETE", path+"stale", ""), 412, "DeviceMessageLockLost")
	if a := l.hubService(t, "hub-a", "POST", path+token+"/abandon", ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got, token = feedback(); got != want {
		t.Errorf("%s", got)
	}
	if a := l.hubService(t, "hub-a", "DELETE", path+token, ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if again, _ := feedback(); again != "" {
		t.Errorf("completed, and there: %s", again)
	}
	wantHub(t, c.do(t, "GET", "https://"+hubA+path[:len(path)-1]+"?api-version=2021-04-12", ""), 401, "IotHubUnauthorizedAccess")
}

func TestTwinShape(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	l.hubService(t, "hub-a", "PUT", "/devices/d1", `{}`)
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for name, test := range map[string]struct {
		body string
		good bool
	}{
		"plain":                {`{"tags":{"a":{"b":[1,"x"]}},"properties":{"desired":{"$version":3,"$metadata":{},"a-b":null}}}`, true},
		"dollar":               {`{"tags":{"$x":1}}`, false},
		"dot":                  {`{"tags":{"a.b":1}}`, false},
		"blank":                {`{"properties":{"desired":{"a b":1}}}`, false},
		"control character":    {`{"tags":{"a\u0007":1}}`, false},
		"empty key":            {`{"tags":{"":1}}`, false},
		"inside an object":     {`{"tags":{"a":{"$b":1}}}`, false},
		"inside an array":      {`{"tags":{"a":[{"$b":1}]}}`, false},
		"ten deep":             {`{"tags":` + nested(10) + `}`, true},
		"eleven deep":          {`{"tags":` + nested(11) + `}`, false},
		"long key":             {`{"tags":{"` + strings.Repeat("k", 1025) + `":1}}`, false},
		"long text":            {`{"tags":{"a":"` + strings.Repeat("k", 4097) + `"}}`, false},
		"tags too large":       {`{"tags":{"a":"` + strings.Repeat("k", 4000) + `","b":"` + strings.Repeat("k", 4000) + `","c":"` + strings.Repeat("k", 400) + `"}}`, false},
		"more fits in desired": {`{"properties":{"desired":{"a":"` + strings.Repeat("k", 4000) + `","b":"` + strings.Repeat("k", 4000) + `","c":"` + strings.Repeat("k", 400) + `"}}}`, true},
	} {
		a := l.hubService(t, "hub-a", "PATCH", "/twins/d1", test.body)
		if test.good && a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if !test.good {
			wantHub(t, a, 400, "ArgumentInvalid")
		}
	}
	wantRefusal(t, l.service(t, "PUT", "/enrollments/e1", `{"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"$x":1}}}`), 400000, "")
}

// TestUnreadableRequests sends what net/http refuses by itself.
func TestUnreadableRequests(t *testing.T) {
	t.Parallel()
	l := start(t)
	for _, test := range []struct {
		server, request string
		want            []string
	}{
		{globalHost, "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", []string{"HTTP/1.1 400 ", `"errorCode":400000`, "x-ms-error-code: 400000"}},
		{hubA, "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", []string{"HTTP/1.1 400 ", `"Message":"ErrorCode:`, "Server: Microsoft-HTTPAPI/2.0"}},
		{managementHost, "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", []string{"HTTP/1.1 400 ", `"code":400000`}},
		{globalHost, "nonsense\r\n\r\n", []string{"HTTP/1.1 400 ", `"errorCode":400000`}},
		{globalHost, "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 60<<10) + "\r\n\r\n", []string{"HTTP/1.1 431 ", `"errorCode":431000`}},
	} {
		conn, err := tls.Dial("tcp", l.ready.Address, &tls.Config{RootCAs: l.identity.pool(), ServerName: test.server})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, test.request) }() // the answer may come before its end
		raw, err := io.ReadAll(conn)
		if err != nil && len(raw) == 0 {
			t.Error(err)
		}
		for _, want := range append(test.want, "\r\nContent-Type: application/json", "\r\nConnection: close\r\n", "\r\nX-Dpslab-Emulator: ") {
			if !strings.Contains(string(raw), want) {
				t.Errorf("no %q in:\n%s", want, raw)
			}
		}
		conn.Close()
	}
	plain, err := net.Dial("tcp", l.ready.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := io.WriteString(plain, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if raw, _ := io.ReadAll(plain); !strings.Contains(string(raw), "HTTPS") {
		t.Errorf("%s", raw)
	}
}

// TestHubAnswers reads raw answers: headers as in a capture of the service.
func TestHubAnswers(t *testing.T) {
	t.Parallel()
	_, c := atHub(t)
	raw := c.raw(t, "POST /devices/d1/messages/events?api-version=2020-03-13 HTTP/1.1\r\nHost: "+hubA+"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	for _, line := range []string{"HTTP/1.1 204 No Content\r\n", "\r\nContent-length: 0\r\n", "\r\nVary: Origin\r\n", "\r\nServer: Microsoft-HTTPAPI/2.0\r\n", "\r\nx-ms-request-id: ", "\r\nDate: "} {
		if !strings.Contains(raw, line) {
			t.Errorf("no %q in:\n%s", line, raw)
		}
	}
}
