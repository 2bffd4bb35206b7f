package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"dpslab/profiles/wholefile"
)

// StateVersion is the state file format this build reads and writes.
const StateVersion = 1

// State is what the tool learned about a device: its progress and what the
// next run needs. It is written before every wait, so that a killed run can be
// resumed. The zero value is a device that never ran. Times are UTC.
type State struct {
	Version            int                  `toml:"version"`
	Updated            time.Time            `toml:"updated,omitempty"`     // when the tool last wrote it
	Steps              map[string]StepState `toml:"steps,omitempty"`       // by the step's ID
	Certificate        Certificate          `toml:"certificate,omitempty"` // the device's
	SigningCertificate SigningCertificate   `toml:"signing_certificate,omitempty"`
	Enrollment         EnrollmentState      `toml:"enrollment,omitempty"`
	Registration       Registration         `toml:"registration,omitempty"`
	Telemetry          TelemetryState       `toml:"telemetry,omitempty"`
	LastError          *LastError           `toml:"last_error,omitempty"`
	APIManagement      APIManagementState   `toml:"api_management,omitempty"`
	// Created is what runs of this profile made at services, oldest first:
	// retiring deletes that and nothing else.
	Created []Creation `toml:"created,omitempty"`
}

// Kinds of [Creation].
const (
	CreatedEnrollment    = "enrollment"
	CreatedGroup         = "enrollment-group"
	CreatedRegistration  = "registration"
	CreatedHubDevice     = "hub-device"
	CreatedSigningCA     = "signing-certificate"
	CreatedAPIManagement = "api-management-certificate"
)

// Creation is one thing that a run made at a service.
type Creation struct {
	Kind string    `toml:"kind"`
	Name string    `toml:"name"` // as the service calls it
	Host string    `toml:"host"` // host name of the service, or of the hub
	ETag string    `toml:"etag,omitempty"`
	At   time.Time `toml:"at,omitempty"`
	// Where Azure Resource Manager keeps it.
	SubscriptionID string `toml:"subscription_id,omitempty"`
	ResourceGroup  string `toml:"resource_group,omitempty"`
	Parent         string `toml:"parent,omitempty"` // the DPS instance or API Management service
}

// Same says whether two records are about the same thing.
func (c Creation) Same(d Creation) bool {
	return c.Kind == d.Kind && strings.EqualFold(c.Host, d.Host) && strings.EqualFold(c.Parent, d.Parent) &&
		(c.Name == d.Name || c.Kind != CreatedHubDevice && strings.EqualFold(c.Name, d.Name)) // the hub alone tells case apart
}

// Creates notes that a run made something. What is noted already gets the new
// etag.
func (st *State) Creates(c Creation) {
	for i, known := range st.Created {
		if known.Same(c) {
			c.At = known.At
			st.Created[i] = c
			return
		}
	}
	st.Created = append(st.Created, c)
}

// Owns finds what a run made.
func (st *State) Owns(c Creation) (Creation, bool) {
	for _, known := range st.Created {
		if known.Same(c) {
			return known, true
		}
	}
	return Creation{}, false
}

// Forgets drops what is gone.
func (st *State) Forgets(c Creation) {
	st.Created = slices.DeleteFunc(st.Created, c.Same)
}

// APIManagementState is the certificate at the API Management service.
type APIManagementState struct {
	Service       string `toml:"service,omitempty"`
	CertificateID string `toml:"certificate_id,omitempty"`
	ETag          string `toml:"etag,omitempty"`
	SHA1          string `toml:"sha1,omitempty"` // as the service shows it, upper-case hex
}

// StepState is how a step ended the last time.
type StepState struct {
	Status   string    `toml:"status"` // done | failed | skipped | cancelled
	Finished time.Time `toml:"finished,omitempty"`
	Summary  string    `toml:"summary,omitempty"`
}

// Certificate is the device's certificate as it lay on disk. Thumbprints are
// upper-case hex.
type Certificate struct {
	NotBefore       time.Time `toml:"not_before,omitempty"`
	NotAfter        time.Time `toml:"not_after,omitempty"`
	SHA1            string    `toml:"sha1,omitempty"`
	SHA256          string    `toml:"sha256,omitempty"`
	SecondarySHA256 string    `toml:"secondary_sha256,omitempty"`
	CertificateFile string    `toml:"certificate_file,omitempty"` // the device's certificate, alone
	ChainFile       string    `toml:"chain_file,omitempty"`       // what the device presents
	KeyFile         string    `toml:"key_file,omitempty"`
}

