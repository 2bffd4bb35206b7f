package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/ui"
)

// showNotice tells what somebody has to do elsewhere for something that is no
// run's: a sign-in with a device code, which no screen but this one would show.
func (a *app) showNotice() tea.Cmd {
	m := a.notices[0]
	a.notices = a.notices[1:]
	var lines []string
	for _, l := range a.th.CleanLines(m.String()) {
		lines = append(lines, ui.Wrap(l, 70)...)
	}
	a.overlay = newMenu(a.th, "Something to do elsewhere", lines, []menuItem{
		{name: "go on", about: "close this; what waits for it goes on by itself", do: func() tea.Cmd { return nil }},
		{name: "copy it", about: "to the terminal's clipboard", do: func() tea.Cmd { return a.copyNotice(m.String()) }},
	})
	return a.grace.begin()
}

// copyNotice copies to the clipboard alone: a sign-in code belongs in no file.
func (a *app) copyNotice(text string) tea.Cmd {
	clip := a.clip
	return a.do(func() tea.Msg {
		if clip.Out == nil || !clip.Copy(text) {
			return saidMsg("It could not be sent to the terminal's clipboard.")
		}
		return saidMsg("It was sent to the terminal's clipboard.")
	})
}

// say shows a sentence for some seconds; a newer one takes its place.
func (a *app) say(text string) tea.Cmd {
	a.toastID++
	id := a.toastID
	a.toast = text
	return tea.Tick(toastFor, func(time.Time) tea.Msg { return toastMsg{id} })
}

// toastFor is how long a toast stays.
const toastFor = 5 * time.Second
