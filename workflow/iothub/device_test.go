package iothub_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
	"dpslab/workflow/wire/wiretest"
)

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func device(w *wire.Client) *iothub.DeviceClient {
	return &iothub.DeviceClient{Wire: w, Host: "contoso-hub.azure-devices.net", DeviceID: "device-01"}
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

func TestSendAsItArrives(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *wire.Client) error{
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
	} {
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
