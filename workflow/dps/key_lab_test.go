package dps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dpslab/workflow/dps"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/wire"
)

// register goes the whole way and gives the end.
func register(t *testing.T, d *dps.DeviceClient, r dps.DeviceRegistration) *dps.OperationAnswer {
	t.Helper()
	begun, err := d.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return pollUntilFinal(t, d, r.RegistrationID, begun.OperationID)
}

func keyed() *dps.AttestationMechanism {
	return &dps.AttestationMechanism{Type: dps.AttestationSymmetricKey}
}

func TestSymmetricKeyInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	if _, err := c.PutEnrollment(ctx, &dps.IndividualEnrollment{RegistrationID: "press-1", EnrollmentRecord: dps.EnrollmentRecord{Attestation: *keyed()}}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutGroup(ctx, &dps.EnrollmentGroup{EnrollmentGroupID: "line-3", EnrollmentRecord: dps.EnrollmentRecord{Attestation: *keyed()}}, ""); err != nil {
		t.Fatal(err)
	}
	read, err := c.Enrollment(ctx, "press-1")
	if err != nil || read.Attestation.SymmetricKey != nil {
		t.Errorf("a plain read shows the keys: %v", err)
	}
	own, err := c.EnrollmentAttestation(ctx, "press-1")
	if err != nil {
		t.Fatal(err)
	}
	group, err := c.GroupAttestation(ctx, "line-3")
	if err != nil {
		t.Fatal(err)
	}
	derived := func(id string) dps.Secret {
		key, err := dps.DeriveKey(dps.NewSecret(group.SymmetricKey.SecondaryKey), id)
		if err != nil || dps.CheckKey(key) != nil {
			t.Fatal(err)
		}
		return key
	}
	for _, tt := range []struct {
		name, id string
		key      dps.Secret
		status   int // of the refusal; 0: assigned
	}{
		{"primary key", "press-1", dps.NewSecret(own.SymmetricKey.PrimaryKey), 0},
		{"secondary key", "PRESS-1", dps.NewSecret(own.SymmetricKey.SecondaryKey), 0},
		{"key derived from the group's", "press-2", derived("press-2"), 0},
		{"the same in upper case", "PRESS-3", derived("PRESS-3"), 0},
		{"the group's own key", "press-4", dps.NewSecret(group.SymmetricKey.PrimaryKey), http.StatusUnauthorized},
		{"another device's", "press-5", derived("press-2"), http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := l.Device(t, nil)
			d.Authorize = dps.DeviceKeyAuthorizer(l.IDScope, tt.id, tt.key)
			if tt.status != 0 {
				_, err := d.Register(t.Context(), dps.DeviceRegistration{RegistrationID: tt.id})
				wantRefusal(t, err, tt.status, "401002")
				return
			}
			end := register(t, d, dps.DeviceRegistration{RegistrationID: tt.id})
			if end.Status != dps.StatusAssigned || end.Refused() != nil || end.RegistrationState.SymmetricKey == nil {
				t.Errorf("ended %+v", end.RegistrationState)
			}
			if r, err := d.RegistrationStatus(t.Context(), tt.id); err != nil || r.Status != dps.StatusAssigned {
				t.Errorf("looked up %+v, %v", r, err)
			}
		})
	}
}

// The instance's own host and every version of the API serve a device as well.
func TestEndpointsAndVersionsInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	me := labtest.SelfSigned(t, "device-01")
	if _, err := l.Service(t).PutEnrollment(t.Context(), labtest.Enrollment("device-01", me), ""); err != nil {
		t.Fatal(err)
	}
	for _, version := range dps.DeviceAPIVersions {
		for _, host := range []string{l.DeviceHost, l.ServiceHost} {
			t.Run(version+" at "+host, func(t *testing.T) {
				t.Parallel()
				if err := dps.CheckAPIVersion(version); err != nil {
					t.Error(err)
				}
				d := l.Device(t, me)
				d.APIVersion, d.Host = version, host
				if r, err := d.RegistrationStatus(t.Context(), "device-01"); err != nil || r.RegistrationID != "device-01" {
					t.Errorf("%+v, %v", r, err)
				}
			})
		}
	}
	for _, version := range dps.ServiceAPIVersions {
		c := l.Service(t)
		c.APIVersion = version
		if e, err := c.Enrollment(t.Context(), "device-01"); err != nil || e.RegistrationID != "device-01" {
			t.Errorf("%s: %v", version, err)
		}
	}
	c := l.Service(t)
	c.Authorize = dps.BearerAuthorizer(func(context.Context) (dps.Secret, error) { return dps.NewSecret(l.ManagementToken), nil })
	if _, err := c.Enrollment(t.Context(), "device-01"); err != nil {
		t.Errorf("by bearer token: %v", err)
	}
	signIn := errors.New("nobody is signed in")
	c.Authorize = dps.BearerAuthorizer(func(context.Context) (dps.Secret, error) { return dps.Secret{}, signIn })
	if _, err := c.Enrollment(t.Context(), "device-01"); !errors.Is(err, signIn) {
		t.Errorf("without a token: %v", err)
	}
}

func TestRegistrationRecordsInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	if _, err := c.PutGroup(ctx, &dps.EnrollmentGroup{EnrollmentGroupID: "line-3", EnrollmentRecord: dps.EnrollmentRecord{Attestation: *keyed()}}, ""); err != nil {
		t.Fatal(err)
	}
	group, err := c.GroupAttestation(ctx, "line-3")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		id := fmt.Sprintf("press-%d", i)
		key, err := dps.DeriveKey(dps.NewSecret(group.SymmetricKey.PrimaryKey), id)
		if err != nil {
			t.Fatal(err)
		}
		d := l.Device(t, nil)
		d.Authorize = dps.DeviceKeyAuthorizer(l.IDScope, id, key)
		register(t, d, dps.DeviceRegistration{RegistrationID: id, Payload: json.RawMessage(`{"floor":2}`)})
	}
	seen := map[string]string{}
	for r, err := range c.RegistrationStates(ctx, "line-3", dps.Query{PageSize: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		seen[r.RegistrationID] = r.Status
	}
	if len(seen) != 5 || seen["press-4"] != dps.StatusAssigned {
		t.Errorf("seen %v", seen)
	}
	r, err := c.RegistrationState(ctx, "press-1")
	if err != nil || r.ETag == "" || r.AssignedHub != l.HubHosts[0] || r.Refused() != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	wantRefusal(t, c.DeleteRegistrationState(ctx, "press-1", "Ijk5Ig=="), http.StatusPreconditionFailed, "412000")
	if err := c.DeleteRegistrationState(ctx, "press-1", r.ETag); err != nil {
		t.Fatal(err)
	}
	var gone *wire.ServiceError
	if _, err := c.RegistrationState(ctx, "press-1"); !errors.As(err, &gone) || gone.Status != http.StatusNotFound || gone.Advice() != wire.AdviceNotThere {
		t.Errorf("after deleting: %v", err)
	}
}

// Both come with HTTP 200 and are refusals all the same.
func TestFailedAndDisabledInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	me := labtest.SelfSigned(t, "device-01")
	e := labtest.Enrollment("device-01", me)
	e.ProvisioningStatus = dps.ProvisioningDisabled
	if _, err := c.PutEnrollment(ctx, e, ""); err != nil {
		t.Fatal(err)
	}
	end := register(t, l.Device(t, me), dps.DeviceRegistration{RegistrationID: "device-01"})
	if refused := end.Refused(); end.Status != dps.StatusDisabled || refused == nil || !strings.Contains(refused.Error(), "disabled") {
		t.Errorf("%+v: %v", end, refused)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body          string
		code, message, id   string
		refused, hasMessage bool
	}{
		{"assigned", `{"operationId":"5.1","status":"assigned","registrationState":{"status":"assigned"}}`, "", "", "", false, false},
		{"assigning", `{"operationId":"5.1","status":"assigning"}`, "", "", "", false, false},
		{"something new", `{"operationId":"5.1","status":"pondering"}`, "", "", "", false, false},
		{"failed without a word", `{"status":"failed"}`, "", "the registration failed", "", true, true},
		{
			"webhook", `{"status":"failed","registrationState":{"status":"failed","errorCode":400207,"errorMessage":"Custom allocation failed with status code: 500"}}`,
			"400207", "Custom allocation failed with status code: 500", "", true, true,
		},
		{
			"hub, first generation", `{"status":"failed","registrationState":{"errorCode":400209,"errorMessage":"{\"Message\":\"ErrorCode:IotHubUnauthorizedAccess;Unauthorized\",\"ExceptionMessage\":\"Tracking ID:ab-G:0-TimeStamp:x\"}"}}`,
			"400209", "Unauthorized", "ab-G:0", true, true,
		},
		{
			"hub, second generation", `{"status":"failed","registrationState":{"errorCode":400209,"errorMessage":"{\"Message\":\"{\\\"errorCode\\\":401002,\\\"trackingId\\\":\\\"77\\\",\\\"message\\\":\\\"Unauthorized\\\",\\\"info\\\":null}\",\"ExceptionMessage\":\"\"}"}}`,
			"400209", "Unauthorized", "77", true, true,
		},
		{"disabled", `{"status":"disabled","registrationState":{"status":"disabled"}}`, "", "the enrollment is disabled", "", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s dps.RegistrationOperationStatus
			if err := json.Unmarshal([]byte(tt.body), &s); err != nil {
				t.Fatal(err)
			}
			got := s.Refused()
			if (got != nil) != tt.refused {
				t.Fatalf("refused: %v", got)
			}
			if got != nil && (got.Code != tt.code || got.Message != tt.message || got.TrackingID != tt.id || got.Status != http.StatusOK) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
