package azure_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
	"dpslab/workflow/wire"
)

func startLab(t *testing.T) *azure.Certificates {
	t.Helper()
	l, err := emulator.Start(t.Context(), emulator.Options{InMemory: true, Listen: "127.0.0.1:0", RetryAfter: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	ready := l.Ready()
	roots := x509.NewCertPool()
	certs, err := pki.ReadCertificates(ready.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range certs {
		roots.AddCert(c)
	}
	w := wire.NewClient(wire.Options{Roots: roots, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, ready.Address)
	}})
	t.Cleanup(w.Close)
	return certificates(t, w, azure.StaticToken{Token: dps.NewSecret(ready.ManagementToken)}, azure.Instance{
		SubscriptionID: ready.SubscriptionID, ResourceGroup: ready.ResourceGroup, DPSName: ready.DPSName,
	})
}

func newRoot(t *testing.T, name string) pki.Issuer {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root, err := pki.RootCA(key, name, pki.ValidFor(time.Now(), 30))
	if err != nil {
		t.Fatal(err)
	}
	return pki.Issuer{Certificate: root, Key: key}
}

// proof is a verification certificate for code, signed by ca.
func proof(t *testing.T, code string, ca pki.Issuer) *x509.Certificate {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := pki.VerificationCertificate(key.Public(), code, pki.ValidFor(time.Now(), 1), ca)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantRefusal(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refused *wire.ServiceError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v (%T), want a ServiceError", err, err)
	}
	if refused.Status != status || refused.Code != code || refused.Message == "" || refused.TrackingID == "" {
		t.Errorf("got %+v, want %d %s", refused, status, code)
	}
}

func TestProofOfPossessionInTheLab(t *testing.T) {
	t.Parallel()
	c, ctx, ca := startLab(t), t.Context(), newRoot(t, "my root")
	if _, err := c.Get(ctx, "my-root"); !errors.Is(err, azure.ErrNotFound) {
		t.Fatalf("before uploading: %v", err)
	}
	put, err := c.Put(ctx, "my-root", ca.Certificate, "", false)
	if err != nil {
		t.Fatal(err)
	}
	if put.Name != "my-root" || put.Verified || put.ETag == "" || put.Subject != "CN=my root" || put.Thumbprint != pki.Thumbprint1(ca.Certificate) || string(put.DER) != string(ca.Certificate.Raw) {
		t.Errorf("uploaded %+v", put)
	}
	code, coded, err := c.VerificationCode(ctx, "my-root", put.ETag)
	if err != nil {
		t.Fatal(err)
	}
	if len(code) != 48 || coded.ETag == put.ETag || coded.Verified {
		t.Errorf("code %q, certificate %+v", code, coded)
	}
	// Each is refused for its own reason before the right one is accepted.
	_, err = c.Verify(ctx, "my-root", put.ETag, proof(t, code, ca))
	wantRefusal(t, err, http.StatusPreconditionFailed, "412001")
	_, err = c.Verify(ctx, "my-root", coded.ETag, proof(t, code, newRoot(t, "my root")))
	wantRefusal(t, err, http.StatusBadRequest, "400053")
	_, err = c.Verify(ctx, "my-root", coded.ETag, proof(t, "another code", ca))
	wantRefusal(t, err, http.StatusBadRequest, "400053")

	verified, err := c.Verify(ctx, "my-root", coded.ETag, proof(t, code, ca))
	if err != nil {
		t.Fatal(err)
	}
	if !verified.Verified || verified.ETag == coded.ETag {
		t.Errorf("verified %+v", verified)
	}
	got, err := c.Get(ctx, "my-root")
	if err != nil || !got.Verified || got.ETag != verified.ETag || string(got.DER) != string(ca.Certificate.Raw) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReplacingACertificateInTheLab(t *testing.T) {
	t.Parallel()
	c, ctx := startLab(t), t.Context()
	put, err := c.Put(ctx, "my-root", newRoot(t, "first").Certificate, "", false)
	if err != nil {
		t.Fatal(err)
	}
	second := newRoot(t, "second").Certificate
	_, err = c.Put(ctx, "my-root", second, "AAAAAAAAAAA=", false)
	wantRefusal(t, err, http.StatusPreconditionFailed, "412001")
	replaced, err := c.Put(ctx, "my-root", second, put.ETag, false)
	if err != nil || replaced.Subject != "CN=second" || replaced.ETag == put.ETag {
		t.Errorf("replaced %+v, %v", replaced, err)
	}
	_, _, err = c.VerificationCode(ctx, "absent", replaced.ETag)
	wantRefusal(t, err, http.StatusNotFound, "404001")
}
