package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// events takes in what the engine says.
func (a *app) events(es []workflow.Event) tea.Cmd {
	over, files, opened := "", false, false
	for _, e := range es {
		a.clock(e.At)
		if e.Kind == workflow.LabOpened {
			a.lab, opened = e.Lab, true
		}
		if a.sideEvents(e) {
			continue
		}
		if e.Kind == workflow.HandNeeded && e.Run == "" && e.Manual != nil {
			a.notices = append(a.notices, *e.Manual)
		}
		st := a.watched(e.Device)
		if st == nil {
			continue
		}
		st.Apply(e)
		switch e.Kind {
		case workflow.RunStarted:
			a.remember(st)
		case workflow.StepFinished:
			files = true
		case workflow.RunFinished:
			over = e.Device
		}
	}
	var cmds []tea.Cmd
	if a.batch.current != "" && over == a.batch.current {
		cmds = append(cmds, a.nextInBatch())
	}
	if over != "" || opened {
		cmds = append(cmds, a.readPlaying())
	}
	if over != "" {
		cmds = append(cmds, a.readDevices([]string{over}))
	}
	if files || over != "" {
		cmds = append(cmds, a.readChain())
	}
	return tea.Batch(cmds...)
}

// watched is the status that a device's events go to: the one on the bench, or
// of the batch; nil for a device that nobody looks at. The lab opens for all.
func (a *app) watched(device string) *workflow.Status {
	switch {
	case a.status != nil && (device == "" || device == a.status.Device):
		return a.status
	case a.batch.status != nil && device == a.batch.current:
		return a.batch.status
	}
	return nil
}

// observed is the status that screens see: of the device on the bench, or of the
// calls of the screen of enrollments.
func (a *app) observed() *workflow.Status {
	if a.side != nil {
		return a.side.status
	}
	return a.status
}

// remember keeps a device that ran, for the words at the end.
func (a *app) remember(s *workflow.Status) {
	for _, r := range a.ran {
		if r == s {
			return
		}
	}
	a.ran = append(a.ran, s)
}

// follow is what comes after every message: screens see the state, rows in
// sight are read, a waiting question is shown, and the one ticker runs while
// something moves.
func (a *app) follow() tea.Cmd {
	for _, s := range a.stack {
		s.Observe(a.observed(), a.now)
	}
	a.home.SetLive(a.batch.live(a.th))
	var cmds []tea.Cmd
	a.lookout.aim(a.current() == screen.Screen(a.home), a.home.InSight)
	if a.current() == screen.Screen(a.home) {
		if names := a.home.Wanted(); len(names) > 0 {
			cmds = append(cmds, a.readDevices(names))
		}
	}
	cmds = append(cmds, a.lookOn(), a.readHeld(), a.lookUp())
	if a.overlay == nil && len(a.questions) > 0 {
		cmds = append(cmds, a.askNext())
	}
	if a.overlay == nil && len(a.notices) > 0 {
		cmds = append(cmds, a.showNotice())
	}
	if a.busy() && !a.ticking {
		a.ticking = true
		cmds = append(cmds, tea.Tick(tickEvery, func(t time.Time) tea.Msg { return tickMsg(t) }))
	}
	return tea.Batch(cmds...)
}
