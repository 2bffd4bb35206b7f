package tui

import (
	"context"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/workflow"
)

// lookEvery is how often the lab is read while its screen is open.
const lookEvery = time.Second

// messages of the lab screen. look counts the looks: an answer or a timer of one
// that is not the newest is dropped, so that there is never more than one.
type (
	labMsg struct {
		look int
		view workflow.LabView
		err  error
	}
	lookMsg   struct{ look int }
	faultsMsg struct {
		names []string
		on    bool
		err   error
	}
)

// readLab looks at the lab, if its screen is open.
func (a *app) readLab() tea.Cmd {
	if a.labScreen == nil {
		return nil
	}
	a.looks++
	look := a.looks
	return a.do(func() tea.Msg {
		m := labMsg{look: look}
		m.view, m.err = a.session.LabView(context.Background())
		return m
	})
}

// gotLab shows a look and waits for the next one. A frame that is the same as
// before is not written.
func (a *app) gotLab(m labMsg) tea.Cmd {
	if a.labScreen == nil || m.look != a.looks {
		return nil
	}
	a.labScreen.SetView(m.view, m.err)
	a.gotPlaying(playingMsg{playing(m.view.Faults), m.err})
	return tea.Tick(lookEvery, func(time.Time) tea.Msg { return lookMsg{m.look} })
}

func (a *app) lookAgain(m lookMsg) tea.Cmd {
	if m.look != a.looks {
		return nil
	}
	return a.readLab()
}

// setFaults switches scenarios of the lab.
func (a *app) setFaults(names []string, on bool) tea.Cmd {
	return a.do(func() tea.Msg {
		for _, name := range names {
			if err := a.session.SetFault(context.Background(), name, on); err != nil {
				return faultsMsg{names, on, err}
			}
		}
		return faultsMsg{names, on, nil}
	})
}

func (a *app) faultsSet(m faultsMsg) tea.Cmd {
	text := strings.Join(m.names, ", ") + " off"
	if m.err != nil {
		return tea.Batch(a.readLab(), a.readPlaying(), a.refused("The scenario is not switched", m.err))
	}
	if m.on {
		text = strings.Join(m.names, ", ") + " on: the next device that meets it sees it"
	}
	return tea.Batch(a.readLab(), a.readPlaying(), a.say(text))
}
