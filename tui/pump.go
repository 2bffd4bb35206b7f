package tui

import (
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/workflow"
)

// pumpEvery is the least time between two batches of events: Bubble Tea draws
// once per message, so a message per event would draw thousands of times.
const pumpEvery = 33 * time.Millisecond

// Feed carries events from the engine to the screen: unbounded, in order, and
// Put never blocks, so a slow terminal never slows a run. Nothing is dropped or
// merged: every event may change a state. Make it with [NewFeed].
type Feed struct {
	mu    sync.Mutex
	queue []workflow.Event
	ready chan struct{} // holds one token while the queue may be non-empty
}

// NewFeed makes an empty feed.
func NewFeed() *Feed { return &Feed{ready: make(chan struct{}, 1)} }

// Put adds an event. It may be called from any goroutine, before and after the
// program runs.
func (f *Feed) Put(e workflow.Event) {
	f.mu.Lock()
	f.queue = append(f.queue, e)
	f.mu.Unlock()
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// take empties the feed.
func (f *Feed) take() []workflow.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch := f.queue
	f.queue = nil
	return batch
}

// pump sends batches of events until stop is closed.
func (f *Feed) pump(send func(tea.Msg), stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-f.ready:
		}
		if batch := f.take(); len(batch) > 0 {
			send(eventsMsg(batch))
		}
		select {
		case <-stop:
			return
		case <-time.After(pumpEvery):
		}
	}
}
