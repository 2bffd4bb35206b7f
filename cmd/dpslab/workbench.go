package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"dpslab/cmd/embeddedlab"
	"dpslab/tui"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// workbench opens the screen. Without a terminal it says what to use instead.
func (a *app) workbench(ctx context.Context, open string) error {
	linear := a.accessible || wanted(a.getenv("ACCESSIBLE"))
	if !linear && (!isTerminal(a.in) || !isTerminal(a.out.File) || a.getenv("TERM") == "dumb") {
		return usage("the workbench needs a terminal", fmt.Sprintf(
			"%[1]s --accessible asks line by line; %[1]s demo runs the whole flow without one; %[1]s new NAME --yes and %[1]s run NAME do it for a device that stays; %[1]s --help lists the rest", os.Args[0]))
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	feed, asker := tui.NewFeed(), tui.NewAsker()
	s := workflow.NewSession(workflow.Config{
		OpenTPM: openTPM,
		Store:   store, OpenLab: embeddedlab.Open(a.labOptions(store.Paths)), Getenv: a.getenv, Sink: feed.Put, Ask: asker.Ask, ReadOnly: a.readOnly,
	})
	defer s.Close()
	collectOften()
	show := tui.Run
	if linear {
		show = tui.RunAccessible
	}
	err = show(ctx, tui.Options{
		Session: s, Feed: feed, Ask: asker, In: a.in, Out: a.out.File,
		ASCII: a.ascii, NoColor: a.noColor, Theme: a.theme, Open: open, Program: os.Args[0],
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tui.ErrSignal):
		return workflow.ErrByUser
	case errors.Is(err, theme.ErrUnknown):
		return usage(err.Error(), "choose one of these with --theme")
	}
	return &workflow.Problem{Kind: workflow.Internal, Op: "show the workbench", Summary: err.Error()}
}

// wanted says whether an environment variable asks for something: it is set,
// and not to a word for no.
func wanted(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "no", "false", "off":
		return false
	}
	return true
}
