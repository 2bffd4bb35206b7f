package workflow

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"dpslab/profiles"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// Config is what a [Session] needs from whoever starts it.
type Config struct {
	Store *profiles.Store
	// OpenLab starts the embedded lab or joins one that already serves the
	// same store. It is called at most once, when a profile first needs it.
	OpenLab func(ctx context.Context) (*Lab, error)
	// Ask puts a question to the person (a pass phrase). Nil: nobody is there,
	// and a missing answer is an error that names the profile key.
	Ask func(ctx context.Context, q Question) (string, error)
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
}

// Lab is a running lab as the engine sees it: a target like any other. The
// engine does not import the emulator; the command line fills this in.
type Lab struct {
	LabFacts
	Roots *x509.CertPool

	DPSName, SubscriptionID, ResourceGroup  string
	DeviceHost, ServiceHost, ManagementHost string
	HubHosts                                []string
	ServiceConnectionString                 dps.Secret
	ManagementToken                         dps.Secret

	// Dial connects to the lab; nil: TCP to Address. Tests use it.
	Dial func(ctx context.Context) (net.Conn, error)
	// Inbox reads what a hub received from a device after a sequence number.
	Inbox func(ctx context.Context, hub, deviceID string, after uint64) ([]Received, error)
	// Contents reads what the lab holds; nil: it does not tell.
	Contents func(ctx context.Context) (LabContents, error)
	// Faults lists the scenarios that the lab can play, and SetFault switches one;
	// nil: it plays none.
	Faults   func(ctx context.Context) ([]LabFault, error)
	SetFault func(ctx context.Context, name string, on bool) error
	// Check reports whether a joined lab still answers; nil for an own one.
	Check func(ctx context.Context) error
	// Close ends a lab that this process started, and leaves a joined one alone.
	Close func() error
}

// Device is one line of the home screen. It is read from the profile and the
// state file alone: no certificate is opened for it.
type Device struct {
	Name        string
	Profile     *profiles.Profile // nil when Err is set
	State       *profiles.State   // never nil
	Err         error             // the profile cannot be used; says file, line, fix
	ProfilePath string
}

// RunOptions choose what a run does.
type RunOptions struct {
	Only   []StepID // nil: all steps
	From   StepID   // begin with this step; empty: with the first
	Resume bool     // finish the registration operation that an earlier run began
	Force  bool     // make a new device certificate even when there is a good one
	Count  int      // telemetry messages; 0: what the profile says
	// Interval is the pause between messages; nil: what the profile says.
	Interval *time.Duration
	// Body and Properties replace those of the profile when they are set.
	Body       string
	Properties map[string]string
}

// ErrBusy is returned by Start while a run is under way.
var ErrBusy = errors.New("a run is under way: cancel it or wait for it")

// ErrByUser is the cause of a run that a person cancelled.
var ErrByUser = errors.New("cancelled")

// Session is the one door to the engine for every face. Its methods may be
// called from any goroutine.
type Session struct {
	config Config

	ctx    context.Context
	cancel context.CancelCauseFunc

	labOnce sync.Mutex
	lab     *Lab

	mu       sync.Mutex
	run      *run
	done     chan struct{} // closed when the current run has ended
	prepared preparation
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

// Names lists the profiles, sorted. It only reads a directory.
func (s *Session) Names() ([]string, error) { return s.config.Store.Names() }

// Device reads one profile and its state.
func (s *Session) Device(name string) Device {
	d := Device{Name: name, ProfilePath: s.config.Store.Paths.Profile(name)}
	d.Profile, d.Err = s.load(name)
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		state = &profiles.State{}
		if d.Err == nil {
			d.Err = &Problem{Kind: LocalFile, Op: "read the state of " + name, Summary: err.Error()}
		}
	}
	d.State = state
	return d
}

// load reads a profile, checks every value and fills in the defaults.
func (s *Session) load(name string) (*profiles.Profile, error) {
	doc, err := s.config.Store.Load(name)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, noProfile("open "+name, name)
		}
		return nil, profileProblem(name, err)
	}
	if wrong := checkDocument(doc); len(wrong) > 0 {
		return nil, profileProblem(name, doc.Errorf(wrong[0].Key, "", "%v", wrong[0].Err))
	}
	return withDefaults(doc.Profile), nil
}

// profileProblem says where in the file what is wrong, and the fix.
func profileProblem(name string, err error) *Problem {
	p := &Problem{Kind: LocalFile, Op: "profile " + name, Summary: err.Error()}
	var at *profiles.Error
	if errors.As(err, &at) {
		p.Kind = Usage
		p.Fix, p.Detail = at.Fix, at.Snippet
		bare := *at
		bare.Fix = ""
		p.Summary = bare.Error()
	}
	return p
}

