package wire

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestAdvice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		code   string
		want   Advice
	}{
		{400, "400000", AdviceChange},
		{400, "400004", AdviceChange},
		{400, "InvalidProtocolVersion", AdviceChange},
		{405, "405000", AdviceChange},
		{413, "MessageTooLarge", AdviceChange},
		{415, "415000", AdviceChange},
		{307, "", AdviceChange},
		{200, "400207", AdviceChange},
		{401, "401000", AdviceAuthenticate},
		{401, "401002", AdviceAuthenticate},
		{401, "IotHubUnauthorized", AdviceAuthenticate},
		{401, "", AdviceAuthenticate},
		{403, "IotHubQuotaExceeded", AdviceQuota},
		{403, "403002", AdviceQuota},
		{403, "DeviceMaximumQueueDepthExceeded", AdviceQuota},
		{403, "403004", AdviceQuota},
		{403, "403006", AdviceQuota},
		{403, "403012", AdvicePermission},
		{403, "AuthorizationFailed", AdvicePermission},
		{404, "404201", AdviceNotThere},
		{404, "DeviceNotFound", AdviceNotThere},
		{404, "ResourceNotFound", AdviceNotThere},
		{410, "", AdviceNotThere},
		{409, "409000", AdviceReadAgain},
		{409, "DeviceAlreadyExists", AdviceReadAgain},
		{412, "412000", AdviceReadAgain},
		{412, "DeviceMessageLockLost", AdviceReadAgain},
		{408, "", AdviceWait},
		{429, "429001", AdviceWait},
		{429, "ThrottlingException", AdviceWait},
		{500, "500000", AdviceWait},
		{503, "PartitionNotFound", AdviceWait},
	} {
		e := &ServiceError{Status: tt.status, Code: tt.code, RetryAfter: 5 * time.Second, HasRetryAfter: true}
		if got := e.Advice(); got != tt.want {
			t.Errorf("%d %s: %s, want %s", tt.status, tt.code, got, tt.want)
		}
		if wait, ok := e.RetryDelay(); wait != 5*time.Second || ok != (tt.want == AdviceWait) {
			t.Errorf("%d %s: wait %v, %v", tt.status, tt.code, wait, ok)
		}
	}
}

func TestOutcomeError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ code, message, wantCode, wantMessage, wantID string }{
		{"400207", "Custom allocation failed with status code: 500", "400207", "Custom allocation failed with status code: 500", "t"},
		{"400209", `{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":"Tracking ID:a-G:0-TimeStamp:x"}`, "400209", "Unauthorized", "a-G:0"},
		{"", `{"Message":"{\"errorCode\":401002,\"trackingId\":\"7\",\"message\":\"Unauthorized\"}"}`, "401002", "Unauthorized", "7"},
		{"400209", `SharedAccessKey=dG9wc2VjcmV0`, "400209", "SharedAccessKey=" + Masked, "t"},
		{"", "", "", "", "t"},
	} {
		e := NewOutcomeError("registration", http.StatusOK, tt.code, tt.message, "t")
		if e.Code != tt.wantCode || e.Message != tt.wantMessage || e.TrackingID != tt.wantID || e.Status != http.StatusOK || e.Temporary() {
			t.Errorf("%s %s: %+v", tt.code, tt.message, e)
		}
	}
}

func TestTrackingIDOfOtherHeaders(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"iothub-servicetrackingid": "hub", "x-ms-correlation-request-id": "arm"} {
		h := http.Header{}
		h.Set(name, value)
		if e := NewServiceError("test", &http.Response{StatusCode: 400, Header: h}, nil); e.TrackingID != value {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Nothing is sent, and the request is there to look at.
func TestDryRun(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	var m memory
	o := s.options()
	o.Observe = m.observe
	_, err := s.client(t, o).Do(WithDryRun(t.Context()), secretRequest())
	var dry *DryRunError
	if !errors.As(err, &dry) || dry.Exchange.RequestBody != `{"primaryKey":"`+Masked+`"}` || dry.Exchange.RequestHeader.Get("Authorization") != "Bearer "+Masked {
		t.Fatalf("got %v", err)
	}
	if x := m.only(t); !x.DryRun || x.Status != 0 || x.ID != dry.Exchange.ID {
		t.Errorf("recorded %+v", x)
	}
}

// A status that the request accepts is an answer, and can still be made the
// error that it would have been.
func TestAcceptedStatus(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-ms-request-id", "a1")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"message":"Authorization required","authenticationKey":"c2VjcmV0"}`))
	})
	q := get("/")
	q.Accept = []int{http.StatusUnauthorized}
	answer, err := s.client(t, s.options()).Do(t.Context(), q)
	if err != nil || answer.Status != http.StatusUnauthorized {
		t.Fatalf("%+v, %v", answer, err)
	}
	if e := answer.Refusal(); e.Status != http.StatusUnauthorized || e.TrackingID != "a1" || e.Operation != "test" || e.Message != "Authorization required" {
		t.Errorf("%+v", e)
	}
}
