package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// steeredMsg is what came of a change to the messages that flow.
type steeredMsg struct{ err error }

// benchIntent does what the bench proposed; ok is false for an intent of
// another screen.
func (a *app) benchIntent(i screen.Intent) (cmd tea.Cmd, ok bool) {
	switch i := i.(type) {
	case screen.PauseTelemetry:
		return a.steer(func() error { return a.session.Pause(i.On) }), true
	case screen.SetPace:
		return a.steer(func() error { return a.session.SetInterval(i.Interval) }), true
	case screen.RedoStep:
		return a.redo(i.Step), true
	case screen.ReceiveMessages:
		return a.receive(), true
	case screen.LookUpRegistration:
		return a.lookUpRegistration(), true
	case screen.UndoStep:
		return a.planUndo(i.Step), true
	case screen.ComposeMessage:
		return a.compose(), true
	}
	return nil, false
}

func (a *app) benchResult(msg tea.Msg) (cmd tea.Cmd, ok bool) {
	switch msg := msg.(type) {
	case steeredMsg:
		if msg.err != nil {
			return a.refused("The flow of messages stays as it is", msg.err), true
		}
		return nil, true // an event tells how they flow now
	case undoPlanMsg:
		return a.askUndo(msg), true
	case receivedMsg:
		return a.gotMessage(msg), true
	case standingMsg:
		return a.gotStanding(msg), true
	case settledMsg:
		return a.settled(msg), true
	case draftedMsg:
		return a.openEditor(msg), true
	case composedMsg:
		return a.composed(msg), true
	case sentMsg:
		return a.messageSent(msg), true
	}
	return nil, false
}

// steer changes how messages flow.
func (a *app) steer(f func() error) tea.Cmd {
	return a.do(func() tea.Msg { return steeredMsg{f()} })
}

// newCertificate is what making one means; a face adds how.
const newCertificate = "A new certificate replaces the one that is there; the private key stays. " +
	"DPS and IoT Hub know the old one: run the steps \"enrollment\" and \"registration\" afterwards"

// redo runs a step as if it had not run. Only a new certificate asks: what is
// enrolled and registered does not fit it any more.
func (a *app) redo(id workflow.StepID) tea.Cmd {
	o := workflow.RunOptions{Only: []workflow.StepID{id}, Force: true}
	if id != workflow.StepCertificates {
		return a.start(o)
	}
	text := newCertificate + " (r on the enrollment step does)."
	a.overlay = &confirm{th: a.th, title: "Make a new certificate?", verb: "makes it", lines: ui.Wrap(text, 72), yes: func() tea.Cmd { return a.start(o) }}
	return nil
}
