package workflow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/wire"
)

// run is one run of a profile's steps, from RunStarted to RunFinished. All but
// emit belongs to one goroutine.
type run struct {
	id      string
	name    string
	session *Session
	profile *profiles.Profile
	options RunOptions
	plan    []StepID
	state   *profiles.State

	ctx    context.Context
	cancel context.CancelCauseFunc
	unlock func()

	stream    *stream
	target    *target
	identity  *identity
	saver     saver
	made      bool                    // something at a service, which no saved state knows yet
	authority *pki.Authority          // nil: not open yet
	rekeyed   bool                    // the enrollment gets another symmetric key
	services  map[string]*wire.Client // by the name of the service
	ahead     *wire.Ahead             // of services
	commanded []byte                  // what passphrase_command printed; it runs once in a run
	answered  map[string][]byte       // pass phrases that a person gave, by key file; they end with the run

	emitMu  sync.Mutex
	seq     int
	step    StepID
	journal *os.File
	stored  *journalFile // the journal, for those who look at its exchanges later
	written int64        // its bytes
	over    atomic.Bool  // RunFinished is on its way; the next run may start
}

// step is one step: how it runs. What it is called stands in Steps.
type step struct {
	id StepID
	// run does it and says in one line what came of it.
	run func(*run, context.Context) (summary string, err error)
}

// skipped is the error of a step that has nothing to do for this profile.
type skipped struct{ why string }

func (s skipped) Error() string { return s.why }

var steps = []step{
	{StepCertificates, (*run).certificates},
	{StepSigningCA, (*run).signingCA},
	{StepEnrollment, (*run).enrollment},
	{StepRegistration, (*run).registration},
	{StepTelemetry, (*run).telemetry},
	{StepAPIManagement, (*run).apiManagement},
}

func newRun(s *Session, name string, p *profiles.Profile, o RunOptions) (*run, error) {
	store := s.config.Store
	unlock, err := store.Lock(name)
	if err != nil {
		return nil, problemOf("run "+name, err)
	}
	state, err := store.LoadState(name)
	if err != nil {
		unlock()
		return nil, localProblem("read the state of "+name, err)
	}
	r := makeRun(s, name, p, state, o)
	r.unlock = unlock
	if len(r.plan) == 0 {
		r.close()
		return nil, &Problem{Kind: Usage, Op: "run " + name, Summary: "no step is chosen", Fix: "the steps are certificates, signing-ca, enrollment, registration, telemetry, and api-management where the profile names such a service"}
	}
	return r, nil
}

func makeRun(s *Session, name string, p *profiles.Profile, state *profiles.State, o RunOptions) *run {
	r := &run{
		id: uuid.NewString(), name: name, session: s, profile: p, options: o,
		state: state, unlock: func() {}, plan: planOf(p, o, state), stream: newStream(), ahead: wire.NewAhead(),
	}
	r.ctx, r.cancel = context.WithCancelCause(s.ctx)
	return r
}

// planOf chooses the steps. Resuming begins with the registration that was
// under way, and goes on with what comes after. Undoing goes backwards.
func planOf(p *profiles.Profile, o RunOptions, st *profiles.State) []StepID {
	from := o.From
	if o.Resume && from == "" && len(o.Only) == 0 && Resumable(st) {
		from = StepRegistration
	}
	var plan []StepID
	for _, s := range steps {
		if s.id == from {
			from = ""
		}
		chosen := len(o.Only) == 0 || slices.Contains(o.Only, s.id)
		if s.id == StepAPIManagement && p.APIManagement.Service == "" && len(o.Only) == 0 {
			chosen = o.Undo
		}
		if from == "" && chosen {
			plan = append(plan, s.id)
		}
	}
	if o.Undo {
		plan = slices.DeleteFunc(plan, func(id StepID) bool {
			return len(o.Only) != 1 && id == StepAPIManagement && st.APIManagement.Service == ""
		})
		slices.Reverse(plan)
	}
	return plan
}

func (r *run) execute() {
	if !r.options.DryRun { // it would take the place of the last run's
		r.openJournal()
	}
	problem := r.all()
	r.saveForGood()
	r.close()
	r.over.Store(true)
	r.end(problem)
	if r.journal != nil {
		r.journal.Close()
	}
}

// all runs the planned steps and returns what stopped it, if anything. A panic
// is one more problem: a terminal in raw mode must hear of it as an event.
func (r *run) all() (problem *Problem) {
	defer func() {
		if v := recover(); v != nil {
			problem = &Problem{
				Kind: Internal, Op: "run " + r.name, Summary: fmt.Sprintf("dpslab has a bug here: %v", v),
				Detail: string(debug.Stack()), Fix: "Please report it with the detail below.",
			}
		}
	}()
	r.beginAhead()
	r.emit(Event{Kind: RunStarted, Plan: r.plan, Undo: r.options.Undo, DryRun: r.options.DryRun, Adds: r.options.adds})
	for _, id := range r.plan {
		if problem := r.one(id); problem != nil {
			if problem.Kind != Interrupted && !r.options.Undo {
				r.noteError(id, problem)
			}
			return problem
		}
	}
	return nil
}

