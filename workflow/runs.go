package workflow

import (
	"context"
	"errors"
	"time"

	"dpslab/profiles"
	"dpslab/workflow/dps"
)

// RunOptions choose what a run does.
type RunOptions struct {
	Only   []StepID // nil: all steps
	From   StepID   // begin with this step; empty: with the first
	Resume bool     // finish the registration operation that an earlier run began
	Force  bool     // make a new device certificate even when there is a good one
	Undo   bool     // the inverse of the steps, the last one first
	DryRun bool     // with Undo: make the requests and send none
	Count  int      // telemetry messages; 0: what the profile says
	// Interval is the pause between messages; nil: what the profile says.
	Interval *time.Duration
	// Body replaces the profile's when it is set; Verbatim: it is no template, it
	// is sent as it stands. Properties are added to the profile's.
	Body       string
	Verbatim   bool
	Properties map[string]string
	// Batch is how many messages go in one request; 0: what the profile says.
	Batch int

	// adds: a message that a person puts in after a run belongs to what was sent
	// before.
	adds bool
}

// ErrBusy is returned by Start while a run is under way.
var ErrBusy = errors.New("a run is under way: cancel it or wait for it")

// ErrByUser is the cause of a run that a person cancelled.
var ErrByUser = errors.New("cancelled")

// Start begins a run of a profile's steps and returns its ID at once. Events
// go to the sink; the last one is RunFinished. It returns ErrBusy while another
// run is under way, and a *Problem when the profile cannot be used. It must not
// be called from inside the sink.
func (s *Session) Start(name string, o RunOptions) (string, error) {
	if err := s.mayWrite("run " + name); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil && !s.run.over.Load() {
		return "", ErrBusy
	}
	if s.done != nil {
		<-s.done
	}
	profile, err := s.load(name)
	if err != nil {
		return "", err
	}
	r, err := newRun(s, name, profile, o)
	if err != nil {
		return "", err
	}
	s.run, s.done = r, make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		r.execute()
	}(s.done)
	return r.id, nil
}

// Lookup asks DPS how the device's registration stands, without registering.
// Its errors are *Problem.
func (s *Session) Lookup(ctx context.Context, name string) (*Registration, error) {
	// Without the profile's lock: nothing is written, and asking during a run is
	// what people do.
	r, err := s.aside(name, RunOptions{})
	if err != nil {
		return nil, err
	}
	defer r.close()
	stop := context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })
	defer stop()
	r.step = StepRegistration
	registration, err := r.lookup(r.ctx)
	if err != nil {
		return nil, problemOf("look up the registration of "+name, err)
	}
	return registration, nil
}

// Cancel ends the current run; it still emits RunFinished.
func (s *Session) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run != nil {
		s.run.cancel(ErrByUser)
	}
}

// Wait returns when the last started run has ended.
func (s *Session) Wait() {
	s.mu.Lock()
	done := s.done
	s.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Resumable reports whether a registration operation was begun and its end
// never seen.
func Resumable(st *profiles.State) bool {
	return st != nil && st.Registration.OperationID != "" && !dps.Final(st.Registration.Status)
}
