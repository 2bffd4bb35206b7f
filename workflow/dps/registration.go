package dps

import (
	"encoding/json"
	"errors"
	"regexp"
	"sync"
)

// API versions sent by the clients of this package.
const (
	DeviceAPIVersion  = "2021-06-01"
	ServiceAPIVersion = "2021-10-01"
)

// GlobalDeviceEndpoint is the host that serves every instance of public Azure;
// the ID scope in the path tells them apart.
const GlobalDeviceEndpoint = "global.azure-devices-provisioning.net"

// Status values of a registration. Treat the field as open: a value that is
// not listed here means "still unknown", not an error.
const (
	StatusUnassigned = "unassigned"
	StatusAssigning  = "assigning"
	StatusAssigned   = "assigned"
	StatusFailed     = "failed"
	StatusDisabled   = "disabled"
)

// Final reports whether a status ends the polling.
func Final(status string) bool {
	return status == StatusAssigned || status == StatusFailed || status == StatusDisabled
}

// DeviceRegistration is the body of register and of the status lookup.
type DeviceRegistration struct {
	RegistrationID string          `json:"registrationId,omitempty"` // equals the path segment
	TPM            *TPMAttestation `json:"tpm,omitempty"`            // of a device that attests by TPM
	Payload        json.RawMessage `json:"payload,omitempty"`        // any JSON value, for a custom allocation webhook
}

// RegistrationOperationStatus answers register (202) and the operation status
// lookup (202 while running, 200 when final).
type RegistrationOperationStatus struct {
	OperationID       string                    `json:"operationId"`
	Status            string                    `json:"status"`
	RegistrationState *DeviceRegistrationResult `json:"registrationState,omitempty"`
}

// DeviceRegistrationResult is what DPS tells a device of its registration.
type DeviceRegistrationResult struct {
	TPM                    *TPMRegistrationResult          `json:"tpm,omitempty"`
	X509                   *X509RegistrationResult         `json:"x509,omitempty"`
	SymmetricKey           *SymmetricKeyRegistrationResult `json:"symmetricKey,omitempty"`
	RegistrationID         string                          `json:"registrationId"`
	CreatedDateTimeUTC     string                          `json:"createdDateTimeUtc,omitempty"` // 2022-08-27T17:53:19.5143497Z
	AssignedHub            string                          `json:"assignedHub,omitempty"`        // host name
	DeviceID               string                          `json:"deviceId,omitempty"`
	Status                 string                          `json:"status"`
	Substatus              string                          `json:"substatus,omitempty"`
	ErrorCode              int                             `json:"errorCode,omitempty"`
	ErrorMessage           string                          `json:"errorMessage,omitempty"`
	LastUpdatedDateTimeUTC string                          `json:"lastUpdatedDateTimeUtc,omitempty"`
	ETag                   string                          `json:"etag,omitempty"` // base64 of a quoted token
	Payload                json.RawMessage                 `json:"payload,omitempty"`
}

// TPMRegistrationResult carries what the TPM activates to get the key for the
// hub, base64.
type TPMRegistrationResult struct {
	AuthenticationKey string `json:"authenticationKey,omitempty"`
}

// SymmetricKeyRegistrationResult is empty for an individual enrollment and
// names the enrollment group otherwise.
type SymmetricKeyRegistrationResult struct {
	EnrollmentGroupID string `json:"enrollmentGroupId,omitempty"`
}

// X509RegistrationResult is empty for an individual enrollment and names the
// enrollment group otherwise.
type X509RegistrationResult struct {
	CertificateInfo        *X509CertificateInfo `json:"certificateInfo,omitempty"`
	EnrollmentGroupID      string               `json:"enrollmentGroupId,omitempty"`
	SigningCertificateInfo *X509CertificateInfo `json:"signingCertificateInfo,omitempty"`
}

// ServiceErrorBody is the error shape of both data planes.
type ServiceErrorBody struct {
	ErrorCode    int               `json:"errorCode"`  // HTTP status × 1000 + detail
	TrackingID   string            `json:"trackingId"` // equals the x-ms-request-id header
	Message      string            `json:"message"`
	Info         map[string]string `json:"info,omitempty"`
	TimestampUTC string            `json:"timestampUtc"` // 2024-01-02T03:04:05.1234567Z
}

var idScopeShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^0n[a-z][0-9A-Fa-f]{4,}$`) })

// maxDeviceID is counted by hand: {1,128} would make a large expression, which
// every start of the program would compile.
const maxDeviceID = 128

var deviceIDShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9\-.%_*?!(),:=@$']+$`) })

// CheckDeviceID checks a device's name at IoT Hub: 1 to 128 ASCII letters,
// digits and - . % _ * ? ! ( ) , : = @ $ ' (IoT Hub identity registry).
func CheckDeviceID(s string) error {
	if len(s) > maxDeviceID || !deviceIDShape().MatchString(s) {
		return errors.New("must be 1 to 128 of letters, digits and - . % _ * ? ! ( ) , : = @ $ '")
	}
	return nil
}

// CheckIDScope reports whether s has the shape of an ID scope, "0ne00111111".
// Other shapes may exist, so callers show this as a warning or let the person
// go on where a typo is not likely.
func CheckIDScope(s string) error {
	if s == "" {
		return errors.New("is empty: it is on the Overview page of the DPS instance, like 0ne00111111")
	}
	if !idScopeShape().MatchString(s) {
		return errors.New("does not look like an ID scope (0ne followed by hexadecimal digits, like 0ne00111111)")
	}
	return nil
}
