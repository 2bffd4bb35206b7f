package dps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
	"dpslab/workflow/wire/wiretest"
)

func device(w *wire.Client) *dps.DeviceClient {
	return &dps.DeviceClient{Wire: w, Host: dps.GlobalDeviceEndpoint, IDScope: "0ne00111111"}
}

// service signs nothing, so that the requests are the same each time.
func service(w *wire.Client) *dps.ServiceClient {
	return &dps.ServiceClient{
		Wire: w, Host: "contoso-dps.azure-devices-provisioning.net",
		Authorize: func(context.Context) (dps.Secret, error) {
			return dps.NewSecret("SharedAccessSignature sr=contoso&sig=x&se=1"), nil
		},
	}
}

// calls are all calls of both clients.
func calls(t *testing.T) map[string]func(context.Context, *wire.Client) error {
	t.Helper()
	individualRecord, groupRecord := new(dps.IndividualEnrollment), new(dps.EnrollmentGroup)
	if err := errors.Join(json.Unmarshal([]byte(individual), individualRecord), json.Unmarshal([]byte(groupByReference), groupRecord)); err != nil {
		t.Fatal(err)
	}
	return map[string]func(context.Context, *wire.Client) error{
		"register": func(ctx context.Context, w *wire.Client) error {
			_, err := device(w).Register(ctx, dps.DeviceRegistration{RegistrationID: "Line:3.a b", Payload: json.RawMessage(`{"floor":2}`)})
			return err
		},
		"register-older-version": func(ctx context.Context, w *wire.Client) error {
			d := device(w)
			d.APIVersion, d.Host = "2019-03-31", "contoso-dps.azure-devices-provisioning.net"
			_, err := d.Register(ctx, dps.DeviceRegistration{RegistrationID: "device-01"})
			return err
		},
		"operation-status": func(ctx context.Context, w *wire.Client) error {
			_, err := device(w).OperationStatus(ctx, "device-01", "5.0011/22.a b")
			return err
		},
		"registration-status": func(ctx context.Context, w *wire.Client) error {
			_, err := device(w).RegistrationStatus(ctx, "device-01")
			return err
		},
		"register-by-key": func(ctx context.Context, w *wire.Client) error {
			d := device(w)
			d.Host = dps.ChinaCloud.DeviceEndpoint
			d.Authorize = dps.DeviceKeyAuthorizer(d.IDScope, "device-01", dps.NewSecret("AAECAwQFBgcICQoLDA0ODw=="))
			_, err := d.Register(ctx, dps.DeviceRegistration{RegistrationID: "device-01"})
			return err
		},
		"registration-status-by-tpm": func(ctx context.Context, w *wire.Client) error {
			d := device(w)
			d.TPM = &fakeTPM{active: true}
			_, err := d.RegistrationStatus(ctx, "device-01")
			return err
		},
		"query-enrollments": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).QueryEnrollments(ctx, dps.Query{PageSize: 5, Continuation: `{"token":"+RID:a#b","range":{"min":""}}`})
			return listIsObject(err)
		},
		"query-groups": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).QueryGroups(ctx, dps.Query{SQL: "SELECT * FROM enrollmentGroups"})
			return listIsObject(err)
		},
		"query-registrations": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).QueryRegistrationStates(ctx, "line/b", dps.Query{})
			return listIsObject(err)
		},
		"enrollment-attestation": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).EnrollmentAttestation(ctx, "device-01")
			return err
		},
		"group-attestation": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).GroupAttestation(ctx, "line-b")
			return err
		},
		"get-registration": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).RegistrationState(ctx, "device-01")
			return err
		},
		"delete-registration": func(ctx context.Context, w *wire.Client) error {
			return service(w).DeleteRegistrationState(ctx, "device-01", "Ijk5Ig==")
		},
		"bulk-enrollments": func(ctx context.Context, w *wire.Client) error {
			byKey := new(dps.IndividualEnrollment)
			if err := json.Unmarshal([]byte(individualByKey), byKey); err != nil {
				return err
			}
			_, _, err := service(w).BulkEnrollments(ctx, dps.BulkUpdateIfMatchETag, []*dps.IndividualEnrollment{byKey})
			return err
		},
		"bulk-groups": func(ctx context.Context, w *wire.Client) error {
			_, _, err := service(w).BulkGroups(ctx, dps.BulkDelete, []*dps.EnrollmentGroup{{EnrollmentGroupID: "line-b"}})
			return err
		},
		"get-enrollment": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).Enrollment(ctx, "a:b/c")
			return err
		},
		"put-enrollment-create": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).PutEnrollment(ctx, individualRecord, "")
			return err
		},
		"put-enrollment-update": func(ctx context.Context, w *wire.Client) error {
			s := service(w)
			s.APIVersion = "2019-03-31"
			_, err := s.PutEnrollment(ctx, individualRecord, individualRecord.ETag)
			return err
		},
		"delete-enrollment": func(ctx context.Context, w *wire.Client) error {
			return service(w).DeleteEnrollment(ctx, "device-01", "*")
		},
		"get-group": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).Group(ctx, "line-b")
			return err
		},
		"put-group": func(ctx context.Context, w *wire.Client) error {
			_, err := service(w).PutGroup(ctx, groupRecord, `"99"`)
			return err
		},
		"delete-group": func(ctx context.Context, w *wire.Client) error {
			return service(w).DeleteGroup(ctx, "line-b", "")
		},
	}
}

