package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
)

// work does what the screens of a device and of the lab proposed.
func (a *app) work(i screen.Intent) tea.Cmd {
	for _, take := range []func(screen.Intent) (tea.Cmd, bool){a.transcriptIntent, a.benchIntent, a.labIntent, a.sideIntent} {
		if cmd, ok := take(i); ok {
			return cmd
		}
	}
	return nil
}

// worked takes in what their commands brought back.
func (a *app) worked(msg tea.Msg) tea.Cmd {
	for _, take := range []func(tea.Msg) (tea.Cmd, bool){a.transcriptResult, a.benchResult, a.sideResult} {
		if cmd, ok := take(msg); ok {
			return cmd
		}
	}
	return nil
}
