package dps_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/wire"
)

func wantRefusal(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refused *wire.ServiceError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v (%T), want a ServiceError", err, err)
	}
	if refused.Status != status || refused.Code != code || refused.TrackingID == "" || refused.Message == "" {
		t.Errorf("got %+v, want %d %s", refused, status, code)
	}
}

func TestRegistrationInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx := t.Context()
	const id = "Device-01"
	me := labtest.SelfSigned(t, id)
	d := l.Device(t, me)

	_, err := d.Register(ctx, dps.DeviceRegistration{RegistrationID: id})
	wantRefusal(t, err, http.StatusUnauthorized, "401002")
	_, err = d.RegistrationStatus(ctx, id)
	wantRefusal(t, err, http.StatusUnauthorized, "401002")

	if _, err := l.Service(t).PutEnrollment(ctx, labtest.Enrollment(id, me), ""); err != nil {
		t.Fatal(err)
	}
	if r, err := d.RegistrationStatus(ctx, id); err != nil || r.Status != dps.StatusUnassigned {
		t.Errorf("before registering: %+v, %v", r, err)
	}
	begun, err := d.Register(ctx, dps.DeviceRegistration{RegistrationID: id})
	if err != nil {
		t.Fatal(err)
	}
	if begun.OperationID == "" || begun.Status != dps.StatusAssigning || !begun.HasRetryAfter || begun.PollDelay() != 0 {
		t.Errorf("register: %+v", begun)
	}
	ended := pollUntilFinal(t, d, id, begun.OperationID)
	r := ended.RegistrationState
	if ended.Status != dps.StatusAssigned || r == nil || r.AssignedHub != l.HubHosts[0] || r.DeviceID != id || r.X509 == nil || r.ETag == "" {
		t.Fatalf("ended %+v, %+v", ended, r)
	}
	looked, err := d.RegistrationStatus(ctx, id)
	if err != nil || looked.Status != dps.StatusAssigned || looked.AssignedHub != r.AssignedHub {
		t.Errorf("looked up %+v, %v", looked, err)
	}

	_, err = d.OperationStatus(ctx, id, "5.unknown")
	wantRefusal(t, err, http.StatusNotFound, "404203")
	_, err = l.Device(t, nil).Register(ctx, dps.DeviceRegistration{RegistrationID: id})
	wantRefusal(t, err, http.StatusUnauthorized, "401000")
	elsewhere := l.Device(t, me)
	elsewhere.IDScope = "0ne00FFFFFF"
	_, err = elsewhere.Register(ctx, dps.DeviceRegistration{RegistrationID: id})
	wantRefusal(t, err, http.StatusNotFound, "404000")
}

// pollUntilFinal asks until DPS has decided; the lab in a hurry needs no wait.
func pollUntilFinal(t *testing.T, d *dps.DeviceClient, id, operation string) *dps.OperationAnswer {
	t.Helper()
	for {
		answer, err := d.OperationStatus(t.Context(), id, operation)
		if err != nil {
			t.Fatal(err)
		}
		if dps.Final(answer.Status) {
			return answer
		}
	}
}

func TestEnrollmentTagCycleInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	const id = "device-01"
	e := labtest.Enrollment(id, labtest.SelfSigned(t, id))

	_, err := c.Enrollment(ctx, id)
	wantRefusal(t, err, http.StatusNotFound, "404201")
	made, err := c.PutEnrollment(ctx, e, "")
	if err != nil {
		t.Fatal(err)
	}
	if made.ETag == "" || made.ProvisioningStatus != dps.ProvisioningEnabled || made.Attestation.X509.ClientCertificates.Primary.Info == nil {
		t.Errorf("made %+v", made)
	}
	_, err = c.PutEnrollment(ctx, e, "")
	wantRefusal(t, err, http.StatusConflict, "409000")

	made.ProvisioningStatus = dps.ProvisioningDisabled
	changed, err := c.PutEnrollment(ctx, made, made.ETag)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PutEnrollment(ctx, made, made.ETag)
	wantRefusal(t, err, http.StatusPreconditionFailed, "412000")
	wantRefusal(t, c.DeleteEnrollment(ctx, id, made.ETag), http.StatusPreconditionFailed, "412000")

	read, err := c.Enrollment(ctx, id)
	if err != nil || read.ETag != changed.ETag || read.ETag == made.ETag || read.ProvisioningStatus != dps.ProvisioningDisabled {
		t.Errorf("read %+v, %v", read, err)
	}
	if err := c.DeleteEnrollment(ctx, id, read.ETag); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, c.DeleteEnrollment(ctx, id, ""), http.StatusNotFound, "404201")
}

func TestGroupCycleInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	ctx, c := t.Context(), l.Service(t)
	key, err := pki.ECP256.GenerateKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	root, err := pki.RootCA(key, "line 3 root", pki.ValidFor(time.Now(), 30))
	if err != nil {
		t.Fatal(err)
	}
	g := &dps.EnrollmentGroup{EnrollmentGroupID: "line-3"}
	g.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
		SigningCertificates: &dps.X509Certificates{Primary: &dps.X509CertificateWithInfo{Certificate: string(pki.EncodeCertificates(root))}},
	}}
	g.ReprovisionPolicy = &dps.ReprovisionPolicy{UpdateHubAssignment: true}
	made, err := c.PutGroup(ctx, g, "")
	if err != nil {
		t.Fatal(err)
	}
	if made.ReprovisionPolicy == nil || made.ReprovisionPolicy.MigrateDeviceData || !made.ReprovisionPolicy.UpdateHubAssignment {
		t.Errorf("reprovision policy %+v", made.ReprovisionPolicy)
	}
	_, err = c.PutGroup(ctx, g, "")
	wantRefusal(t, err, http.StatusConflict, "409000")
	if _, err := c.PutGroup(ctx, made, made.ETag); err != nil {
		t.Fatal(err)
	}
	_, err = c.PutGroup(ctx, made, made.ETag)
	wantRefusal(t, err, http.StatusPreconditionFailed, "412000")
	read, err := c.Group(ctx, "line-3")
	if err != nil || read.ETag == made.ETag {
		t.Errorf("read %+v, %v", read, err)
	}
	if err := c.DeleteGroup(ctx, "line-3", read.ETag); err != nil {
		t.Fatal(err)
	}
	_, err = c.Group(ctx, "line-3")
	var refused *wire.ServiceError
	if !errors.As(err, &refused) || refused.Status != http.StatusNotFound {
		t.Errorf("after deleting: %v", err)
	}
}

func TestForeignKeyIsRefusedInTheLab(t *testing.T) {
	t.Parallel()
	l := labtest.Start(t)
	c := l.Service(t)
	c.Authorize = dps.ConnectionString{HostName: l.ServiceHost, KeyName: "provisioningserviceowner", Key: dps.NewSecret(ownerKey)}.Authorizer()
	_, err := c.Enrollment(t.Context(), "device-01")
	wantRefusal(t, err, http.StatusUnauthorized, "401002")
}