// Not parallel: it looks at the memory of the process.
func TestGzipBombs(t *testing.T) {
	bombs := make(map[string]func(*testing.T, *wiretest.Service) error)
	for name, call := range calls(t) {
		bombs[name] = func(t *testing.T, s *wiretest.Service) error { return call(t.Context(), s.Client(t)) }
	}
	wiretest.Defuse(t, bombs)
}

// Each call sends exactly this: method, path, headers, body.
func TestRequestsAsTheyArrive(t *testing.T) {
	t.Parallel()
	for name, call := range calls(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
			if err := call(t.Context(), s.Client(t)); err != nil {
				t.Fatal(err)
			}
			s.CompareGolden(t, name)
		})
	}
}

// listIsObject expects that an object is not taken for a list.
func listIsObject(err error) error {
	var wrong *wire.AnswerError
	if errors.As(err, &wrong) {
		return nil
	}
	return fmt.Errorf("an object for a list gave %w", err)
}

// fakeTPM is what DPS sees of a TPM; package tpm is tried against a whole one.
type fakeTPM struct {
	active bool
	blob   []byte
	fail   error
}

func (f *fakeTPM) EndorsementKey(context.Context) ([]byte, error) { return []byte("ek"), f.fail }
func (f *fakeTPM) StorageRootKey(context.Context) ([]byte, error) { return []byte("srk"), nil }

func (f *fakeTPM) ActivateIdentity(_ context.Context, blob []byte) error {
	f.active, f.blob = true, blob
	return nil
}

func (f *fakeTPM) Sign(ctx context.Context, text []byte) ([]byte, error) {
	if !f.active {
		return nil, dps.ErrNoIdentity
	}
	return dps.KeySigner(dps.NewSecret("AAECAwQFBgcICQoLDA0ODw=="))(ctx, text)
}

// The first request of a TPM is unsigned, its answer a challenge; the second is
// signed. Nothing of the challenge reaches an error.
func TestTPMChallenge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, challenge string
		status          int
		wrong           string // part of the error; empty: none
	}{
		{"challenge", `{"message":"Authorization required","authenticationKey":"YmxvYg==","keyName":"registration"}`, 401, ""},
		{"another 401", `{"errorCode":401002,"trackingId":"b5","message":"Unauthorized"}`, 401, "401002"},
		{"no base64", `{"authenticationKey":"?"}`, 401, "not base64"},
		{"no JSON", `sign in`, 401, "HTTP 401"},
		{"not enrolled", `{"errorCode":404201,"message":"Enrollment not found"}`, 404, "404201"},
		{"no challenge at all", `{"operationId":"5.1","status":"assigning"}`, 202, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "" {
					w.WriteHeader(http.StatusAccepted)
					fmt.Fprint(w, `{"operationId":"5.2","status":"assigning"}`)
					return
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.challenge)
			})
			d, f := device(s.Client(t)), &fakeTPM{}
			d.TPM = f
			answer, err := d.Register(t.Context(), dps.DeviceRegistration{RegistrationID: "device-01"})
			if tt.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || answer.Status != dps.StatusAssigning || f.active && string(f.blob) != "blob" {
				t.Fatalf("%+v, %v", answer, err)
			}
			if tt.name == "challenge" {
				s.CompareGolden(t, "register-by-tpm")
			}
		})
	}
	broken := errors.New("the TPM is on fire")
	d := &dps.DeviceClient{TPM: &fakeTPM{fail: broken}}
	if _, err := d.Register(t.Context(), dps.DeviceRegistration{}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	for _, r := range []*dps.DeviceRegistrationResult{nil, {}, {TPM: &dps.TPMRegistrationResult{}}, {TPM: &dps.TPMRegistrationResult{AuthenticationKey: "?"}}} {
		if err := d.ActivateHubKey(t.Context(), r); err == nil {
			t.Errorf("%+v was activated", r)
		}
	}
}

