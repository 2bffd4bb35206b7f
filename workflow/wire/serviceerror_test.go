package wire

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tt := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false},
		{"   ", 0, false},
		{"3", 3 * time.Second, true},
		{" 3 ", 3 * time.Second, true},
		{"0", 0, true},
		{"-5", 0, true},
		{"600", MaxRetryAfter, true},
		{"601", MaxRetryAfter, true},
		{"9223372036854775807", MaxRetryAfter, true},
		{"99999999999999999999999999", MaxRetryAfter, true},
		{"-99999999999999999999999999", 0, true},
		{"Tue, 02 Jan 2024 03:04:35 GMT", 30 * time.Second, true},
		{"Tuesday, 02-Jan-24 03:04:35 GMT", 30 * time.Second, true},
		{"Tue, 02 Jan 2024 03:04:04 GMT", 0, true},
		{"Thu, 01 Jan 2099 00:00:00 GMT", MaxRetryAfter, true},
		{"soon", 0, false},
		{"3.5", 0, false},
		{"0x10", 0, false},
		{"2024-01-02T03:04:35Z", 0, false},
	} {
		h := http.Header{}
		if tt.value != "" {
			h.Set("Retry-After", tt.value)
		}
		if got, ok := RetryAfter(h, now); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %v, %v, want %v, %v", tt.value, got, ok, tt.want, tt.ok)
		}
	}
}

// dialects are the error bodies of all services, from captures, SDK sources and
// contracts.
var dialects = []struct {
	name    string
	header  http.Header
	body    string
	code    string
	message string
	id      string
}{
	{
		name: "DPS", header: requestID, id: "b5b1",
		body: `{"errorCode":401002,"trackingId":"b5b1","message":"Invalid certificate","timestampUtc":"2024-01-02T03:04:05.1234567Z"}`,
		code: "401002", message: "Invalid certificate",
	},
	{
		name: "DPS with null info", id: "b5b1",
		body: `{"errorCode":404201,"trackingId":"b5b1","message":"Not found","info":null}`,
		code: "404201", message: "Not found",
	},
	{name: "TPM challenge", header: requestID, id: "a1", body: `{"message":"Authorization required","authenticationKey":"c2VjcmV0","keyName":"registration"}`, message: "Authorization required"},
	{
		name: "hub, first generation", header: http.Header{"Iothub-Errorcode": {"DeviceNotFound"}}, id: "0a1b-G:0",
		body: `{"Message":"ErrorCode:DeviceNotFound;E2E device","ExceptionMessage":"Tracking ID:0a1b-G:0-TimeStamp:05/18/2023 07:00:00"}`,
		code: "DeviceNotFound", message: "E2E device",
	},
	{
		name: "hub, unknown version", id: "c-G:1",
		body: `{"Message":"ErrorCode:ArgumentInvalid;Unknown api version; uri: /x","ExceptionMessage":"Tracking ID:c-G:1-TimeStamp:x"}`,
		code: "ArgumentInvalid", message: "Unknown api version; uri: /x",
	},
	{
		name: "hub, second generation", id: "77",
		body: `{"Message":"{\"errorCode\":404001,\"trackingId\":\"77\",\"message\":\"Device not found\",\"timestampUtc\":\"x\",\"info\":null}","ExceptionMessage":""}`,
		code: "404001", message: "Device not found",
	},
	{
		name: "hub, by header alone", header: http.Header{"Iothub-Errorcode": {"ThrottlingException"}},
		body: `{"Message":"slow down"}`, code: "ThrottlingException", message: "slow down",
	},
	{name: "hub, a code alone", body: `{"Message":"ErrorCode:ServerError"}`, code: "ServerError"},
	{name: "hub, braces that are no error", body: `{"Message":"{}"}`, message: "{}"},
	{name: "hub, no tracking ID after all", header: requestID, id: "a1", body: `{"Message":"x","ExceptionMessage":"Tracking ID:"}`, message: "x"},
	{
		name: "Microsoft.Devices", header: requestID, id: "a1",
		body: `{"code":412001,"httpStatusCode":"PreconditionFailed","message":"Invalid ETag supplied. errorcode: IH412001."}`,
		code: "412001", message: "Invalid ETag supplied. errorcode: IH412001.",
	},
	{name: "Microsoft.Devices, code as text", body: `{"code":"400053","httpStatusCode":"BadRequest","message":"no","details":"x"}`, code: "400053", message: "no"},
	{
		name: "Resource Manager", header: requestID, id: "a1",
		body: `{"error":{"code":"ResourceNotFound","message":"The Resource was not found."}}`,
		code: "ResourceNotFound", message: "The Resource was not found.",
	},
	{
		name: "API Management", body: `{"error":{"code":"ValidationError","message":"bad","target":"data","details":[{"code":"x"}],"additionalInfo":[{"type":"t","info":{}}]}}`,
		code: "ValidationError", message: "bad",
	},
	{name: "Entra ID", header: requestID, id: "a1", body: `{"error":"invalid_grant","error_description":"expired"}`},
	{name: "one member of another type", body: `{"errorCode":500000,"message":{"a":1},"trackingId":"9"}`, code: "500000", id: "9"},
	{name: "number as name only", header: http.Header{"X-Ms-Error-Code": {"409000"}}, body: `{}`, code: "409000"},
	{name: "byte order mark", body: "\xef\xbb\xbf" + `{"errorCode":400000,"message":"Bad Request"}`, code: "400000", message: "Bad Request"},
	{name: "HTML", header: requestID, id: "a1", body: "<html>sign in</html>"},
	{name: "empty", body: ""},
	{name: "null", body: "null"},
	{name: "array", body: "[1]"},
	{name: "secret inside", body: `{"errorCode":400000,"message":"cannot use SharedAccessKey=dG9wc2VjcmV0 here"}`, code: "400000", message: "cannot use SharedAccessKey=" + Masked + " here"},
}

