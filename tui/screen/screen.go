// Package screen holds the screens of the workbench.
//
// Rules of the package: a screen keeps focus, cursor, scroll position and
// half-typed text, and nothing else; what is valid and what happened is asked of
// package workflow. A screen does no I/O, reads no clock and calls no session:
// it returns an [Intent], and the root decides. View returns exactly the cells
// it was asked for.
package screen

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/workflow"
)

// Screen is one page of the workbench.
type Screen interface {
	// Title is what the header says, already safe to draw.
	Title() string
	// Handle takes a key. The intent is nil when there is nothing to do.
	Handle(k tea.KeyMsg) Intent
	// Observe is called after events and ticks; st is nil when no device is open.
	Observe(st *workflow.Status, now time.Time)
	// View draws w by h cells.
	View(w, h int) []string
	// Bindings are the keys, with the reason where one cannot act.
	Bindings() []keymap.Binding
	// Capturing says whether a text field has the keys.
	Capturing() bool
}

// Intent is what a screen would like to happen.
type Intent interface{ intent() }

// The intents.
type (
	// NewDevice opens the wizard.
	NewDevice struct{}
	// OpenDevice opens a device's bench, and runs all its steps when Run is set.
	OpenDevice struct {
		Name string
		Run  bool
	}
	// RemoveDevices asks before it deletes devices. Path is the profile of the
	// only one, when it is known.
	RemoveDevices struct {
		Names []string
		Path  string
	}
	// RetireDevices deletes what runs of devices made at the services, after
	// asking.
	RetireDevices struct{ Names []string }
	// RunDevices runs all steps of devices, one device after another.
	RunDevices struct{ Names []string }
	// RunDevice runs steps of the device on the bench.
	RunDevice struct{ Options workflow.RunOptions }
	// CancelRun stops what runs.
	CancelRun struct{}
	// LeaveScreen goes back to the screen before.
	LeaveScreen struct{}
	// ShowTranscript opens the list of exchanges.
	ShowTranscript struct{}
	// ShowChain opens the device's certificates.
	ShowChain struct{}
	// CopyText copies a text; File is where a copy is kept beside the clipboard.
	CopyText struct{ What, Text, File string }
	// CopyExchange copies an exchange as a curl command line.
	CopyExchange struct{ Exchange *workflow.Exchange }
	// ShowWhy opens what a question is for.
	ShowWhy struct{ Field workflow.Field }
	// ShowPages opens the list of the wizard's pages.
	ShowPages struct{}
	// KeepDraft stores the answers of a wizard that has reached another page.
	KeepDraft struct{ Answers workflow.Answers }
	// PrepareKeys begins the search for the keys that the answers need.
	PrepareKeys struct{ Answers workflow.Answers }
	// ShowLab opens the lab.
	ShowLab struct{}
	// SetFaults switches scenarios of the lab on or off.
	SetFaults struct {
		Names []string
		On    bool
	}
	// LeaveWizard stores the answers and goes back.
	LeaveWizard struct{ Answers workflow.Answers }
	// SaveAndRun saves the profile, opens its bench and runs all steps.
	SaveAndRun struct{ Wizard workflow.Wizard }
	// EditDevice opens the wizard on a profile that exists.
	EditDevice struct{ Name string }
	// SaveEdit saves a profile that was edited.
	SaveEdit struct{ Wizard workflow.Wizard }
	// Say shows a sentence for a few seconds.
	Say struct{ Text string }
)

func (NewDevice) intent()      {}
func (OpenDevice) intent()     {}
func (RemoveDevices) intent()  {}
func (RetireDevices) intent()  {}
func (RunDevices) intent()     {}
func (RunDevice) intent()      {}
func (CancelRun) intent()      {}
func (LeaveScreen) intent()    {}
func (ShowTranscript) intent() {}
func (ShowChain) intent()      {}
func (CopyText) intent()       {}
func (CopyExchange) intent()   {}
func (ShowWhy) intent()        {}
func (ShowPages) intent()      {}
func (KeepDraft) intent()      {}
func (PrepareKeys) intent()    {}
func (ShowLab) intent()        {}
func (SetFaults) intent()      {}
func (LeaveWizard) intent()    {}
func (SaveAndRun) intent()     {}
func (EditDevice) intent()     {}
func (SaveEdit) intent()       {}
func (Say) intent()            {}

// denied is the intent of a key that cannot act now.
func denied(b keymap.Binding) Intent {
	return Say{Text: b.Label + " does nothing now: " + b.Disabled}
}
