package screen

import (
	"time"

	"dpslab/workflow"
)

// The intents of bench, transcript and lab, beside those that every screen has.
type (
	// ResendExchange sends a recorded request again, as the device or with the
	// session's rights, whichever it was sent with.
	ResendExchange struct{ Exchange *workflow.Exchange }
	// SaveTranscript offers ways to write exchanges to a file: the chosen one, or
	// all that are shown.
	SaveTranscript struct {
		Chosen, Shown workflow.Recording
	}
	// RedoStep runs a step anew where that replaces something: it asks first.
	RedoStep struct{ Step workflow.StepID }
	// UndoStep takes back what a step made: it asks first.
	UndoStep struct{ Step workflow.StepID }
	// PauseTelemetry holds messages back, or lets them go on.
	PauseTelemetry struct{ On bool }
	// SetPace changes the pause between messages while they are sent.
	SetPace struct{ Interval time.Duration }
	// ComposeMessage writes a message in the person's editor and sends it.
	ComposeMessage struct{}
	// ReceiveMessages asks IoT Hub for a cloud-to-device message.
	ReceiveMessages struct{}
	// LookUpRegistration asks DPS how the device's registration stands.
	LookUpRegistration struct{}
	// SetFaultParameters asks where, how often and with what figure a scenario
	// of the lab strikes, then switches it on.
	SetFaultParameters struct{ Fault workflow.LabFault }
)

func (ResendExchange) intent()     {}
func (SaveTranscript) intent()     {}
func (RedoStep) intent()           {}
func (UndoStep) intent()           {}
func (PauseTelemetry) intent()     {}
func (SetPace) intent()            {}
func (ComposeMessage) intent()     {}
func (ReceiveMessages) intent()    {}
func (LookUpRegistration) intent() {}
func (SetFaultParameters) intent() {}
