package tui

import (
	"context"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// undoPlanMsg is what undoing a step would delete.
type undoPlanMsg struct {
	step  workflow.StepID
	items []workflow.RetireItem
	files bool // the device has files here
	err   error
}

// planUndo lists what a step made before anybody is asked.
func (a *app) planUndo(step workflow.StepID) tea.Cmd {
	name := a.bench.Device()
	return a.do(func() tea.Msg {
		m := undoPlanMsg{step: step, files: a.session.HasFiles(name)}
		m.items, m.err = a.session.RetirePlan(context.Background(), name)
		m.items = slices.DeleteFunc(m.items, func(i workflow.RetireItem) bool { return i.Step != step })
		return m
	})
}

// setAside is what undoing the certificates does.
const setAside = "The device's key and certificate files are set aside, not deleted. CAs that other devices may share stay."

func nothingToUndo(step workflow.StepID) string {
	if step == workflow.StepCertificates {
		return "There is nothing to undo: the device has no key and no certificate files here."
	}
	return "There is nothing to undo. Nothing of the step " + step.Title() + " is known that a run made and that is still there."
}

// askUndo lists what goes and asks: by a key in the lab, by the device's name
// where a real service loses something.
func (a *app) askUndo(m undoPlanMsg) tea.Cmd {
	if a.bench == nil || a.bench.Busy() {
		return nil
	}
	switch {
	case m.err != nil:
		return a.refused("Nothing is undone", m.err)
	case m.step == workflow.StepCertificates && !m.files, m.step != workflow.StepCertificates && len(m.items) == 0:
		return a.say(nothingToUndo(m.step))
	}
	name := a.bench.Device()
	title := "Undo " + m.step.Title() + " of " + a.th.Clean(name) + "?"
	lines := a.undoLines(m)
	run := func() tea.Cmd { return a.undo(m.step) }
	if a.bench.Lab() || m.step == workflow.StepCertificates {
		a.overlay = &confirm{th: a.th, title: title, verb: "takes it back", lines: lines, yes: run}
		return a.grace.begin() // it opens by itself, once the list was read
	}
	a.overlay = &form{
		th: a.th, title: title, lines: lines,
		fields: []formField{newFormField("name", "", "type "+name, "type the device's name, "+name+", to take this back at the service")},
		submit: func(values []string) (tea.Cmd, string) {
			if strings.TrimSpace(values[0]) != name {
				return nil, "that is not " + name + ": nothing was done"
			}
			return run(), ""
		},
	}
	return a.grace.begin()
}

// undoLines say what goes and what stays, at most 72 cells each.
func (a *app) undoLines(m undoPlanMsg) []string {
	var lines []string
	add := func(lead, text string) {
		hang := lead
		if lead != "" {
			hang += "  " // an item goes on under itself
		}
		for _, r := range ui.Wrap(a.th.Clean(text), 72-len(hang)) {
			lines = append(lines, lead+r)
			lead = hang
		}
	}
	if m.step == workflow.StepCertificates {
		add("", setAside)
		return lines
	}
	add("", "This deletes what runs of this device made:")
	lines = append(lines, "")
	for _, i := range m.items {
		add("  ", i.What)
		if len(i.Shared) > 0 {
			add("    ", "stays, because it serves "+strings.Join(i.Shared, ", ")+" too")
		}
	}
	return lines
}

// undo runs the inverse of a step.
func (a *app) undo(step workflow.StepID) tea.Cmd {
	if a.bench == nil || a.bench.Busy() {
		return nil
	}
	a.bench.Starting()
	name := a.bench.Device()
	return a.do(func() tea.Msg {
		_, err := a.session.Undo(name, step, workflow.RetireOptions{})
		return startedMsg{err}
	})
}
