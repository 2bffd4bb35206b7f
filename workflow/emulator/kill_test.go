package emulator

import (
	"errors"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
)

// killedAfter lets clients loose on a child's lab, kills it as soon as so many of
// their writes were answered, and starts a lab over what it leaves, whose database
// must be whole. write is run for each client: it tells of each answer, and returns
// at the first that does not come. What was told is given back.
func killedAfter(t *testing.T, c *child, dir string, answers int, clients []*client, write func(c *client, acknowledged func(what string))) (*Lab, []string) {
	t.Helper()
	var mu sync.Mutex
	var answered []string
	enough := make(chan struct{})
	acknowledged := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		if answered = append(answered, what); len(answered) == answers {
			close(enough)
		}
	}
	var running sync.WaitGroup
	for _, client := range clients {
		running.Go(func() { write(client, acknowledged) })
	}
	over := make(chan struct{})
	go func() {
		running.Wait()
		close(over)
	}()
	select {
	case <-enough:
	case <-over:
		t.Fatalf("the writers gave up after %d answers", len(answered))
	}
	c.kill()
	<-over

	l, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	wantWhole(t, l.store)
	return l, answered
}

// asChildren makes some clients of a child's lab.
func asChildren(t *testing.T, c *child, dir string, id ident) []*client {
	t.Helper()
	clients := make([]*client, 4)
	for i := range clients {
		clients[i] = asChild(t, c, dir, id)
	}
	return clients
}

// wantWhole checks the database page by page.
func wantWhole(t *testing.T, s *store) {
	t.Helper()
	err := s.db.View(func(b *bbolt.Tx) error {
		var all []error
		for err := range b.Check() {
			all = append(all, err)
		}
		return errors.Join(all...)
	})
	if err != nil {
		t.Error(err)
	}
}
