package dps

import (
	"cmp"
	"net/http"
	"strconv"

	"dpslab/workflow/wire"
)

// Refused is the error of a registration that ended as failed or disabled: both
// come with HTTP 200. It is nil for any other status. What a hub or a webhook
// said in errorMessage is taken apart.
func (r *DeviceRegistrationResult) Refused() *wire.ServiceError {
	return refused(r.Status, r.ErrorCode, r.ErrorMessage)
}

// Refused is the error of a registration record that says failed or disabled;
// nil for any other status.
func (r *DeviceRegistrationState) Refused() *wire.ServiceError {
	return refused(r.Status, r.ErrorCode, r.ErrorMessage)
}

// Refused is the error of an operation that ended as failed or disabled; nil
// for any other status. An answer without a registration state has its status
// alone to tell.
func (s *RegistrationOperationStatus) Refused() *wire.ServiceError {
	if s.RegistrationState == nil {
		return refused(s.Status, 0, "")
	}
	return refused(s.Status, s.RegistrationState.ErrorCode, s.RegistrationState.ErrorMessage)
}

func refused(status string, code int, message string) *wire.ServiceError {
	const operation = "registration"
	text := ""
	if code != 0 {
		text = strconv.Itoa(code)
	}
	switch status {
	case StatusFailed:
		return wire.NewOutcomeError(operation, http.StatusOK, text, cmp.Or(message, "the registration failed"), "")
	case StatusDisabled:
		return wire.NewOutcomeError(operation, http.StatusOK, text, cmp.Or(message, "the enrollment is disabled"), "")
	}
	return nil
}
