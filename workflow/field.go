package workflow

import (
	"fmt"
	"slices"
	"strings"

	"dpslab/profiles"
)

// Page is a page of the wizard.
type Page int

// The pages, in order.
const (
	PageWhere Page = iota
	PageIdentity
	PageCertificates
	PageEnrollment
	PageTelemetry
	PageReview
)

// Pages lists all pages in order.
func Pages() []Page {
	return []Page{PageWhere, PageIdentity, PageCertificates, PageEnrollment, PageTelemetry, PageReview}
}

// Title is the page's name on the screen.
func (p Page) Title() string {
	titles := [...]string{"Where", "Identity", "Certificates", "Enrollment", "Telemetry", "Review"}
	if p < 0 || int(p) >= len(titles) {
		return fmt.Sprintf("page %d", int(p))
	}
	return titles[p]
}

// Answers are the wizard's answers: TOML path ("identity.registration_id") to
// text. The profile's own name is under "name".
type Answers map[string]string

// Option is one choice of a closed set.
type Option struct {
	Value string // as it stands in TOML
	Label string
	Help  string
}

// Field is one question. The fields are the only source of questions and of
// validation: the wizard, the plain prompts, flags and profiles all use them.
type Field struct {
	Key     string // TOML path
	Label   string
	Page    Page
	Help    string // what it is; Why tells what it decides
	Example string
	Options []Option // a closed set; empty: free text
	Default func(Answers) string
	Unset   string             // what an empty answer means, in a few words; "" when it must be answered
	Hidden  func(Answers) bool // nil: always asked. A hidden field has its default.
	// Moot: hidden, the question has no answer at all, not even its default.
	Moot bool
	// Check says in the field's own words what is wrong: "ends in '.', must end
	// in a letter, digit or '-'". Nil: anything goes.
	Check func(value string, a Answers) error
}

// Keys of the fields that other code asks for by name.
const (
	keyName                = "name"
	keyTarget              = "target.kind"
	keyIDScope             = "target.id_scope"
	keyServiceEndpoint     = "target.service_endpoint"
	keyCredential          = "target.credential"
	keyConnectionStringEnv = "target.connection_string_env"
	keySubscription        = "target.subscription_id"
	keyResourceGroup       = "target.resource_group"
	keyDPSName             = "target.dps_name"

	keyRegistrationID  = "identity.registration_id"
	keyAttestation     = "identity.attestation"
	keySymmetricKeyEnv = "identity.symmetric_key_env"
	keyDerivedKey      = "identity.derived_key"
	keyTPMDevice       = "identity.tpm_device"
	keyPayload         = "identity.payload"

	keySource             = "identity.source"
	keyAlgorithm          = "identity.algorithm"
	keyValidDays          = "identity.valid_days"
	keyAuthority          = "identity.authority"
	keyCertificate        = "identity.certificate_file"
	keyKeyFile            = "identity.key_file"
	keySignedFile         = "identity.signed_file"
	keyPassphraseEnv      = "identity.passphrase_env"
	keyPassphraseCommand  = "identity.passphrase_command"
	keySecondary          = "identity.secondary"
	keySecondaryAuthority = "identity.secondary_authority"
	keyIntermediates      = "identity.intermediates"
	keyPFXPasswordEnv     = "identity.pfx_password_env"
	keyPFXCompatible      = "identity.pfx_compatible"

	keyEnrollment     = "enrollment.kind"
	keyEnrollmentID   = "enrollment.id"
	keyDeviceID       = "enrollment.device_id"
	keyAllocation     = "enrollment.allocation_policy"
	keyHubs           = "enrollment.iot_hubs"
	keyWebhook        = "enrollment.webhook_url"
	keyWebhookVersion = "enrollment.webhook_api_version"
	keyCAReference    = "enrollment.ca_reference"
	keySecondaryCA    = "enrollment.secondary_ca_reference"
	keyReprovision    = "enrollment.reprovision"
	keyEdge           = "enrollment.iot_edge"
	keyTwin           = "enrollment.initial_twin"
	keyDeviceInfo     = "enrollment.device_information"

	keyCount       = "telemetry.count"
	keyBatch       = "telemetry.batch"
	keyInterval    = "telemetry.interval"
	keyBody        = "telemetry.body"
	keyContentType = "telemetry.content_type"

	keyAPIMService     = "api_management.service"
	keyAPIMCertificate = "api_management.certificate_id"

	// Switches of the wizard, which no profile holds.
	keyMoreCertificates = "advanced.certificates"
	keyMoreEnrollment   = "advanced.enrollment"
)

