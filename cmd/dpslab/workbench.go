package main

import (
	"context"
	"errors"

	"dpslab/cmd/embeddedlab"
	"dpslab/tui"
	"dpslab/workflow"
)

// workbench opens the screen. Without a terminal it says what to use instead.
func (a *app) workbench(ctx context.Context, open string) error {
	if !isTerminal(a.in) || !isTerminal(a.out) || a.getenv("TERM") == "dumb" {
		return usage("the workbench needs a terminal",
			"dpslab demo runs the whole flow without one; dpslab new NAME --yes and dpslab run NAME do it for a device that stays; dpslab --help lists the rest")
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	feed, asker := tui.NewFeed(), tui.NewAsker()
	s := workflow.NewSession(workflow.Config{
		Store: store, OpenLab: embeddedlab.Open(a.labOptions(store.Paths)), Getenv: a.getenv, Sink: feed.Put, Ask: asker.Ask,
	})
	defer s.Close()
	err = tui.Run(ctx, tui.Options{
		Session: s, Feed: feed, Ask: asker, In: a.in, Out: a.out,
		ASCII: a.ascii, NoColor: a.noColor, Theme: a.theme, Open: open,
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tui.ErrSignal):
		return workflow.ErrByUser
	}
	return &workflow.Problem{Kind: workflow.Internal, Op: "show the workbench", Summary: err.Error()}
}
