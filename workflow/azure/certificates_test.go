package azure_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"dpslab/pki"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
	"dpslab/workflow/wire/wiretest"
)

var contoso = azure.Instance{SubscriptionID: "11111111-2222-3333-4444-555555555555", ResourceGroup: "rg-iot", DPSName: "contoso-dps"}

func certificates(t *testing.T, w *wire.Client, credential azcore.TokenCredential, i azure.Instance) *azure.Certificates {
	t.Helper()
	c, err := azure.NewCertificates(w, azure.ManagementHost, credential, i)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func token() azure.StaticToken { return azure.StaticToken{Token: dps.NewSecret("topsecret")} }

// fixedRoot is always the same, so that the requests are.
func fixedRoot(t *testing.T) *x509.Certificate {
	t.Helper()
	certs, err := pki.ReadCertificates("testdata/root.pem")
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

const held = `{"id":"/x","name":"my-root","type":"t","etag":"AAAAAAAAAAE=","properties":{"subject":"CN=my-root",
	"expiry":"Thu, 01 Jan 2032 00:00:00 GMT","thumbprint":"0A1B","isVerified":true,"verificationCode":"C0DE"}}`

func TestRequestsAsTheyArrive(t *testing.T) {
	t.Parallel()
	root := fixedRoot(t)
	for name, call := range map[string]func(context.Context, *azure.Certificates) error{
		"get": func(ctx context.Context, c *azure.Certificates) error {
			got, err := c.Get(ctx, "my-root")
			if err == nil && (got.Name != "my-root" || !got.Verified || got.Thumbprint != "0A1B" || got.Subject != "CN=my-root" || got.ETag != "AAAAAAAAAAE=") {
				err = fmt.Errorf("got %+v", got)
			}
			return err
		},
		"put-new": func(ctx context.Context, c *azure.Certificates) error {
			_, err := c.Put(ctx, "my-root", root, "", false)
			return err
		},
		"put-over-another": func(ctx context.Context, c *azure.Certificates) error {
			_, err := c.Put(ctx, "my-root", root, "AAAAAAAAAAE=", false)
			return err
		},
		"verification-code": func(ctx context.Context, c *azure.Certificates) error {
			code, got, err := c.VerificationCode(ctx, "my-root", "AAAAAAAAAAE=")
			if err == nil && (code != "C0DE" || got.ETag != "AAAAAAAAAAE=") {
				err = fmt.Errorf("got %q %+v", code, got)
			}
			return err
		},
		"verify": func(ctx context.Context, c *azure.Certificates) error {
			_, err := c.Verify(ctx, "my-root", "AAAAAAAAAAE=", root)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprint(w, held)
			})
			if err := call(t.Context(), certificates(t, s.Client(t), token(), contoso)); err != nil {
				t.Fatal(err)
			}
			s.CompareGolden(t, name)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		status   int
		body     string
		code     string
		notFound bool
	}{
		{"provider", 412, `{"code":412001,"httpStatusCode":"PreconditionFailed","message":"Invalid ETag supplied."}`, "412001", false},
		{"front door", 404, `{"error":{"code":"ResourceNotFound","message":"gone"}}`, "ResourceNotFound", true},
		{"provider, not found", 404, `{"code":404001,"httpStatusCode":"NotFound","message":"gone"}`, "404001", true},
		{"no body", 403, ``, "", false},
		{"page", 502, `<html>`, "", false},
		{"busy", 429, `{"error":{"code":"TooManyRequests","message":"slow down"}}`, "TooManyRequests", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 9)
			s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked <- struct{}{}
				w.Header().Set("x-ms-request-id", "r1")
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			_, err := certificates(t, s.Client(t), token(), contoso).Get(t.Context(), "my-root")
			var refused *wire.ServiceError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v (%T)", err, err)
			}
			if refused.Status != tt.status || refused.Code != tt.code || refused.TrackingID != "r1" || refused.Operation != "get signing certificate" || !refused.HasRetryAfter {
				t.Errorf("got %+v", refused)
			}
			if errors.Is(err, azure.ErrNotFound) != tt.notFound {
				t.Errorf("not found: %v", err)
			}
			if strings.Contains(err.Error(), "topsecret") {
				t.Errorf("the token is in %v", err)
			}
			if len(asked) != 1 {
				t.Errorf("asked %d times: retrying is the caller's", len(asked))
			}
		})
	}
}

func TestAnswerWithoutACode(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"name":"my-root","properties":{}}`) })
	if code, _, err := certificates(t, s.Client(t), token(), contoso).VerificationCode(t.Context(), "my-root", "x"); err == nil {
		t.Errorf("got code %q", code)
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	nobody := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	w := wire.NewClient(wire.Options{Dial: nobody})
	c := certificates(t, w, token(), contoso)
	_, err := c.Get(t.Context(), "my-root")
	var connect *wire.ConnectError
	if !errors.As(err, &connect) || connect.Reason != wire.ReasonRefused || connect.Host != azure.ManagementHost || connect.Operation != "get signing certificate" {
		t.Errorf("got %v (%T)", err, err)
	}
	byUser := errors.New("the user pressed ctrl+c")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(byUser)
	if _, err := c.Get(ctx, "my-root"); !errors.Is(err, byUser) {
		t.Errorf("cancelled: %v", err)
	}
}

type signedOut struct{}

var errSignedOut = errors.New("please run az login")

func (signedOut) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, &azure.SignInError{Err: errSignedOut}
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") })
	_, err := certificates(t, s.Client(t), signedOut{}, contoso).Get(t.Context(), "my-root")
	var signIn *azure.SignInError
	if !errors.As(err, &signIn) || !errors.Is(err, errSignedOut) {
		t.Errorf("management: %v", err)
	}
	if _, err := azure.ServiceAuthorizer(signedOut{})(t.Context()); !errors.Is(err, errSignedOut) {
		t.Errorf("service API: %v", err)
	}
}

func TestTokenIsNeverPrinted(t *testing.T) {
	t.Parallel()
	type target struct{ management azcore.TokenCredential }
	for _, v := range []any{token(), target{token()}, &target{token()}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "topsecret") || strings.Contains(got, fmt.Sprintf("%x", "topsecret")) {
				t.Errorf("%s of %T: %s", verb, v, got)
			}
		}
		if raw, err := json.Marshal(v); err != nil || strings.Contains(string(raw), "topsecret") {
			t.Errorf("JSON of %T: %s, %v", v, raw, err)
		}
	}
	authorization, err := azure.ServiceAuthorizer(token())(t.Context())
	if err != nil || authorization.Reveal() != "Bearer topsecret" || strings.Contains(fmt.Sprint(authorization), "topsecret") {
		t.Errorf("authorizes with %q, %v", authorization.Reveal(), err)
	}
}
