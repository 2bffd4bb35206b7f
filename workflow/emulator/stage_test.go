package emulator

import (
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// stage is a lab with a device that would be let in, and a group whose root is
// verified.
type stage struct {
	*Lab
	device ident // individually enrolled as d1, at the hub already
	line   family
	member ident // of the group "line", as m1
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{Lab: start(t, twoHubs), device: selfSigned(t, "d1"), line: newFamily(t, "line")}
	s.enroll(t, "d1", s.device.chain[0], atHubA)
	s.upload(t, "root", s.line.root.Certificate, true)
	s.enrollGroup(t, "line", s.line.intermediate.Certificate)
	s.member = s.line.device(t, "m1")
	s.as(t, s.device).provision(t, "d1")
	return s
}

func atHubA(e *dps.IndividualEnrollment) { e.IoTHubs = []string{"hub-a" + hubSuffix} }
func atHubB(e *dps.IndividualEnrollment) { e.IoTHubs = []string{"hub-b" + hubSuffix} }

// registered is the answer to the register of a device.
func (s *stage) registered(t *testing.T, id ident, name string) answer {
	t.Helper()
	return s.as(t, id).register(t, name)
}

// ended is how the registration of d1 ends.
func (s *stage) ended(t *testing.T) dps.RegistrationOperationStatus {
	t.Helper()
	return s.as(t, s.device).provision(t, "d1")
}

func (s *stage) sent(t *testing.T, id ident, name string) answer {
	t.Helper()
	return s.as(t, id).do(t, "POST", "https://hub-a.azure-devices.net/devices/"+name+"/messages/events?api-version=2020-03-13", "{}")
}

// wantHub checks a refusal of the hub by its name.
func wantHub(t *testing.T, a answer, status int, name string) {
	t.Helper()
	if a.status != status || a.header.Get("iothub-errorcode") != name || !strings.Contains(string(a.body), "ErrorCode:"+name+";") {
		t.Errorf("%d %v %s, want %d %s", a.status, a.header, a.body, status, name)
	}
}

func wantFailed(t *testing.T, op dps.RegistrationOperationStatus, code int) {
	t.Helper()
	if op.Status != "failed" || op.RegistrationState.ErrorCode != code || op.RegistrationState.ErrorMessage == "" {
		t.Errorf("%+v %+v, want failed %d", op, op.RegistrationState, code)
	}
}

// wantUnproved tries a proof of possession of the stage's root with the first
// of several codes, signed by an issuer.
func wantUnproved(t *testing.T, s *stage, by pki.Issuer, codes int) {
	t.Helper()
	var have struct {
		ETag       string
		Properties struct{ VerificationCode string }
	}
	first := ""
	for range codes {
		s.manageCall(t, "2022-02-05", "POST", "/certificates/root/generateVerificationCode", "", "If-Match", "*").into(t, &have)
		if first == "" {
			first = have.Properties.VerificationCode
		}
	}
	proof, err := pki.VerificationCertificate(newECKey(t).Public(), first, month(), by)
	if err != nil {
		t.Fatal(err)
	}
	a := s.manageCall(t, "2022-02-05", "POST", "/certificates/root/verify", jsonText(t, map[string]any{"certificate": proof.Raw}), "If-Match", have.ETag)
	if a.status != 400 || !strings.Contains(string(a.body), "IH400053") {
		t.Errorf("%d %s", a.status, a.body)
	}
}
