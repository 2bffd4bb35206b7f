package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// batch is a number of devices that run one after another, as the engine runs
// them. The zero batch runs nothing.
type batch struct {
	waiting []string
	current string           // the device that runs or is about to
	status  *workflow.Status // of the current one
	done    int
	failed  []string
	ending  bool   // cancelled: the current one is the last
	what    string // what is told of those that are done: "Devices that ran"
	begin   func(s *workflow.Session, name string) (string, error)
}

// batchMsg tells that a run of the batch has begun, or why not.
type batchMsg struct {
	name string
	err  error
}

func (b *batch) on() bool { return b.current != "" }

// stop lets no further device begin.
func (b *batch) stop() {
	if b.on() {
		b.waiting, b.ending = nil, true
	}
}

// live says what goes on with the batch's devices.
func (b *batch) live(th *theme.Theme) map[string]screen.Live {
	if !b.on() {
		return nil
	}
	out := map[string]screen.Live{}
	for i, n := range b.waiting {
		text := "waits for its turn"
		if i == 0 {
			text = "runs next"
		}
		out[n] = screen.Live{Text: text}
	}
	text := "starting"
	for _, s := range b.status.Steps {
		if s.State == workflow.Running {
			text = s.Title
		}
	}
	if b.ending {
		text = "cancelling"
	}
	out[b.current] = screen.Live{Running: true, Text: th.Clean(text)}
	return out
}

// startBatch runs devices one after another.
func (a *app) startBatch(names []string) tea.Cmd {
	return a.beginBatch(batch{waiting: slices.Clone(names), what: "Devices that ran", begin: func(s *workflow.Session, name string) (string, error) {
		return s.Start(name, workflow.RunOptions{})
	}})
}

func (a *app) beginBatch(b batch) tea.Cmd {
	if a.batch.on() {
		return a.say("Devices run already: wait for them, or press ctrl+c to cancel.")
	}
	a.home.DropPicks()
	a.batch = b
	return a.nextInBatch()
}

// nextInBatch takes note of how the current device ended and begins with the
// next, or says how all of them did.
func (a *app) nextInBatch() tea.Cmd {
	b := &a.batch
	if b.on() {
		switch b.status.Outcome {
		case workflow.Done:
			b.done++
		case workflow.Failed:
			b.failed = append(b.failed, b.current)
		}
	}
	if b.status != nil && b.status != a.status {
		b.status.Exchanges.Close() // nobody looks at it
	}
	if len(b.waiting) == 0 {
		ended := *b
		a.batch = batch{}
		return a.batchEnded(&ended)
	}
	b.current, b.waiting = b.waiting[0], b.waiting[1:]
	name := b.current
	b.status = workflow.NewStatus(name)
	b.status.Lab = a.lab
	if a.status != nil && a.status.Device == name {
		b.status = a.status // it lies on the bench
	}
	begin := b.begin
	return a.do(func() tea.Msg {
		_, err := begin(a.session, name)
		return batchMsg{name, err}
	})
}

// batchEnded says how the devices did; of one alone that failed also why, where
// nobody is at something else.
func (a *app) batchEnded(b *batch) tea.Cmd {
	if b.status == nil || b.status.Problem == nil || b.done > 0 || len(b.failed) != 1 || a.overlay != nil || a.current() != screen.Screen(a.home) {
		return a.say(b.summary())
	}
	return a.refused(b.summary(), b.status.Problem)
}

// startedInBatch goes on with the next device when one cannot begin.
func (a *app) startedInBatch(m batchMsg) tea.Cmd {
	if m.name != a.batch.current {
		return nil
	}
	if m.err == nil {
		if a.batch.ending { // the cancel came before the engine had begun
			return a.cancelEngine()
		}
		return nil
	}
	var p *workflow.Problem
	if !errors.As(m.err, &p) {
		p = &workflow.Problem{Op: "run " + m.name, Summary: m.err.Error()}
	}
	a.batch.status.Outcome, a.batch.status.Problem = workflow.Failed, p
	a.remember(a.batch.status)
	return a.nextInBatch()
}

// cancelBatch ends the run of the current device and begins no other.
func (a *app) cancelBatch() tea.Cmd {
	a.batch.stop()
	return a.cancelEngine()
}

func (a *app) cancelEngine() tea.Cmd {
	return a.do(func() tea.Msg {
		a.session.Cancel()
		return nil
	})
}

func (b *batch) summary() string {
	parts := []string{fmt.Sprintf("%d done", b.done)}
	if n := len(b.failed); n > 0 {
		parts = append(parts, fmt.Sprintf("%d failed: %s", n, strings.Join(b.failed[:min(n, 3)], ", ")))
		if n > 3 {
			parts[1] += fmt.Sprintf(" and %d more", n-3)
		}
	}
	text := b.what + ": " + strings.Join(parts, ", ") + "."
	if len(b.failed) > 0 {
		text += " enter on one tells why."
	}
	if b.ending {
		text = "Cancelled. " + text
	}
	return text
}
