package azure_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
	"dpslab/workflow/emulator/labtest"
	"dpslab/workflow/wire"
)

// lab is a lab with an account that may do everything in it.
type lab struct {
	*azure.Management
	ready    emulator.Ready
	operator *emulator.Operator
	wire     wire.Options

	mu        sync.Mutex
	exchanges []wire.Exchange
}

func startLab(t *testing.T) *lab {
	t.Helper()
	running := labtest.Start(t, func(o *emulator.Options) { o.Strict = true })
	l := &lab{ready: running.Ready, operator: running.Running.Operator(), wire: running.Options(nil)}
	l.wire.Observe = l.observe
	l.Management = l.as(t, l.ready.ManagementToken)
	return l
}

// as is an account with the given token.
func (l *lab) as(t *testing.T, token string) *azure.Management {
	t.Helper()
	w := wire.NewClient(l.wire)
	t.Cleanup(w.Close)
	return azure.NewManagement(w, azure.ManagementHost, azure.StaticToken{Token: dps.NewSecret(token)})
}

func (l *lab) observe(x wire.Exchange, finished bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if finished {
		l.exchanges = append(l.exchanges, x)
	}
}

// operations are those of the exchanges so far, in their order.
func (l *lab) operations() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, x := range l.exchanges {
		all = append(all, x.Operation)
	}
	return strings.Join(all, ", ")
}

func (l *lab) instance() azure.Instance {
	return azure.Instance{SubscriptionID: l.ready.SubscriptionID, ResourceGroup: l.ready.ResourceGroup, DPSName: l.ready.DPSName}
}

func (l *lab) certificates(t *testing.T, o azure.CertificateOptions) *azure.Certificates {
	t.Helper()
	c, err := l.Certificates(l.instance(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
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

// signer gives a key that is there already.
func signer(key crypto.Signer) func(context.Context) (crypto.Signer, error) {
	return func(context.Context) (crypto.Signer, error) { return key, nil }
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

// versions are those whose certificate calls differ.
var versions = map[string]azure.CertificateOptions{
	"the module's":       {},
	"DER":                {Encoding: azure.EncodingDER},
	"newer":              {APIVersion: "2025-02-01-preview"},
	"2021-10-15":         {APIVersion: "2021-10-15"},
	"2018-01-22":         {APIVersion: "2018-01-22"},
	"2018-01-22 as DER":  {APIVersion: "2018-01-22", Encoding: azure.EncodingDER},
	"2018-01-22 as text": {APIVersion: "2018-01-22", Encoding: azure.EncodingText},
}

func TestCertificatesInTheLab(t *testing.T) {
	t.Parallel()
	for name, o := range versions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, ctx, ca := startLab(t), t.Context(), newRoot(t, "my root")
			c := l.certificates(t, o)
			if _, err := c.Get(ctx, "my-root"); !errors.Is(err, azure.ErrNotFound) {
				t.Fatalf("before uploading: %v", err)
			}
			if all, err := c.List(ctx); err != nil || len(all) != 0 {
				t.Errorf("listed %v, %v", all, err)
			}
			put, err := c.Put(ctx, "my-root", ca.Certificate, "", false)
			if err != nil {
				t.Fatal(err)
			}
			checkHeld(t, put, ca.Certificate, o.APIVersion != "2018-01-22")
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
			all, err := c.List(ctx)
			if err != nil || len(all) != 1 || !all[0].Verified || all[0].ETag != verified.ETag {
				t.Errorf("listed %+v, %v", all, err)
			}
			_, err = c.Delete(ctx, "my-root", put.ETag)
			wantRefusal(t, err, http.StatusPreconditionFailed, "412001")
			if existed, err := c.Delete(ctx, "my-root", verified.ETag); err != nil || !existed {
				t.Errorf("deleted: existed %t, %v", existed, err)
			}
			if existed, err := c.Delete(ctx, "my-root", "*"); err != nil || existed {
				t.Errorf("deleted twice: existed %t, %v", existed, err)
			}
		})
	}
}

func checkHeld(t *testing.T, held *azure.Certificate, ca *x509.Certificate, whole bool) {
	t.Helper()
	if held.Name != "my-root" || held.Verified || held.ETag == "" || held.Subject != "CN=my root" || held.Thumbprint != pki.Thumbprint1(ca) {
		t.Errorf("uploaded %+v", held)
	}
	if !held.Expires.Equal(ca.NotAfter) || held.Created.IsZero() || held.Updated.IsZero() {
		t.Errorf("dates of %+v", held)
	}
	if whole != (string(held.DER) == string(ca.Raw)) {
		t.Errorf("%d bytes of DER came back", len(held.DER))
	}
}

func TestVerifiedInOneCall(t *testing.T) {
	t.Parallel()
	l, ctx := startLab(t), t.Context()
	for _, version := range []string{"", "2021-10-15"} {
		put, err := l.certificates(t, azure.CertificateOptions{APIVersion: version}).Put(ctx, "root"+version, newRoot(t, "root "+version).Certificate, "", true)
		if err != nil || !put.Verified {
			t.Errorf("%q: %+v, %v", version, put, err)
		}
	}
	before := l.operations()
	var rule *azure.ValueError
	_, err := l.certificates(t, azure.CertificateOptions{APIVersion: "2018-01-22"}).Put(ctx, "root", newRoot(t, "root").Certificate, "", true)
	if !errors.As(err, &rule) || l.operations() != before {
		t.Errorf("2018-01-22: %v", err)
	}
}

func TestReplacingACertificateInTheLab(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := startLab(t).certificates(t, azure.CertificateOptions{})
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
