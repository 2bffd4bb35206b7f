package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// customBy makes an enrollment ask a webhook, over both hubs of twoHubs.
func customBy(url string) func(*dps.EnrollmentRecord) {
	return func(e *dps.EnrollmentRecord) {
		e.AllocationPolicy = dps.AllocationCustom
		e.CustomAllocationDefinition = &dps.CustomAllocationDefinition{WebhookURL: url, APIVersion: "2021-10-01"}
	}
}

func twoHubs(o *Options) { o.Hubs = []string{"hub-a", "hub-b"} }

// settled registers and polls until the registration is final.
func (c *client) settled(t testing.TB, id, body string, headers ...string) dps.RegistrationOperationStatus {
	t.Helper()
	var op dps.RegistrationOperationStatus
	a := c.do(t, "PUT", c.lab.registerURL(id), body, headers...)
	if a.status != http.StatusAccepted {
		t.Fatalf("register %s: %d %s", id, a.status, a.body)
	}
	a.into(t, &op)
	for !dps.Final(op.Status) {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		c.do(t, "GET", c.lab.operationURL(id, op.OperationID), "", headers...).into(t, &op)
		time.Sleep(time.Millisecond)
	}
	return op
}

func TestCustomAllocation(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	asked := make(chan map[string]any, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q map[string]any
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Method != "POST" || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s %v %v", r.Method, r.Header, err)
		}
		asked <- q
		_, _ = io.WriteString(w, `{"iotHubHostName":"HUB-B.azure-devices.net","initialTwin":{"tags":{"by":"webhook"},"properties":{"desired":{"interval":5}}},"payload":{"hello":["device"]}}`)
	}))
	t.Cleanup(hook.Close)
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0], func(e *dps.IndividualEnrollment) {
		customBy(hook.URL + "/api/pick?code=secret")(&e.EnrollmentRecord)
		e.InitialTwin = &dps.InitialTwin{Tags: map[string]any{"by": "enrollment"}}
	})
	op := l.as(t, id).settled(t, "d1", `{"registrationId":"d1","payload":{"model":7}}`)
	r := op.RegistrationState
	if op.Status != "assigned" || r.AssignedHub != "hub-b.azure-devices.net" || string(r.Payload) != `{"hello":["device"]}` {
		t.Fatalf("%+v %+v %s", op, r, r.Payload)
	}
	q := <-asked
	device, _ := q["deviceRuntimeContext"].(map[string]any)
	e, _ := q["individualEnrollment"].(map[string]any)
	if device["registrationId"] != "d1" || device["x509"] == nil || device["currentDeviceId"] != nil || jsonText(t, device["payload"]) != `{"model":7}` || e["registrationId"] != "d1" {
		t.Errorf("%s", jsonText(t, q))
	}
	if hubs := jsonText(t, q["linkedHubs"]); hubs != `["hub-a.azure-devices.net","hub-b.azure-devices.net"]` {
		t.Errorf("linkedHubs %s", hubs)
	}
	var twin struct{ Tags map[string]any }
	l.hubService(t, "hub-b", "GET", "/twins/d1", "").into(t, &twin)
	if twin.Tags["by"] != "webhook" {
		t.Errorf("%+v", twin)
	}
	// The second time the webhook is told where the device is, and the service
	// API shows the payload.
	l.as(t, id).settled(t, "d1", `{}`)
	device, _ = (<-asked)["deviceRuntimeContext"].(map[string]any)
	if device["currentIotHubHostName"] != "hub-b.azure-devices.net" || device["currentDeviceId"] != "d1" {
		t.Errorf("%v", device)
	}
	var state dps.DeviceRegistrationState
	l.service(t, "GET", "/registrations/d1", "").into(t, &state)
	if string(state.Payload) != `{"hello":["device"]}` {
		t.Errorf("%+v", state)
	}
}

func TestCustomAllocationOfAGroup(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	asked := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		asked <- string(raw)
		_, _ = io.WriteString(w, `{"iotHubHostName":"hub-a.azure-devices.net","payload":null}`)
	}))
	t.Cleanup(hook.Close)
	g := dps.EnrollmentGroup{EnrollmentGroupID: "line", EnrollmentRecord: dps.EnrollmentRecord{Attestation: dps.AttestationMechanism{Type: "symmetricKey"}}}
	customBy(hook.URL)(&g.EnrollmentRecord)
	l.service(t, "PUT", "/enrollmentGroups/line", jsonText(t, g)).into(t, &g)
	key, err := dps.DeriveDeviceKey(g.Attestation.SymmetricKey.PrimaryKey, "d1")
	if err != nil {
		t.Fatal(err)
	}
	op := l.as(t, ident{}).settled(t, "d1", "{}", "Authorization", l.token(t, "d1", key, time.Hour))
	if op.Status != "assigned" || op.RegistrationState.Payload != nil {
		t.Errorf("%+v %+v", op, op.RegistrationState)
	}
	if q := <-asked; !strings.Contains(q, `"enrollmentGroup":{"enrollmentGroupId":"line"`) || strings.Contains(q, g.Attestation.SymmetricKey.PrimaryKey) || !strings.Contains(q, `"symmetricKey":{}`) {
		t.Errorf("%s", q)
	}
}

