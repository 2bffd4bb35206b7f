package iothub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"dpslab/workflow/dps"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// service is the hub's service API, by its policy's key.
func (l *lab) service(t *testing.T) *iothub.ServiceClient {
	t.Helper()
	connection, err := dps.ParseConnectionString(l.HubConnectionString)
	if err != nil {
		t.Fatal(err)
	}
	return &iothub.ServiceClient{Wire: l.HubClient(t, nil), Host: l.hub, Authorize: connection.Authorizer()}
}

func wantRefusal(t *testing.T, err error, status int, advice wire.Advice) {
	t.Helper()
	var refused *wire.ServiceError
	if !errors.As(err, &refused) || refused.Status != status || refused.Code == "" || refused.Advice() != advice {
		t.Errorf("got %+v, want %d (%s)", err, status, advice)
	}
}

func TestCommandsInTheLab(t *testing.T) {
	t.Parallel()
	me := labtest.SelfSigned(t, id)
	l := startLab(t, me)
	ctx, service := t.Context(), l.service(t)
	device := &iothub.DeviceClient{Wire: l.HubClient(t, me), Host: l.hub, DeviceID: id}

	if m, err := device.Receive(ctx, 0); m != nil || err != nil {
		t.Fatalf("an empty queue gave %+v, %v", m, err)
	}
	sent := iothub.LabCommand{
		MessageID: "m-1", CorrelationID: "c-1", UserID: "operator", Ack: "full", Body: []byte("open\x00the\xffvalve"),
		ContentType: "application/octet-stream", ContentEncoding: "utf-8", Properties: map[string]string{"level": "2"}, TimeToLive: time.Hour,
	}
	if err := service.SendLabCommand(ctx, id, sent); err != nil {
		t.Fatal(err)
	}
	m, err := device.Receive(ctx, 90*time.Second)
	if err != nil || m == nil {
		t.Fatalf("%+v, %v", m, err)
	}
	if m.MessageID != "m-1" || m.CorrelationID != "c-1" || m.UserID != "operator" || m.Ack != "full" || !bytes.Equal(m.Body, sent.Body) ||
		m.ContentType != sent.ContentType || m.ContentEncoding != "utf-8" || !maps.Equal(m.Properties, sent.Properties) ||
		m.SequenceNumber == 0 || m.DeliveryCount != 0 || m.To != "/devices/"+id+"/messages/deviceBound" || m.Expiry.Sub(m.Enqueued) != time.Hour || len(m.System) > 0 {
		t.Errorf("received %+v", m)
	}

	if err := device.Abandon(ctx, m.LockToken); err != nil {
		t.Fatal(err)
	}
	again, err := device.Receive(ctx, 0)
	if err != nil || again == nil || again.MessageID != "m-1" || again.DeliveryCount != 1 || again.LockToken == m.LockToken {
		t.Fatalf("after abandoning: %+v, %v", again, err)
	}
	wantRefusal(t, device.Complete(ctx, m.LockToken), http.StatusPreconditionFailed, wire.AdviceReadAgain)
	if err := device.Complete(ctx, again.LockToken); err != nil {
		t.Fatal(err)
	}
	if err := service.SendLabCommand(ctx, id, iothub.LabCommand{Body: []byte("shut")}); err != nil {
		t.Fatal(err)
	}
	if m, err = device.Receive(ctx, 0); err != nil || m == nil || string(m.Body) != "shut" || m.MessageID == "" {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := device.Reject(ctx, m.LockToken); err != nil {
		t.Fatal(err)
	}
	if m, err := device.Receive(ctx, 0); m != nil || err != nil {
		t.Errorf("at the end: %+v, %v", m, err)
	}
	if err := device.Complete(ctx, ""); err == nil {
		t.Error("completed without a lock")
	}
	for range 50 {
		if err := service.SendLabCommand(ctx, id, iothub.LabCommand{Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, service.SendLabCommand(ctx, id, iothub.LabCommand{Body: []byte("x")}), http.StatusForbidden, wire.AdviceQuota)
	stranger := l.service(t)
	stranger.Authorize = iothub.DeviceKeyAuthorizer(l.hub, id, dps.NewSecret("AAECAwQFBgcICQoLDA0ODw=="))
	wantRefusal(t, stranger.SendLabCommand(ctx, id, sent), http.StatusUnauthorized, wire.AdviceAuthenticate)
}

func TestRegistryInTheLab(t *testing.T) {
	t.Parallel()
	me := labtest.SelfSigned(t, id)
	l := startLab(t, me)
	ctx := t.Context()
	for _, version := range iothub.ServiceAPIVersions {
		c := l.service(t)
		c.APIVersion = version
		if d, err := c.Device(ctx, id); err != nil || d.DeviceID != id {
			t.Errorf("%s: %+v, %v", version, d, err)
		}
	}
	c := l.service(t)
	c.Authorize = dps.BearerAuthorizer(func(context.Context) (dps.Secret, error) { return dps.NewSecret(l.ManagementToken), nil })
	d, err := c.Device(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if d.Status != "enabled" || d.Authentication.Type != iothub.AuthenticationSelfSigned || len(d.Authentication.X509Thumbprint.Primary) != 64 || d.ETag == "" || !d.LastActivityTime.IsZero() {
		t.Errorf("device %+v", d)
	}
	twin, err := c.Twin(ctx, id)
	if err != nil || twin.DeviceID != id || twin.ETag == "" || twin.AuthenticationType != d.Authentication.Type || twin.Properties.Desired["$version"] == nil || len(twin.Raw) == 0 {
		t.Errorf("twin %+v, %v", twin, err)
	}
	wantRefusal(t, c.DeleteDevice(ctx, id, "AAAAAAAAAAA="), http.StatusPreconditionFailed, wire.AdviceReadAgain)
	if err := c.DeleteDevice(ctx, id, d.ETag); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, c.DeleteDevice(ctx, id, ""), http.StatusNotFound, wire.AdviceNotThere)
	_, err = c.Device(ctx, id)
	wantRefusal(t, err, http.StatusNotFound, wire.AdviceNotThere)
	_, err = c.Twin(ctx, id)
	wantRefusal(t, err, http.StatusNotFound, wire.AdviceNotThere)
}

func TestBatchInTheLab(t *testing.T) {
	t.Parallel()
	me := labtest.SelfSigned(t, id)
	l := startLab(t, me)
	device := &iothub.DeviceClient{Wire: l.HubClient(t, me), Host: l.hub, DeviceID: id}
	for _, version := range iothub.DeviceAPIVersions {
		device.APIVersion = version
		if err := device.Send(t.Context(), iothub.Message{Body: []byte("21.5")}); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
	var all []iothub.Message
	for i := range 12 {
		all = append(all, iothub.Message{
			Body: bytes.Repeat([]byte{byte(i)}, 60<<10), MessageID: fmt.Sprint(i), CorrelationID: "c", ContentType: "application/octet-stream",
			Created: time.Unix(0, 0), Properties: map[string]string{"line": "3"},
		})
	}
	if sent, err := device.SendBatch(t.Context(), all); err != nil || sent != 12 {
		t.Fatalf("%d, %v", sent, err)
	}
	events, err := l.Running.Operator().Inbox(t.Context(), l.hub, id, uint64(len(iothub.DeviceAPIVersions)))
	if err != nil || len(events) != 12 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if e := events[11]; e.Properties["line"] != "3" || e.System["message-id"] != "11" || e.System["correlation-id"] != "c" || e.System["content-type"] != "application/octet-stream" ||
		e.System["creation-time-utc"] != "1970-01-01T00:00:00.000Z" {
		t.Errorf("arrived %+v", e)
	}
	// Where to go on after a refusal.
	if sent, err := (&iothub.DeviceClient{Wire: l.HubClient(t, nil), Host: l.hub, DeviceID: id}).SendBatch(t.Context(), all); err == nil || sent != 0 {
		t.Errorf("%d sent without a certificate", sent)
	}
}

// A device with a key sends with a token of its own.
func TestSendByKeyInTheLab(t *testing.T) {
	t.Parallel()
	me := labtest.SelfSigned(t, id)
	l := startLab(t, me)
	ctx := t.Context()
	connection, err := dps.ParseConnectionString(l.ServiceConnectionString)
	if err != nil {
		t.Fatal(err)
	}
	service := &dps.ServiceClient{Wire: l.HubClient(t, nil), Host: l.ServiceHost, Authorize: connection.Authorizer()}
	made, err := service.PutEnrollment(ctx, &dps.IndividualEnrollment{
		RegistrationID: "press-1", EnrollmentRecord: dps.EnrollmentRecord{Attestation: dps.AttestationMechanism{Type: dps.AttestationSymmetricKey}},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	key := dps.NewSecret(made.Attestation.SymmetricKey.PrimaryKey)
	device := &dps.DeviceClient{Wire: l.HubClient(t, nil), Host: l.DeviceHost, IDScope: l.IDScope, Authorize: dps.DeviceKeyAuthorizer(l.IDScope, "press-1", key)}
	answer, err := device.Register(ctx, dps.DeviceRegistration{RegistrationID: "press-1"})
	for err == nil && !dps.Final(answer.Status) {
		answer, err = device.OperationStatus(ctx, "press-1", answer.OperationID)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := answer.RegistrationState
	hub := &iothub.DeviceClient{Wire: l.HubClient(t, nil), Host: r.AssignedHub, DeviceID: r.DeviceID, Authorize: iothub.DeviceKeyAuthorizer(r.AssignedHub, r.DeviceID, key)}
	if err := hub.Send(ctx, iothub.Message{Body: []byte("21.5")}); err != nil {
		t.Error(err)
	}
	hub.Authorize = iothub.DeviceKeyAuthorizer(r.AssignedHub, id, key)
	wantRefusal(t, hub.Send(ctx, iothub.Message{}), http.StatusUnauthorized, wire.AdviceAuthenticate)
	signOut := errors.New("no key")
	hub.Authorize = func(context.Context) (dps.Secret, error) { return dps.Secret{}, signOut }
	if err := hub.Send(ctx, iothub.Message{}); !errors.Is(err, signOut) {
		t.Errorf("got %v", err)
	}
}
