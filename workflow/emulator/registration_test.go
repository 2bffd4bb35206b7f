package emulator

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"dpslab/workflow/dps"
)

var operationShape = regexp.MustCompile(`^5\.[0-9a-f]{16}\.[0-9a-f]{8}-[0-9a-f-]{27}$`)

func TestIndividualRegistration(t *testing.T) {
	t.Parallel()
	l := start(t)
	id := selfSigned(t, "My-Device")
	l.enroll(t, "my-device", id.chain[0])
	c := l.as(t, id)

	begun := c.register(t, "my-device")
	if begun.status != 202 || begun.header.Get("Retry-After") != "0" {
		t.Fatalf("%d %v", begun.status, begun.header)
	}
	if want := "https://" + globalHost + "/" + l.ready.IDScope + "/registrations/my-device/register"; begun.header.Get("Location") != want {
		t.Errorf("Location %q, want %q", begun.header.Get("Location"), want)
	}
	var op dps.RegistrationOperationStatus
	begun.into(t, &op)
	if !operationShape.MatchString(op.OperationID) || op.Status != "assigning" || op.RegistrationState != nil {
		t.Errorf("%s", begun.body)
	}
	// Node's client sends a body with its GET.
	ended := c.do(t, "GET", l.operationURL("my-device", op.OperationID), "{}")
	ended.into(t, &op)
	if ended.status != 200 || op.Status != "assigned" || ended.header.Get("Retry-After") != "" || ended.header.Get("Location") != "" {
		t.Fatalf("%d %v %s", ended.status, ended.header, ended.body)
	}
	r := op.RegistrationState
	if r.AssignedHub != "lab-hub.azure-devices.net" || r.DeviceID != "my-device" || r.RegistrationID != "my-device" ||
		r.Substatus != "initialAssignment" || r.CreatedDateTimeUTC == "" || r.LastUpdatedDateTimeUTC == "" {
		t.Errorf("%s", ended.body)
	}
	if !strings.Contains(string(ended.body), `"registrationState":{"x509":{},`) {
		t.Errorf("x509 of an individual enrollment is not an empty object: %s", ended.body)
	}
	tag, err := base64.StdEncoding.DecodeString(r.ETag)
	if err != nil || !regexp.MustCompile(`^"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"$`).Match(tag) {
		t.Errorf("etag %q decodes to %q", r.ETag, tag)
	}
}

