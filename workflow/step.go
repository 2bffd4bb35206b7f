package workflow

// StepID names a step; the names are stable (flags, TOML state, JSON lines).
type StepID string

// The steps of a device's life, in order.
const (
	StepCertificates StepID = "certificates"
	StepSigningCA    StepID = "signing-ca"
	StepEnrollment   StepID = "enrollment"
	StepRegistration StepID = "registration"
	StepTelemetry    StepID = "telemetry"

	// StepAPIManagement is optional: only a profile with an API Management service
	// has it.
	StepAPIManagement StepID = "api-management"
)

// StepInfo is what a face shows of a step.
type StepInfo struct {
	ID    StepID
	Title string // short, for the step rail
	About string // one sentence: what it does and to whom it talks
}

// Steps lists the steps that every device has, in the order in which they run.
func Steps() []StepInfo {
	return []StepInfo{
		{StepCertificates, "certificates", "make the device's key and certificate, and the CAs of a chain, as files on this machine"},
		{StepSigningCA, "signing CA", "upload the root CA to DPS and prove possession of its private key"},
		{StepEnrollment, "enrollment", "write the record at DPS that admits the device"},
		{StepRegistration, "registration", "register with DPS over mutual TLS, poll until a hub is assigned"},
		{StepTelemetry, "telemetry", "send messages to the assigned IoT hub over HTTPS"},
	}
}

// optionalStep is what [Steps] leaves out.
var optionalStep = StepInfo{StepAPIManagement, "API Management", "upload certificate and key to an API Management service, which is another thing than DPS's signing certificates"}

// AllSteps lists every step, those that only some profiles have last.
func AllSteps() []StepInfo { return append(Steps(), optionalStep) }

// Title is the step's short name, or the ID itself for an unknown one.
func (id StepID) Title() string {
	for _, s := range AllSteps() {
		if s.ID == id {
			return s.Title
		}
	}
	return string(id)
}
