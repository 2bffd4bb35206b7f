package tui

import (
	"context"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/workflow"
)

// playingMsg is which scenarios of the lab are on.
type playingMsg struct {
	names []string
	err   error
}

// readPlaying asks which scenarios are on. It is asked when the lab opens, when
// a run ends and when somebody switched one here, not all the time.
func (a *app) readPlaying() tea.Cmd {
	return a.do(func() tea.Msg {
		faults, err := a.session.OpenLabFaults(context.Background())
		return playingMsg{playing(faults), err}
	})
}

// gotPlaying keeps what is known when the lab does not answer: the runs tell
// that it does not.
func (a *app) gotPlaying(m playingMsg) {
	if m.err == nil {
		a.playing = m.names
		if a.bench != nil {
			a.bench.Playing = m.names
		}
	}
}

func playing(faults []workflow.LabFault) []string {
	var names []string
	for _, f := range faults {
		if f.On {
			names = append(names, f.Name)
		}
	}
	return names
}

// scenarios names what is on in the lab, for the header of a device that is
// there: else nobody sees why its steps fail.
func (a *app) scenarios() string {
	if len(a.playing) == 0 || a.bench == nil || a.current() != a.bench || !a.bench.Lab() {
		return ""
	}
	what := fmt.Sprintf("%d scenarios on", len(a.playing))
	if len(a.playing) == 1 {
		what = "scenario " + a.th.Clean(a.playing[0]) + " on"
		if a.w < 80 {
			what = "1 scenario on"
		}
	}
	return a.th.Warn.Text(a.th.Warning+" "+what) + "  "
}
