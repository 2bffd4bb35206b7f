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
	CredentialNone             = "none"

	AttestationX509 = "x509"

	SourceSelfSigned = "self-signed"
	SourceChain      = "chain"
	SourceFiles      = "files"

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
}

// Target says where the services are.
type Target struct {
	Kind                string `toml:"kind"`                            // lab | azure
	IDScope             string `toml:"id_scope,omitempty"`              // 0ne…; the lab fills in its own
	DeviceEndpoint      string `toml:"device_endpoint,omitempty"`       // host name; default global.azure-devices-provisioning.net
	ServiceEndpoint     string `toml:"service_endpoint,omitempty"`      // host name of the DPS instance
	Credential          string `toml:"credential,omitempty"`            // entra | connection-string | none
	ConnectionStringEnv string `toml:"connection_string_env,omitempty"` // name of an environment variable
	SubscriptionID      string `toml:"subscription_id,omitempty"`
	ResourceGroup       string `toml:"resource_group,omitempty"`
	DPSName             string `toml:"dps_name,omitempty"`
	CAFile              string `toml:"ca_file,omitempty"` // PEM roots trusted beside the system's
}

// Identity says who the device is and how its certificate comes about.
type Identity struct {
	Attestation       string `toml:"attestation"`                  // x509
	RegistrationID    string `toml:"registration_id"`              // the leaf's CN
	Source            string `toml:"source"`                       // self-signed | chain | files
	Algorithm         string `toml:"algorithm,omitempty"`          // ec-p256 ec-p384 ec-p521 rsa-2048 rsa-3072 rsa-4096
	ValidDays         int    `toml:"valid_days,omitempty"`         // life of the device certificate
	CertificateFile   string `toml:"certificate_file,omitempty"`   // source files: PEM, DER or PFX, with the chain; an absolute path
	KeyFile           string `toml:"key_file,omitempty"`           // source files: the private key, unless it is in certificate_file
	Authority         string `toml:"authority,omitempty"`          // the CA that signs a chain; shared by the devices of a group
	PassphraseEnv     string `toml:"passphrase_env,omitempty"`     // environment variable that holds the key's pass phrase
	PassphraseCommand string `toml:"passphrase_command,omitempty"` // command whose first line of output is the pass phrase
}

// Enrollment is the record at DPS that admits the device.
type Enrollment struct {
	Kind             string             `toml:"kind"`         // individual | group
	ID               string             `toml:"id,omitempty"` // group name; an individual enrollment is named by its registration ID
	DeviceID         string             `toml:"device_id,omitempty"`
	AllocationPolicy string             `toml:"allocation_policy,omitempty"` // hashed | geoLatency | static
	IoTHubs          []string           `toml:"iot_hubs,omitempty"`          // host names
	Reprovision      *ReprovisionPolicy `toml:"reprovision,omitempty"`
	IoTEdge          bool               `toml:"iot_edge,omitempty"`
	InitialTwin      map[string]any     `toml:"initial_twin,omitempty"` // tags and properties.desired
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
	Interval    string            `toml:"interval"` // Go duration
	Properties  map[string]string `toml:"properties,omitempty"`
}
