package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"dpslab/workflow/dps"
)

// refusal is an answer that says no. Each surface writes it in its own dialect
// and uses the fields that dialect has.
type refusal struct {
	status  int    // HTTP
	code    int    // 401002: HTTP status × 1000 + detail
	name    string // IoT Hub: "DeviceNotFound"; Resource Manager's front door: "ResourceNotFound"
	message string
	details string // Microsoft.Devices only
	// retryAfter is the header's value in seconds; 0: the header is not sent.
	retryAfter int
	// target is the field that API Management complains about.
	target string
	why    string // for the lab's log; never sent
}

func (r *refusal) Error() string {
	if r.why != "" {
		return fmt.Sprintf("%d %s: %s", r.code, r.message, r.why)
	}
	if r.code != 0 {
		return fmt.Sprintf("%d %s", r.code, r.message)
	}
	return fmt.Sprintf("%d %s %s", r.status, r.name, r.message)
}

// Said is what an error of an [Operator] says to a person: the words of a refusal
// without its number, and any other error as it is.
func Said(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.message
	}
	return err.Error()
}

// refuse makes a refusal of a data plane or of the Microsoft.Devices provider.
// The HTTP status stands in the code.
func refuse(code int, format string, args ...any) *refusal {
	return &refusal{status: code / 1000, code: code, message: fmt.Sprintf(format, args...)}
}

// because adds a reason for the lab's log.
func (r *refusal) because(format string, args ...any) *refusal {
	r.why = fmt.Sprintf(format, args...)
	return r
}

// asRefusal gives the answer for any error of a handler. What is no refusal is
// a fault of the lab itself and says nothing more to the client.
func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	return &refusal{status: http.StatusInternalServerError, code: 500000, name: "ServerError", message: "Internal error of the lab"}
}

// dialect writes refusals of one family of services.
type dialect func(c *call, r *refusal)

// dpsDialect is the error body of both DPS data planes
// (ProvisioningServiceErrorDetails), with the code repeated in x-ms-error-code.
func dpsDialect(c *call, r *refusal) {
	c.set("x-ms-error-code", fmt.Sprint(r.code))
	c.json(r.status, dps.ServiceErrorBody{
		ErrorCode: r.code, TrackingID: c.requestID, Message: r.message, TimestampUTC: dataPlaneTime(c.now),
	})
}

// hubDialect is the error body of IoT Hub's HTTP API, with the error's name in
// iothub-errorcode.
func hubDialect(c *call, r *refusal) {
	if r.name == "" { // what all surfaces refuse alike
		r.name = "GenericBadRequest"
		if r.status != http.StatusBadRequest {
			r.name = strings.ReplaceAll(http.StatusText(r.status), " ", "")
		}
	}
	c.set("iothub-errorcode", r.name)
	tracking := strings.ToUpper(strings.ReplaceAll(c.requestID, "-", ""))
	c.json(r.status, struct{ Message, ExceptionMessage string }{
		"ErrorCode:" + r.name + ";" + r.message,
		"Tracking ID:" + tracking + "-G:0-TimeStamp:" + c.now.UTC().Format("01/02/2006 15:04:05"),
	})
}

// managementDialect speaks for Azure Resource Manager: a named refusal comes
// from the front door, which wraps it in "error"; one with a number comes from
// the Microsoft.Devices provider, which does not.
func managementDialect(c *call, r *refusal) {
	if r.name == "" && !c.surface.numbers {
		r.name = strings.ReplaceAll(http.StatusText(r.status), " ", "") // no provider with numbers
	}
	if r.name != "" {
		type detail struct {
			Code    string `json:"code"`
			Target  string `json:"target"`
			Message string `json:"message"`
		}
		type body struct {
			Code    string   `json:"code"`
			Message string   `json:"message"`
			Target  string   `json:"target,omitempty"`
			Details []detail `json:"details,omitempty"`
		}
		b := body{Code: r.name, Message: r.message, Target: r.target}
		if r.target != "" {
			b.Details = []detail{{r.name, r.target, r.message}}
		}
		c.json(r.status, map[string]body{"error": b})
		return
	}
	c.json(r.status, struct {
		Code           int    `json:"code"`
		HTTPStatusCode string `json:"httpStatusCode"`
		Message        string `json:"message"`
		Details        string `json:"details,omitempty"`
	}{r.code, strings.ReplaceAll(http.StatusText(r.status), " ", ""), r.message, r.details})
}

// dataPlaneTime is how both DPS data planes write a time: seven fraction
// digits, UTC.
func dataPlaneTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }
