package tui

import (
	"context"
	"errors"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// problemOf is an error as something that a person can act on. One that says
// neither why nor what to do gets both from the diagnostic rule that knows its
// text, where one does.
func problemOf(err error) *workflow.Problem {
	p, known := errors.AsType[*workflow.Problem](err)
	if !known {
		p = &workflow.Problem{Summary: err.Error()}
		if errors.Is(err, context.Canceled) || errors.Is(err, workflow.ErrByUser) {
			p.Kind = workflow.Interrupted
		}
	}
	if p.Why != "" || p.Fix != "" || p.Kind == workflow.Interrupted {
		return p
	}
	for _, x := range workflow.Explain(p.Code + " " + p.Summary) {
		if x.Rule != "" {
			out := *p
			out.Rule, out.Why, out.Fix = x.Rule, x.Why, x.Fix
			return &out
		}
	}
	return p
}

// told is an error with what to do about it, for where a sentence or two are all
// there is room for.
func told(err error) string {
	p := problemOf(err)
	if p.Fix == "" {
		return p.Error()
	}
	return p.Error() + ". " + p.Fix
}

// refused shows why something was not done and what to do about it, with the key
// that does it where there is one. What a person cancelled needs no words.
func (a *app) refused(title string, err error) tea.Cmd {
	p := problemOf(err)
	if p.Kind == workflow.Interrupted {
		return nil
	}
	o := &review{th: a.th, title: a.th.Clean(title), draw: func(w int) []string { return ui.Problem(a.th, p, w) }}
	a.mend(o, p)
	a.overlay = o
	return a.grace.begin()
}

// mend offers what mends a problem of the device on the bench: running the step
// that does, or changing the profile.
func (a *app) mend(o *review, p *workflow.Problem) {
	if a.bench == nil || a.current() != screen.Screen(a.bench) || a.bench.Busy() || a.readOnly {
		return
	}
	name := a.bench.Device()
	if from, ok := screen.MendedBy(p); ok {
		o.fixes = "run " + from.Title() + " and what follows"
		o.fix = func() tea.Cmd { return a.start(workflow.RunOptions{From: from}) }
		return
	}
	if screen.ChangesProfile(p) {
		o.fixes = "change the profile of " + name
		o.fix = func() tea.Cmd { return a.edit(name) }
	}
}
