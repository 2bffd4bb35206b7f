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
	"time"

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

// certificateCalls are all, with what they should make of the answer held.
var certificateCalls = map[string]func(context.Context, *azure.Certificates, *x509.Certificate) error{
	"get": func(ctx context.Context, c *azure.Certificates, _ *x509.Certificate) error {
		got, err := c.Get(ctx, "my-root")
		return asHeld(got, err)
	},
	"list": func(ctx context.Context, c *azure.Certificates, _ *x509.Certificate) error {
		all, err := c.List(ctx)
		if err != nil || len(all) != 1 {
			return fmt.Errorf("listed %v, %w", all, err)
		}
		return asHeld(&all[0], nil)
	},
	"put-new": func(ctx context.Context, c *azure.Certificates, root *x509.Certificate) error {
		_, err := c.Put(ctx, "my-root", root, "", false)
		return err
	},
	"put-over-another": func(ctx context.Context, c *azure.Certificates, root *x509.Certificate) error {
		got, err := c.Put(ctx, "my-root", root, "AAAAAAAAAAE=", false)
		return asHeld(got, err)
	},
	"verification-code": func(ctx context.Context, c *azure.Certificates, _ *x509.Certificate) error {
		code, got, err := c.VerificationCode(ctx, "my-root", "AAAAAAAAAAE=")
		if err == nil && (code != "C0DE" || got.ETag != "AAAAAAAAAAE=") {
			err = fmt.Errorf("got %q %+v", code, got)
		}
		return err
	},
	"verify": func(ctx context.Context, c *azure.Certificates, root *x509.Certificate) error {
		got, err := c.Verify(ctx, "my-root", "AAAAAAAAAAE=", root)
		return asHeld(got, err)
	},
	"delete": func(ctx context.Context, c *azure.Certificates, _ *x509.Certificate) error {
		_, err := c.Delete(ctx, "my-root", "AAAAAAAAAAE=")
		return err
	},
}

// asHeld checks that an answer was read as it is.
func asHeld(got *azure.Certificate, err error) error {
	if err == nil && (got.Name != "my-root" || !got.Verified || got.Thumbprint != "0A1B" || got.Subject != "CN=my-root" || got.ETag != "AAAAAAAAAAE=" || got.Expires.Year() != 2032) {
		err = fmt.Errorf("got %+v", got)
	}
	return err
}

func answerHeld(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	body := held
	if strings.HasSuffix(r.URL.Path, "/certificates") {
		body = `{"value":[` + held + `]}`
	}
	fmt.Fprint(w, body)
}

func TestRequestsAsTheyArrive(t *testing.T) {
	t.Parallel()
	root := fixedRoot(t)
	for prefix, o := range map[string]azure.CertificateOptions{"": {}, "2018-": {APIVersion: "2018-01-22", Encoding: azure.EncodingDER}} {
		for name, call := range certificateCalls {
			t.Run(prefix+name, func(t *testing.T) {
				t.Parallel()
				s := wiretest.Serve(t, answerHeld)
				if err := call(t.Context(), certificatesIn(t, s, o), root); err != nil {
					t.Fatal(err)
				}
				s.CompareGolden(t, prefix+name)
			})
		}
	}
}

func certificatesIn(t *testing.T, s *wiretest.Service, o azure.CertificateOptions) *azure.Certificates {
	t.Helper()
	c, err := azure.NewManagement(s.Client(t), azure.ManagementHost, token()).Certificates(contoso, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestUploadsOfAllForms pins the body in each version and encoding.
func TestUploadsOfAllForms(t *testing.T) {
	t.Parallel()
	root := fixedRoot(t)
	for name, tt := range map[string]struct {
		options  azure.CertificateOptions
		verified bool
	}{
		"upload-verified":      {azure.CertificateOptions{}, true},
		"upload-der":           {azure.CertificateOptions{Encoding: azure.EncodingDER}, false},
		"upload-newer":         {azure.CertificateOptions{APIVersion: "2022-12-12"}, false},
		"upload-2021-verified": {azure.CertificateOptions{APIVersion: "2021-10-15"}, true},
		"upload-2018-pem":      {azure.CertificateOptions{APIVersion: "2018-01-22"}, false},
		"upload-2018-text":     {azure.CertificateOptions{APIVersion: "2018-01-22", Encoding: azure.EncodingText}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, answerHeld)
			if _, err := certificatesIn(t, s, tt.options).Put(t.Context(), "my-root", root, "", tt.verified); err != nil {
				t.Fatal(err)
			}
			s.CompareGolden(t, name)
		})
	}
}