func TestRegisterAgain(t *testing.T) {
	t.Parallel()
	l := start(t)
	old, renewed := selfSigned(t, "d1"), selfSigned(t, "d1")
	l.enroll(t, "d1", old.chain[0], func(e *dps.IndividualEnrollment) { e.DeviceID = "truck-7" })
	first := l.as(t, old).provision(t, "d1").RegistrationState
	second := l.as(t, old).provision(t, "d1").RegistrationState
	if second.Substatus != "initialAssignment" || second.DeviceID != "truck-7" || second.CreatedDateTimeUTC != first.CreatedDateTimeUTC || second.ETag == first.ETag {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
	events := "https://lab-hub.azure-devices.net/devices/truck-7/messages/events?api-version=2020-03-13"
	if a := l.as(t, old).do(t, "POST", events, "{}"); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// The renewed leaf is refused by the hub until the device registers again.
	l.enroll(t, "d1", renewed.chain[0], func(e *dps.IndividualEnrollment) { e.DeviceID = "truck-7" })
	if a := l.as(t, renewed).do(t, "POST", events, "{}"); a.status != 401 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	l.as(t, renewed).provision(t, "d1")
	if a := l.as(t, renewed).do(t, "POST", events, "{}"); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := l.as(t, old).do(t, "POST", events, "{}"); a.status != 401 {
		t.Fatalf("the old leaf still works: %d %s", a.status, a.body)
	}
}

func TestGroupRegistration(t *testing.T) {
	t.Parallel()
	f, other := newFamily(t, "line"), newFamily(t, "before")
	for _, test := range []struct {
		name    string
		prepare func(*Lab)
		show    int // certificates presented
	}{
		{"intermediate inline, root verified", func(l *Lab) {
			l.upload(t, "root", f.root.Certificate, true)
			l.enrollGroup(t, "g", f.intermediate.Certificate)
		}, 3},
		{"root verified above an intermediate that is not", func(l *Lab) {
			l.upload(t, "inter", f.intermediate.Certificate, false)
			l.upload(t, "root", f.root.Certificate, true)
			l.enrollGroup(t, "g", f.intermediate.Certificate)
		}, 3},
		{"root inline and verified", func(l *Lab) {
			l.upload(t, "root", f.root.Certificate, true)
			l.enrollGroup(t, "g", f.root.Certificate)
		}, 3},
		{"intermediate verified, root not shown", func(l *Lab) {
			l.upload(t, "inter", f.intermediate.Certificate, true)
			l.enrollGroup(t, "g", f.intermediate.Certificate)
		}, 2},
		{"reference to the root", func(l *Lab) {
			l.upload(t, "Root", f.root.Certificate, true)
			l.enrollGroup(t, "g", f.root.Certificate, referTo("root"))
		}, 3},
		{"reference to the intermediate", func(l *Lab) {
			l.upload(t, "inter", f.intermediate.Certificate, true)
			l.enrollGroup(t, "g", f.root.Certificate, referTo("inter"))
		}, 2},
		{"secondary certificate", func(l *Lab) {
			l.upload(t, "root", f.root.Certificate, true)
			l.enrollGroup(t, "g", other.root.Certificate, func(g *dps.EnrollmentGroup) {
				g.Attestation.X509.SigningCertificates.Secondary = &dps.X509CertificateWithInfo{Certificate: pemText(f.intermediate.Certificate)}
			})
		}, 3},
		{"secondary reference", func(l *Lab) {
			l.upload(t, "old", other.root.Certificate, true)
			l.upload(t, "new", f.root.Certificate, true)
			l.enrollGroup(t, "g", f.root.Certificate, referTo("old"), func(g *dps.EnrollmentGroup) {
				g.Attestation.X509.CAReferences.Secondary = "New"
			})
		}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			test.prepare(l)
			c := l.as(t, f.device(t, "Press-3").short(test.show))
			r := c.provision(t, "Press-3").RegistrationState
			if r.Status != "assigned" || r.DeviceID != "Press-3" || r.X509 == nil || r.X509.EnrollmentGroupID != "" {
				t.Errorf("%+v", r)
			}
			lookup := c.do(t, "POST", "https://"+globalHost+"/"+l.ready.IDScope+"/registrations/press-3?api-version=2021-10-01", `{"registrationId":"press-3"}`)
			lookup.into(t, &r)
			if lookup.status != 200 || r.X509 == nil || r.X509.EnrollmentGroupID != "g" {
				t.Errorf("lookup in 2021-10-01: %s", lookup.body)
			}
		})
	}
}

// TestFirstEntryDecides walks the order of matching: individual, nearest
// intermediate, root; the first entry found decides even if it is disabled.
func TestFirstEntryDecides(t *testing.T) {
	t.Parallel()
	f := newFamily(t, "order")
	disabled := func(g *dps.EnrollmentGroup) { g.ProvisioningStatus = dps.ProvisioningDisabled }
	device := f.device(t, "d1")
	for _, test := range []struct {
		name    string
		prepare func(*Lab)
		status  string
	}{
		{"both groups", func(l *Lab) {
			l.enrollGroup(t, "near", f.intermediate.Certificate)
			l.enrollGroup(t, "far", f.root.Certificate, disabled)
		}, "assigned"},
		{"near group disabled", func(l *Lab) {
			l.enrollGroup(t, "near", f.intermediate.Certificate, disabled)
			l.enrollGroup(t, "far", f.root.Certificate)
		}, "disabled"},
		{"individual disabled", func(l *Lab) {
			l.enrollGroup(t, "near", f.intermediate.Certificate)
			l.enroll(t, "d1", device.chain[0], func(e *dps.IndividualEnrollment) { e.ProvisioningStatus = dps.ProvisioningDisabled })
		}, "disabled"},
		{"individual above disabled groups", func(l *Lab) {
			l.enrollGroup(t, "near", f.intermediate.Certificate, disabled)
			l.enroll(t, "d1", device.chain[0])
		}, "assigned"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			l.upload(t, "root", f.root.Certificate, true)
			test.prepare(l)
			if got := l.as(t, device).provision(t, "d1"); got.Status != test.status || got.RegistrationState.Status != test.status {
				t.Errorf("%+v, want %s", got, test.status)
			}
			var state dps.DeviceRegistrationState
			l.service(t, "GET", "/registrations/d1", "").into(t, &state)
			if state.Status != test.status || state.ETag == "" {
				t.Errorf("record %+v, want %s", state, test.status)
			}
		})
	}
}

