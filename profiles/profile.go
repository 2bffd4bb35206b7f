// Package profiles keeps what a person decided about a device and what the
// tool learned about it.
//
// A profile is the user's TOML file: written by the wizard, never rewritten by
// a run, so that comments survive. A state file is the tool's: progress,
// operation ID, assigned hub, etags. Neither ever holds a secret; a profile
// names where a secret comes from (passphrase_env, connection_string_env) and
// is refused when it holds one itself.
//
// The package is a leaf: it knows the shape of a profile, not what makes its
// values sensible. That is asked of the fields in package workflow.
package profiles

// Version is the profile format this build reads and writes.
const Version = 1

// Values of the closed sets in a profile, as they stand in TOML.
const (
	TargetLab   = "lab"
	TargetAzure = "azure"

	CredentialEntra            = "entra"
	CredentialConnectionString = "connection-string"

	// One way to sign in with Entra ID, and no other.
	CredentialEntraCLI              = "entra-cli"
	CredentialEntraEnvironment      = "entra-environment"
	CredentialEntraManagedIdentity  = "entra-managed-identity"
	CredentialEntraWorkloadIdentity = "entra-workload-identity"
	CredentialEntraDeviceCode       = "entra-device-code"

	CredentialNone = "none"

	AttestationX509         = "x509"
	AttestationSymmetricKey = "symmetric-key"
	AttestationTPM          = "tpm"

	SourceSelfSigned = "self-signed"
	SourceChain      = "chain"
	SourceFiles      = "files"
	SourceCSR        = "csr"

	EnrollmentIndividual = "individual"
	EnrollmentGroup      = "group"
)

// Profile is one device's TOML file. Its name is the file's name without
// ".toml" and is not repeated inside.
type Profile struct {
	Version    int        `toml:"version"`
	Target     Target     `toml:"target"`
	Identity   Identity   `toml:"identity"`
	Enrollment Enrollment `toml:"enrollment"`
	Telemetry  Telemetry  `toml:"telemetry"`

	APIManagement APIManagement `toml:"api_management,omitempty"`
}

// Target says where the services are.
type Target struct {
	Kind                string `toml:"kind"`                            // lab | azure
	IDScope             string `toml:"id_scope,omitempty"`              // 0ne…; the lab fills in its own
	DeviceEndpoint      string `toml:"device_endpoint,omitempty"`       // host name; default global.azure-devices-provisioning.net
	ServiceEndpoint     string `toml:"service_endpoint,omitempty"`      // host name of the DPS instance
	Credential          string `toml:"credential,omitempty"`            // entra, or one of its ways such as entra-device-code; connection-string | none
	ConnectionStringEnv string `toml:"connection_string_env,omitempty"` // name of an environment variable
	SubscriptionID      string `toml:"subscription_id,omitempty"`
	ResourceGroup       string `toml:"resource_group,omitempty"`
	DPSName             string `toml:"dps_name,omitempty"`
	DeviceAPIVersion    string `toml:"device_api_version,omitempty"`  // YYYY-MM-DD; default: what this build speaks
	ServiceAPIVersion   string `toml:"service_api_version,omitempty"` // the same for enrollments
	// HubConnectionStringEnv names an environment variable with a service
	// connection string of the IoT hub, to delete its device when retiring.
	HubConnectionStringEnv string `toml:"hub_connection_string_env,omitempty"`
	CAFile                 string `toml:"ca_file,omitempty"` // PEM roots trusted beside the system's
}

