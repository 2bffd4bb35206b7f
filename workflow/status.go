package workflow

import "time"

// StepState is where a step stands.
type StepState string

// The states of a step.
const (
	Waiting     StepState = "waiting"
	Running     StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepSkip    StepState = "skipped" // nothing to do for this profile
	StepStopped StepState = "cancelled"
)

// Status is the one projection of the event stream that every face shows.
// Build it with [NewStatus], feed it with [Status.Apply]; it does no I/O and
// never reads the clock.
type Status struct {
	Device  string
	Run     string // the current or last run
	Running bool
	Undoing bool    // the current or last run takes steps back
	DryRun  bool    // and sends nothing
	Outcome Outcome // of the last finished run
	Problem *Problem

	Steps        []StepStatus // always all steps, in order
	Lane         []LaneRow    // the registration step's conversation, oldest first
	Poll         *Poll        // set while a wait is under way
	PollStep     StepID       // the step that waits
	Registration Registration
	Telemetry    TelemetryStatus
	Exchanges    Exchanges // finished ones, oldest first
	Pending      *Exchange // sent, not yet answered
	Log          []LogLine // everything worth a line, oldest first, capped at MaxLog
	LogGone      int       // how many older lines the cap dropped
	Lab          *LabFacts
	Cloud        []*CloudMessage // messages to the device, oldest first, capped at MaxSamples

	seq int
}

// StepStatus is one step on the rail.
type StepStatus struct {
	StepInfo
	State   StepState
	Started time.Time
	Ended   time.Time
	Text    string // the last thing it said, or its summary
	Files   []File
	Problem *Problem
	Log     []LogLine // this step's lines of the current run, capped at MaxLog
	LogGone int       // how many older ones the cap dropped
	Attempt int       // how often it ran in this run

	before StepState // of a step that is being undone
}

// LaneKind is what a row of the swim-lane shows.
type LaneKind int

// The kinds of rows between device, DPS and IoT Hub.
const (
	LaneRequest  LaneKind = iota // an arrow to the right
	LaneResponse                 // an arrow to the left, with status and time
	LaneWait                     // the wait that Retry-After asked for
	LaneFault                    // no answer: the connection failed
)

// LaneRow is one row of the swim-lane.
type LaneRow struct {
	Kind     LaneKind
	At       time.Time
	Exchange *Exchange // nil for a wait
	ToHub    bool      // false: to DPS
	Label    string    // "PUT register", "202 assigning"
	Note     string    // "41 ms  op 5.5066…"
	Poll     *Poll     // for a wait
	Ended    time.Time // for a wait that is over; before Poll.Due when something cut it short
	Open     bool      // still going on
	Bad      bool      // a refusal or a fault
}

// TelemetryStatus is the projection of the telemetry step.
type TelemetryStatus struct {
	Sent, Of, Failed int
	Received         int // as counted in the lab hub's inbox
	ValueName        string
	Samples          []Sample // oldest first, capped at MaxSamples
	Last             *Message
	LastReceived     *Received
	Started          time.Time
	Stream           Stream // paused or not, and the interval; zero before the step ran

	before int // messages that were to be sent before the current run, which adds to them
}

// Sample is one sent message on the charts.
type Sample struct {
	At        time.Time
	Value     float64
	HasValue  bool
	LatencyMS float64
}

// Bounds of what a Status keeps; the oldest go first.
const (
	MaxSamples   = 600
	MaxExchanges = 100_000
	MaxLog       = 1_000 // more than any screen has rows
)