// one runs a step and tells how it ended.
func (r *run) one(id StepID) *Problem {
	r.step = id
	defer func() { r.step = "" }()
	r.emit(Event{Kind: StepStarted})
	i := slices.IndexFunc(steps, func(s step) bool { return s.id == id })
	do := steps[i].run
	if r.options.Undo {
		do = func(r *run, ctx context.Context) (string, error) { return r.undo(ctx, id) }
	}
	summary, err := do(r, r.ctx)
	var nothing skipped
	if errors.As(err, &nothing) {
		r.emit(Event{Kind: StepSkipped, Text: nothing.why})
		r.remember(id, "skipped", nothing.why)
		return nil
	}
	if err == nil {
		r.emit(Event{Kind: StepFinished, Outcome: Done, Text: summary})
		r.remember(id, "done", summary)
		return nil
	}
	if r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	}
	problem := problemOf(id.Title(), err)
	outcome := Failed
	if problem.Kind == Interrupted {
		outcome = Cancelled
		if Resumable(r.state) {
			problem.Fix = "dpslab run " + r.name + " --resume finishes the registration that is under way, without a second one."
		}
	}
	r.emit(Event{Kind: StepFinished, Outcome: outcome, Problem: problem, Text: problem.Summary})
	r.remember(id, string(outcome), problem.Summary)
	return problem
}

// remember notes in the state file how a step ended. A state that cannot be
// written is a warning: the step itself is done.
func (r *run) remember(id StepID, status, summary string) {
	if r.options.Undo {
		r.rememberUndone(id, status)
		return
	}
	if r.state.Steps == nil {
		r.state.Steps = make(map[string]profiles.StepState)
	}
	r.state.Steps[string(id)] = profiles.StepState{Status: status, Finished: time.Now().UTC(), Summary: summary}
	if status == string(Done) && r.state.LastError != nil && r.state.LastError.Step == string(id) {
		r.state.LastError = nil
	}
	r.saveSoon()
}

// rememberUndone drops a step that was undone from the state file. One that was
// not is as it was.
func (r *run) rememberUndone(id StepID, status string) {
	if status != string(Done) || r.options.DryRun {
		return
	}
	delete(r.state.Steps, string(id))
	if r.state.LastError != nil && r.state.LastError.Step == string(id) {
		r.state.LastError = nil
	}
	if err := r.save(); err != nil {
		r.warn("the progress could not be saved: " + err.Error())
	}
}

// end sends the one terminal event, after everything is put away.
func (r *run) end(p *Problem) {
	e := Event{Kind: RunFinished, Outcome: Done, Problem: p}
	switch {
	case p == nil:
	case p.Kind == Interrupted:
		e.Outcome = Cancelled
	default:
		e.Outcome = Failed
	}
	r.emit(e)
}

func (r *run) noteError(id StepID, p *Problem) {
	r.state.LastError = &profiles.LastError{
		Step: string(id), Kind: string(p.Kind), Op: p.Op, Summary: p.Summary, Why: p.Why, Fix: p.Fix,
		Code: p.Code, Status: p.Status, TrackingID: p.TrackingID, At: time.Now().UTC(),
	}
	if err := r.save(); err != nil {
		r.warn("the error could not be saved: " + err.Error())
	}
}

func (r *run) close() {
	r.cancel(nil)
	r.unlock()
	r.ahead.Close()
	for _, c := range r.services {
		c.Close()
	}
	if r.identity != nil {
		r.identity.close()
	}
}

// openJournal begins the journal of this run; a resumed run goes on in the one
// that is there. Who looks at the exchanges of the run before has its file open:
// it is replaced rather than emptied, where the system can remove an open file.
func (r *run) openJournal() {
	path := r.session.config.Store.Paths.Journal(r.name)
	flags := os.O_CREATE | os.O_RDWR | os.O_APPEND
	if !r.options.Resume && !r.options.adds {
		flags |= os.O_TRUNC
		_ = os.Remove(path)
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if err == nil {
		err = endLine(file)
	}
	if err == nil {
		r.written, err = file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		r.warn("the journal cannot be written: " + err.Error())
		return
	}
	r.journal = file
	r.stored, _ = openJournalFile(path) // without it the exchanges stay in memory
}

// endLine ends the half line that a killed run may have left, so that the next
// one stands alone.
func endLine(file *os.File) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, size-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = file.WriteString("\n")
	return err
}

// emit stamps an event, journals it and hands it on. It may be called from the
// goroutines of the HTTP transport too.
func (r *run) emit(e Event) {
	r.emitMu.Lock()
	defer r.emitMu.Unlock()
	if r.id != "" { // else no run: there is no order to keep
		r.seq++
	}
	e.Run, e.Seq, e.Device = r.id, r.seq, r.name
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.Step == "" && e.Kind != RunFinished && e.Kind != RunStarted {
		e.Step = r.step
	}
	err := r.record(&e)
	r.session.sink(e)
	if err != nil { // told once: the journal is closed by now
		r.seq++
		r.session.sink(Event{
			Run: r.id, Seq: r.seq, Device: r.name, At: e.At, Step: r.step,
			Kind: Warned, Text: "the journal cannot be written: " + err.Error(),
		})
	}
}

// record writes an event to the journal and notes where; after a failure there
// is no journal.
func (r *run) record(e *Event) error {
	if r.journal == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = r.journal.Write(append(line, '\n'))
	}
	if err == nil && r.stored != nil {
		e.stored = place{file: r.stored, offset: r.written, size: len(line)}
		r.written += int64(len(line)) + 1
	}
	if err != nil {
		r.journal.Close()
		r.journal = nil
	}
	return err
}

func (r *run) note(format string, args ...any) {
	r.emit(Event{Kind: Noted, Text: fmt.Sprintf(format, args...)})
}

func (r *run) warn(text string) { r.emit(Event{Kind: Warned, Text: text}) }

// observe turns the recorder's calls into events.
func (r *run) observe(x wire.Exchange, finished bool) {
	kind := ExchangeStarted
	if finished {
		kind = ExchangeFinished
	}
	r.emit(Event{Kind: kind, Exchange: &x})
}
