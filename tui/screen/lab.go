package screen

import (
	"fmt"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// labTab is one of the lists of the lab screen.
type labTab int

const (
	tabInstances labTab = iota
	tabEnrollments
	tabRegistrations
	tabInbox
	tabScenarios
	tabs // how many
)

// Lab shows what the emulator holds, what its hubs receive, and the switches of
// its scenarios. The root reads it about once a second while it is open.
type Lab struct {
	th     *theme.Theme
	loaded bool
	err    error
	view   workflow.LabView
	tab    labTab
	lists  [tabs]ui.List
	rows   int // of the list, in the last view
	detail ui.Scroll
	inside bool // the keys go to the detail, which has the whole screen
}

// NewLab opens the screen; what it shows comes by [Lab.SetView].
func NewLab(th *theme.Theme) *Lab { return &Lab{th: th, tab: tabEnrollments} }

// SetView takes in a look at the lab. Cursors stay on what they stood on; on the
// newest message, the cursor goes with the newest.
func (l *Lab) SetView(v workflow.LabView, err error) {
	l.loaded, l.err = true, err
	if err != nil {
		return // what was seen last stays
	}
	var before [tabs]string
	for t := range tabs {
		before[t] = l.key(t, l.lists[t].Cursor)
	}
	l.view = v
	if l.count(l.tab) == 0 {
		l.inside = false
	}
	for t := range tabs {
		l.lists[t].SetLen(l.count(t))
		if t == tabInbox && l.lists[t].Cursor == 0 {
			continue
		}
		for i := range l.count(t) {
			if l.key(t, i) == before[t] {
				l.lists[t].Cursor = i
				break
			}
		}
	}
}

// unseen is why no list of the lab can be shown; empty: they can.
func (l *Lab) unseen() string {
	switch {
	case !l.loaded:
		return "the lab is not open yet"
	case l.err != nil && l.view.DPSName == "":
		return "the lab does not answer"
	}
	return ""
}

func (l *Lab) count(t labTab) int {
	return [tabs]int{len(l.instances()), len(l.view.Enrollments), len(l.view.Registrations), len(l.view.Inbox), len(l.view.Faults)}[t]
}

// key tells one row of a list from the others.
func (l *Lab) key(t labTab, i int) string {
	if i < 0 || i >= l.count(t) {
		return ""
	}
	switch t {
	case tabInstances:
		return l.instances()[i].host
	case tabEnrollments:
		return fmt.Sprintf("%v %s", l.view.Enrollments[i].Group, l.view.Enrollments[i].ID)
	case tabRegistrations:
		return l.view.Registrations[i].ID
	case tabInbox:
		m := l.view.Inbox[i]
		return fmt.Sprintf("%s %s %d", m.Hub, m.DeviceID, m.Sequence)
	}
	return l.view.Faults[i].Name
}

// Title implements Screen.
func (l *Lab) Title() string {
	t := l.th.Strong.Text("lab")
	if l.view.Facts.IDScope != "" {
		t += " " + l.th.Dim.Text(l.th.Dot) + " " + l.th.Clean(l.view.DPSName) + " " + l.th.Dim.Text(l.th.Dot) + " " + l.th.Clean(l.view.Facts.IDScope)
	}
	return t
}

// Capturing implements Screen.
func (l *Lab) Capturing() bool { return false }

// Observe implements Screen; the lab is read, not told by events.
func (l *Lab) Observe(*workflow.Status, time.Time) {}

func (l *Lab) list() *ui.List { return &l.lists[l.tab] }

// Bindings implements Screen.
func (l *Lab) Bindings() []keymap.Binding {
	bs := keymap.For(keymap.InLab)
	switch {
	case l.tab != tabScenarios:
		keymap.Disable(bs, keymap.Switch, "only a scenario can be switched")
		keymap.Disable(bs, keymap.Tune, "only a scenario has parameters")
	case l.count(tabScenarios) == 0:
		keymap.Disable(bs, keymap.Switch, "this lab plays no scenarios")
		keymap.Disable(bs, keymap.Tune, "this lab plays no scenarios")
	default:
		for i := range bs {
			if bs[i].Action == keymap.Switch && l.view.Faults[l.list().Cursor].On {
				bs[i].Help = "switch off"
			}
		}
	}
	if !slices.ContainsFunc(l.view.Faults, func(f workflow.LabFault) bool { return f.On }) {
		keymap.Disable(bs, keymap.AllOff, "no scenario is on")
	}
	if why := l.unseen(); why != "" {
		for _, a := range []keymap.Action{keymap.NextField, keymap.PrevField, keymap.Switch, keymap.Tune, keymap.AllOff} {
			keymap.Disable(bs, a, why)
		}
	}
	if l.count(l.tab) == 0 {
		for _, a := range append(slices.Clone(scrolling), keymap.Open) {
			keymap.Disable(bs, a, "there is nothing in this list")
		}
	}
	if l.inside {
		KeepStill(bs, &l.detail)
	}
	for i := range bs {
		switch {
		case l.inside && (bs[i].Action == keymap.Back || bs[i].Action == keymap.Open):
			bs[i].Help, bs[i].About = "list", "back to the list"
			if bs[i].Action == keymap.Open {
				bs[i].Footer = 0 // esc says it already
			}
		case l.inside && bs[i].Action == keymap.Down:
			bs[i].Help = "scroll"
		}
	}
	return bs
}

// Handle implements Screen.
func (l *Lab) Handle(k tea.KeyMsg) Intent {
	b, why, acts := pressed(l.Bindings(), k)
	if !acts {
		return why
	}
	switch b.Action {
	case keymap.Back:
		if !l.inside {
			return LeaveScreen{}
		}
		l.look(false)
	case keymap.Open:
		l.look(!l.inside)
	case keymap.Switch:
		f := l.view.Faults[l.list().Cursor]
		return SetFaults{Names: []string{f.Name}, On: !f.On}
	case keymap.Tune:
		return SetFaultParameters{Fault: l.view.Faults[l.list().Cursor]}
	case keymap.AllOff:
		var on []string
		for _, f := range l.view.Faults {
			if f.On {
				on = append(on, f.Name)
			}
		}
		return SetFaults{Names: on}
	case keymap.NextField:
		l.show((l.tab + 1) % tabs)
	case keymap.PrevField:
		l.show((l.tab + tabs - 1) % tabs)
	default:
		l.move(b.Action)
	}
	return nil
}

func (l *Lab) show(t labTab) {
	l.tab = t
	l.look(false)
}

// look goes into the detail of the chosen row, or back to the list.
func (l *Lab) look(inside bool) {
	l.inside = inside
	l.detail.Reset()
}

func (l *Lab) move(a keymap.Action) {
	if l.inside {
		l.detail.Handle(a)
		return
	}
	if l.list().Handle(a) {
		l.detail.Reset()
	}
}