// Identity says who the device is and how it proves that.
type Identity struct {
	Attestation        string `toml:"attestation"`                   // x509 | symmetric-key | tpm
	RegistrationID     string `toml:"registration_id"`               // for X.509 the leaf's CN
	SymmetricKeyEnv    string `toml:"symmetric_key_env,omitempty"`   // environment variable that holds the enrollment's key, base64; empty: asked of the service
	DerivedKey         bool   `toml:"derived_key,omitempty"`         // symmetric_key_env holds the device's own key, derived from the group's
	TPMDevice          string `toml:"tpm_device,omitempty"`          // path of the TPM; default /dev/tpmrm0, on Windows tbs
	Source             string `toml:"source,omitempty"`              // self-signed | chain | files | csr
	Algorithm          string `toml:"algorithm,omitempty"`           // ec-p256 ec-p384 ec-p521 rsa-2048 rsa-3072 rsa-4096
	ValidDays          int    `toml:"valid_days,omitempty"`          // life of the device certificate
	CertificateFile    string `toml:"certificate_file,omitempty"`    // source files: PEM, DER or PFX, with the chain; an absolute path
	KeyFile            string `toml:"key_file,omitempty"`            // source files: the private key, unless it is in certificate_file
	SignedFile         string `toml:"signed_file,omitempty"`         // source csr: where the signed certificate will be; an absolute path
	Authority          string `toml:"authority,omitempty"`           // the CA that signs a chain; shared by the devices of a group
	SecondaryAuthority string `toml:"secondary_authority,omitempty"` // another one, which a group names as its secondary, to roll over to
	Intermediates      int    `toml:"intermediates,omitempty"`       // CAs between the root and the device, 1 to 3; default 1
	Secondary          bool   `toml:"secondary,omitempty"`           // keep a second certificate, to roll over to
	PFXPasswordEnv     string `toml:"pfx_password_env,omitempty"`    // also write a PFX, with the password in this environment variable
	PFXCompatible      bool   `toml:"pfx_compatible,omitempty"`      // with 3DES, for Windows Server 2016 and older
	PassphraseEnv      string `toml:"passphrase_env,omitempty"`      // environment variable that holds the key's pass phrase
	PassphraseCommand  string `toml:"passphrase_command,omitempty"`  // command whose first line of output is the pass phrase
	Payload            string `toml:"payload,omitempty"`             // JSON that the device sends when it registers, for a custom allocation webhook
}

// Enrollment is the record at DPS that admits the device.
type Enrollment struct {
	Kind             string             `toml:"kind"`         // individual | group
	ID               string             `toml:"id,omitempty"` // group name; an individual enrollment is named by its registration ID
	DeviceID         string             `toml:"device_id,omitempty"`
	AllocationPolicy string             `toml:"allocation_policy,omitempty"` // hashed | geoLatency | static | custom
	IoTHubs          []string           `toml:"iot_hubs,omitempty"`          // host names
	WebhookURL       string             `toml:"webhook_url,omitempty"`       // policy custom: the function that chooses the hub
	WebhookVersion   string             `toml:"webhook_api_version,omitempty"`
	CAReference      string             `toml:"ca_reference,omitempty"`           // name of an uploaded CA, instead of a certificate
	SecondaryCA      string             `toml:"secondary_ca_reference,omitempty"` // another, to roll over to
	Reprovision      *ReprovisionPolicy `toml:"reprovision,omitempty"`
	IoTEdge          bool               `toml:"iot_edge,omitempty"`
	InitialTwin      map[string]any     `toml:"initial_twin,omitempty"`       // tags and properties.desired
	DeviceInfo       map[string]any     `toml:"device_information,omitempty"` // optionalDeviceInformation of an individual enrollment
}

// ReprovisionPolicy says what DPS may do when the device registers again.
type ReprovisionPolicy struct {
	UpdateHubAssignment bool `toml:"update_hub_assignment"`
	MigrateDeviceData   bool `toml:"migrate_device_data"`
}

// Telemetry is what the last step sends.
type Telemetry struct {
	Body        string            `toml:"body"`         // text/template, see workflow
	ContentType string            `toml:"content_type"` // becomes the message's content-type system property
	Count       int               `toml:"count"`
	Interval    string            `toml:"interval"`        // Go duration
	Batch       int               `toml:"batch,omitempty"` // messages in one request; default 1
	Properties  map[string]string `toml:"properties,omitempty"`
}

// APIManagement asks for the device's certificate at an API Management service
// too. That is another resource than DPS's signing certificates.
type APIManagement struct {
	Service       string `toml:"service,omitempty"`        // name of the API Management service; empty: no certificate there
	ResourceGroup string `toml:"resource_group,omitempty"` // default: target.resource_group
	CertificateID string `toml:"certificate_id,omitempty"` // default: the registration ID
}
