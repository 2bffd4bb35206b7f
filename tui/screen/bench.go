package screen

import (
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// Bench shows one device at work: its steps, and what the chosen one says.
type Bench struct {
	// Locked is why nothing may run; empty: it may.
	Locked string
	// Playing are the scenarios of the lab that are on.
	Playing []string

	th       *theme.Theme
	dev      workflow.Device
	st       *workflow.Status
	now      time.Time
	selected int
	follow   bool // the selection goes with the running step
	run      string
	running  bool
	started  bool // a run was asked for and has not begun
	stopping bool // a cancel was asked for
	refused  *workflow.Problem
	scroll   ui.Scroll

	standing *LookedUp // what DPS said of the registration; nil: it was not asked

	panel     ui.Scroll // of what went wrong
	explained bool      // that has more than fits, as of the last view: the keys scroll it
}

// NewBench opens a device with what its last run left behind. When a
// registration was under way, its step is chosen, so that enter resumes it.
func NewBench(th *theme.Theme, dev workflow.Device, st *workflow.Status) *Bench {
	b := &Bench{th: th, dev: dev, st: st, follow: true, scroll: ui.Scroll{Follow: true}}
	b.selected = b.firstOpen()
	if b.resumable() {
		b.choose(workflow.StepRegistration)
	}
	return b
}

// firstOpen is the step to look at: the one that failed or was not run yet,
// else the last.
func (b *Bench) firstOpen() int {
	wrong := func(s workflow.StepStatus) bool { return s.Problem != nil && s.Problem.Kind != workflow.Interrupted }
	if i := slices.IndexFunc(b.st.Steps, wrong); i >= 0 {
		return i // also one that could not be taken back
	}
	for i, s := range b.st.Steps {
		switch s.State {
		case workflow.StepDone, workflow.StepSkip:
		default:
			return i
		}
	}
	return len(b.st.Steps) - 1
}

func (b *Bench) choose(id workflow.StepID) {
	for i, s := range b.st.Steps {
		if s.ID == id && i != b.selected {
			b.selected = i
			b.rewind()
		}
	}
}

// rewind shows the pane as at first.
func (b *Bench) rewind() {
	b.standing = nil
	b.scroll.Reset()
	b.panel.Reset()
}

// SetDevice takes in what was read of the device again, after a run or a change
// of its profile.
func (b *Bench) SetDevice(d workflow.Device) { b.dev = d }

// Lab says whether the device's target is the lab.
func (b *Bench) Lab() bool { return b.dev.Profile != nil && b.dev.Profile.Target.Kind == "lab" }

// Device is the profile's name.
func (b *Bench) Device() string { return b.dev.Name }

// Starting tells that a run was asked for.
func (b *Bench) Starting() {
	b.started, b.refused, b.follow, b.standing = true, nil, true, nil
}

// Stopping tells that the run was asked to end.
func (b *Bench) Stopping() { b.stopping = true }

// Refuse tells why a run could not start.
func (b *Bench) Refuse(p *workflow.Problem) {
	b.started, b.stopping, b.refused, b.standing = false, false, p, nil
}

// Busy says whether something runs or is about to.
func (b *Bench) Busy() bool { return b.started || b.st.Running }

// Title implements Screen.
func (b *Bench) Title() string {
	th := b.th
	t := th.Strong.Text(th.Clean(b.dev.Name))
	if p := b.dev.Profile; p != nil {
		t += " " + th.Dim.Text(th.Dot) + " " + th.Clean(p.Target.Kind)
		if scope := b.scope(); scope != "" {
			t += " " + th.Dim.Text(th.Dot) + " " + th.Clean(scope)
		}
	}
	return t
}

// scope is the ID scope: the profile's, or the lab's own.
func (b *Bench) scope() string {
	if s := b.dev.Profile.Target.IDScope; s != "" {
		return s
	}
	if b.st.Lab != nil {
		return b.st.Lab.IDScope
	}
	return ""
}

// Capturing implements Screen.
func (b *Bench) Capturing() bool { return false }

// Observe implements Screen.
func (b *Bench) Observe(st *workflow.Status, now time.Time) {
	b.now = now
	if st == nil {
		return
	}
	b.st = st
	if st.Run != b.run {
		b.run, b.follow, b.started = st.Run, true, false
		b.stopping = b.stopping && st.Running // it may be over already
		b.rewind()
	}
	if st.Running != b.running {
		b.running, b.started = st.Running, false
		b.stopping = b.stopping && st.Running
	}
	if !b.follow {
		return
	}
	for _, s := range st.Steps {
		stopped := s.State == workflow.StepStopped && !st.Running
		if stopped || s.State == workflow.Running || s.State == workflow.StepFailed {
			b.choose(s.ID)
			return
		}
	}
	if st.Outcome == workflow.Done && !st.Running {
		b.choose(b.lastRun())
	}
}

// lastRun is the step that ended last.
func (b *Bench) lastRun() workflow.StepID {
	last := b.st.Steps[b.selected]
	for _, s := range b.st.Steps {
		if s.Ended.After(last.Ended) {
			last = s
		}
	}
	return last.ID
}

// resumable says whether enter on the registration step finishes an operation
// that an earlier run began.
func (b *Bench) resumable() bool {
	return b.dev.State != nil && b.dev.Err == nil && !b.Busy() && workflow.Resumable(b.dev.State)
}

func (b *Bench) step() workflow.StepStatus { return b.st.Steps[b.selected] }

// Bindings implements Screen.
func (b *Bench) Bindings() []keymap.Binding {
	bs := keymap.For(keymap.OnBench)
	if why := b.whyNotRun(); why != "" {
		keymap.Disable(bs, keymap.RunStep, why)
		keymap.Disable(bs, keymap.RunAll, why)
		for _, a := range []keymap.Action{keymap.RunRest, keymap.Redo, keymap.Undo} {
			keymap.Disable(bs, a, why)
		}
	}
	b.repairBindings(bs)
	b.streamBindings(bs)
	b.standingBindings(bs)
	if b.st.Exchanges.Len() == 0 {
		keymap.Disable(bs, keymap.Copy, "nothing was sent yet")
		keymap.Disable(bs, keymap.Transcript, "nothing was sent yet")
	}
	if b.dev.Err != nil {
		keymap.Disable(bs, keymap.Chain, unusableWhy(b.dev))
	}
	switch {
	case b.dev.Err != nil:
		keymap.Disable(bs, keymap.Edit, unusableWhy(b.dev))
	default:
		keymap.Disable(bs, keymap.Edit, b.whyNotRun())
	}
	for i := range bs {
		switch {
		case bs[i].Action == keymap.Fix && bs[i].Disabled == "":
			from, _ := b.fix()
			bs[i].About = "run " + from.Title() + " and what follows again"
		case bs[i].Action == keymap.Back && b.Busy():
			bs[i].Help, bs[i].About = "cancel", "cancel what runs"
		case bs[i].Action == keymap.Quit && b.Busy():
			bs[i].Disabled = "something runs: esc cancels it"
		case bs[i].Action == keymap.RunStep && b.resumes():
			bs[i].Help, bs[i].About = "resume", "finish the registration that was under way, then send telemetry"
		}
	}
	return bs
}

// repairBindings are those that depend on how the steps ended.
func (b *Bench) repairBindings(bs []keymap.Binding) {
	switch _, ok := b.fix(); {
	case b.whyNotRun() != "":
		keymap.Disable(bs, keymap.Fix, b.whyNotRun())
	case !ok:
		keymap.Disable(bs, keymap.Fix, "nothing failed that a run would mend")
	}
	if b.whyNotRun() != "" {
		return
	}
	if b.step().State != workflow.StepDone {
		keymap.Disable(bs, keymap.Redo, "the step is not done: enter runs it")
	}
	if b.step().ID == workflow.StepTelemetry {
		keymap.Disable(bs, keymap.Undo, "messages that were sent cannot be taken back")
	} else if s := b.step().State; s == workflow.Waiting || s == workflow.StepSkip {
		keymap.Disable(bs, keymap.Undo, "the step has made nothing")
	}
}

func (b *Bench) whyNotRun() string {
	switch {
	case b.dev.Err != nil:
		return unusableWhy(b.dev)
	case b.Busy():
		return "something runs: esc cancels it"
	}
	return b.Locked
}

// resumes says whether enter would resume now.
func (b *Bench) resumes() bool {
	return b.resumable() && b.step().ID == workflow.StepRegistration
}

// Handle implements Screen.
func (b *Bench) Handle(k tea.KeyMsg) Intent {
	bd, why, acts := pressed(b.Bindings(), k)
	if !acts {
		return why
	}
	switch bd.Action {
	case keymap.RunStep:
		if b.resumes() {
			return RunDevice{Options: workflow.RunOptions{From: workflow.StepRegistration, Resume: true}}
		}
		return RunDevice{Options: workflow.RunOptions{Only: []workflow.StepID{b.step().ID}}}
	case keymap.RunAll:
		return RunDevice{}
	case keymap.RunRest:
		return RunDevice{Options: workflow.RunOptions{From: b.step().ID, Resume: b.resumes()}}
	case keymap.Fix:
		from, _ := b.fix()
		return RunDevice{Options: workflow.RunOptions{From: from}}
	case keymap.Redo:
		return RedoStep{Step: b.step().ID}
	case keymap.Undo:
		return UndoStep{Step: b.step().ID}
	case keymap.Pause:
		return PauseTelemetry{On: !b.st.Telemetry.Stream.Paused}
	case keymap.Faster, keymap.Slower:
		return SetPace{Interval: b.pace(bd.Action == keymap.Faster)}
	case keymap.Compose:
		return ComposeMessage{}
	case keymap.Receive:
		return ReceiveMessages{}
	case keymap.LookUp:
		return LookUpRegistration{}
	case keymap.Back, keymap.Quit:
		if b.Busy() {
			return CancelRun{}
		}
		return LeaveScreen{}
	case keymap.Transcript:
		return ShowTranscript{}
	case keymap.Chain:
		return ShowChain{}
	case keymap.Edit:
		return EditDevice{Name: b.dev.Name}
	case keymap.Copy:
		return CopyExchange{Exchange: b.st.Exchanges.Newest()}
	default:
		b.move(bd.Action)
	}
	return nil
}

func (b *Bench) move(a keymap.Action) {
	switch a {
	case keymap.Up, keymap.Down:
		d := 1
		if a == keymap.Up {
			d = -1
		}
		b.follow = false
		b.selected = max(0, min(b.selected+d, len(b.st.Steps)-1))
		b.rewind()
	case keymap.PageUp, keymap.PageDown:
		if b.explained {
			b.panel.Handle(a)
			return
		}
		b.scroll.Handle(a)
	}
}

// failure is what the panel under the chosen step explains: why the run could
// not start, why the step failed, or why the run did.
func (b *Bench) failure() *workflow.Problem {
	if b.refused != nil {
		return b.refused
	}
	if p := b.step().Problem; p != nil && p.Kind != workflow.Interrupted {
		return p
	}
	failed := slices.ContainsFunc(b.st.Steps, func(s workflow.StepStatus) bool { return s.Problem != nil })
	if b.st.Problem != nil && !failed && b.st.Outcome == workflow.Failed {
		return b.st.Problem
	}
	return nil
}

// Ending says whether the run was already asked to end.
func (b *Bench) Ending() bool { return b.stopping }
