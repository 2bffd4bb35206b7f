package tui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// retirePlanMsg is what retiring devices would delete at the services.
type retirePlanMsg struct {
	names []string // the ones that made something
	items []workflow.RetireItem
	azure bool // at least one is not the lab's
	err   error
}

// planRetire lists what the devices made before anybody is asked.
func (a *app) planRetire(names []string) tea.Cmd {
	a.awaits++
	return a.do(func() tea.Msg {
		var m retirePlanMsg
		for _, n := range names {
			items, err := a.session.RetirePlan(context.Background(), n)
			if err != nil {
				return retirePlanMsg{err: err}
			}
			if len(items) == 0 {
				continue
			}
			m.names, m.items = append(m.names, n), append(m.items, items...)
			m.azure = m.azure || !a.session.Device(n).InLab()
		}
		return m
	})
}

// shownItems is how many things are listed before only their number is told.
const shownItems = 8

// askRetire lists what goes and asks: by a key in the lab, by typing how many
// devices where a real service loses something.
func (a *app) askRetire(m retirePlanMsg) tea.Cmd {
	switch {
	case m.err != nil:
		return a.refused("Nothing is retired", m.err)
	case len(m.items) == 0:
		return a.say("Nothing is known that a run made at a service and that is still there.")
	case a.current() != screen.Screen(a.home):
		return nil
	}
	what := screen.Count(len(m.names), "device")
	if len(m.names) == 1 {
		what = m.names[0]
	}
	title := "Retire " + a.th.Clean(what) + "?"
	run := func() tea.Cmd { return a.startRetiring(m.names) }
	if !m.azure {
		a.overlay = &confirm{th: a.th, title: title, lines: a.retireLines(m.items), yes: run}
		return nil
	}
	word := m.names[0]
	if len(m.names) > 1 {
		word = fmt.Sprintf("retire %d", len(m.names))
	}
	a.overlay = &form{
		th: a.th, title: title, lines: a.retireLines(m.items),
		fields: []formField{newFormField("confirm", "", "type "+word, "type "+word+" to delete this at the service")},
		submit: func(values []string) (tea.Cmd, string) {
			if strings.TrimSpace(values[0]) != word {
				return nil, "that is not " + word + ": nothing was done"
			}
			return run(), ""
		},
	}
	return nil
}

func (a *app) retireLines(items []workflow.RetireItem) []string {
	lines := []string{"This deletes what runs made at the services:", ""}
	if len(items) > shownItems {
		items = slices.SortedStableFunc(slices.Values(items), func(x, y workflow.RetireItem) int { return cmp.Compare(ownness(x), ownness(y)) })
	}
	for _, i := range items[:min(len(items), shownItems)] {
		text := i.What
		if len(i.Shared) > 0 {
			text += " stays: " + strings.Join(i.Shared, ", ") + " use it too"
		}
		for j, r := range ui.Wrap(a.th.Clean(text), 68) {
			lead := "  "
			if j > 0 {
				lead = "    "
			}
			lines = append(lines, lead+r)
		}
	}
	if more := len(items) - shownItems; more > 0 {
		text := "  and %d more"
		if ownness(items[shownItems]) > 0 {
			text += ", each of one device alone"
		}
		lines = append(lines, fmt.Sprintf(text, more))
	}
	return append(lines, "", "Profiles, keys and certificates on this machine stay.")
}

// ownness orders what is listed when not all is: a group or a CA may admit other
// devices, and is never only counted before what belongs to one device.
func ownness(i workflow.RetireItem) int {
	switch i.Kind {
	case profiles.CreatedEnrollment, profiles.CreatedRegistration, profiles.CreatedHubDevice:
		return 1
	}
	return 0
}

// startRetiring retires devices one after another.
func (a *app) startRetiring(names []string) tea.Cmd {
	return a.beginBatch(batch{waiting: names, what: "Devices retired", begin: func(s *workflow.Session, name string) (string, error) {
		return s.Retire(name, workflow.RetireOptions{})
	}})
}