var requestID = http.Header{"X-Ms-Request-Id": {"a1"}}

func TestServiceErrorDialects(t *testing.T) {
	t.Parallel()
	for _, tt := range dialects {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			header := tt.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			header.Set("Retry-After", "5")
			response := &http.Response{
				StatusCode: 400, Header: header,
				Request: httptest.NewRequest("PUT", "https://"+testHost+"/x?sig=topsecret", nil),
			}
			e := NewServiceError("register", response, []byte(tt.body))
			if e.Code != tt.code || e.Message != tt.message || e.TrackingID != tt.id {
				t.Errorf("code %q, message %q, tracking ID %q; want %q, %q, %q", e.Code, e.Message, e.TrackingID, tt.code, tt.message, tt.id)
			}
			if e.Status != 400 || e.Method != "PUT" || e.URL != "https://"+testHost+"/x?sig="+Masked || e.RetryAfter != 5*time.Second || !e.HasRetryAfter {
				t.Errorf("got %+v", e)
			}
			if e.Body != RedactText(tt.body) || strings.Contains(e.Error(), "c2VjcmV0") {
				t.Errorf("body %q, error %q", e.Body, e)
			}
			for _, part := range []string{"register: HTTP 400 Bad Request", tt.code, tt.message, tt.id} {
				if !strings.Contains(e.Error(), part) {
					t.Errorf("%q lacks %q", e, part)
				}
			}
		})
	}
}

func TestTemporary(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{400: false, 401: false, 404: false, 408: true, 409: false, 412: false, 413: false, 429: true, 500: true, 503: true} {
		if got := (&ServiceError{Status: status}).Temporary(); got != want {
			t.Errorf("%d: temporary %v", status, got)
		}
	}
}

func TestDoReturnsServiceErrors(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/portal" {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"errorCode":401002,"trackingId":"t","message":"Unauthorized"}`))
	})
	c := s.client(t, s.options())
	_, err := c.Do(t.Context(), get("/register"))
	var refused *ServiceError
	if !errors.As(err, &refused) || refused.Code != "401002" || refused.Operation != "test" || refused.Method != "GET" {
		t.Errorf("got %v", err)
	}
	answer, err := c.Do(t.Context(), get("/portal"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct{}
	var wrong *AnswerError
	var syntax *json.SyntaxError
	err = answer.DecodeJSON("test", &v)
	if !errors.As(err, &wrong) || wrong.Status != 200 || wrong.ContentType != "text/html" || !errors.As(err, &syntax) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Do(t.Context(), Request{Operation: "test", Method: "GET", URL: "https://a b/"}); err == nil {
		t.Error("a URL that is none was accepted")
	}
}

func FuzzNewServiceError(f *testing.F) {
	for _, d := range dialects {
		f.Add(400, "3", d.header.Get("x-ms-request-id"), []byte(d.body))
	}
	f.Fuzz(func(t *testing.T, status int, retryAfter, id string, body []byte) {
		h := http.Header{"Retry-After": {retryAfter}, "X-Ms-Request-Id": {id}}
		e := NewServiceError("test", &http.Response{StatusCode: status, Header: h}, body)
		if e.Status != status || e.RetryAfter < 0 || e.RetryAfter > MaxRetryAfter || !e.HasRetryAfter && e.RetryAfter != 0 {
			t.Errorf("got %+v", e)
		}
		if id != "" && e.TrackingID == "" {
			t.Error("the tracking ID of the header got lost")
		}
		if e.Message != RedactText(e.Message) || !strings.HasPrefix(e.Error(), "test: HTTP ") {
			t.Errorf("error %q", e)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, v := range []string{"", "3", "-5", "99999999999999999999", "Tue, 02 Jan 2024 03:04:35 GMT", "soon"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		wait, ok := RetryAfter(http.Header{"Retry-After": {v}}, now)
		if wait < 0 || wait > MaxRetryAfter || !ok && wait != 0 {
			t.Errorf("%q: %v, %v", v, wait, ok)
		}
	})
}
