package iothub_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net/http"
	"testing"

	"dpslab/workflow/dps"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

const id = "device-01"

// lab is a running emulator with one assigned device.
type lab struct {
	*labtest.Lab
	hub string
}

func startLab(t *testing.T, me *tls.Certificate) *lab {
	t.Helper()
	l := &lab{Lab: labtest.Start(t)}
	if _, err := l.Service(t).PutEnrollment(t.Context(), labtest.Enrollment(id, me), ""); err != nil {
		t.Fatal(err)
	}
	l.register(t, me)
	return l
}

func (l *lab) register(t *testing.T, me *tls.Certificate) {
	t.Helper()
	device := l.Device(t, me)
	answer, err := device.Register(t.Context(), dps.DeviceRegistration{RegistrationID: id})
	for err == nil && !dps.Final(answer.Status) {
		answer, err = device.OperationStatus(t.Context(), id, answer.OperationID)
	}
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != dps.StatusAssigned {
		t.Fatalf("registered as %+v", answer)
	}
	l.hub = answer.RegistrationState.AssignedHub
}

func TestSendInTheLab(t *testing.T) {
	t.Parallel()
	me := labtest.SelfSigned(t, id)
	l := startLab(t, me)
	event := iothub.Message{Body: []byte(`{"temperature":21.5}`), ContentType: "application/json", ContentEncoding: "utf-8", Properties: map[string]string{"source": "dpslab"}}
	for _, tt := range []struct {
		name        string
		certificate *tls.Certificate
		device      string
		message     iothub.Message
		status      int // 0: accepted
	}{
		{"accepted", me, id, event, 0},
		{"as large as may be", me, id, iothub.Message{Body: bytes.Repeat([]byte("x"), iothub.MaxMessage)}, 0},
		{"too large", me, id, iothub.Message{Body: bytes.Repeat([]byte("x"), iothub.MaxMessage+1)}, http.StatusRequestEntityTooLarge},
		{"too large with its properties", me, id, iothub.Message{Body: bytes.Repeat([]byte("x"), iothub.MaxMessage), MessageID: "1"}, http.StatusRequestEntityTooLarge},
		{"certificate of the same name that was renewed", labtest.SelfSigned(t, id), id, event, http.StatusUnauthorized},
		{"no certificate", nil, id, event, http.StatusUnauthorized},
		{"unknown device", me, "device-02", event, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &iothub.DeviceClient{Wire: l.HubClient(t, tt.certificate), Host: l.hub, DeviceID: tt.device}
			err := c.Send(t.Context(), tt.message)
			if tt.status == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var refused *wire.ServiceError
			if !errors.As(err, &refused) || refused.Status != tt.status || refused.Code == "" || refused.Message == "" || refused.TrackingID == "" {
				t.Errorf("got %+v, want %d", err, tt.status)
			}
		})
	}
}
