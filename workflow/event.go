package workflow

import (
	"time"

	"dpslab/workflow/wire"
)

// Exchange is one recorded HTTP request with its response. Faces use this name
// so that they need not import the package that records.
type Exchange = wire.Exchange

// EventKind names what happened, in the past tense. The names are stable: they
// are the "event" member of the JSON lines and of the journal.
type EventKind string

// The kinds of events, roughly in the order in which a run emits them.
const (
	LabOpened            EventKind = "lab_opened"             // Lab is set; not part of a run
	RunStarted           EventKind = "run_started"            // Plan is set
	StepStarted          EventKind = "step_started"           //
	StepSkipped          EventKind = "step_skipped"           // Text says why there is nothing to do
	Noted                EventKind = "noted"                  // Text: one sentence of progress
	Warned               EventKind = "warned"                 // Text: one sentence; Problem may be set
	FilesWritten         EventKind = "files_written"          // Files is set
	ExchangeStarted      EventKind = "exchange_started"       // Exchange has request fields only
	ExchangeFinished     EventKind = "exchange_finished"      // Exchange is complete
	RetryScheduled       EventKind = "retry_scheduled"        // Poll.Due is when; Problem is what went wrong
	PollScheduled        EventKind = "poll_scheduled"         // Poll is set
	StatusChanged        EventKind = "status_changed"         // Registration is set
	MessageSent          EventKind = "message_sent"           // Message is set
	MessageReceived      EventKind = "message_received"       // Received is set: what the hub's inbox shows (lab only)
	ChangesFound         EventKind = "changes_found"          // Changes is set: what a record would become, or became meanwhile; Text says which
	HandNeeded           EventKind = "hand_needed"            // Manual is set: somebody has to do something elsewhere
	CloudMessageReceived EventKind = "cloud_message_received" // Cloud is set: a message to the device; not part of a run
	StreamChanged        EventKind = "stream_changed"         // Stream is set: how the telemetry flows from now on
	StepFinished         EventKind = "step_finished"          // Outcome; Problem when failed; Text summarises
	RunFinished          EventKind = "run_finished"           // Outcome; Problem when failed; exactly one per run
)

// Outcome is how a step or a run ended.
type Outcome string

// The outcomes.
const (
	Done      Outcome = "done"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
)

// Event is one thing that happened. Faces only render events; the same JSON
// lines are the journal. Events of one run carry its ID and rise in Seq from 1.
type Event struct {
	Run     string    `json:"run,omitempty"`
	Seq     int       `json:"seq,omitempty"`
	At      time.Time `json:"at"`
	Kind    EventKind `json:"event"`
	Device  string    `json:"device,omitempty"` // profile name
	Step    StepID    `json:"step,omitempty"`
	Text    string    `json:"text,omitempty"`
	Outcome Outcome   `json:"outcome,omitempty"`

	Plan   []StepID `json:"plan,omitempty"`
	Undo   bool     `json:"undo,omitempty"`    // with RunStarted: the steps are undone
	DryRun bool     `json:"dry_run,omitempty"` // with RunStarted: nothing is sent
	Adds   bool     `json:"adds,omitempty"`    // with RunStarted: its messages add to the telemetry before it

	Files        []File        `json:"files,omitempty"`
	Exchange     *Exchange     `json:"exchange,omitempty"`
	Poll         *Poll         `json:"poll,omitempty"`
	Registration *Registration `json:"registration,omitempty"`
	Message      *Message      `json:"message,omitempty"`
	Received     *Received     `json:"received,omitempty"`
	Stream       *Stream       `json:"stream,omitempty"`
	Cloud        *CloudMessage `json:"cloud,omitempty"`
	Changes      []Change      `json:"changes,omitempty"`
	Manual       *Manual       `json:"manual,omitempty"`
	Problem      *Problem      `json:"problem,omitempty"`
	Lab          *LabFacts     `json:"lab,omitempty"`

	stored place // where the event stands in a journal
}

// File is one file a step wrote or found.
type File struct {
	Path string `json:"path"`
	What string `json:"what"`          // "device certificate", "device private key", …
	New  bool   `json:"new,omitempty"` // false: it was there and is reused
}

