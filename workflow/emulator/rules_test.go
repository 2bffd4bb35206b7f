package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// ruleCount is how many diagnostic rules there are of each letter.
var ruleCount = []struct {
	letter string
	rules  int
}{{"F", 18}, {"N", 9}, {"R", 23}, {"M", 12}, {"H", 5}}

// TestEveryRuleIsCovered holds the table against the rules, and every row that
// says it can be produced against a test that does.
func TestEveryRuleIsCovered(t *testing.T) {
	t.Parallel()
	var want []string
	for _, c := range ruleCount {
		for i := range c.rules {
			want = append(want, fmt.Sprintf("%s%02d", c.letter, i+1))
		}
	}
	all := Covers()
	if len(all) != len(want) {
		t.Fatalf("%d rows for %d rules", len(all), len(want))
	}
	for i, c := range all {
		_, produced := symptoms[c.Rule]
		switch {
		case c.Rule != want[i]:
			t.Errorf("row %d is %s, want %s", i, c.Rule, want[i])
		case btoi(c.Scenario != "")+btoi(c.Recipe != "")+btoi(c.Impossible != "") != 1:
			t.Errorf("%s: not exactly one way: %+v", c.Rule, c)
		case c.Scenario != "" && scenarioNamed(c.Scenario) == nil:
			t.Errorf("%s: no scenario %s", c.Rule, c.Scenario)
		case produced == (c.Impossible != ""):
			t.Errorf("%s: produced by a test %v, impossible %q", c.Rule, produced, c.Impossible)
		}
	}
}

func TestSymptoms(t *testing.T) {
	t.Parallel()
	for _, c := range Covers() {
		if produce := symptoms[c.Rule]; produce != nil {
			t.Run(c.Rule, func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				if c.Scenario != "" {
					s.fault(t, Fault{Scenario: c.Scenario})
				}
				produce(t, s)
			})
		}
	}
}