func noProfile(op, name string) *Problem {
	return &Problem{Kind: Usage, Op: op, Summary: "there is no profile of that name", Fix: "dpslab list shows the names; dpslab new " + name + " makes one"}
}

// withDefaults fills in what the file leaves out.
func withDefaults(p *profiles.Profile) *profiles.Profile {
	q := ProfileOf(AnswersOf(p))
	q.Target.DeviceEndpoint, q.Target.CAFile = p.Target.DeviceEndpoint, p.Target.CAFile
	q.Identity.PassphraseCommand = p.Identity.PassphraseCommand
	if len(p.Enrollment.IoTHubs) > 0 {
		q.Enrollment.IoTHubs = p.Enrollment.IoTHubs
	}
	q.Enrollment.Reprovision, q.Enrollment.IoTEdge, q.Enrollment.InitialTwin = p.Enrollment.Reprovision, p.Enrollment.IoTEdge, p.Enrollment.InitialTwin
	q.Telemetry.Properties = p.Telemetry.Properties
	return q
}

// Save writes a new profile. What is wrong with it, or that the name is taken,
// is a *Problem.
func (s *Session) Save(name string, p *profiles.Profile) error {
	if err := s.mayWrite("save profile " + name); err != nil {
		return err
	}
	op := "save profile " + name
	if err := profiles.CheckName(name); err != nil {
		return &Problem{Kind: Usage, Op: op, Summary: err.Error()}
	}
	if wrong := CheckProfile(p); len(wrong) > 0 {
		return &Problem{Kind: Usage, Op: op, Summary: wrong[0].Error()}
	}
	err := s.config.Store.Save(name, p)
	switch {
	case errors.Is(err, profiles.ErrExists):
		return &Problem{Kind: Usage, Op: op, Summary: "there is a profile of that name already", Fix: "Choose another name, or remove that one first: dpslab remove " + name}
	case err != nil:
		return &Problem{Kind: LocalFile, Op: op, Summary: err.Error()}
	}
	return nil
}

// Remove deletes a profile with its state and device files, and says which. CAs
// that other devices may share stay.
func (s *Session) Remove(name string) ([]string, error) {
	if err := s.mayWrite("remove " + name); err != nil {
		return nil, err
	}
	removed, err := s.config.Store.Remove(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, noProfile("remove "+name, name)
	case err != nil:
		p := problemOf("remove "+name, err)
		p.Kind = LocalFile
		return removed, p
	}
	return removed, nil
}

// OpenLab starts or joins the lab, once. When the process whose lab was joined
// has gone, it is opened anew: on the same store everything is still there.
func (s *Session) OpenLab(ctx context.Context) (*Lab, error) {
	s.labOnce.Lock()
	defer s.labOnce.Unlock()
	if s.lab != nil && (s.lab.Check == nil || s.lab.Check(ctx) == nil) {
		return s.lab, nil
	}
	if s.config.OpenLab == nil {
		return nil, errors.New("there is no lab in this session")
	}
	lab, err := s.config.OpenLab(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the lab: %w", err)
	}
	s.lab = lab
	facts := lab.LabFacts
	s.sink(Event{At: time.Now(), Kind: LabOpened, Lab: &facts})
	return lab, nil
}

// openedLab is the lab that is open, without asking whether it still answers.
func (s *Session) openedLab(ctx context.Context) (*Lab, error) {
	s.labOnce.Lock()
	lab := s.lab
	s.labOnce.Unlock()
	if lab != nil {
		return lab, nil
	}
	return s.OpenLab(ctx)
}

func (s *Session) sink(e Event) {
	s.sinkMu.Lock()
	defer s.sinkMu.Unlock()
	s.config.Sink(e)
}

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
	profile, err := s.load(name)
	if err != nil {
		return nil, err
	}
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return nil, problemOf("read the state of "+name, err)
	}
	// Without the profile's lock: nothing is written, and asking during a run is
	// what people do.
	r := makeRun(s, name, profile, state, RunOptions{Only: []StepID{StepRegistration}})
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
	if s.lab == nil || s.lab.Close == nil {
		return nil
	}
	return s.lab.Close()
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

// StateDir is where faces may put files of their own: copies, screenshots.
func (s *Session) StateDir() string { return s.config.Store.Paths.State }

// Resumable reports whether a registration operation was begun and its end
// never seen.
func Resumable(st *profiles.State) bool {
	return st != nil && st.Registration.OperationID != "" && !dps.Final(st.Registration.Status)
}

// ShellWord quotes s as one word of a POSIX shell.
func ShellWord(s string) string { return wire.ShellWord(s) }

// Curl writes an exchange's request as a curl command line, secrets masked.
func Curl(x *Exchange) string { return wire.Curl(x) }
