package iothub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
	"dpslab/workflow/wire/wiretest"
)

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func device(w *wire.Client) *iothub.DeviceClient {
	return &iothub.DeviceClient{Wire: w, Host: "contoso-hub.azure-devices.net", DeviceID: "device-01"}
}

// keyed is a device that signs.
func keyed(w *wire.Client) *iothub.DeviceClient {
	d := device(w)
	d.Authorize = iothub.DeviceKeyAuthorizer(d.Host, d.DeviceID, dps.NewSecret("AAECAwQFBgcICQoLDA0ODw=="))
	return d
}

func service(w *wire.Client) *iothub.ServiceClient {
	return &iothub.ServiceClient{Wire: w, Host: "contoso-hub.azure-devices.net", Authorize: func(context.Context) (dps.Secret, error) {
		return dps.NewSecret("SharedAccessSignature sr=contoso&sig=x&se=1"), nil
	}}
}

// noJSON expects that an empty answer is not taken for a record.
func noJSON(err error) error {
	var wrong *wire.AnswerError
	if errors.As(err, &wrong) {
		return nil
	}
	return fmt.Errorf("an empty answer gave %w", err)
}

// A message without a lock token could never be settled.
func TestReceiveWithoutALock(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "open") })
	var wrong *wire.AnswerError
	if m, err := device(s.Client(t)).Receive(t.Context(), 0); m != nil || !errors.As(err, &wrong) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestPropertiesBecomeHeaders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		message iothub.Message
		want    map[string]string
	}{
		{"nothing", iothub.Message{}, map[string]string{}},
		{"content type", iothub.Message{ContentType: "application/json"}, map[string]string{
			"Content-Type": "application/json", "Iothub-Contenttype": "application/json",
		}},
		{"content encoding is no HTTP coding", iothub.Message{ContentEncoding: "utf-8"}, map[string]string{"Iothub-Contentencoding": "utf-8"}},
		{"message ID", iothub.Message{MessageID: "run-1"}, map[string]string{"Iothub-Messageid": "run-1"}},
		{"application properties", iothub.Message{Properties: map[string]string{"source": "dpslab", "temperatureAlert": "true", "empty": ""}}, map[string]string{
			"iothub-app-source": "dpslab", "iothub-app-temperatureAlert": "true", "iothub-app-empty": "",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, noContent)
			var sent http.Header
			s.Options.Observe = func(x wire.Exchange, _ bool) { sent = x.RequestHeader }
			if err := device(s.Client(t)).Send(t.Context(), tt.message); err != nil {
				t.Fatal(err)
			}
			if len(sent) != len(tt.want) {
				t.Errorf("headers %v, want %v", sent, tt.want)
			}
			for name, want := range tt.want {
				if got := sent[name]; len(got) != 1 || got[0] != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// calls are all calls of both clients.
var calls = map[string]func(context.Context, *wire.Client) error{
	"send-event": func(ctx context.Context, w *wire.Client) error {
		return device(w).Send(ctx, iothub.Message{
			Body: []byte(`{"temperature": 21.5}`), ContentType: "application/json", ContentEncoding: "utf-8", MessageID: "run-1",
			Properties: map[string]string{"source": "dpslab", "line": "3"},
		})
	},
	"send-empty-event": func(ctx context.Context, w *wire.Client) error {
		d := device(w)
		d.DeviceID, d.APIVersion = "a b/c%$", "2021-04-12"
		return d.Send(ctx, iothub.Message{})
	},
	"send-all-properties": func(ctx context.Context, w *wire.Client) error {
		return keyed(w).Send(ctx, iothub.Message{
			Body: []byte{0xff}, MessageID: "run-1", CorrelationID: "c-1", UserID: "u", Created: time.Unix(1700000000, 5e6),
		})
	},
	"send-batch": func(ctx context.Context, w *wire.Client) error {
		_, err := keyed(w).SendBatch(ctx, []iothub.Message{
			{Body: []byte("21.5"), MessageID: "1", Properties: map[string]string{"line": "3"}}, {},
		})
		return err
	},
	"receive": func(ctx context.Context, w *wire.Client) error {
		_, err := keyed(w).Receive(ctx, 1500*time.Millisecond)
		return err
	},
	"complete": func(ctx context.Context, w *wire.Client) error { return keyed(w).Complete(ctx, "0a/1b") },
	"reject":   func(ctx context.Context, w *wire.Client) error { return keyed(w).Reject(ctx, "0a-1b") },
	"abandon":  func(ctx context.Context, w *wire.Client) error { return keyed(w).Abandon(ctx, "0a-1b") },
	"get-device": func(ctx context.Context, w *wire.Client) error {
		_, err := service(w).Device(ctx, "a b/c")
		return noJSON(err)
	},
	"delete-device": func(ctx context.Context, w *wire.Client) error {
		return service(w).DeleteDevice(ctx, "device-01", "AAAAAAAAAAE=")
	},
	"delete-device-anyway": func(ctx context.Context, w *wire.Client) error { return service(w).DeleteDevice(ctx, "device-01", "") },
	"get-twin": func(ctx context.Context, w *wire.Client) error {
		_, err := service(w).Twin(ctx, "device-01")
		return noJSON(err)
	},
	"send-lab-command": func(ctx context.Context, w *wire.Client) error {
		return service(w).SendLabCommand(ctx, "device-01", iothub.LabCommand{Body: []byte("open")})
	},
}

// Not parallel: it looks at the memory of the process.
func TestGzipBombs(t *testing.T) {
	bombs := make(map[string]func(*testing.T, *wiretest.Service) error)
	for name, call := range calls {
		bombs[name] = func(t *testing.T, s *wiretest.Service) error { return call(t.Context(), s.Client(t)) }
	}
	wiretest.Defuse(t, bombs)
}

func TestSendAsItArrives(t *testing.T) {
	t.Parallel()
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, noContent)
			if err := call(t.Context(), s.Client(t)); err != nil {
				t.Fatal(err)
			}
			s.CompareGolden(t, name)
		})
	}
}

// A body of any length is sent as it is: the hub's limit is the hub's to
// enforce, and may change.
func TestRefusalOfTheHub(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("iothub-errorcode", "IotHubQuotaExceeded")
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"Message":"ErrorCode:IotHubQuotaExceeded;Total number of messages","ExceptionMessage":"Tracking ID:ab-G:0-TimeStamp:1"}`))
	})
	err := device(s.Client(t)).Send(t.Context(), iothub.Message{Body: []byte(strings.Repeat("x", iothub.MaxMessage+1))})
	var refused *wire.ServiceError
	if !errors.As(err, &refused) || refused.Status != 403 || refused.Code != "IotHubQuotaExceeded" || refused.TrackingID != "ab-G:0" || refused.Operation != "send event" {
		t.Errorf("got %+v", err)
	}
}