// symptoms produces each rule's symptom and checks that it is one.
var symptoms = map[string]func(*testing.T, *stage){
	"F04": func(t *testing.T, s *stage) {
		url := strings.Replace(s.registerURL("x"), "/x/register", "//register", 1)
		wantRefusal(t, s.as(t, s.device).do(t, "PUT", url, "{}"), 404000, "")
	},
	"F05": func(t *testing.T, s *stage) { wantRefusal(t, s.registered(t, s.device, "d2"), 401002, "Unauthorized") },
	"F06": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, s.device, "d1."), 400004, "Invalid RegistrationId")
	},
	"F07": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, s.device, "D1"), 400004, "Invalid RegistrationId")
		if a := s.registered(t, s.device, "d1"); a.status != 202 {
			t.Errorf("%d %s", a.status, a.body)
		}
	},
	"F08": func(t *testing.T, s *stage) {
		id := leafLike(t, "c1", nil, func(c *x509.Certificate) { c.IsCA = true })
		s.enroll(t, "c1", id.chain[0])
		wantRefusal(t, s.registered(t, id, "c1"), 401002, "Invalid certificate")
	},
	"F09": func(t *testing.T, s *stage) {
		id := leafLike(t, "c1", nil, func(c *x509.Certificate) { c.ExtKeyUsage = nil })
		s.enroll(t, "c1", id.chain[0])
		wantRefusal(t, s.registered(t, id, "c1"), 401002, "Invalid certificate")
	},
	"F10": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, s.device, "d1"), 401002, "Invalid certificate")
	},
	"F12": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, s.member.short(1), "m1"), 401002, authorityNotFound)
	},
	"F14": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, newFamily(t, "line").device(t, "m2"), "m2"), 401002, signerMismatch)
	},
	"F18": func(t *testing.T, s *stage) {
		var e dps.IndividualEnrollment
		s.service(t, "GET", "/enrollments/d1", "").into(t, &e)
		device := string(s.hubService(t, "hub-a", "GET", "/devices/d1", "").body)
		leaf := s.device.chain[0]
		if e.Attestation.X509.ClientCertificates.Primary.Info.SHA1Thumbprint != pki.Thumbprint1(leaf) || !strings.Contains(device, pki.Thumbprint256(leaf)) || strings.Contains(device, pki.Thumbprint1(leaf)) {
			t.Errorf("%s", device)
		}
	},
	"N01": func(t *testing.T, s *stage) {
		a := s.service(t, "GET", "/enrollments/d1", "") // the token is good for an hour
		at, err := time.Parse(time.RFC1123, a.header.Get("Date"))
		if off := time.Until(at); err != nil || off < 50*time.Minute || off > 70*time.Minute {
			t.Errorf("Date is off by %v: %v", off, err)
		}
		wantRefusal(t, a, 401002, "Unauthorized")
	},
	"N03": func(t *testing.T, s *stage) {
		raw, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.ready.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		if err := raw.SetDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if err := tls.Client(raw, &tls.Config{RootCAs: s.identity.pool(), ServerName: globalHost}).Handshake(); err == nil {
			t.Error("the lab answered")
		}
	},
	"N04": func(t *testing.T, s *stage) {
		_, err := tls.Dial("tcp", s.ready.Address, &tls.Config{RootCAs: s.identity.pool(), ServerName: globalHost})
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
			t.Errorf("%v", err)
		}
	},
	"N06": func(t *testing.T, s *stage) {
		if _, err := tls.Dial("tcp", s.ready.Address, &tls.Config{RootCAs: s.identity.pool(), ServerName: globalHost, MinVersion: tls.VersionTLS13}); err == nil {
			t.Error("TLS 1.3 was accepted")
		}
	},
	"N07": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, s.device, "d1"), 403000, "Unauthorized")
	},
	"R01": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, newFamily(t, "stranger").device(t, "m2"), "m2"), 401002, authorityNotFound)
	},
	"R02": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, selfSigned(t, "d1"), "d1"), 401002, "Invalid certificate")
	},
	"R03": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, newFamily(t, "line").device(t, "m2"), "m2"), 401002, signerMismatch)
	},
	"R04": func(t *testing.T, s *stage) {
		s.service(t, "DELETE", "/enrollments/d1", "")
		wantRefusal(t, s.registered(t, s.device, "d1"), 401002, "Unauthorized")
	},
	"R05": func(t *testing.T, s *stage) {
		op := s.ended(t)
		wantFailed(t, op, 400209)
		if !strings.Contains(op.RegistrationState.ErrorMessage, "IotHubUnauthorizedAccess") {
			t.Errorf("%+v", op.RegistrationState)
		}
	},
	"R06": func(t *testing.T, s *stage) { wantRefusal(t, s.registered(t, ident{}, "d1"), 401000, "Unauthorized") },
	"R07": func(t *testing.T, s *stage) {
		wantRefusal(t, s.as(t, s.device).do(t, "PUT", s.registerURL("d1"), `{"registrationId":"d2"}`), 400000, "")
	},
	"R08": func(t *testing.T, s *stage) {
		url := strings.Replace(s.registerURL("d1"), s.ready.IDScope, "0ne00FFFFFF", 1)
		wantRefusal(t, s.as(t, s.device).do(t, "PUT", url, "{}"), 404000, "IdScope not found")
	},
	"R09": func(t *testing.T, s *stage) {
		wantRefusal(t, s.service(t, "GET", "/enrollments/d9", ""), 404201, "")
		wantRefusal(t, s.service(t, "GET", "/registrations/d9", ""), 404201, "")
	},
	"R10": func(t *testing.T, s *stage) { wantFailed(t, s.ended(t), 400208) },
	"R11": func(t *testing.T, s *stage) { wantFailed(t, s.ended(t), 400209) },
	"R12": func(t *testing.T, s *stage) {
		if op := s.ended(t); op.Status != "disabled" || op.RegistrationState.AssignedHub != "" {
			t.Errorf("%+v", op)
		}
	},
	"R13": func(t *testing.T, s *stage) {
		id := selfSigned(t, "d2")
		s.enroll(t, "d2", id.chain[0])
		var r dps.DeviceRegistrationResult
		s.as(t, id).do(t, "POST", strings.Replace(s.registerURL("d2"), "/register?", "?", 1), "{}").into(t, &r)
		if r.Status != "unassigned" {
			t.Errorf("%+v", r)
		}
	},
	"R14": func(t *testing.T, s *stage) {
		var op dps.RegistrationOperationStatus
		c := s.as(t, s.device)
		c.register(t, "d1").into(t, &op)
		for range 3 {
			if a := c.do(t, "GET", s.operationURL("d1", op.OperationID), ""); a.status != 202 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	},
	"R15": func(t *testing.T, s *stage) {
		if wait := throttledFor(t, s.registered(t, s.device, "d1")); wait != 5 {
			t.Errorf("Retry-After %d", wait)
		}
	},
	"R16": func(t *testing.T, s *stage) {
		wantRefusal(t, s.registered(t, s.device, "d1"), 409203, "Precondition failed")
	},
	"R17": func(t *testing.T, s *stage) { wantFailed(t, s.ended(t), 400207) },
	"R18": func(t *testing.T, s *stage) {
		s.enroll(t, "d1", s.device.chain[0], atHubB, func(e *dps.IndividualEnrollment) { e.ReprovisionPolicy = &dps.ReprovisionPolicy{} })
		if r := s.ended(t).RegistrationState; r.AssignedHub != "hub-a"+hubSuffix {
			t.Errorf("%+v", r)
		}
	},
	"R19": func(t *testing.T, s *stage) {
		s.enroll(t, "d1", s.device.chain[0], atHubB, func(e *dps.IndividualEnrollment) {
			e.ReprovisionPolicy = &dps.ReprovisionPolicy{UpdateHubAssignment: true}
		})
		if r := s.ended(t).RegistrationState; r.AssignedHub != "hub-b"+hubSuffix || r.Substatus != deviceDataReset {
			t.Errorf("%+v", r)
		}
	},
	"R20": func(t *testing.T, s *stage) {
		s.enroll(t, "m1", s.member.chain[0], func(e *dps.IndividualEnrollment) { e.ProvisioningStatus = dps.ProvisioningDisabled })
		if op := s.as(t, s.member).provision(t, "m1"); op.Status != "disabled" {
			t.Errorf("%+v", op)
		}
	},
	"R21": func(t *testing.T, s *stage) { wantRefusal(t, s.registered(t, s.device, "d1"), 503000, "") },
	"R22": func(t *testing.T, s *stage) {
		wantRefusal(t, s.as(t, s.device).do(t, "PUT", s.registerURL("d1"), "{}", "Content-Type", "text/plain"), 415000, "")
		wantRefusal(t, s.as(t, s.device).do(t, "POST", s.registerURL("d1"), "{}"), 405000, "")
	},
	"R23": func(t *testing.T, s *stage) {
		c := s.as(t, s.device)
		if a := c.register(t, "d1"); a.status != 202 { // Go's client follows with the same method, body and certificate
			t.Errorf("%d %s", a.status, a.body)
		}
		if all, _ := s.operator.Faults(t.Context()); all[0].Hits == 0 {
			t.Error("nobody was sent elsewhere")
		}
	},
	"M01": func(t *testing.T, s *stage) {
		var have struct{ ETag string }
		s.manageCall(t, "2022-02-05", "GET", "/certificates/root", "").into(t, &have)
		a := s.manageCall(t, "2022-02-05", "POST", "/certificates/root/generateVerificationCode", "", "If-Match", have.ETag)
		if a.status != 412 || !strings.Contains(string(a.body), "IH412001") {
			t.Errorf("%d %s", a.status, a.body)
		}
	},
	"M02": func(t *testing.T, s *stage) { wantUnproved(t, s, newFamily(t, "line").root, 1) },
	"M03": func(t *testing.T, s *stage) { wantUnproved(t, s, s.line.root, 2) },
	"M04": func(t *testing.T, s *stage) {
		cert := newFamily(t, "old").root.Certificate
		a := s.manageCall(t, "2018-01-22", "PUT", "/certificates/old", jsonText(t, map[string]any{"certificate": cert.Raw, "isVerified": true}))
		if a.status != 200 || !strings.Contains(string(a.body), `"isVerified":false`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	},
	"M05": func(t *testing.T, s *stage) {
		a := s.manageCall(t, "2022-02-05", "PUT", "/certificates/x", `{"properties":{"certificate":"root.crt"}}`)
		if a.status != 400 || !strings.Contains(string(a.body), "not a valid base64 string") {
			t.Errorf("%d %s", a.status, a.body)
		}
	},
	"M06": func(t *testing.T, s *stage) {
		wantRefusal(t, s.service(t, "PUT", "/enrollments/d9", `{"attestation":{}}`), 400000, "TPM or X509 attestation is required")
	},
	"M07": func(t *testing.T, s *stage) {
		a := s.service(t, "PUT", "/enrollments/d9", `{"attestation":{"type":"symmetricKey"},"allocationPolicy":"custom"}`)
		wantRefusal(t, a, 400000, "CustomAllocationDefinition is required")
	},
	"M08": func(t *testing.T, s *stage) {
		p := s.instance().Hubs[0].Policy
		token, err := dps.Token(s.ready.HubHosts[0], p.Name, dps.NewSecret(p.PrimaryKey), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		wantRefusal(t, s.as(t, ident{}).do(t, "GET", "https://"+s.ready.ServiceHost+"/enrollments/d1?api-version=2021-10-01", "", "Authorization", token.Reveal()), 401002, "Unauthorized")
	},
	"M09": func(t *testing.T, s *stage) {
		var e dps.IndividualEnrollment
		s.service(t, "GET", "/enrollments/d1", "").into(t, &e)
		wantRefusal(t, s.service(t, "PUT", "/enrollments/d1", jsonText(t, e), "If-Match", e.ETag), 412000, "")
	},
	"M10": func(t *testing.T, s *stage) {
		for i := range maxAuthorities - 1 { // one is there
			s.upload(t, fmt.Sprint("ca-", i), newFamily(t, fmt.Sprint(i)).root.Certificate, true)
		}
		body := jsonText(t, map[string]any{"certificate": newFamily(t, "more").root.Certificate.Raw})
		if a := s.manageCall(t, "2018-01-22", "PUT", "/certificates/more", body); a.status != 403 {
			t.Errorf("%d %s", a.status, a.body)
		}
	},
	"H01": func(t *testing.T, s *stage) {
		wantHub(t, s.sent(t, selfSigned(t, "d1"), "d1"), 401, "IotHubUnauthorizedAccess")
	},
	"H02": func(t *testing.T, s *stage) { wantHub(t, s.sent(t, s.device, "d1"), 404, "DeviceNotFound") },
	"H03": func(t *testing.T, s *stage) {
		wantHub(t, s.sent(t, s.device, "d1"), 401, "IotHubUnauthorizedAccess")
	},
	"H04": func(t *testing.T, s *stage) {
		if a := s.sent(t, s.device, "d1"); a.status != 204 {
			t.Errorf("%d %s", a.status, a.body)
		}
		if events, err := s.operator.Inbox(t.Context(), "hub-a"+hubSuffix, "d1", 0); err != nil || len(events) > 0 {
			t.Errorf("%v %v", events, err)
		}
	},
	"H05": func(t *testing.T, s *stage) {
		id := selfSigned(t, "d2")
		s.enroll(t, "d2", id.chain[0], atHubA, func(e *dps.IndividualEnrollment) { e.DeviceID = "truck-7" })
		if r := s.as(t, id).provision(t, "d2").RegistrationState; r.DeviceID != "truck-7" {
			t.Errorf("%+v", r)
		}
		wantHub(t, s.sent(t, id, "d2"), 401, "IotHubUnauthorizedAccess")
		if a := s.sent(t, id, "truck-7"); a.status != 204 {
			t.Errorf("%d %s", a.status, a.body)
		}
	},
}
