package emulator

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// token signs a device's shared access signature.
func (l *Lab) token(t testing.TB, id, key string, life time.Duration) string {
	t.Helper()
	s, err := dps.Token(l.ready.IDScope+"/registrations/"+id, "registration", dps.NewSecret(key), time.Now().Add(life))
	if err != nil {
		t.Fatal(err)
	}
	return s.Reveal()
}

func TestSymmetricKeys(t *testing.T) {
	t.Parallel()
	l := start(t)
	var single dps.IndividualEnrollment
	l.service(t, "PUT", "/enrollments/key-1", `{"registrationId":"key-1","attestation":{"type":"symmetricKey"}}`).into(t, &single)
	var line dps.EnrollmentGroup
	l.service(t, "PUT", "/enrollmentGroups/line", `{"enrollmentGroupId":"line","attestation":{"type":"symmetricKey"}}`).into(t, &line)
	derived, err := dps.DeriveDeviceKey(line.Attestation.SymmetricKey.SecondaryKey, "Press-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, id, token string
		code            int // 0: accepted
	}{
		{"primary", "key-1", l.token(t, "key-1", single.Attestation.SymmetricKey.PrimaryKey, time.Hour), 0},
		{"secondary", "key-1", l.token(t, "key-1", single.Attestation.SymmetricKey.SecondaryKey, time.Hour), 0},
		{"derived", "Press-1", l.token(t, "Press-1", derived, time.Hour), 0},
		{"group key itself", "Press-1", l.token(t, "Press-1", line.Attestation.SymmetricKey.PrimaryKey, time.Hour), 401002},
		{"another device's", "Press-2", l.token(t, "Press-2", derived, time.Hour), 401002},
		{"for another device", "Press-2", l.token(t, "Press-1", derived, time.Hour), 401002},
		{"expired", "key-1", l.token(t, "key-1", single.Attestation.SymmetricKey.PrimaryKey, -time.Minute), 401002},
		{"no token at all", "key-1", "Basic Zm9v", 401000},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := l.as(t, ident{})
			a := c.do(t, "PUT", l.registerURL(test.id), "{}", "Authorization", test.token)
			if test.code != 0 {
				wantRefusal(t, a, test.code, "Unauthorized")
				return
			}
			var op dps.RegistrationOperationStatus
			a.into(t, &op)
			wantRefusal(t, c.do(t, "GET", l.operationURL(test.id, op.OperationID), ""), 401000, "Unauthorized")
			ended := c.do(t, "GET", l.operationURL(test.id, op.OperationID), "", "Authorization", test.token)
			ended.into(t, &op)
			wantGroup := "line"
			if test.id == "key-1" {
				wantGroup = ""
			}
			r := op.RegistrationState
			if op.Status != "assigned" || r.X509 != nil || r.SymmetricKey == nil || r.SymmetricKey.EnrollmentGroupID != wantGroup {
				t.Errorf("%d %s", ended.status, ended.body)
			}
		})
	}
}

// TestSymmetricKeyAtTheHub uses the key that DPS left at the hub.
func TestSymmetricKeyAtTheHub(t *testing.T) {
	t.Parallel()
	l := start(t)
	var e dps.IndividualEnrollment
	l.service(t, "PUT", "/enrollments/key-1", `{"registrationId":"key-1","attestation":{"type":"symmetricKey"}}`).into(t, &e)
	key := e.Attestation.SymmetricKey.PrimaryKey
	c := l.as(t, ident{})
	if a := c.do(t, "PUT", l.registerURL("key-1"), "{}", "Authorization", l.token(t, "key-1", key, time.Hour)); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	hub := l.ready.HubHosts[0]
	send := func(resource, key string, life time.Duration) answer {
		s, err := dps.Token(resource, "", dps.NewSecret(key), time.Now().Add(life))
		if err != nil {
			t.Fatal(err)
		}
		return c.do(t, "POST", "https://"+hub+"/devices/key-1/messages/events?api-version=2021-04-12", "{}", "Authorization", s.Reveal())
	}
	if a := send(hub+"/devices/key-1", key, time.Hour); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, a := range []answer{send(hub+"/devices/key-2", key, time.Hour), send(hub+"/devices/key-1", newKey(), time.Hour), send(hub+"/devices/key-1", key, -time.Hour)} {
		if a.status != 401 || a.header.Get("iothub-errorcode") == "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestServiceAuthorization(t *testing.T) {
	t.Parallel()
	l := start(t)
	owner := l.instance().Policies[0]
	l.instance().Policies = append(l.instance().Policies, newPolicy("reader", rightEnrollmentRead))
	reader := l.instance().Policies[1]
	sas := func(resource string, p policy, life time.Duration) string {
		s, err := dps.Token(resource, p.Name, dps.NewSecret(p.PrimaryKey), time.Now().Add(life))
		if err != nil {
			t.Fatal(err)
		}
		return s.Reveal()
	}
	host := l.ready.ServiceHost
	body := `{"registrationId":"d1","attestation":{"type":"symmetricKey"}}`
	for _, test := range []struct {
		name, token string
		status      int
	}{
		{"owner", sas(host, owner, time.Hour), 200},
		{"secondary key", sas(host, policy{Name: owner.Name, PrimaryKey: owner.SecondaryKey}, time.Hour), 200},
		{"host in capitals", sas(strings.ToUpper(host), owner, time.Hour), 200},
		{"path prefix", sas(host+"/enrollments", owner, time.Hour), 200},
		{"unescaped resource, other order", reorder(sas(host+"/enrollments", owner, time.Hour)), 401}, // signed text changed
		{"bearer", "Bearer " + l.ready.ManagementToken, 200},
		{"nothing", "", 401},
		{"wrong bearer", "Bearer x.y.z", 401},
		{"half a path segment", sas(host+"/enroll", owner, time.Hour), 401},
		{"another host", sas("contoso.azure-devices-provisioning.net", owner, time.Hour), 401},
		{"expired", sas(host, owner, -time.Second), 401},
		{"wrong key", sas(host, policy{Name: owner.Name, PrimaryKey: newKey()}, time.Hour), 401},
		{"the hub's policy", sas(host, l.instance().Hubs[0].Policy, time.Hour), 401},
		{"a policy that only reads", sas(host, reader, time.Hour), 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := l.as(t, ident{}).do(t, "PUT", "https://"+host+"/enrollments/d1?api-version=2021-10-01", body, "Authorization", test.token, "If-Match", "*")
			if a.status != test.status {
				t.Errorf("%d %s", a.status, a.body)
			}
			if test.status == 401 {
				wantRefusal(t, a, 401002, "Unauthorized"+map[bool]string{true: ": the policy lacks a right"}[test.name == "a policy that only reads"])
			}
		})
	}
	if a := l.as(t, ident{}).do(t, "GET", "https://"+host+"/enrollments/d1?api-version=2021-10-01", "", "Authorization", sas(host, reader, time.Hour)); a.status != 200 {
		t.Errorf("a policy that reads cannot read: %d %s", a.status, a.body)
	}
}

// reorder writes a token the way Node does, with sr unescaped though it was
// signed escaped.
func reorder(token string) string {
	fields := strings.Split(strings.TrimPrefix(token, "SharedAccessSignature "), "&")
	sr, _ := url.QueryUnescape(fields[0])
	return "SharedAccessSignature " + strings.Join([]string{sr, fields[1], fields[3], fields[2]}, "&")
}
