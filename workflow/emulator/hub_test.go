package emulator

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// wantHubRefusal checks status, name and shape in the hub's dialect.
func wantHubRefusal(t testing.TB, a answer, status int, name string) {
	t.Helper()
	var body struct{ Message, ExceptionMessage string }
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	if a.status != status || a.header.Get("iothub-errorcode") != name || !strings.HasPrefix(body.Message, "ErrorCode:"+name+";") {
		t.Errorf("%d %v %s, want %d %s", a.status, a.header, a.body, status, name)
	}
	if !strings.HasPrefix(body.ExceptionMessage, "Tracking ID:") || a.header.Get("x-ms-request-id") == "" {
		t.Errorf("no tracking ID: %s", a.body)
	}
}

// assigned makes a lab with one device that is registered.
func assigned(t testing.TB, id string) (*Lab, *client) {
	t.Helper()
	l := start(t)
	who := selfSigned(t, id)
	l.enroll(t, id, who.chain[0], func(e *dps.IndividualEnrollment) {
		e.InitialTwin = &dps.InitialTwin{
			Tags: map[string]any{"line": 3}, Properties: &dps.InitialTwinProperties{Desired: map[string]any{"interval": 60}},
		}
	})
	c := l.as(t, who)
	c.provision(t, id)
	return l, c
}