func TestCustomAllocationFails(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, test := range []struct {
		name, url string
		handler   http.HandlerFunc
		message   string
		why       string // in the lab's log alone
	}{
		{"refused", "", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "Custom allocation failed with status code: 500", ""},
		{"redirected", "", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) }, "Custom allocation failed with status code: 302", ""},
		{"no JSON", "", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "Custom allocation failed with status code: 200", "no JSON"},
		{"another hub", "", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"iotHubHostName":"elsewhere.azure-devices.net"}`)
		}, "Custom allocation failed with status code: 200", "not among linkedHubs"},
		{"a twin that no hub takes", "", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"iotHubHostName":"hub-a.azure-devices.net","initialTwin":{"tags":{"$x":1}}}`)
		}, "Custom allocation failed with status code: 200", "initialTwin is not valid"},
		{"unreachable", gone.URL, nil, "Custom allocation failed: the webhook did not answer", "refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := test.url
			if test.handler != nil {
				hook := httptest.NewServer(test.handler)
				t.Cleanup(hook.Close)
				url = hook.URL
			}
			var log []Request
			l := start(t, twoHubs, func(o *Options) { o.Log = func(r Request) { log = append(log, r) } })
			id := selfSigned(t, "d1")
			l.enroll(t, "d1", id.chain[0], func(e *dps.IndividualEnrollment) { customBy(url + "/?code=secret")(&e.EnrollmentRecord) })
			op := l.as(t, id).settled(t, "d1", "{}")
			if err := l.Close(); err != nil { // which ends the log
				t.Fatal(err)
			}
			if said := fmt.Sprint(log); !strings.Contains(said, test.message) || !strings.Contains(said, test.why) || strings.Contains(said, "secret") {
				t.Errorf("the log says %s", said)
			}
			if r := op.RegistrationState; op.Status != "failed" || r.ErrorCode != 400207 || r.ErrorMessage != test.message {
				t.Errorf("%+v %+v", op, r)
			}
		})
	}
}

// TestSlowWebhook runs a webhook that never answers into its time limit.
func TestSlowWebhook(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	l.webhooks.Timeout = 20 * time.Millisecond
	release := make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(func() { close(release); hook.Close() })
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0], func(e *dps.IndividualEnrollment) { customBy(hook.URL)(&e.EnrollmentRecord) })
	if op := l.as(t, id).settled(t, "d1", "{}"); op.RegistrationState.ErrorCode != 400207 {
		t.Errorf("%+v", op.RegistrationState)
	}
}

func TestCustomAllocationIsValidated(t *testing.T) {
	t.Parallel()
	l := start(t, twoHubs)
	for name, definition := range map[string]string{
		"none":        `null`,
		"no URL":      `{"apiVersion":"2021-10-01"}`,
		"another URL": `{"webhookUrl":"ftp://localhost/x","apiVersion":"2021-10-01"}`,
		"no version":  `{"webhookUrl":"https://localhost/x"}`,
		"too old":     `{"webhookUrl":"https://localhost/x","apiVersion":"2018-04-01"}`,
	} {
		body := `{"attestation":{"type":"symmetricKey"},"allocationPolicy":"custom","customAllocationDefinition":` + definition + `}`
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRefusal(t, l.service(t, "PUT", "/enrollments/d1", body), 400000, "")
		})
	}
}

// TestStaleLink registers where the hub does not know the key DPS holds.
func TestStaleLink(t *testing.T) {
	t.Parallel()
	l := start(t)
	if err := l.changeInstance(func(i *instance) error { i.Hubs[0].LinkKey = newKey(); return nil }); err != nil {
		t.Fatal(err)
	}
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	op := l.as(t, id).provision(t, "d1")
	if r := op.RegistrationState; op.Status != "failed" || r.ErrorCode != 400209 || !strings.Contains(r.ErrorMessage, "IotHubUnauthorizedAccess") {
		t.Errorf("%+v %+v", op, r)
	}
}

func FuzzWebhookAnswer(f *testing.F) {
	f.Add(200, `{"iotHubHostName":"hub-a.azure-devices.net"}`)
	f.Add(200, `{"iotHubHostName":"hub-a.azure-devices.net","initialTwin":{"tags":[]}}`)
	f.Add(404, `{`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		o := readWebhook(status, []byte(body), []string{"hub-a.azure-devices.net"})
		if (o.refused == nil) != (o.answer.Hub == "hub-a.azure-devices.net") {
			t.Errorf("%+v", o)
		}
	})
}
