package workflow

import (
	"context"
	"crypto/x509"

	"dpslab/profiles"
)

// Config is what a [Session] needs from whoever starts it.
type Config struct {
	Store *profiles.Store
	// OpenLab starts the embedded lab or joins one that already serves the
	// same store. It is called at most once, when a profile first needs it.
	OpenLab func(ctx context.Context) (*Lab, error)
	// Ask puts a question to the person (a pass phrase). Nil: nobody is there,
	// and a missing answer is an error that names the profile key.
	Ask func(ctx context.Context, q Question) (string, error)
	// Getenv looks up passphrase_env and connection_string_env.
	Getenv func(string) string
	// Sink receives every event, in order, one at a time.
	Sink func(Event)
}

// Question is something only a person can answer during a run.
type Question struct {
	Key    string // "identity.passphrase"
	Prompt string // "Pass phrase of /…/device-01.key.pem"
	Secret bool   // do not echo
}

// Lab is a running lab as the engine sees it: a target like any other. The
// engine does not import the emulator; the command line fills this in.
type Lab struct {
	LabFacts
	Roots *x509.CertPool

	DPSName, SubscriptionID, ResourceGroup string
	DeviceHost, ServiceHost, ManagementHost string
	HubHosts                                []string
	ServiceConnectionString                 string
	ManagementToken                         string

	// Inbox reads what the hub received from the device after a sequence number.
	Inbox func(ctx context.Context, hub, deviceID string, after uint64) ([]Received, error)
	// Close ends a lab that this process started, and leaves a joined one alone.
	Close func() error
}

// Device is one line of the home screen. It is read from the profile and the
// state file alone: no certificate is opened for it.
type Device struct {
	Name       string
	Profile    *profiles.Profile // nil when Err is set
	State      *profiles.State   // never nil
	Err        error             // the profile cannot be used; says file, line, fix
	ProfilePath string
}

// RunOptions choose what a run does.
type RunOptions struct {
	Only   []StepID // nil: all steps
	From   StepID   // start at this step; empty: at the first
	Resume bool     // finish the registration operation that an earlier run began
	Force  bool     // redo steps even when the files or records are there already
	Count  int      // telemetry messages, 0: what the profile says
	Fast   bool     // no pause between telemetry messages
}
