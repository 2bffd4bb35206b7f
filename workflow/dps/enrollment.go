package dps

import (
	"encoding/json"
	"fmt"
	"io"
)

// Values of provisioningStatus.
const (
	ProvisioningEnabled  = "enabled"
	ProvisioningDisabled = "disabled"
)

// Allocation policies as the data plane spells them.
const (
	AllocationHashed     = "hashed"
	AllocationGeoLatency = "geoLatency"
	AllocationStatic     = "static"
	AllocationCustom     = "custom"
)

// Attestation types.
const (
	AttestationX509         = "x509"
	AttestationSymmetricKey = "symmetricKey"
	AttestationTPM          = "tpm"
	AttestationNone         = "none"
)

// EnrollmentRecord is what an individual enrollment and an enrollment group
// have in common.
type EnrollmentRecord struct {
	Attestation                AttestationMechanism        `json:"attestation"`
	Capabilities               *DeviceCapabilities         `json:"capabilities,omitempty"`
	IoTHubHostName             string                      `json:"iotHubHostName,omitempty"` // legacy; prefer IoTHubs
	InitialTwin                *InitialTwin                `json:"initialTwin,omitempty"`
	ETag                       string                      `json:"etag,omitempty"` // includes its double quotes
	ProvisioningStatus         string                      `json:"provisioningStatus,omitempty"`
	ReprovisionPolicy          *ReprovisionPolicy          `json:"reprovisionPolicy,omitempty"`
	CreatedDateTimeUTC         string                      `json:"createdDateTimeUtc,omitempty"`
	LastUpdatedDateTimeUTC     string                      `json:"lastUpdatedDateTimeUtc,omitempty"`
	AllocationPolicy           string                      `json:"allocationPolicy,omitempty"`
	IoTHubs                    []string                    `json:"iotHubs,omitempty"` // host names
	CustomAllocationDefinition *CustomAllocationDefinition `json:"customAllocationDefinition,omitempty"`
}

// IndividualEnrollment admits one device.
type IndividualEnrollment struct {
	RegistrationID    string                   `json:"registrationId"`
	DeviceID          string                   `json:"deviceId,omitempty"` // default: the registration ID
	RegistrationState *DeviceRegistrationState `json:"registrationState,omitempty"`
	EnrollmentRecord
	OptionalDeviceInformation map[string]any `json:"optionalDeviceInformation,omitempty"`

	origin origin // nil for one that was made here
}

// EnrollmentGroup admits every device whose certificate chain or derived key
// leads to its attestation.
type EnrollmentGroup struct {
	EnrollmentGroupID string `json:"enrollmentGroupId"`
	EnrollmentRecord

	origin origin // nil for one that was made here
}

// AttestationMechanism is how a device proves itself. Exactly one sibling is
// set, the one that Type names.
type AttestationMechanism struct {
	Type         string                   `json:"type"`
	X509         *X509Attestation         `json:"x509,omitempty"`
	SymmetricKey *SymmetricKeyAttestation `json:"symmetricKey,omitempty"`
	TPM          *TPMAttestation          `json:"tpm,omitempty"`
}

// X509Attestation has exactly one of its three members: client certificates or
// CA references for an individual enrollment, signing certificates or CA
// references for a group.
type X509Attestation struct {
	ClientCertificates  *X509Certificates `json:"clientCertificates,omitempty"`
	SigningCertificates *X509Certificates `json:"signingCertificates,omitempty"`
	CAReferences        *X509CAReferences `json:"caReferences,omitempty"`
}

// X509Certificates is a primary certificate and one to roll over to.
type X509Certificates struct {
	Primary   *X509CertificateWithInfo `json:"primary,omitempty"`
	Secondary *X509CertificateWithInfo `json:"secondary,omitempty"`
}

// X509CertificateWithInfo carries a certificate on the way in (PEM text,
// base64 of PEM, or base64 of DER) and its facts on the way out.
type X509CertificateWithInfo struct {
	Certificate string               `json:"certificate,omitempty"`
	Info        *X509CertificateInfo `json:"info,omitempty"`
}

// X509CAReferences are names of certificates uploaded through Azure Resource
// Manager.
type X509CAReferences struct {
	Primary   string `json:"primary,omitempty"`
	Secondary string `json:"secondary,omitempty"`
}

// X509CertificateInfo is what DPS says of a certificate it holds.
type X509CertificateInfo struct {
	SubjectName      string `json:"subjectName"`
	SHA1Thumbprint   string `json:"sha1Thumbprint"`
	SHA256Thumbprint string `json:"sha256Thumbprint"`
	IssuerName       string `json:"issuerName"`
	NotBeforeUTC     string `json:"notBeforeUtc"`
	NotAfterUTC      string `json:"notAfterUtc"`
	SerialNumber     string `json:"serialNumber"`
	Version          int    `json:"version"`
}

// SymmetricKeyAttestation holds base64 of 16 to 64 bytes; both absent on
// create makes DPS generate them. They are secrets.
type SymmetricKeyAttestation struct {
	PrimaryKey   string `json:"primaryKey,omitempty"`
	SecondaryKey string `json:"secondaryKey,omitempty"`
}

// Format implements fmt.Formatter: no verb shows the keys.
func (SymmetricKeyAttestation) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// TPMAttestation holds the TPM's public keys, base64.
type TPMAttestation struct {
	EndorsementKey string `json:"endorsementKey"`
	StorageRootKey string `json:"storageRootKey,omitempty"`
}

// DeviceCapabilities are flags of the hub device.
type DeviceCapabilities struct {
	IoTEdge bool `json:"iotEdge"`
}

// InitialTwin is applied to the hub device at its first assignment.
type InitialTwin struct {
	Tags       map[string]any         `json:"tags,omitempty"`
	Properties *InitialTwinProperties `json:"properties,omitempty"`
}

// InitialTwinProperties holds the desired properties.
type InitialTwinProperties struct {
	Desired map[string]any `json:"desired,omitempty"`
}

// ReprovisionPolicy: the service's default is true for both.
type ReprovisionPolicy struct {
	UpdateHubAssignment bool `json:"updateHubAssignment"`
	MigrateDeviceData   bool `json:"migrateDeviceData"`
}

// CustomAllocationDefinition names the webhook of the custom policy.
type CustomAllocationDefinition struct {
	WebhookURL string `json:"webhookUrl"`
	APIVersion string `json:"apiVersion"`
}

// DeviceRegistrationState is a registration as the service API shows it.
type DeviceRegistrationState struct {
	RegistrationID         string          `json:"registrationId"`
	CreatedDateTimeUTC     string          `json:"createdDateTimeUtc,omitempty"`
	AssignedHub            string          `json:"assignedHub,omitempty"`
	DeviceID               string          `json:"deviceId,omitempty"`
	Status                 string          `json:"status"`
	Substatus              string          `json:"substatus,omitempty"`
	ErrorCode              int             `json:"errorCode,omitempty"`
	ErrorMessage           string          `json:"errorMessage,omitempty"`
	LastUpdatedDateTimeUTC string          `json:"lastUpdatedDateTimeUtc,omitempty"`
	ETag                   string          `json:"etag,omitempty"`
	Payload                json.RawMessage `json:"payload,omitempty"`
}