func TestEvents(t *testing.T) {
	t.Parallel()
	l, c := assigned(t, "d1")
	hub := l.ready.HubHosts[0]
	url := "https://" + hub + "/devices/d1/messages/events?api-version=2020-03-13"
	a := c.do(t, "POST", url, `{"temperature": 30}`, "Content-Encoding", " utf-8",
		"iothub-app-Source", "dpslab", "iothub-messageid", "m-1", "iothub-contenttype", "application/json", "iothub-ack", "full")
	if a.status != 204 || len(a.body) != 0 || a.header.Get("Vary") != "Origin" || a.header.Get("x-ms-request-id") == "" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	if a := c.do(t, "POST", url, "\xff\xfe", "Content-Type", "application/octet-stream"); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	batch := `[{"body":"aGVsbG8=","properties":{"iothub-app-x":"1","iothub-correlationid":"c"}},{"body":"plain","base64Encoded":false}]`
	if a := c.do(t, "POST", url, batch, "Content-Type", "application/vnd.microsoft.iothub.json"); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	events, err := l.Operator().Inbox(t.Context(), hub, "d1", 0)
	if err != nil || len(events) != 4 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	first := events[0]
	if first.Body != `{"temperature": 30}` || first.Properties["source"] != "dpslab" || first.System["message-id"] != "m-1" ||
		first.System["content-type"] != "application/json" || first.System["ack"] != "full" || first.System["http-content-type"] != "application/json" ||
		first.System["iothub-connection-device-id"] != "d1" || first.Sequence != 1 || first.EnqueuedAt.IsZero() || first.Hub != hub {
		t.Errorf("%+v", first)
	}
	if events[1].Body != "//4=" || events[1].System["body-encoding"] != "base64" {
		t.Errorf("%+v", events[1])
	}
	if events[2].Body != "hello" || events[2].Properties["x"] != "1" || events[2].System["correlation-id"] != "c" || events[3].Body != "plain" {
		t.Errorf("%+v %+v", events[2], events[3])
	}
	after, err := l.Operator().Inbox(t.Context(), hub, "d1", 3)
	if err != nil || len(after) != 1 || after[0].Sequence != 4 {
		t.Errorf("%+v %v", after, err)
	}
	// By path, the hub that has the device is meant.
	if a := c.do(t, "POST", "https://localhost/devices/d1/messages/events/?api-version=2021-04-12", "{}"); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestEventIsRefused(t *testing.T) {
	t.Parallel()
	l, c := assigned(t, "d1")
	hub := "https://" + l.ready.HubHosts[0]
	url := hub + "/devices/d1/messages/events?api-version=2020-03-13"
	for _, test := range []struct {
		name    string
		who     *client
		url     string
		body    string
		headers []string
		status  int
		code    string
	}{
		{"no certificate", l.as(t, ident{}), url, "{}", nil, 401, "IotHubUnauthorizedAccess"},
		{"another certificate", l.as(t, selfSigned(t, "d1")), url, "{}", nil, 401, "IotHubUnauthorizedAccess"},
		{"unknown device", c, hub + "/devices/d2/messages/events?api-version=2020-03-13", "{}", nil, 401, "IotHubUnauthorizedAccess"},
		{"device ID in another case", c, hub + "/devices/D1/messages/events?api-version=2020-03-13", "{}", nil, 401, "IotHubUnauthorizedAccess"},
		{"unknown hub", c, "https://contoso.azure-devices.net/devices/d1/messages/events?api-version=2020-03-13", "{}", nil, 401, "IotHubNotFound"},
		{"no api-version", c, hub + "/devices/d1/messages/events", "{}", nil, 400, "ArgumentInvalid"},
		{"wrong api-version", c, hub + "/devices/d1/messages/events?api-version=1", "{}", nil, 400, "ArgumentInvalid"},
		{"a path of DPS", c, hub + "/" + l.ready.IDScope + "/registrations/d1/register?api-version=2020-03-13", "{}", nil, 404, "NotFound"},
		{"wrong verb", c, hub + "/devices/d1/messages/events?api-version=2020-03-13", "", nil, 405, "MethodNotAllowed"},
		{"one byte too many", c, url, strings.Repeat("x", 256<<10+1), nil, 413, "MessageTooLarge"},
		{"much too large", c, url, strings.Repeat("x", 2<<20), nil, 413, "MessageTooLarge"},
		{"too large with its properties", c, url, strings.Repeat("x", 256<<10), []string{"iothub-app-a", "b"}, 413, "MessageTooLarge"},
		{"no batch", c, url, "{}", []string{"Content-Type", "application/vnd.microsoft.iothub.json"}, 400, "IotHubFormatError"},
		{"batch of too many", c, url, "[" + strings.Repeat("{},", 4096) + "{}]", []string{"Content-Type", "application/vnd.microsoft.iothub.json"}, 413, "MessageTooLarge"},
		{"batch without base64", c, url, `[{"body":"%"}]`, []string{"Content-Type", "application/vnd.microsoft.iothub.json"}, 400, "IotHubFormatError"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			method := "POST"
			if test.status == 405 {
				method = "PUT"
			}
			wantHubRefusal(t, test.who.do(t, method, test.url, test.body, test.headers...), test.status, test.code)
		})
	}
	t.Run("as many as a batch may have", func(t *testing.T) {
		t.Parallel()
		a := c.do(t, "POST", url, "["+strings.Repeat("{},", 4095)+"{}]", "Content-Type", "application/vnd.microsoft.iothub.json")
		if a.status != 204 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("just small enough", func(t *testing.T) {
		t.Parallel()
		if a := c.do(t, "POST", url, strings.Repeat("x", 256<<10)); a.status != 204 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// TestExpiredAtTheHub lets a certificate expire after its device registered.
func TestExpiredAtTheHub(t *testing.T) {
	t.Parallel()
	l, _ := assigned(t, "d1")
	expired := leafLike(t, "d1", nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	err := l.store.update(func(tx *tx) error {
		d, err := getHubDevice(tx, l.ready.HubHosts[0], "d1")
		if err != nil {
			return err
		}
		d.admit(credential{SHA256: buildChain(expired.chain).sha256[0]})
		return putHubDevice(tx, d, time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	a := l.as(t, expired).do(t, "POST", "https://"+l.ready.HubHosts[0]+"/devices/d1/messages/events?api-version=2020-03-13", "{}")
	wantHubRefusal(t, a, 401, "IotHubUnauthorizedAccess")
}

func TestInboxIsARing(t *testing.T) {
	t.Parallel()
	l := start(t)
	hub := l.ready.HubHosts[0]
	batch := make([]message, 400)
	for range 3 {
		for i := range batch {
			batch[i] = newMessage(hub, "d1", time.Now(), []byte(fmt.Sprint(i)))
		}
		if err := l.store.receive(hub, "d1", batch); err != nil {
			t.Fatal(err)
		}
		// A neighbour whose name is longer does not mix in.
		if err := l.store.receive(hub, "d1-", []message{newMessage(hub, "d1-", time.Now(), nil)}); err != nil {
			t.Fatal(err)
		}
	}
	events, err := l.inbox(hub, "d1", 0)
	if err != nil || len(events) != inboxSize || events[0].Sequence != 201 || events[inboxSize-1].Sequence != 1200 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if events, err = l.inbox(hub, "d1-", 0); err != nil || len(events) != 3 {
		t.Fatalf("%d events of the neighbour, %v", len(events), err)
	}
}

func TestRegistryAndTwin(t *testing.T) {
	t.Parallel()
	l, c := assigned(t, "d1")
	hub := l.ready.HubHosts[0]
	ask := func(resource string, p policy, path string) answer {
		s, err := dps.Token(resource, p.Name, dps.NewSecret(p.PrimaryKey), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return c.do(t, "GET", "https://"+hub+path+"?api-version=2021-04-12", "", "Authorization", s.Reveal())
	}
	p := l.instance().Hubs[0].Policy
	var device struct {
		DeviceID       string
		Status         string
		Authentication struct {
			Type           string
			X509Thumbprint struct{ PrimaryThumbprint string }
		}
	}
	ask(hub, p, "/devices/d1").into(t, &device)
	if device.DeviceID != "d1" || device.Status != "enabled" || device.Authentication.Type != "selfSigned" || len(device.Authentication.X509Thumbprint.PrimaryThumbprint) != 64 {
		t.Errorf("%+v", device)
	}
	var twin struct {
		Tags       map[string]any
		Properties struct{ Desired map[string]any }
	}
	ask(hub, p, "/twins/d1").into(t, &twin)
	if twin.Tags["line"] != 3.0 || twin.Properties.Desired["interval"] != 60.0 || twin.Properties.Desired["$version"] != 1.0 {
		t.Errorf("%+v", twin)
	}
	wantHubRefusal(t, ask(hub, p, "/devices/d2"), 404, "DeviceNotFound")
	wantHubRefusal(t, ask(hub, l.instance().Policies[0], "/devices/d1"), 401, "IotHubUnauthorizedAccess")
	wantHubRefusal(t, ask("contoso.azure-devices.net", p, "/devices/d1"), 401, "IotHubUnauthorizedAccess")
}
