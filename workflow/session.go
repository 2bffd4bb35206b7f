package workflow

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"dpslab/profiles"
	"dpslab/workflow/wire"
)

// Config is what a [Session] needs from whoever starts it.
type Config struct {
	Store *profiles.Store
	// OpenLab starts the embedded lab or joins one that already serves the
	// same store. It is called when a profile first needs it or is about to, and
	// again when the process whose lab was joined has gone; never twice at once.
	OpenLab func(ctx context.Context) (*Lab, error)
	// Ask puts a question to the person (a pass phrase). Nil: nobody is there,
	// and a missing answer is an error that names the profile key.
	Ask func(ctx context.Context, q Question) (string, error)
	// OpenTPM opens the TPM at a path; nil: there is none.
	OpenTPM func(path string) (TPM, error)
	// Getenv looks up passphrase_env and connection_string_env; nil: os.Getenv.
	Getenv func(string) string
	// Sink receives every event, in order, one at a time.
	Sink func(Event)
	// ReadOnly refuses everything that writes: runs, profiles, switches of the lab.
	ReadOnly bool
}

// Question is something only a person can answer during a run.
type Question struct {
	Key    string // "identity.passphrase_env"
	Prompt string // "Pass phrase of /…/device-01.key.pem"
	Secret bool   // do not echo
	// Confirm: any answer means that what Prompt asks for is done.
	Confirm bool
}

// Session is the one door to the engine for every face. Its methods may be
// called from any goroutine.
type Session struct {
	config Config

	ctx    context.Context
	cancel context.CancelCauseFunc

	labOnce sync.Mutex
	lab     *Lab
	// labAhead is open, and nobody asked for it yet.
	labAhead *Lab

	mu       sync.Mutex
	run      *run
	done     chan struct{} // closed when the current run has ended
	prepared preparation
	accounts map[string]azcore.TokenCredential // by kind and cloud
	watch    labWatch

	sinkMu sync.Mutex
}

// NewSession prepares a session; it does no I/O.
func NewSession(c Config) *Session {
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	if c.Sink == nil {
		c.Sink = func(Event) {}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Session{config: c, ctx: ctx, cancel: cancel}
}

func (s *Session) sink(e Event) {
	s.sinkMu.Lock()
	defer s.sinkMu.Unlock()
	s.config.Sink(e)
}

// closeLimit is how long Close waits for a run to end.
const closeLimit = 3 * time.Second

// Close cancels the run under way, waits a little for its end and closes the
// lab that this session started.
func (s *Session) Close() error {
	s.Prepare(nil)
	s.cancel(ErrByUser)
	ended := make(chan struct{})
	go func() { s.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(closeLimit):
	}
	s.labOnce.Lock()
	defer s.labOnce.Unlock()
	var errs []error
	for _, lab := range []*Lab{s.lab, s.labAhead} {
		if lab != nil && lab.Close != nil {
			errs = append(errs, lab.Close())
		}
	}
	return errors.Join(errs...)
}

// SaveDraft keeps a half-filled wizard.
func (s *Session) SaveDraft(a Answers) error { return s.config.Store.SaveDraft(a) }

// Draft is the half-filled wizard that was kept, if there is one.
func (s *Session) Draft() (Answers, bool) {
	a, err := s.config.Store.LoadDraft()
	return a, err == nil && len(a) > 0
}

// DropDraft forgets the half-filled wizard.
func (s *Session) DropDraft() error { return s.config.Store.DropDraft() }

// Paths are the folders of this session.
func (s *Session) Paths() profiles.Paths { return s.config.Store.Paths }

// StateDir is where faces may put files of their own: copies, screenshots.
func (s *Session) StateDir() string { return s.config.Store.Paths.State }

// ShellWord quotes s as one word of a POSIX shell.
func ShellWord(s string) string { return wire.ShellWord(s) }
