package emulator

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dpslab/workflow/dps"
)

// paths of both kinds of entry, with a body that makes one.
var entryKinds = []struct {
	path, id, body string
}{
	{"/enrollments/", "registrationId", `{"registrationId":"e1","attestation":{"type":"symmetricKey"}}`},
	{"/enrollmentGroups/", "enrollmentGroupId", `{"enrollmentGroupId":"e1","attestation":{"type":"symmetricKey"}}`},
}

func TestEntryETags(t *testing.T) {
	t.Parallel()
	for _, k := range entryKinds {
		t.Run(k.id, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			put := func(ifMatch string) answer {
				if ifMatch == "" {
					return l.service(t, "PUT", k.path+"e1", k.body)
				}
				return l.service(t, "PUT", k.path+"e1", k.body, "If-Match", ifMatch)
			}
			tag := func(a answer) string {
				t.Helper()
				var e struct {
					ETag string `json:"etag"`
				}
				if a.status != 200 {
					t.Fatalf("%d %s", a.status, a.body)
				}
				a.into(t, &e)
				if len(e.ETag) < 2 || e.ETag[0] != '"' || e.ETag[len(e.ETag)-1] != '"' {
					t.Fatalf("etag %q lacks its quotes", e.ETag)
				}
				return e.ETag
			}
			wantRefusal(t, put(`"old"`), 404201, "Enrollment not found")
			first := tag(put(""))
			wantRefusal(t, put(""), 409000, "Resource already exists")
			wantRefusal(t, put(`"00000000-0000-0300-0000-000000000000"`), 412000, "ETag is invalid")
			bare := strings.Trim(first, `"`)
			seen := map[string]bool{first: true}
			for _, dress := range []string{`%s`, `"%s"`, `""%s""`, `W/"%s"`, ` "%s" `, `\"%s\"`} {
				next := tag(put(fmt.Sprintf(dress, bare)))
				if seen[next] {
					t.Fatalf("etag %s came twice", next)
				}
				seen[next] = true
				wantRefusal(t, put(bare), 412000, "ETag is invalid")
				bare = strings.Trim(next, `"`)
			}
			tag(put("*"))
			current := tag(put(`"*"`))
			if a := l.service(t, "GET", k.path+"E1/", ""); tag(a) != current || a.header.Get("ETag") != "" {
				t.Errorf("%v %s", a.header, a.body)
			}
			wantRefusal(t, l.service(t, "DELETE", k.path+"e1", "", "If-Match", first), 412000, "ETag is invalid")
			if a := l.service(t, "DELETE", k.path+"e1", "", "If-Match", current); a.status != 204 || len(a.body) != 0 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			wantRefusal(t, l.service(t, "DELETE", k.path+"e1", ""), 404201, "Enrollment not found")
			wantRefusal(t, l.service(t, "GET", k.path+"e1", ""), 404201, "Enrollment not found")
			tag(put("*"))
			if a := l.service(t, "DELETE", k.path+"e1", ""); a.status != 204 {
				t.Fatalf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestEnrollmentIsKept(t *testing.T) {
	t.Parallel()
	l := start(t)
	id := selfSigned(t, "Dev-1")
	body := jsonText(t, map[string]any{
		"registrationId": "Dev-1", "deviceId": "truck-7",
		"attestation": map[string]any{"type": "x509", "x509": map[string]any{"clientCertificates": map[string]any{
			"primary": map[string]any{"certificate": base64.StdEncoding.EncodeToString([]byte(pemText(id.chain[0])))},
		}}},
		"initialTwin":               map[string]any{"tags": map[string]any{"line": 3}, "properties": map[string]any{"desired": map[string]any{"interval": 60}}},
		"optionalDeviceInformation": map[string]any{"color": "red"}, "capabilities": map[string]any{"iotEdge": true},
	})
	var e dps.IndividualEnrollment
	a := l.service(t, "PUT", "/enrollments/dev-1", body)
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a.into(t, &e)
	c := e.Attestation.X509.ClientCertificates.Primary
	if e.RegistrationID != "Dev-1" || e.DeviceID != "truck-7" || e.ProvisioningStatus != "enabled" || e.AllocationPolicy != "hashed" ||
		!e.Capabilities.IoTEdge || !e.ReprovisionPolicy.UpdateHubAssignment || !e.ReprovisionPolicy.MigrateDeviceData ||
		len(e.IoTHubs) != 1 || e.OptionalDeviceInformation["color"] != "red" || e.CreatedDateTimeUTC == "" {
		t.Errorf("%s", a.body)
	}
	if c.Certificate != base64.StdEncoding.EncodeToString(id.chain[0].Raw) || c.Info.SubjectName != "CN=Dev-1" ||
		len(c.Info.SHA1Thumbprint) != 40 || len(c.Info.SHA256Thumbprint) != 64 || c.Info.Version != 3 || c.Info.NotAfterUTC == "" {
		t.Errorf("%+v", c)
	}

	// az sends back what it read, with the certificate's facts alone.
	c.Certificate, e.ProvisioningStatus = "", "disabled"
	a = l.service(t, "PUT", "/enrollments/dev-1", jsonText(t, e), "If-Match", e.ETag)
	if a.status != 200 || !strings.Contains(string(a.body), base64.StdEncoding.EncodeToString(id.chain[0].Raw)) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if r := l.as(t, id).provision(t, "dev-1"); r.Status != "disabled" || r.RegistrationState.RegistrationID != "Dev-1" {
		t.Errorf("%+v", r)
	}
	l.service(t, "GET", "/enrollments/dev-1", "").into(t, &e)
	if e.RegistrationState == nil || e.RegistrationState.Status != "disabled" {
		t.Errorf("%+v", e.RegistrationState)
	}

	// The registration goes with its enrollment.
	if a := l.service(t, "DELETE", "/enrollments/dev-1", ""); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantRefusal(t, l.service(t, "GET", "/registrations/dev-1", ""), 404201, "Registration not found")
}

func TestEntryIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t)
	f := newFamily(t, "f")
	leaf := jsonText(t, map[string]string{"certificate": pemText(selfSigned(t, "d1").chain[0])})
	signer := jsonText(t, map[string]string{"certificate": pemText(f.root.Certificate)})
	l.enrollGroup(t, "taken", f.root.Certificate)
	x509 := func(members string) string { return `"attestation":{"type":"x509","x509":{` + members + `}}` }
	for _, test := range []struct {
		name, path, body string
		code             int
		says             string
	}{
		{"empty", "/enrollments/d1", "", 400000, "empty"},
		{"null", "/enrollments/d1", "null", 400000, "attestation is required"},
		{"no JSON", "/enrollments/d1", "{", 400000, "offset"},
		{"array", "/enrollments/d1", "[]", 400000, ""},
		{"bad ID", "/enrollments/d1.", "{}", 400004, "Invalid ID"},
		{"ID differs", "/enrollments/d1", `{"registrationId":"d2"}`, 400000, "does not match"},
		{"no attestation", "/enrollments/d1", `{"registrationId":"d1"}`, 400000, "TPM or X509 attestation is required"},
		{"unknown attestation", "/enrollments/d1", `{"attestation":{"type":"password"}}`, 400000, "password"},
		{"no member", "/enrollments/d1", "{" + x509("") + "}", 400000, "exactly one"},
		{"two members", "/enrollments/d1", "{" + x509(`"clientCertificates":{"primary":`+leaf+`},"caReferences":{"primary":"x"}`) + "}", 400000, "exactly one"},
		{"no primary", "/enrollments/d1", "{" + x509(`"clientCertificates":{"secondary":`+leaf+`}`) + "}", 400000, "primary"},
		{"no certificate", "/enrollments/d1", "{" + x509(`"clientCertificates":{"primary":{"certificate":"Zm9v"}}`) + "}", 400000, "cannot be read"},
		{"empty certificate", "/enrollments/d1", "{" + x509(`"clientCertificates":{"primary":{"certificate":""}}`) + "}", 400000, "empty"},
		{"info of a certificate that is not there", "/enrollments/d1", "{" + x509(`"clientCertificates":{"primary":{"info":{"sha256Thumbprint":"AB"}}}`) + "}", 400000, "info"},
		{"two certificates in one", "/enrollments/d1", "{" + x509(`"clientCertificates":{"primary":`+jsonText(t, map[string]string{"certificate": pemText(f.root.Certificate, f.root.Certificate)})+`}`) + "}", 400000, "more than one"},
		{"signing in individual", "/enrollments/d1", "{" + x509(`"signingCertificates":{"primary":`+signer+`}`) + "}", 400000, "enrollment groups"},
		{"client in group", "/enrollmentGroups/g1", "{" + x509(`"clientCertificates":{"primary":`+leaf+`}`) + "}", 400000, "individual"},
		{"unknown reference", "/enrollmentGroups/g1", "{" + x509(`"caReferences":{"primary":"nobody"}`) + "}", 400000, "nobody"},
		{"certificate of another group", "/enrollmentGroups/g1", "{" + x509(`"signingCertificates":{"primary":`+signer+`}`) + "}", 409000, "taken"},
		{"short key", "/enrollments/d1", `{"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"Zm9v","secondaryKey":"Zm9v"}}}`, 400000, "16 to 64"},
		{"one key", "/enrollments/d1", `{"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"` + newKey() + `"}}}`, 400000, "16 to 64"},
		{"TPM group", "/enrollmentGroups/g1", `{"attestation":{"type":"tpm","tpm":{"endorsementKey":"Zm9v"}}}`, 400000, "individual"},
		{"status", "/enrollments/d1", `{"provisioningStatus":"off","attestation":{"type":"symmetricKey"}}`, 400000, "provisioningStatus"},
		{"policy", "/enrollments/d1", `{"allocationPolicy":"random","attestation":{"type":"symmetricKey"}}`, 400000, "allocationPolicy"},
		{"static without a hub", "/enrollments/d1", `{"allocationPolicy":"static","attestation":{"type":"symmetricKey"}}`, 400000, "exactly one"},
		{"custom without a webhook", "/enrollments/d1", `{"allocationPolicy":"custom","attestation":{"type":"symmetricKey"}}`, 400000, "CustomAllocationDefinition is required"},
		{"foreign hub", "/enrollments/d1", `{"iotHubs":["contoso.azure-devices.net"],"attestation":{"type":"symmetricKey"}}`, 400000, "not linked"},
		{"device ID", "/enrollments/d1", `{"deviceId":"a b","attestation":{"type":"symmetricKey"}}`, 400000, "deviceId"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := l.service(t, "PUT", test.path, test.body)
			wantRefusal(t, a, test.code, "")
			if !strings.Contains(string(a.body), test.says) {
				t.Errorf("%s does not say %q", a.body, test.says)
			}
		})
	}
}

func TestKeysAreShownOnce(t *testing.T) {
	t.Parallel()
	for _, k := range entryKinds {
		t.Run(k.id, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			var e struct {
				ETag        string                   `json:"etag"`
				Attestation dps.AttestationMechanism `json:"attestation"`
			}
			l.service(t, "PUT", k.path+"e1", k.body).into(t, &e)
			key := e.Attestation.SymmetricKey.PrimaryKey
			if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 64 {
				t.Fatalf("generated key: %d bytes, %v", len(raw), err)
			}
			if a := l.service(t, "GET", k.path+"e1", ""); strings.Contains(string(a.body), "primaryKey") {
				t.Errorf("GET shows keys: %s", a.body)
			}
			if a := l.service(t, "POST", strings.ToLower(k.path)+"query", `{"query":"SELECT *"}`); strings.Contains(string(a.body), "primaryKey") {
				t.Errorf("query shows keys: %s", a.body)
			}
			var m dps.AttestationMechanism
			l.service(t, "POST", strings.ToLower(k.path)+"e1/attestationmechanism", "").into(t, &m)
			if m.SymmetricKey.PrimaryKey != key {
				t.Error("attestationmechanism shows other keys")
			}
			// An update without keys keeps them.
			l.service(t, "PUT", k.path+"e1", k.body, "If-Match", e.ETag).into(t, &e)
			if e.Attestation.SymmetricKey.PrimaryKey != key {
				t.Error("the update made new keys")
			}
		})
	}
}

