package tui

import (
	"context"
	"slices"
	"strings"

	"dpslab/workflow"
)

// retire lists what runs made at the services, asks, and deletes it.
func (l *linear) retire(ctx context.Context, name string) error {
	items, err := l.session.RetirePlan(ctx, name)
	switch {
	case err != nil:
		l.problem(err)
		return nil
	case len(items) == 0:
		l.say("Nothing is known that a run made at a service and that is still there.")
		return nil
	}
	l.items(items)
	yes, err := l.sure(ctx, "This is deleted at the services; files here stay.", name)
	if err != nil || !yes {
		return err
	}
	return l.follow(ctx, name, func() (string, error) { return l.session.Retire(name, workflow.RetireOptions{}) })
}

// items says what goes, and what stays because other devices use it.
func (l *linear) items(items []workflow.RetireItem) {
	for _, i := range items {
		text := i.What
		if len(i.Shared) > 0 {
			text += " stays: " + strings.Join(i.Shared, ", ") + " use it too"
		}
		l.say("%s", text)
	}
}

// undo takes back what one step made, after saying what that is.
func (l *linear) undo(ctx context.Context, name string) error {
	step, chosen, err := l.whichStep(ctx, name)
	if err != nil || !chosen {
		return err
	}
	switch {
	case step == workflow.StepCertificates && !l.session.HasFiles(name):
		l.say("%s", nothingToUndo(step))
		return nil
	case step == workflow.StepCertificates:
		l.say("%s", setAside)
	default:
		items, err := l.session.RetirePlan(ctx, name)
		if err != nil {
			l.problem(err)
			return nil
		}
		items = slices.DeleteFunc(items, func(i workflow.RetireItem) bool { return i.Step != step })
		if len(items) == 0 {
			l.say("%s", nothingToUndo(step))
			return nil
		}
		l.items(items)
	}
	yes, err := l.sure(ctx, "This is taken back.", name)
	if err != nil || !yes {
		return err
	}
	return l.follow(ctx, name, func() (string, error) { return l.session.Undo(name, step, workflow.RetireOptions{}) })
}
