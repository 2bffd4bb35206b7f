package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ServiceError is a service's refusal, in whichever of the three dialects it
// came: DPS (errorCode, message, trackingId), IoT Hub (Message,
// ExceptionMessage), Azure Resource Manager (code, message or error.code).
type ServiceError struct {
	Operation  string // what was tried
	Method     string
	URL        string // secrets masked
	Status     int    // HTTP status
	Code       string // "401002", "IotHubUnauthorizedAccess", "ResourceNotFound"; empty when none came
	Message    string // in the service's own words
	TrackingID string // for a support ticket: trackingId or x-ms-request-id
	Body       string // as it came, secrets masked

	RetryAfter    time.Duration // what the service asks to wait
	HasRetryAfter bool
}

// Error is one line of printable text: what a server sends does not reach a
// terminal as a command to it.
func (e *ServiceError) Error() string {
	s := fmt.Sprintf("%s: HTTP %d", e.Operation, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		s += " " + text
	}
	if e.Code != "" {
		s += ", code " + e.Code
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.TrackingID != "" {
		s += " (tracking ID " + e.TrackingID + ")"
	}
	return visible(s)
}

// visible writes what cannot be printed as Go does in a string.
func visible(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		s = s[n:]
	}
	return b.String()
}

// Temporary reports whether the same request may succeed later: 408, 429, 5xx.
func (e *ServiceError) Temporary() bool {
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// NewServiceError reads an error answer. A body in no known dialect is kept as
// it is.
func NewServiceError(operation string, response *http.Response, body []byte) *ServiceError {
	e := &ServiceError{
		Operation: operation, Status: response.StatusCode,
		TrackingID: firstOf(response.Header, "x-ms-request-id", "iothub-servicetrackingid", "x-ms-correlation-request-id"),
		Body:       RedactText(string(body[:min(len(body), keptBody)])),
	}
	if r := response.Request; r != nil {
		e.Method, e.URL = r.Method, redactURL(r.URL)
	}
	e.readBody(body)
	if e.Code == "" {
		e.Code = firstOf(response.Header, "iothub-errorcode", "x-ms-error-code")
	}
	e.Message = RedactText(e.Message)
	e.RetryAfter, e.HasRetryAfter = RetryAfter(response.Header, time.Now())
	return e
}

func firstOf(h http.Header, names ...string) string {
	for _, n := range names {
		if v := h.Get(n); v != "" {
			return v
		}
	}
	return ""
}

// errorBody is the union of the dialects; encoding/json matches names without
// regard to case, which also folds Message and message.
type errorBody struct {
	ErrorCode        json.RawMessage `json:"errorCode"`
	Code             json.RawMessage `json:"code"`
	Message          string          `json:"message"`
	TrackingID       string          `json:"trackingId"`
	ExceptionMessage string          `json:"ExceptionMessage"`
	Error            *struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
	} `json:"error"`
}

func (e *ServiceError) readBody(body []byte) {
	var (
		b     errorBody
		shape *json.UnmarshalTypeError // one member is of another type: the others count
	)
	err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), &b)
	if err != nil && !errors.As(err, &shape) {
		return
	}
	if b.Error != nil {
		e.Code, e.Message = scalar(b.Error.Code), b.Error.Message
		return
	}
	e.Code, e.Message = scalar(b.ErrorCode), b.Message
	if e.Code == "" {
		e.Code = scalar(b.Code)
	}
	if b.TrackingID != "" {
		e.TrackingID = b.TrackingID
	}
	e.readHubMessage(b)
}

// readHubMessage takes IoT Hub's two generations apart:
// "ErrorCode:DeviceNotFound;text", and a JSON object inside the message.
func (e *ServiceError) readHubMessage(b errorBody) {
	var inner errorBody
	nested := strings.HasPrefix(b.Message, "{") && json.Unmarshal([]byte(b.Message), &inner) == nil
	if nested && (inner.Message != "" || inner.ErrorCode != nil) {
		e.Code, e.Message = scalar(inner.ErrorCode), inner.Message
		if inner.TrackingID != "" {
			e.TrackingID = inner.TrackingID
		}
		return
	}
	if rest, ok := strings.CutPrefix(b.Message, "ErrorCode:"); ok {
		e.Code, e.Message, _ = strings.Cut(rest, ";")
	}
	if _, rest, ok := strings.Cut(b.ExceptionMessage, "Tracking ID:"); ok {
		id, _, _ := strings.Cut(rest, "-TimeStamp:")
		if id = strings.TrimSpace(id); id != "" {
			e.TrackingID = id
		}
	}
}

// scalar gives a JSON string or number as text: Azure Resource Manager's code
// is declared as one and sent as the other.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// MaxRetryAfter caps what a Retry-After header may ask for.
const MaxRetryAfter = 10 * time.Minute

// RetryAfter reads a Retry-After header, in seconds or as an HTTP date (RFC
// 9110 section 10.2.3). A negative or past value is zero, an absurd one is
// [MaxRetryAfter]; ok is false when there is none or it cannot be read.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	// Out of range, ParseInt gives the nearest number beside its error.
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return min(time.Duration(max(min(seconds, 1<<20), 0))*time.Second, MaxRetryAfter), true
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), MaxRetryAfter), true
	}
	return 0, false
}