func TestQueryPages(t *testing.T) {
	t.Parallel()
	l := start(t)
	f := newFamily(t, "f")
	l.upload(t, "root", f.root.Certificate, true)
	l.enrollGroup(t, "line", f.root.Certificate)
	l.enrollGroup(t, "line-2", f.intermediate.Certificate)
	for _, name := range []string{"e1", "e2", "e3", "e4", "e5"} {
		l.service(t, "PUT", "/enrollments/"+name, `{"attestation":{"type":"symmetricKey"}}`)
		c := l.as(t, f.device(t, "press-"+name))
		if r := c.provision(t, "press-"+name); r.Status != "assigned" {
			t.Fatalf("%+v", r)
		}
	}
	for _, test := range []struct {
		path, kind, id, body string
		want                 []int // items on each page
	}{
		// The shape of az: a query inside a query.
		{"/enrollments/query", "enrollment", "registrationId", `{"query": "{'additional_properties': {}, 'query': 'SELECT *'}"}`, []int{2, 2, 1}},
		{"/enrollmentGroups/query/", "enrollmentGroup", "enrollmentGroupId", `{"query":"*"}`, []int{2}},
		{"/registrations/line-2/query", "deviceRegistration", "registrationId", "", []int{2, 2, 1}},
		{"/registrations/line/query", "deviceRegistration", "registrationId", "", []int{0}},
	} {
		t.Run(test.path, func(t *testing.T) {
			seen := map[string]bool{}
			headers := []string{"x-ms-max-item-count", "2"}
			for page, want := range test.want {
				a := l.service(t, "POST", test.path, test.body, headers...)
				var items []map[string]any
				a.into(t, &items)
				if a.status != 200 || len(items) != want || a.header.Get("x-ms-item-type") != test.kind {
					t.Fatalf("page %d: %d %v %s", page, a.status, a.header, a.body)
				}
				for _, item := range items {
					seen[fmt.Sprint(item[test.id])] = true
				}
				next := a.header.Get("x-ms-continuation")
				if (next == "") != (page == len(test.want)-1) {
					t.Fatalf("page %d of %d has continuation %q", page, len(test.want), next)
				}
				headers = []string{"x-ms-continuation", next} // a client that forgets the size
			}
			total := 0
			for _, n := range test.want {
				total += n
			}
			if len(seen) != total {
				t.Errorf("saw %v", seen)
			}
		})
	}
	wantRefusal(t, l.service(t, "POST", "/enrollments/query", "{}", "x-ms-continuation", `{"token":"+RID#"}`), 400000, "Bad Request")
}

