// Package labtest runs a lab for the tests of the clients, and makes what they
// need to be admitted by it.
package labtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
	"dpslab/workflow/wire"
)

// Lab is a running lab and how to reach it.
type Lab struct {
	emulator.Ready
	Running *emulator.Lab
	Roots   *x509.CertPool
}

// Start starts a lab in memory that asks for no waiting, until the test ends.
func Start(t testing.TB, change ...func(*emulator.Options)) *Lab {
	t.Helper()
	o := emulator.Options{InMemory: true, Listen: "127.0.0.1:0", RetryAfter: -1}
	for _, c := range change {
		c(&o)
	}
	running, err := emulator.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &Lab{Ready: running.Ready(), Running: running, Roots: x509.NewCertPool()}
	certs, err := pki.ReadCertificates(l.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range certs {
		l.Roots.AddCert(c)
	}
	return l
}

// Options are those of a client that takes every host for the lab and shows a
// certificate, or none.
func (l *Lab) Options(certificate *tls.Certificate) wire.Options {
	return wire.Options{
		Certificate: certificate, Roots: l.Roots, CAFile: l.CAFile, ConnectTo: l.Address,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, l.Address)
		},
	}
}

// Client is open until the test ends.
func (l *Lab) Client(t testing.TB, certificate *tls.Certificate) *wire.Client {
	t.Helper()
	return open(t, l.Options(certificate))
}

// HubClient is a [Lab.Client] that shows its certificate when it is asked again
// within the connection, as IoT Hub does.
func (l *Lab) HubClient(t testing.TB, certificate *tls.Certificate) *wire.Client {
	t.Helper()
	o := l.Options(certificate)
	o.Renegotiate = true
	return open(t, o)
}

func open(t testing.TB, o wire.Options) *wire.Client {
	c := wire.NewClient(o)
	t.Cleanup(c.Close)
	return c
}

// Service is a client of the service API with all its rights.
func (l *Lab) Service(t testing.TB) *dps.ServiceClient {
	t.Helper()
	connection, err := dps.ParseConnectionString(l.ServiceConnectionString)
	if err != nil {
		t.Fatal(err)
	}
	return &dps.ServiceClient{Wire: l.Client(t, nil), Host: l.ServiceHost, Authorize: connection.Authorizer()}
}

// Device is a client of the device API.
func (l *Lab) Device(t testing.TB, certificate *tls.Certificate) *dps.DeviceClient {
	t.Helper()
	return &dps.DeviceClient{Wire: l.Client(t, certificate), Host: l.DeviceHost, IDScope: l.IDScope}
}

// SelfSigned makes a device certificate and its key.
func SelfSigned(t testing.TB, id string) *tls.Certificate {
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

// Enrollment admits a device by its certificate.
func Enrollment(id string, c *tls.Certificate) *dps.IndividualEnrollment {
	e := &dps.IndividualEnrollment{RegistrationID: id}
	e.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
		ClientCertificates: &dps.X509Certificates{Primary: &dps.X509CertificateWithInfo{Certificate: string(pki.EncodeCertificates(c.Leaf))}},
	}}
	return e
}