// advanced are the questions that are only asked when a switch is on: a page
// stays short for those who want what is usual.
var advanced = map[string][]string{
	keyMoreCertificates: {keySecondary, keySecondaryAuthority, keyIntermediates, keyPFXPasswordEnv, keyPFXCompatible},
	keyMoreEnrollment:   {keyDerivedKey, keyCAReference, keySecondaryCA, keyReprovision, keyEdge, keyTwin, keyDeviceInfo, keyPayload},
}

// DefaultBody is the telemetry body of a new profile.
const DefaultBody = `{"temperature": {{ wave 20 30 "20s" }}, "at": "{{ now }}"}`

// Fields lists every question in the order in which it is asked.
func Fields() []Field { return fields }

// FieldByKey finds a field by its TOML path.
func FieldByKey(key string) (Field, bool) {
	for _, f := range fields {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

// fields is filled by init because defaults of one field look at another.
var fields []Field

func init() {
	fields = slices.Concat(whereFields, identityFields, certificateFields, enrollmentFields, moreEnrollmentFields, telemetryFields)
}

func constant(s string) func(Answers) string { return func(Answers) string { return s } }

// value is the answer or, when there is none, the default.
func value(a Answers, key string) string {
	f, ok := FieldByKey(key)
	if !ok {
		return a[key]
	}
	hidden := f.Hidden != nil && f.Hidden(a)
	if hidden && f.Moot {
		return ""
	}
	// The name is the one field whose empty answer means "as you please".
	if v, given := a[key]; given && !hidden && (v != "" || key != keyName) {
		return v
	}
	if f.Default != nil {
		return f.Default(a)
	}
	return ""
}

func is(key string, values ...string) func(Answers) bool {
	return func(a Answers) bool { return slices.Contains(values, value(a, key)) }
}

func not(f func(Answers) bool) func(Answers) bool { return func(a Answers) bool { return !f(a) } }

// either hides a question for several reasons.
func either(reasons ...func(Answers) bool) func(Answers) bool {
	return func(a Answers) bool {
		return slices.ContainsFunc(reasons, func(f func(Answers) bool) bool { return f(a) })
	}
}

func inLab(a Answers) bool   { return value(a, keyTarget) == profiles.TargetLab }
func notX509(a Answers) bool { return value(a, keyAttestation) != profiles.AttestationX509 }
func notKey(a Answers) bool {
	return value(a, keyAttestation) != profiles.AttestationSymmetricKey
}
func notTPM(a Answers) bool { return value(a, keyAttestation) != profiles.AttestationTPM }

func selfSigned(a Answers) bool { return value(a, keySource) == profiles.SourceSelfSigned }
func notChain(a Answers) bool   { return value(a, keySource) != profiles.SourceChain }
func fromFiles(a Answers) bool  { return value(a, keySource) == profiles.SourceFiles }
func individual(a Answers) bool { return value(a, keyEnrollment) == profiles.EnrollmentIndividual }

// onlyIndividual holds for what no enrollment group can admit: a certificate
// without a CA, and a TPM.
func onlyIndividual(a Answers) bool { return selfSigned(a) || !notTPM(a) }

// noSigner holds for a device that has no CA above it.
func noSigner(a Answers) bool { return notX509(a) || selfSigned(a) }

// noManagement hides what only Azure Resource Manager needs.
func noManagement(a Answers) bool { return inLab(a) || !isEntra(value(a, keyCredential)) }

// isEntra reports whether a credential is an Entra ID one, however it is had.
func isEntra(credential string) bool {
	return credential == profiles.CredentialEntra || strings.HasPrefix(credential, profiles.CredentialEntra+"-")
}

func defaultEnrollment(a Answers) string {
	if notX509(a) || notChain(a) {
		return profiles.EnrollmentIndividual
	}
	return profiles.EnrollmentGroup
}