func TestRegistrationRecord(t *testing.T) {
	t.Parallel()
	l := start(t)
	f := newFamily(t, "f")
	l.upload(t, "root", f.root.Certificate, true)
	l.enrollGroup(t, "line", f.root.Certificate)
	c := l.as(t, f.device(t, "d1"))
	r := c.provision(t, "d1").RegistrationState
	var state dps.DeviceRegistrationState
	a := l.service(t, "GET", "/registrations/D1", "")
	a.into(t, &state)
	if state.ETag != r.ETag || state.AssignedHub != r.AssignedHub || strings.Contains(string(a.body), "x509") {
		t.Errorf("%s", a.body)
	}
	wantRefusal(t, l.service(t, "DELETE", "/registrations/d1", "", "If-Match", "stale"), 412000, "ETag is invalid")
	decoded, err := base64.StdEncoding.DecodeString(state.ETag)
	if err != nil {
		t.Fatal(err)
	}
	// Some clients take the base64 off.
	if a := l.service(t, "DELETE", "/registrations/d1", "", "If-Match", string(decoded)); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantRefusal(t, l.service(t, "DELETE", "/registrations/d1", ""), 404201, "Registration not found")
	if a := l.service(t, "POST", "/registrations/line/query", ""); string(a.body) != "[]" {
		t.Errorf("%s", a.body)
	}
	// The hub's device is untouched.
	if a := c.do(t, "POST", "https://"+r.AssignedHub+"/devices/d1/messages/events?api-version=2020-03-13", "{}"); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