func TestIndividualByReference(t *testing.T) {
	t.Parallel()
	l := start(t)
	f := newFamily(t, "ref")
	other := newFamily(t, "next")
	l.upload(t, "root", f.root.Certificate, true)
	l.upload(t, "next", other.root.Certificate, true)
	l.enroll(t, "d1", f.root.Certificate, func(e *dps.IndividualEnrollment) {
		e.Attestation.X509 = &dps.X509Attestation{CAReferences: &dps.X509CAReferences{Primary: "root", Secondary: "next"}}
	})
	for _, f := range []family{f, other} {
		if r := l.as(t, f.device(t, "d1")).provision(t, "d1").RegistrationState; r.Status != "assigned" {
			t.Errorf("%+v", r)
		}
	}
}

func TestSecondaryCertificate(t *testing.T) {
	t.Parallel()
	l := start(t)
	primary, secondary := selfSigned(t, "d1"), selfSigned(t, "d1")
	l.enroll(t, "d1", primary.chain[0], func(e *dps.IndividualEnrollment) {
		e.Attestation.X509.ClientCertificates.Secondary = &dps.X509CertificateWithInfo{Certificate: pemText(secondary.chain[0])}
	})
	for _, id := range []ident{primary, secondary} {
		if r := l.as(t, id).provision(t, "d1").RegistrationState; r.Status != "assigned" {
			t.Errorf("%+v", r)
		}
	}
}

func TestAllocation(t *testing.T) {
	t.Parallel()
	l := start(t, func(o *Options) { o.Hubs = []string{"hub-a", "hub-b"} })
	static := func(hub string, policy *dps.ReprovisionPolicy) func(*dps.IndividualEnrollment) {
		return func(e *dps.IndividualEnrollment) {
			e.AllocationPolicy, e.IoTHubs, e.ReprovisionPolicy = dps.AllocationStatic, []string{hub + hubSuffix}, policy
			e.InitialTwin = &dps.InitialTwin{Tags: map[string]any{"line": 3.0}}
		}
	}
	id := selfSigned(t, "d1")
	for _, step := range []struct {
		hub       string
		policy    *dps.ReprovisionPolicy
		at        string
		substatus string
	}{
		{"hub-a", nil, "hub-a", "initialAssignment"},
		{"hub-b", &dps.ReprovisionPolicy{}, "hub-a", "initialAssignment"},
		{"hub-b", nil, "hub-b", "deviceDataMigrated"},
		{"hub-b", nil, "hub-b", "deviceDataMigrated"},
		{"hub-a", &dps.ReprovisionPolicy{UpdateHubAssignment: true}, "hub-a", "deviceDataReset"},
	} {
		l.enroll(t, "d1", id.chain[0], static(step.hub, step.policy))
		r := l.as(t, id).provision(t, "d1").RegistrationState
		if r.AssignedHub != step.at+hubSuffix || r.Substatus != step.substatus {
			t.Errorf("%+v: got %s %s", step, r.AssignedHub, r.Substatus)
		}
	}
	// Hashed devices spread, and each stays where it is.
	seen := map[string]int{}
	for _, name := range []string{"a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"} {
		id := selfSigned(t, name)
		l.enroll(t, name, id.chain[0])
		hub := l.as(t, id).provision(t, name).RegistrationState.AssignedHub
		if again := l.as(t, id).provision(t, name).RegistrationState.AssignedHub; again != hub {
			t.Errorf("%s moved from %s to %s", name, hub, again)
		}
		seen[hub]++
	}
	if len(seen) != 2 {
		t.Errorf("all devices on one hub: %v", seen)
	}
}

func TestNoHub(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.instance().Hubs[0].Apply = false // as if the hub was taken out of allocation
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	got := l.as(t, id).provision(t, "d1")
	if r := got.RegistrationState; got.Status != "failed" || r.ErrorCode != 400208 || r.ErrorMessage == "" || r.AssignedHub != "" {
		t.Errorf("%+v %+v", got, r)
	}
}

func TestStatusLookup(t *testing.T) {
	t.Parallel()
	l := start(t)
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	c := l.as(t, id)
	url := "https://" + l.ready.ServiceHost + "/" + l.ready.IDScope + "/registrations/D1/?api-version=2019-03-31"
	var r dps.DeviceRegistrationResult
	c.do(t, "POST", url, `{"registrationId":"d1"}`).into(t, &r)
	if r.Status != "unassigned" {
		t.Errorf("before: %+v", r)
	}
	c.provision(t, "d1")
	c.do(t, "POST", url, `{"registrationId":"d1"}`).into(t, &r)
	if r.Status != "assigned" || r.DeviceID != "d1" {
		t.Errorf("after: %+v", r)
	}
	wantRefusal(t, l.as(t, ident{}).do(t, "POST", url, `{}`), 401000, "Unauthorized")
}
