package dps_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// Each call sends exactly this: method, path, headers, body.
func TestRequestsAsTheyArrive(t *testing.T) {
	t.Parallel()
	individualRecord, groupRecord := new(dps.IndividualEnrollment), new(dps.EnrollmentGroup)
	if err := errors.Join(json.Unmarshal([]byte(individual), individualRecord), json.Unmarshal([]byte(groupByReference), groupRecord)); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context, *wire.Client) error{
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
	} {
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
