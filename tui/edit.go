package tui

import (
	"maps"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// messages of the editor of an existing profile.
type (
	editMsg struct {
		name   string
		wizard workflow.Wizard
		kept   workflow.Answers // changes that were left unsaved before
		err    error
	}
	editedMsg struct {
		name, backup string
		err          error
	}
)

// editing says whether the open wizard is about a profile that exists.
func (a *app) editing() bool { return a.wizard != nil && a.wizard.Editing() != "" }

// edit reads a profile. Keys typed meanwhile are meant for its editor.
func (a *app) edit(name string) tea.Cmd {
	a.awaits++
	return a.do(func() tea.Msg {
		m := editMsg{name: name}
		m.wizard, m.err = a.session.Edit(name)
		m.kept, _ = a.session.UnsavedEdit(name)
		return m
	})
}

// showEditor opens the wizard on a profile, with the changes that were left
// unsaved before.
func (a *app) showEditor(m editMsg) tea.Cmd {
	if m.err != nil {
		return a.refused("The profile cannot be changed here", m.err)
	}
	onBench := a.bench != nil && a.current() == screen.Screen(a.bench) && a.bench.Device() == m.name && !a.bench.Busy()
	if !onBench && a.current() != screen.Screen(a.home) {
		return nil
	}
	unchanged := m.wizard.Answers
	if len(m.kept) > 0 {
		m.wizard.Answers = m.kept
	}
	a.wizard = screen.NewEditor(a.th, m.wizard, a.paths)
	a.push(a.wizard)
	if len(m.kept) > 0 && !maps.Equal(m.kept, unchanged) {
		return tea.Batch(a.readAuthorities(), a.say("These are the changes that were left unsaved. The profile itself is as it was."))
	}
	return a.readAuthorities()
}

// keepEdit writes changes that are not saved yet, in the order of the keys, as
// drafts are kept.
func (a *app) keepEdit(name string, answers workflow.Answers) tea.Cmd {
	wish := a.drafts.wish()
	unchanged := maps.Equal(answers, a.wizard.Unchanged())
	return a.do(func() tea.Msg {
		err := a.drafts.keep(wish, func() error {
			if unchanged {
				return a.session.DropEdit(name)
			}
			return a.session.SaveEdit(name, answers)
		})
		if err != nil {
			return saidMsg("Your changes could not be kept: " + told(err))
		}
		return nil
	})
}

// leaveEditor goes back without saving. What was changed is kept, because an
// escape may come from a torn key.
func (a *app) leaveEditor(answers workflow.Answers) tea.Cmd {
	changed := !maps.Equal(answers, a.wizard.Unchanged())
	keep := a.keepEdit(a.wizard.Editing(), answers)
	a.pop()
	if !changed {
		return keep
	}
	key := ""
	if b, ok := keymap.Of(a.bindings(), keymap.Edit); ok {
		key = b.Label
	}
	return tea.Batch(keep, a.say("Nothing was saved. Your changes are kept: "+key+" goes on with them."))
}

func (a *app) saveEdit(w workflow.Wizard) tea.Cmd {
	a.awaits++
	name, profile := w.Name(), w.Profile()
	return a.do(func() tea.Msg {
		backup, err := a.session.Replace(name, profile)
		if err == nil {
			err = a.drafts.drop(func() error { return a.session.DropEdit(name) })
		}
		return editedMsg{name, backup, err}
	})
}

func (a *app) edited(m editedMsg) tea.Cmd {
	if m.err != nil {
		if a.wizard != nil {
			a.wizard.Refuse(m.err)
		}
		return nil
	}
	a.pop()
	return tea.Batch(a.readNames(), a.readDevices([]string{m.name}), a.say(m.name+" is saved. The file as it was is "+m.backup))
}