func TestFormsThatDoNotExist(t *testing.T) {
	t.Parallel()
	for _, o := range []azure.CertificateOptions{
		{APIVersion: "latest"}, {APIVersion: "2018-1-22"}, {APIVersion: "2018-01-22&x=y"}, {Encoding: "pkcs7"}, {Encoding: azure.EncodingText},
	} {
		var rule *azure.ValueError
		if _, err := azure.NewManagement(wire.NewClient(wire.Options{}), azure.ManagementHost, token()).Certificates(contoso, o); !errors.As(err, &rule) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// refusals are the error shapes of Resource Manager.
var refusals = []struct {
	name     string
	status   int
	body     string
	code     string
	message  string
	notFound bool
}{
	{"provider", 412, `{"code":412001,"httpStatusCode":"PreconditionFailed","message":"Invalid ETag supplied."}`, "412001", "Invalid ETag supplied.", false},
	{"provider, code as text", 409, `{"code":"409001","message":"taken","details":"by another"}`, "409001", "taken (by another)", false},
	{"front door", 404, `{"error":{"code":"ResourceNotFound","message":"gone"}}`, "ResourceNotFound", "gone", true},
	{"provider, not found", 404, `{"code":404001,"httpStatusCode":"NotFound","message":"gone"}`, "404001", "gone", true},
	{"a field", 400, `{"error":{"code":"ValidationError","message":"wrong","target":"data","details":[{"code":"X","target":"password","message":"too short"},{"code":"Y"}]}}`, "ValidationError", "wrong (data; password: too short; Y)", false},
	{"no body", 403, ``, "", "", false},
	{"no right", 403, `{"error":{"code":"AuthorizationFailed","message":"no"}}`, "AuthorizationFailed", "no", false},
	{"over a limit", 403, `{"code":403000,"httpStatusCode":"Forbidden","message":"the limit is reached"}`, "403000", "the limit is reached", false},
	{"page", 502, `<html>`, "", "", false},
	{"busy", 429, `{"error":{"code":"TooManyRequests","message":"slow down"}}`, "TooManyRequests", "slow down", false},
	{"broken", 500, `{"error":{"code":"InternalServerError"`, "", "", false},
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	root := fixedRoot(t)
	for name, call := range certificateCalls {
		for _, o := range []azure.CertificateOptions{{}, {APIVersion: "2018-01-22"}} {
			for _, tt := range refusals {
				t.Run(name+" "+o.APIVersion+" "+tt.name, func(t *testing.T) {
					t.Parallel()
					asked := make(chan struct{}, 9)
					s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
						asked <- struct{}{}
						w.Header().Set("x-ms-correlation-request-id", "r1")
						w.Header().Set("Retry-After", "7")
						w.WriteHeader(tt.status)
						fmt.Fprint(w, tt.body)
					})
					err := call(t.Context(), certificatesIn(t, s, o), root)
					var refused *wire.ServiceError
					if !errors.As(err, &refused) {
						t.Fatalf("got %v (%T)", err, err)
					}
					if refused.Status != tt.status || refused.Code != tt.code || refused.Message != tt.message || refused.TrackingID != "r1" || refused.RetryAfter != 7*time.Second {
						t.Errorf("got %+v", refused)
					}
					var access *azure.AccessError
					if errors.As(err, &access) != (tt.status == 403 && tt.code != "403000") {
						t.Errorf("access: %v", err)
					}
					if errors.Is(err, azure.ErrNotFound) != (tt.notFound && (name == "get" || name == "delete")) {
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
	}
}

// A call that is taken up to be done later is not one that is done.
func TestAnswerThatIsNotDone(t *testing.T) {
	t.Parallel()
	for _, o := range []azure.CertificateOptions{{}, {APIVersion: "2018-01-22"}} {
		s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Azure-AsyncOperation", "https://management.azure.com/operation")
			w.WriteHeader(http.StatusAccepted)
		})
		_, err := certificatesIn(t, s, o).Put(t.Context(), "my-root", fixedRoot(t), "", false)
		var odd *wire.AnswerError
		if !errors.As(err, &odd) || odd.Status != http.StatusAccepted {
			t.Errorf("got %v (%T)", err, err)
		}
	}
}

// A page of a proxy in place of the service is told from a refusal.
func TestAnswerOfSomethingElse(t *testing.T) {
	t.Parallel()
	for _, o := range []azure.CertificateOptions{{}, {APIVersion: "2018-01-22"}} {
		for _, body := range []string{"<html>sign in</html>", `{"name":7}`, `[]`, ``} {
			s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprint(w, body)
			})
			_, err := certificatesIn(t, s, o).Get(t.Context(), "my-root")
			var odd *wire.AnswerError
			if !errors.As(err, &odd) || odd.Status != http.StatusOK || odd.ContentType != "text/html" || odd.Operation != "get signing certificate" {
				t.Errorf("%q: %v (%T)", body, err, err)
			}
		}
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
