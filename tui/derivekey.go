package tui

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// derivedMsg is what became of a device's key. It holds no secret.
type derivedMsg struct {
	id  int // of the side
	key *workflow.DerivedKey
	err error
}

// aboutDerived says what deriving a key is.
const aboutDerived = "The key of a device is made of the group's: HMAC-SHA256 of its registration ID in lower case. The group's key is read from DPS and kept nowhere; the device's goes to a file that only you can read, and is not shown. Nothing is changed at DPS."

// newDerivation asks whose key is derived, and where it goes.
func (a *app) newDerivation(group string) *form {
	o := &form{
		th: a.th, title: "Derive a key from that of " + a.th.Clean(group), lines: ui.Wrap(aboutDerived, 68),
		fields: []formField{
			newFormField("registration ID", "", "none yet", "the device's registration ID"),
			newFormField("file", "", "below the data folder", "a file that is not there yet; empty: one below the data folder"),
		},
	}
	o.fields[0].check = checkDerivedID
	o.submit = func(values []string) (tea.Cmd, string) {
		id, file := strings.TrimSpace(values[0]), strings.TrimSpace(values[1])
		if _, wrong := checkDerivedID(id); wrong != "" {
			return nil, wrong
		}
		return a.deriveKey(group, id, file), ""
	}
	return o
}

// checkDerivedID says what is wrong with a registration ID, and what a key is
// derived from when it has capitals.
func checkDerivedID(value string) (told, wrong string) {
	id := strings.TrimSpace(value)
	lower, err := workflow.DerivedID(id)
	switch {
	case err != nil:
		return "", "registration ID " + err.Error()
	case lower == id:
		return "", ""
	}
	return "The key is that of " + lower + ", and the device registers as that: DPS does not tell capitals from small letters, a key does", ""
}

func (a *app) deriveKey(group, id, file string) tea.Cmd {
	side, ctx, v := a.side.id, a.side.ctx, a.side.service
	return tea.Batch(a.say("deriving the key of "+id), a.do(func() tea.Msg {
		m := derivedMsg{id: side}
		m.key, m.err = v.DeriveKey(ctx, group, id, file)
		return m
	}))
}

// derived tells where the key is and what to do with it.
func (a *app) derived(m derivedMsg) tea.Cmd {
	if a.side == nil || a.side.id != m.id {
		return nil
	}
	a.toast = ""
	if m.err != nil {
		return a.refused("No key was written", m.err)
	}
	var lines []string
	for _, text := range derivedLines(m.key) {
		lines = append(lines, ui.Wrap(a.th.Clean(text), 70)...)
	}
	for command := range strings.Lines(m.key.Next) {
		for _, row := range ui.Wrap(a.th.Clean(strings.TrimSuffix(command, "\n")), 68) {
			lines = append(lines, "  "+row) // set off, and not joined to what stands beside it
		}
	}
	next := m.key.Next
	a.overlay = newMenu(a.th, "The key of "+a.th.Clean(m.key.RegistrationID), lines, []menuItem{
		{name: "go on", about: "close this", do: func() tea.Cmd { return nil }},
		{name: "copy the commands", about: "to the terminal's clipboard and a file; the key is not in them", do: func() tea.Cmd {
			return a.copyText("list of commands", "copied-commands.sh", func() string { return next })
		}},
	})
	return a.grace.begin()
}

// derivedLines say where a key is, and under which ID the device registers.
func derivedLines(k *workflow.DerivedKey) []string {
	where := "It is in " + k.File + ", readable by you alone."
	if k.Unchanged {
		where = "It was in " + k.File + " already, the same."
	}
	return []string{where, "The device registers as " + k.RegistrationID + ". On a machine with the file, these commands do it:"}
}

// deriveHeld asks whose key is derived, and tells where it went.
func (h *holdings) deriveHeld(ctx context.Context, group string) error {
	h.say("%s", aboutDerived)
	var id string
	for {
		var err error
		if id, err = h.read(ctx, "Registration ID, empty goes back:"); err != nil || id == "" {
			return err
		}
		told, wrong := checkDerivedID(id)
		if wrong == "" {
			if told != "" {
				h.say("%s", told)
			}
			break
		}
		h.say("%s", wrong)
	}
	file, err := h.read(ctx, "File that is not there yet ["+h.v.DerivedKeyFile(group, id)+"]:")
	if err != nil {
		return err
	}
	var key *workflow.DerivedKey
	err = h.wait(ctx, func(ctx context.Context) (err error) {
		key, err = h.v.DeriveKey(ctx, group, id, file)
		return err
	})
	if err != nil {
		return h.toldOf(ctx, problemOf(err))
	}
	for _, line := range append(derivedLines(key), strings.Split(key.Next, "\n")...) {
		h.say("%s", line)
	}
	return nil
}
