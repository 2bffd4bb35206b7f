package tui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// standingMsg is what DPS said of a device's registration.
type standingMsg struct {
	device   string
	standing *screen.LookedUp
	err      error
}

// lookUpRegistration asks DPS, as the device, how its registration stands. It
// only reads, so a read-only session may, and also while something runs.
func (a *app) lookUpRegistration() tea.Cmd {
	name := a.bench.Device()
	return tea.Batch(a.say("asking DPS how the registration of "+name+" stands"), a.do(func() tea.Msg {
		m := standingMsg{device: name}
		m.standing, m.err = lookedUp(context.Background(), a.session, name)
		return m
	}))
}

// lookedUp asks DPS, and reads what this machine knows.
func lookedUp(ctx context.Context, s *workflow.Session, name string) (*screen.LookedUp, error) {
	r, err := s.Lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	return &screen.LookedUp{Registration: r, Known: s.Device(name).State, At: time.Now()}, nil
}

// gotStanding shows the answer, unless the device's bench was left meanwhile.
func (a *app) gotStanding(m standingMsg) tea.Cmd {
	a.toast = ""
	if a.bench == nil || a.bench.Device() != m.device {
		return nil
	}
	if m.err != nil {
		return a.refused("DPS was not asked, or did not say", m.err)
	}
	a.clock(m.standing.At)
	a.bench.SetStanding(m.standing)
	return nil
}
