package emulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// refusedOnly fails unless err is nil or a refusal with a client's status: bad
// input is never the lab's fault.
func refusedOnly(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	r, ok := errors.AsType[*refusal](err)
	if !ok || r.status < 400 || r.status > 499 {
		t.Fatalf("not a refusal of the client: %v", err)
	}
}

func FuzzEntryBody(f *testing.F) {
	leaf := jsonText(f, readFile(f, "testdata", "device.pem"))
	f.Add(`{"registrationId":"d1","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":{"certificate":`+leaf+`}}}}}`, true)
	f.Add(`{"enrollmentGroupId":"g","attestation":{"type":"x509","x509":{"signingCertificates":{"primary":{"certificate":`+leaf+`}}}}}`, false)
	f.Add(`{"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"","secondaryKey":"AA=="}}}`, true)
	f.Add(`{"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":null,"secondary":{}}}}}`, true)
	f.Add(`{"attestation":{"type":"x509","x509":{"caReferences":{}}},"initialTwin":{"tags":null}}`, false)
	f.Add(`null`, true)
	f.Fuzz(func(t *testing.T, body string, single bool) {
		k := group
		if single {
			k = individual
		}
		e, err := decodeEntry(k, json.RawMessage(body))
		if err != nil {
			return
		}
		if err := validate(e); err != nil {
			refusedOnly(t, err)
			return
		}
		for _, c := range e.certificates() {
			if c.Certificate == "" {
				return // facts alone: completed or refused with the store
			}
		}
		// What is accepted is found by its keys and survives the store.
		if _, _, err := e.entryKeys(); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var again entry
		if err := json.Unmarshal(raw, &again); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(again.wire(true, nil)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzRegisterBody(f *testing.F) {
	f.Add(`{"registrationId":"my-x509-device"}`, "application/json")
	f.Add(`{"registrationId":"x","payload":{"a":[1,2,3]}}`, "application/json; charset=utf-8")
	f.Add(`{"registrationId":`, "text/plain; =")
	f.Add(``, ``)
	f.Fuzz(func(t *testing.T, body, media string) {
		r, err := http.NewRequest("PUT", "https://localhost/x", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header["Content-Type"] = []string{media}
		c := &call{r: r, surface: deviceSurface}
		_, err = new(Lab).readRegistration(c, "d1")
		refusedOnly(t, err)
		var sent dps.DeviceRegistration
		if err == nil && json.Unmarshal([]byte(body), &sent) == nil && sent.RegistrationID != "" && !strings.EqualFold(sent.RegistrationID, "d1") {
			t.Errorf("accepted the ID %q", sent.RegistrationID)
		}
	})
}

func FuzzCertificateBody(f *testing.F) {
	armour := readFile(f, "testdata", "device.pem")
	cert, err := readCertificateText(armour)
	if err != nil {
		f.Fatal(err)
	}
	der := base64.StdEncoding.EncodeToString(cert.Raw)
	f.Add(jsonText(f, map[string]any{"certificate": der, "isVerified": true}))
	f.Add(jsonText(f, map[string]any{"properties": map[string]any{"certificate": armour}}))
	f.Add(jsonText(f, map[string]any{"certificate": base64.StdEncoding.EncodeToString([]byte(armour))}))
	f.Add(jsonText(f, map[string]any{"certificate": armour[:200]}))
	f.Add(`{"properties":null,"certificate":7}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, _, err := readCertificateBody([]byte(body))
		refusedOnly(t, err)
		if err == nil && len(got.Raw) == 0 {
			t.Error("accepted nothing")
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add(`[{"body":"aGVsbG8=","base64Encoded":true,"properties":{"iothub-app-x":"1"}}]`)
	f.Add(`[{"body":"plain","base64Encoded":false}]`)
	f.Add(`[{}]`)
	f.Add(`[[]]`)
	f.Fuzz(func(t *testing.T, body string) {
		messages, err := readBatch([]byte(body), "h", "d", time.Unix(1, 0))
		refusedOnly(t, err)
		if err == nil && len(messages) == 0 {
			t.Error("a batch of nothing was accepted")
		}
		for i := range messages {
			if e, ok := messages[i].event(); !ok || e.Hub != "h" || e.DeviceID != "d" {
				t.Errorf("packed as %+v, %v", e, ok)
			}
		}
	})
}

func FuzzTag(f *testing.F) {
	f.Add("120086f2-0000-0300-0000-630a5a0f0000")
	f.Add("AAAAAAExpNs=")
	f.Add("*")
	f.Add(`W/""`)
	f.Fuzz(func(t *testing.T, text string) {
		tag := bareTag(text)
		for _, dress := range []string{tag, `"` + tag + `"`, `""` + tag + `""`, ` \"` + tag + `\" `} {
			if strings.HasPrefix(tag, "W/") {
				break // a tag that begins like the mark of a weak one
			}
			if !tagMatches(dress, `"`+tag+`"`) {
				t.Errorf("%q does not match %q", dress, tag)
			}
		}
		if tag != anyTag && tagMatches(text, `"another"`) != (tag == "another") {
			t.Errorf("%q matches another tag", text)
		}
	})
}

func FuzzRoute(f *testing.F) {
	l := start(f)
	f.Add("PUT", globalHost, "/0ne00111111/registrations/my-x509-device/register")
	f.Add("GET", "localhost:8443", "/enrollments/a%2Fb/")
	f.Add("POST", "lab-hub.azure-devices.net:443", "/devices/d%00/messages/events")
	f.Add("POST", "[::1]:8443", "/%zz//")
	f.Add("GET", "MANAGEMENT.azure.com", "/subscriptions/x/../y")
	f.Fuzz(func(t *testing.T, method, host, path string) {
		found := find(l.surfacesOf(hostName(host)), method, path)
		if found.surface == nil {
			t.Fatal("no surface to refuse in")
		}
		if found.route == nil {
			return
		}
		for name, value := range found.args {
			if value == "" || strings.ContainsRune(value, 0) {
				t.Errorf("%s is %q", name, value)
			}
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add(page{10, "device-01"}.token(), "5")
	f.Add("e30", "-1")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, token, size string) {
		p, err := readPage(http.Header{"X-Ms-Continuation": {token}, "X-Ms-Max-Item-Count": {size}})
		refusedOnly(t, err)
		if err == nil && (p.size < 1 || p.size > maxPage) {
			t.Errorf("page of %d", p.size)
		}
	})
}
