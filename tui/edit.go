package tui

import (
	"maps"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/workflow"
)

// messages of the editor of an existing profile.
type (
	editMsg struct {
		name   string
		wizard workflow.Wizard
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
		w, err := a.session.Edit(name)
		return editMsg{name, w, err}
	})
}

// showEditor opens the wizard on a profile, with the changes that were left
// unsaved before.
func (a *app) showEditor(m editMsg) tea.Cmd {
	if m.err != nil {
		return a.say(m.err.Error())
	}
	if a.current() != screen.Screen(a.home) {
		return nil
	}
	if left, ok := a.edits[m.name]; ok {
		m.wizard.Answers = left
	}
	a.wizard = screen.NewEditor(a.th, m.wizard)
	a.push(a.wizard)
	return nil
}

// leaveEditor goes back without saving. What was changed is kept as long as the
// program runs, because an escape may come from a torn key.
func (a *app) leaveEditor(answers workflow.Answers) tea.Cmd {
	name := a.wizard.Editing()
	changed := !maps.Equal(answers, a.wizard.Unchanged())
	a.pop()
	if !changed {
		delete(a.edits, name)
		return nil
	}
	a.edits[name] = answers
	return a.say("Nothing was saved. Your changes are kept until you leave dpslab: e goes on with them.")
}

func (a *app) saveEdit(w workflow.Wizard) tea.Cmd {
	a.awaits++
	name, profile := w.Name(), w.Profile()
	return a.do(func() tea.Msg {
		backup, err := a.session.Replace(name, profile)
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
	delete(a.edits, m.name)
	a.pop()
	return tea.Batch(a.readNames(), a.say(m.name+" is saved. The file as it was is "+m.backup))
}
