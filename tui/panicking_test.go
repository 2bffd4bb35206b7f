package tui

import (
	"context"
	"os"
	"time"

	"dpslab/profiles"
	"dpslab/workflow"
)

// panicHome, in the environment, makes the test binary the workbench of
// TestPanicRestoresTheTerminal; its value is the folder for all files.
const panicHome = "DPSLAB_TEST_PANIC_HOME"

// panicking opens the workbench on a real terminal and feeds it an event that
// no engine sends: what it should carry is missing, so that Update panics.
func panicking(home string) error {
	paths, err := profiles.DefaultPaths(home, os.Getenv)
	if err != nil {
		return err
	}
	feed := NewFeed()
	s := workflow.NewSession(workflow.Config{Store: profiles.NewStore(paths), Sink: feed.Put})
	defer s.Close()
	w := workflow.NewWizard(workflow.Answers{"identity.registration_id": "d"})
	if err := s.Save("d", w.Profile()); err != nil {
		return err
	}
	go func() {
		for { // until the device is open, its events concern nobody
			feed.Put(workflow.Event{Kind: workflow.RunStarted, Run: "r", Seq: 1, Device: "d"})
			feed.Put(workflow.Event{Kind: workflow.StatusChanged, Run: "r", Seq: 2, Device: "d"})
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return Run(context.Background(), Options{Session: s, Feed: feed, In: os.Stdin, Out: os.Stdout, Open: "d"})
}