// Poll is a wait that the service asked for, or a retry.
type Poll struct {
	Attempt     int       `json:"attempt"`                // the coming request's number, from 1
	Since       time.Time `json:"since"`                  // when the wait began
	Due         time.Time `json:"due"`                    // when the next request goes out
	OperationID string    `json:"operation_id,omitempty"` //
	RetryAfter  *int      `json:"retry_after,omitempty"`  // seconds as the service said; nil: header absent
}

// Registration is what DPS says of the device.
type Registration struct {
	RegistrationID string `json:"registration_id"`
	OperationID    string `json:"operation_id,omitempty"`
	Status         string `json:"status"`
	Substatus      string `json:"substatus,omitempty"`
	AssignedHub    string `json:"assigned_hub,omitempty"`
	DeviceID       string `json:"device_id,omitempty"`
	ETag           string `json:"etag,omitempty"`
	ErrorCode      int    `json:"error_code,omitempty"`
	ErrorMessage   string `json:"error_message,omitempty"`
	Updated        string `json:"updated,omitempty"` // last change as DPS tells it, ISO 8601 in UTC; of a lookup alone
}

// Message is one telemetry message that IoT Hub accepted (204).
type Message struct {
	N         int      `json:"n"`                    // from 1 within the run
	Of        int      `json:"of"`                   // how many the run will send
	Body      string   `json:"body"`                 //
	Value     *float64 `json:"value,omitempty"`      // first number in the body, for the chart
	ValueName string   `json:"value_name,omitempty"` // its JSON name
	LatencyMS float64  `json:"latency_ms"`
	Hub       string   `json:"hub"`
}

// Received is one message as it lies in the lab hub's inbox.
type Received struct {
	Hub        string            `json:"hub"`
	DeviceID   string            `json:"device_id"`
	Sequence   uint64            `json:"sequence"`
	EnqueuedAt time.Time         `json:"enqueued_at"`
	Body       string            `json:"body"`
	Properties map[string]string `json:"properties,omitempty"`
	System     map[string]string `json:"system,omitempty"`
}

// LabFacts is what people may know of the lab that serves a session. It holds
// no secret.
type LabFacts struct {
	Address string `json:"address"` // host:port
	IDScope string `json:"id_scope"`
	CAFile  string `json:"ca_file"`
	Joined  bool   `json:"joined"` // another process serves it
}

// Problem is an error a person can act on: what was tried, what came back,
// why that usually happens and what to do next.
type Problem struct {
	Kind       ProblemKind `json:"kind"`
	Op         string      `json:"op"`                    // what was tried: "register my-x509-device"
	Summary    string      `json:"summary"`               // one sentence: what came back
	Why        string      `json:"why,omitempty"`         // likeliest cause
	Fix        string      `json:"fix,omitempty"`         // what to do next
	Rule       string      `json:"rule,omitempty"`        // diagnostic rule, "R02"
	Status     int         `json:"status,omitempty"`      // HTTP status
	Code       string      `json:"code,omitempty"`        // service's code: "401002", "DeviceNotFound"
	TrackingID string      `json:"tracking_id,omitempty"` // for the support ticket
	Detail     string      `json:"detail,omitempty"`      // the answer as it came
}

// ProblemKind decides the exit code: see [ProblemKind.ExitCode].
type ProblemKind string

// The kinds of problems.
const (
	Refused     ProblemKind = "refused"     // the service said no: exit 1
	Usage       ProblemKind = "usage"       // bad flag, argument or profile: exit 2
	Unreachable ProblemKind = "unreachable" // no connection or no trust: exit 3
	LocalFile   ProblemKind = "local"       // file, key, certificate: exit 4
	Interrupted ProblemKind = "cancelled"   // exit 130
	ByHand      ProblemKind = "by_hand"     // somebody has to do something elsewhere first: exit 1
	Internal    ProblemKind = "internal"    // a bug here: exit 1
)

// ExitCode is the process exit code for a problem of this kind.
func (k ProblemKind) ExitCode() int {
	switch k {
	case Usage:
		return 2
	case Unreachable:
		return 3
	case LocalFile:
		return 4
	case Interrupted:
		return 130
	}
	return 1
}

// Error makes a Problem an error: summary, then the fix.
func (p *Problem) Error() string {
	s := p.Op
	if s != "" && p.Summary != "" {
		s += ": "
	}
	s += p.Summary
	if p.TrackingID != "" {
		s += " (tracking ID " + p.TrackingID + ")"
	}
	return s
}
