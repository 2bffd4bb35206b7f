package emulator

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const hubA = "hub-a.azure-devices.net"

// atHub is a lab with a device that is assigned to hub-a.
func atHub(t *testing.T, change ...func(*Options)) (*Lab, *client) {
	t.Helper()
	l := start(t, append([]func(*Options){twoHubs}, change...)...)
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0], atHubA)
	c := l.as(t, id)
	c.provision(t, "d1")
	return l, c
}

const deviceBound = "https://" + hubA + "/devices/d1/messages/deviceBound"

func (c *client) commands(t *testing.T, method, path string, headers ...string) answer {
	t.Helper()
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return c.do(t, method, deviceBound+path+separator+"api-version=2021-04-12", "", headers...)
}

func TestCommands(t *testing.T) {
	t.Parallel()
	l, c := atHub(t)
	if a := c.commands(t, "GET", ""); a.status != 204 || len(a.body) > 0 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	m := Command{MessageID: "m-1", CorrelationID: "c-1", Body: `{"on":true}`, ContentType: "application/json", ContentEncoding: "utf-8", Properties: map[string]string{"Level": "high"}}
	for _, m := range []Command{m, {Bytes: []byte{0xff, 0}}} {
		if err := l.operator.Send(t.Context(), hubA, "d1", m); err != nil {
			t.Fatal(err)
		}
	}
	first := c.commands(t, "GET", "")
	h := first.header
	if first.status != 200 || string(first.body) != m.Body || h.Get("iothub-messageid") != "m-1" || h.Get("iothub-correlationid") != "c-1" || h.Get("iothub-app-Level") != "high" || h.Get("iothub-deliverycount") != "0" {
		t.Fatalf("%d %v %s", first.status, h, first.body)
	}
	token := strings.Trim(h.Get("ETag"), `"`)
	if h.Get("ETag") != `"`+token+`"` {
		t.Errorf("ETag %s is not quoted", h.Get("ETag"))
	}
	// The first is locked, so the second comes; then none.
	second := c.commands(t, "GET", "")
	if second.status != 200 || string(second.body) != "\xff\x00" {
		t.Errorf("%d %q", second.status, second.body)
	}
	if a := c.commands(t, "GET", ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := c.commands(t, "POST", "/"+token+"/abandon"); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	again := c.commands(t, "GET", "", "IotHub-MessageLockTimeout", "30")
	if string(again.body) != m.Body || again.header.Get("iothub-deliverycount") != "1" {
		t.Errorf("%v %s", again.header, again.body)
	}
	wantHub(t, c.commands(t, "DELETE", "/"+token), 412, "DeviceMessageLockLost")
	if a := c.commands(t, "DELETE", "/"+strings.Trim(again.header.Get("ETag"), `"`), "If-Match", "something else"); a.status != 204 {
		t.Errorf("complete: %d %s", a.status, a.body)
	}
	if a := c.commands(t, "DELETE", "/"+strings.Trim(second.header.Get("ETag"), `"`)+"?reject"); a.status != 204 {
		t.Errorf("reject: %d %s", a.status, a.body)
	}
	if a := c.commands(t, "GET", ""); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantHub(t, l.as(t, ident{}).commands(t, "GET", ""), 401, "IotHubUnauthorizedAccess")
	wantHub(t, l.as(t, selfSigned(t, "d1")).commands(t, "GET", ""), 401, "IotHubUnauthorizedAccess")
	wantHub(t, c.commands(t, "GET", "", "IotHub-MessageLockTimeout", "soon"), 400, "ArgumentInvalid")
}

// TestCommandHeaderCase reads the raw answer: a client library compares names
// with regard to case.
func TestCommandHeaderCase(t *testing.T) {
	t.Parallel()
	l, c := atHub(t)
	if err := l.operator.Send(t.Context(), hubA, "d1", Command{MessageID: "m", Body: "x", ContentType: "text/plain", Properties: map[string]string{"level": "1"}}); err != nil {
		t.Fatal(err)
	}
	raw := c.raw(t, "GET /devices/d1/messages/devicebound?api-version=2021-04-12 HTTP/1.1\r\nHost: "+hubA+"\r\nConnection: close\r\n\r\n")
	for _, line := range []string{"\r\niothub-messageid: m\r\n", "\r\nContentType: text/plain\r\n", "\r\niothub-app-level: 1\r\n", "\r\nETag: \"", "\r\niothub-to: /devices/d1/messages/deviceBound\r\n"} {
		if !strings.Contains(raw, line) {
			t.Errorf("no %q in:\n%s", line, raw)
		}
	}
}

func TestCommandLimits(t *testing.T) {
	t.Parallel()
	l, _ := atHub(t)
	now := time.Now()
	send := func(m Command) int { return asRefusalCode(l.enqueue(hubA, "d1", m, now)) }
	for want, m := range map[int]Command{
		413001: {Body: strings.Repeat("x", 64<<10+1)},
		400004: {Body: "x", TimeToLive: 49 * time.Hour},
	} {
		if got := send(m); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	if got := asRefusalCode(l.enqueue(hubA, "nobody", Command{}, now)); got != 404001 {
		t.Errorf("%d", got)
	}
	for i := range maxCommands {
		if got := send(Command{Body: fmt.Sprint(i), TimeToLive: time.Minute}); got != 0 {
			t.Fatalf("message %d: %d", i, got)
		}
	}
	if got := send(Command{}); got != 403004 {
		t.Errorf("one too many: %d", got)
	}
	now = now.Add(2 * time.Minute) // the others have expired
	if got := send(Command{}); got != 0 {
		t.Errorf("%d", got)
	}
}

// asRefusalCode is the code of a refusal, 0 when there is none.
func asRefusalCode(err error) int {
	if err == nil {
		return 0
	}
	return asRefusal(err).code
}