func TestQueryThatGoesRound(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-continuation", "same")
		fmt.Fprint(w, `[{"registrationId":"d"}]`)
	})
	var err error
	n := 0
	for _, err = range service(s.Client(t)).Enrollments(t.Context(), dps.Query{}) {
		if n++; n > 10 {
			t.Fatal("it goes on and on")
		}
	}
	if err == nil {
		t.Error("no error")
	}
}

func TestNullInAList(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[null]`) })
	var wrong *wire.AnswerError
	if _, err := service(s.Client(t)).QueryGroups(t.Context(), dps.Query{}); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
}

func TestClouds(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"contoso.azure-devices-provisioning.net": "AzureCloud", "global.azure-devices-provisioning.cn": "AzureChinaCloud", "HUB.azure-devices.us:443": "AzureUSGovernment",
		"hub.azure-devices.cn.": "AzureChinaCloud", "dps.example": "", "azure-devices.us.example": "",
	} {
		c, known := dps.CloudOf(host)
		if known != (want != "") || known && c.Name != want || !known && c.Name != dps.PublicCloud.Name {
			t.Errorf("%s: %s, %v", host, c.Name, known)
		}
	}
	for version, good := range map[string]bool{"2021-06-01": true, "2025-07-01-preview": true, "": false, "v1": false, "2021-06-01&x=1": false} {
		if (dps.CheckAPIVersion(version) == nil) != good {
			t.Errorf("version %q", version)
		}
	}
}

func TestDeriveKey(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{vectorID: deviceKey, strings.ToUpper(vectorID): deviceKey} {
		if got, err := dps.DeriveKey(dps.NewSecret(groupKey), id); err != nil || got.Reveal() != want {
			t.Errorf("%s: %v, %v", id, got.Reveal(), err)
		}
	}
	if _, err := dps.DeriveKey(dps.NewSecret("topsecret!"), "d"); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("got %v", err)
	}
	for key, good := range map[string]bool{groupKey: true, "AAECAwQFBgcICQoLDA0ODw==": true, "AAEC": false, "topsecret!": false, strings.Repeat("AAAA", 22): false} {
		if err := dps.CheckKey(dps.NewSecret(key)); (err == nil) != good {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestPollDelay(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"": dps.DefaultPollDelay, "3": 3 * time.Second, "0": 0, "-1": 0, "soon": dps.DefaultPollDelay, "999999": wire.MaxRetryAfter,
	} {
		t.Run("Retry-After "+header, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if header != "" {
					w.Header().Set("Retry-After", header)
				}
				w.WriteHeader(http.StatusAccepted)
				fmt.Fprint(w, `{"operationId":"5.1","status":"assigning"}`)
			})
			answer, err := device(s.Client(t)).OperationStatus(t.Context(), "d", "5.1")
			if err != nil {
				t.Fatal(err)
			}
			if answer.PollDelay() != want || answer.OperationID != "5.1" || answer.Status != dps.StatusAssigning {
				t.Errorf("delay %v, want %v: %+v", answer.PollDelay(), want, answer)
			}
		})
	}
}

// Something that answers 200 with a page is not the service.
func TestAnswersThatAreNoJSON(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>sign in</html>")
	})
	d, c := device(s.Client(t)), service(s.Client(t))
	for name, call := range map[string]func() error{
		"register":            func() error { _, err := d.Register(t.Context(), dps.DeviceRegistration{}); return err },
		"operation status":    func() error { _, err := d.OperationStatus(t.Context(), "d", "5.1"); return err },
		"registration status": func() error { _, err := d.RegistrationStatus(t.Context(), "d"); return err },
		"get enrollment":      func() error { _, err := c.Enrollment(t.Context(), "d"); return err },
		"get enrollment group": func() error {
			_, err := c.Group(t.Context(), "d")
			return err
		},
	} {
		var wrong *wire.AnswerError
		if err := call(); !errors.As(err, &wrong) || wrong.Operation != name || wrong.ContentType != "text/html" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoAuthorizationNoCall(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") })
	c := service(s.Client(t))
	signIn := errors.New("nobody is signed in")
	c.Authorize = func(context.Context) (dps.Secret, error) { return dps.Secret{}, signIn }
	if _, err := c.Enrollment(t.Context(), "d"); !errors.Is(err, signIn) {
		t.Errorf("got %v", err)
	}
}