// SigningCertificate is the CA at DPS that proof of possession was made for.
type SigningCertificate struct {
	Name     string `toml:"name,omitempty"`
	ETag     string `toml:"etag,omitempty"`
	SHA1     string `toml:"sha1,omitempty"` // thumbprint as DPS shows it, upper-case hex
	Verified bool   `toml:"verified,omitempty"`
	Created  bool   `toml:"created,omitempty"` // by this profile, so that retiring it may delete it
	Code     string `toml:"code,omitempty"`    // verification code of a proof that is under way
}

// EnrollmentState is the record at DPS that admits the device.
type EnrollmentState struct {
	Kind    string `toml:"kind,omitempty"` // individual | group
	ID      string `toml:"id,omitempty"`
	ETag    string `toml:"etag,omitempty"`
	SHA256  string `toml:"sha256,omitempty"`  // thumbprint of the certificate it names, upper-case hex
	Created bool   `toml:"created,omitempty"` // by this profile, so that retiring it may delete it
}

// Registration is the last registration: the operation while it is under way,
// and what DPS assigned.
type Registration struct {
	OperationID  string    `toml:"operation_id,omitempty"`
	Submitted    time.Time `toml:"submitted,omitempty"`
	PollDue      time.Time `toml:"poll_due,omitempty"`
	Status       string    `toml:"status,omitempty"` // as DPS spells it: assigning, assigned, failed, disabled, unassigned
	Substatus    string    `toml:"substatus,omitempty"`
	AssignedHub  string    `toml:"assigned_hub,omitempty"`
	DeviceID     string    `toml:"device_id,omitempty"`
	ETag         string    `toml:"etag,omitempty"`
	LeafSHA256   string    `toml:"leaf_sha256,omitempty"` // of the certificate that was presented
	ErrorCode    int       `toml:"error_code,omitzero"`
	ErrorMessage string    `toml:"error_message,omitempty"`
}

// TelemetryState is what was sent so far, over all runs.
type TelemetryState struct {
	Sent int       `toml:"sent,omitzero"`
	Last time.Time `toml:"last,omitempty"`
}

// LastError is why the last run failed.
type LastError struct {
	Step       string    `toml:"step,omitempty"`
	Kind       string    `toml:"kind,omitempty"`
	Op         string    `toml:"op,omitempty"`
	Summary    string    `toml:"summary,omitempty"`
	Why        string    `toml:"why,omitempty"`
	Fix        string    `toml:"fix,omitempty"`
	Code       string    `toml:"code,omitempty"`
	Status     int       `toml:"status,omitzero"` // HTTP
	TrackingID string    `toml:"tracking_id,omitempty"`
	At         time.Time `toml:"at,omitempty"`
}

// LoadState reads what is known about a device. Without a state file that is
// an empty State. Keys that this build does not know are ignored, a newer
// version of the whole is an error.
func (s *Store) LoadState(name string) (*State, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	path := s.Paths.StateFile(name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &State{Version: StateVersion, Steps: map[string]StepState{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state of %s: %w", name, err)
	}
	return parseState(path, data)
}

func parseState(path string, data []byte) (*State, error) {
	st := &State{}
	if _, err := toml.Decode(string(data), st); err != nil {
		return nil, decodeError(path, data, err, "remove the file: the next run begins anew")
	}
	if st.Version != StateVersion {
		return nil, &Error{
			Path: path, Line: 1, Column: 1, Key: "version",
			Problem: fmt.Sprintf("state format %d, this dpslab reads %d", st.Version, StateVersion),
			Fix:     "use the dpslab that wrote it, or remove the file: the next run begins anew",
		}
	}
	if st.Steps == nil {
		st.Steps = map[string]StepState{}
	}
	return st, nil
}

// SaveState writes what is known about a device, whole or not at all: whoever
// reads it next, whatever is killed meanwhile, reads this. Until [Store.SyncState]
// a power failure may bring back the state that was there before.
func (s *Store) SaveState(name string, st *State) error {
	if err := CheckName(name); err != nil {
		return err
	}
	out := *st
	out.Version = StateVersion
	var b strings.Builder
	b.WriteString("# Written by dpslab: progress, not settings. Do not edit.\n")
	enc := toml.NewEncoder(&b)
	enc.Indent = ""
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("encoding the state of %s: %w", name, err)
	}
	if err := putFile(s.Paths.StateFile(name), []byte(b.String()), true); err != nil {
		return fmt.Errorf("writing the state of %s: %w", name, err)
	}
	return nil
}

// SyncState makes durable what SaveState wrote, if anything.
func (s *Store) SyncState(name string) error {
	err := wholefile.SyncDir(filepath.Dir(s.Paths.StateFile(name)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing the state of %s: %w", name, err)
	}
	return nil
}
