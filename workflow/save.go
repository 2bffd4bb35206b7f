package workflow

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"dpslab/profiles"
)

// The state file is written whole and synced to the disk, file and folder, which
// takes longer than most requests. What a run must not go on without, it saves:
// an operation before the wait for it, a stage of a proof of possession before
// the next request. What it made at a service it saves at once, what it merely
// learned within [saveRest], and goes on meanwhile. A state that comes in between takes the place of those that still
// wait, and a run is over when the last one is on the disk.
//
// A process that is killed leaves the state that was saved last. Only a power
// failure may bring back one from before, as long as the run is not over: its
// end alone waits for the folder.

// saveRest goes before a write that nobody waits for: what is learned in a blink
// shares one.
const saveRest = 40 * time.Millisecond

// saver writes the states of a run one after the other.
type saver struct {
	mu    sync.Mutex
	next  *profiles.State // the newest that is not being written yet
	done  chan struct{}   // of the writer that is at work, if any
	hurry chan struct{}   // closed: somebody waits for that writer
	err   error           // of the last state that was written
}

// soon has a state written.
func (s *saver) soon(st *profiles.State, write func(*profiles.State) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = st
	if s.done != nil {
		return // its writer takes this one too
	}
	s.done, s.hurry = make(chan struct{}), make(chan struct{})
	go s.work(write, s.hurry)
}

// work writes until there is nothing new after a rest.
func (s *saver) work(write func(*profiles.State) error, hurry <-chan struct{}) {
	var err error
	for {
		rest := time.NewTimer(saveRest)
		select {
		case <-rest.C:
		case <-hurry:
			rest.Stop()
		}
		s.mu.Lock()
		st := s.next
		s.next = nil
		if st == nil {
			s.err = err
			close(s.done)
			s.done, s.hurry = nil, nil
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		err = write(st)
	}
}

// push ends the rest of the writer that is at work.
func (s *saver) push() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hurry != nil {
		close(s.hurry)
		s.hurry = nil
	}
}

// wait returns when all is written: how the last went, to the first who asks.
func (s *saver) wait() error {
	s.push()
	s.mu.Lock()
	done := s.done
	s.mu.Unlock()
	if done != nil {
		<-done
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.err
	s.err = nil
	return err
}

// saveSoon writes the state as it is now while the run goes on. Whether it could
// be written shows at the next save, and at the end of the run.
func (r *run) saveSoon() {
	r.state.Updated = time.Now().UTC()
	st := *r.state
	st.Steps, st.Created = maps.Clone(st.Steps), slices.Clone(st.Created)
	r.saver.soon(&st, func(st *profiles.State) error { return r.session.config.Store.SaveState(r.name, st) })
	if r.made { // a run that is killed now could not retire it
		r.made = false
		r.saver.push()
	}
}

// saveForGood ends the saving of a run.
func (r *run) saveForGood() {
	if err := errors.Join(r.saver.wait(), r.session.config.Store.SyncState(r.name)); err != nil {
		r.warn("the progress could not be saved: " + err.Error())
	}
}

// save returns when the state is on the disk.
func (r *run) save() error {
	r.saveSoon()
	return r.saver.wait()
}
