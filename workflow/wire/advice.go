package wire

import (
	"net/http"
	"time"
)

// Advice is what can make a refused request succeed.
type Advice string

// The kinds of advice. They follow from the HTTP status; codes of the services
// only tell apart what shares one.
const (
	AdviceWait         Advice = "wait"         // send the same again later; see RetryDelay
	AdviceQuota        Advice = "quota"        // a quota is used up: it is renewed, or raised
	AdviceReadAgain    Advice = "read again"   // it changed meanwhile: read it, then change it
	AdviceAuthenticate Advice = "authenticate" // the credential is missing, wrong, expired or not enrolled
	AdvicePermission   Advice = "permission"   // the credential is good and lacks the right
	AdviceNotThere     Advice = "not there"    // what the request names does not exist
	AdviceChange       Advice = "change"       // the request itself is refused: send another
)

// quotaCodes are IoT Hub's 403 for used-up quotas, by number and by name.
var quotaCodes = map[string]bool{
	"403002": true, "IotHubQuotaExceeded": true,
	"403004": true, "DeviceMaximumQueueDepthExceeded": true,
	"403006": true, "DeviceMaximumActiveFileUploadLimitExceeded": true,
}

// Advice tells what can make the request succeed.
func (e *ServiceError) Advice() Advice {
	switch {
	case e.Temporary():
		return AdviceWait
	case e.Status == http.StatusConflict, e.Status == http.StatusPreconditionFailed:
		return AdviceReadAgain
	case e.Status == http.StatusUnauthorized:
		return AdviceAuthenticate
	case e.Status == http.StatusForbidden && quotaCodes[e.Code]:
		return AdviceQuota
	case e.Status == http.StatusForbidden:
		return AdvicePermission
	case e.Status == http.StatusNotFound, e.Status == http.StatusGone:
		return AdviceNotThere
	}
	return AdviceChange
}

// RetryDelay is how long to wait at least before the same request is worth
// another try; ok is false where waiting does not help. Zero leaves the time to
// the caller, who backs off.
func (e *ServiceError) RetryDelay() (wait time.Duration, ok bool) {
	return e.RetryAfter, e.Temporary()
}

// NewOutcomeError is the error for a refusal that came with a good HTTP status:
// the failed state of a registration. message may be JSON of another service,
// in any of the dialects, and is taken apart as such.
func NewOutcomeError(operation string, status int, code, message, trackingID string) *ServiceError {
	e := &ServiceError{Operation: operation, Status: status, TrackingID: trackingID, Body: RedactText(message)}
	e.readBody([]byte(message))
	if e.Message == "" {
		e.Message = message
	}
	if code != "" {
		e.Code = code
	}
	e.Message = RedactText(e.Message)
	return e
}
