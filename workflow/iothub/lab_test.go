package iothub_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

const id = "device-01"

// lab is a running emulator with one assigned device.
type lab struct {
	emulator.Ready
	running *emulator.Lab
	roots   *x509.CertPool
	hub     string
}

func startLab(t *testing.T, me *tls.Certificate) *lab {
	t.Helper()
	running, err := emulator.Start(t.Context(), emulator.Options{InMemory: true, Listen: "127.0.0.1:0", RetryAfter: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &lab{Ready: running.Ready(), running: running, roots: x509.NewCertPool()}
	certs, err := pki.ReadCertificates(l.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range certs {
		l.roots.AddCert(c)
	}
	l.enroll(t, me)
	l.register(t, me)
	return l
}

func (l *lab) wire(t *testing.T, certificate *tls.Certificate) *wire.Client {
	t.Helper()
	c := wire.NewClient(wire.Options{
		Certificate: certificate, Roots: l.roots, Renegotiate: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Address)
		},
	})
	t.Cleanup(c.Close)
	return c
}

func (l *lab) enroll(t *testing.T, me *tls.Certificate) {
	t.Helper()
	connection, err := dps.ParseConnectionString(l.ServiceConnectionString)
	if err != nil {
		t.Fatal(err)
	}
	e := &dps.IndividualEnrollment{RegistrationID: id}
	e.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
		ClientCertificates: &dps.X509Certificates{Primary: &dps.X509CertificateWithInfo{Certificate: string(pki.EncodeCertificates(me.Leaf))}},
	}}
	service := &dps.ServiceClient{Wire: l.wire(t, nil), Host: l.ServiceHost, Authorize: connection.Authorizer()}
	if _, err := service.PutEnrollment(t.Context(), e, ""); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) register(t *testing.T, me *tls.Certificate) {
	t.Helper()
	device := &dps.DeviceClient{Wire: l.wire(t, me), Host: l.DeviceHost, IDScope: l.IDScope}
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

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.SelfSignedDevice(key, id, pki.ValidFor(time.Now(), 30))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func TestSendInTheLab(t *testing.T) {
	t.Parallel()
	me := selfSigned(t)
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
		{"certificate of the same name that was renewed", selfSigned(t), id, event, http.StatusUnauthorized},
		{"no certificate", nil, id, event, http.StatusUnauthorized},
		{"unknown device", me, "device-02", event, http.StatusUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &iothub.DeviceClient{Wire: l.wire(t, tt.certificate), Host: l.hub, DeviceID: tt.device}
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
