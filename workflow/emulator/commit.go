package emulator

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"go.etcd.io/bbolt"
)

// maxBatch bounds how many writes share one commit.
const maxBatch = 256

// write is one call of update on its way through the commit loop.
type write struct {
	fn     func(*tx) error
	result chan error
}

// update runs fn in a write transaction and returns after its commit is on
// disk. An error of fn undoes what it wrote. fn may run more than once, so it
// sets what it captures and never appends to it.
func (s *store) update(fn func(*tx) error) error {
	w := &write{fn: fn, result: make(chan error, 1)}
	select {
	case s.writes <- w:
		return <-w.result
	case <-s.stop:
		return errClosed
	}
}

func (s *store) commitLoop() {
	defer close(s.done)
	for {
		select {
		case w := <-s.writes:
			s.commit(s.gather(w))
		case <-s.stop:
			return
		}
	}
}

// gather takes what waits besides first, without waiting for more than those
// who are about to come: what a commit costs they share.
func (s *store) gather(first *write) []*write {
	runtime.Gosched()
	batch := []*write{first}
	for len(batch) < maxBatch {
		select {
		case w := <-s.writes:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction and answers each of its writes. A
// write that fails after it has written spoils the transaction: it is answered,
// taken out, and the others run again.
func (s *store) commit(batch []*write) {
	s.journal.hold()
	defer s.journal.release()
	for len(batch) > 0 {
		results := make([]error, len(batch))
		spoiler := -1
		var epoch uint64
		err := s.transact(func(b *bbolt.Tx) (err error) {
			first := &tx{bolt: b, entries: &s.entries}
			if epoch, err = s.journal.flush(first); err != nil {
				return err
			}
			wrote := first.dirty
			for i, w := range batch {
				t := &tx{bolt: b, entries: &s.entries}
				results[i] = w.run(t)
				wrote = wrote || t.dirty
				if results[i] != nil && t.dirty {
					spoiler = i
					return results[i]
				}
			}
			if !wrote {
				return errNothingWritten
			}
			return nil
		})
		if spoiler >= 0 {
			batch[spoiler].result <- results[spoiler]
			batch = slices.Delete(batch, spoiler, spoiler+1)
			continue
		}
		if err == nil {
			s.devices.Store(&deviceCache{})
			s.journal.settled(epoch)
		}
		for i, w := range batch {
			if results[i] == nil && err != nil && !errors.Is(err, errNothingWritten) {
				results[i] = fmt.Errorf("writing the lab's database: %w", err)
			}
			w.result <- results[i]
		}
		return
	}
}

// transact runs one transaction of the database. It panics where its file is
// damaged: that ends the transaction, not the lab.
func (s *store) transact(fn func(*bbolt.Tx) error) error {
	return s.shielded(true, func() error { return s.db.Update(fn) })
}

// run keeps a panic inside one write: the store is shared by every request.
func (w *write) run(t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.dirty = true
			err = fmt.Errorf("panic while writing the lab's database: %v", p)
		}
	}()
	return w.fn(t)
}
