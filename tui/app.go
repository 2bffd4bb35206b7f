// Package tui is the workbench on the screen.
//
// Rules of the package: there is one tea.Model, the app. Screens and overlays
// propose, the app disposes: only it calls the session, and only in commands,
// never in Update or View. Time enters by the tick and by the events' own
// stamps; while nothing runs there is no tick, and an idle screen writes no
// byte. The order in which a key is looked at is one function, app.key.
package tui

import (
	"fmt"
	"runtime/debug"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/tui/keymap"
	"dpslab/tui/screen"
	"dpslab/tui/term"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// tickEvery is the pace of spinner and countdown: ten frames a second.
const tickEvery = 100 * time.Millisecond

// app is the one model. All its fields belong to the event loop.
type app struct {
	session *workflow.Session
	th      *theme.Theme
	clip    term.Clipboard
	program *tea.Program // nil until drive runs it

	tty terminalFiles

	triedFaults map[string]workflow.LabFault // parameters that were asked for last

	w, h    int
	sized   bool // the renderer knows the size too
	now     time.Time
	ticking bool

	searching bool           // a search of the transcript goes on
	sought    *screen.Sought // the part of it that is read from disk
	endSearch func()         // ends the reading
	reading   bool           // exchanges that are looked at are being read

	home      *screen.Home
	wizard    *screen.Wizard // nil: none is open
	bench     *screen.Bench  // nil: none is open
	chain     *screen.Chain  // nil: none is open
	labScreen *screen.Lab    // nil: it is not open
	side      *side          // nil: the screen of enrollments is not open
	sides     int            // how often it was
	reads     int            // of the chain; only the newest counts
	looks     int            // at the lab; only the newest counts
	stack     []screen.Screen

	overlay   overlay
	grace     grace
	questions []*question       // waiting for a free screen
	notices   []workflow.Manual // what somebody has to do elsewhere, waiting too

	status   *workflow.Status // of the device on the bench
	playing  []string         // the lab's scenarios that are on
	lab      *workflow.LabFacts
	ran      []*workflow.Status // of devices that ran here, in order
	readOnly bool               // nothing may be written
	paths    profiles.Paths
	calledAs string // the program, in hints that name a command
	batch    batch  // devices that run one after another
	drafts   drafts
	awaits   int              // devices being opened or saved: keys wait
	opening  int              // how often one was opened
	slow     string           // what is said while that takes long
	held     []tea.KeyMsg     // typed meanwhile
	draft    workflow.Answers // of a half-filled wizard that was left

	preparing *preparing
	lookout   *lookout

	toast     string
	toastID   int
	open      string // device to open at once
	signalled bool
	crash     string // trace of a panic
}

// newApp makes a model that shows the home screen.
func newApp(session *workflow.Session, th *theme.Theme) *app {
	a := &app{calledAs: "dpslab", session: session, th: th, home: screen.NewHome(th), preparing: &preparing{}, lookout: newLookout(session)}
	a.stack = []screen.Screen{a.home}
	if session != nil {
		a.paths = session.Paths()
	}
	return a
}

// readOnly is why a key that writes cannot act.
const readOnly = "this session is read-only"

// bindings are the keys of the current screen, those that write disabled in a
// read-only session.
func (a *app) bindings() []keymap.Binding {
	bs := a.current().Bindings()
	if a.readOnly {
		for _, action := range []keymap.Action{keymap.New, keymap.Edit, keymap.RunAll, keymap.RunStep, keymap.Remove, keymap.Retire, keymap.Switch, keymap.AllOff, keymap.Prove, keymap.Refresh, keymap.Upload} {
			keymap.Disable(bs, action, readOnly)
		}
	}
	return bs
}

// messages of the app.
type (
	eventsMsg   []workflow.Event
	tickMsg     time.Time
	askMsg      struct{ q *question }
	withdrawMsg struct{ q *question }
	hangupMsg   struct{}
	crashMsg    struct{ trace string }
	toastMsg    struct{ id int }
	graceMsg    struct{ id int }

	namesMsg struct {
		names []string
		err   error
		mark  profiles.Mark
	}
	devicesMsg struct {
		devices []workflow.Device
		marks   []profiles.Mark // of each
		at      time.Time
	}
	openedMsg struct {
		device workflow.Device
		status *workflow.Status
		at     time.Time
		run    bool
	}
	authoritiesMsg struct{ names []string }
	missingMsg     struct{ found map[workflow.Lookup]bool }

	startedMsg struct{ err error }
	savedMsg   struct {
		name string
		err  error
	}
	removedMsg struct {
		names []string // the ones that are gone
		files int
		err   error
	}
	chainMsg struct {
		read int
		view workflow.ChainView
		err  error
		at   time.Time
	}
	copiedMsg struct {
		what      string
		clipboard bool
		path      string
		err       error
	}
	saidMsg string
)

// Init implements tea.Model.
func (a *app) Init() tea.Cmd {
	if a.open != "" {
		return tea.Batch(a.follow(), a.openDevice(a.open, false))
	}
	return a.follow()
}

// Update implements tea.Model. A panic becomes the reason to leave.
func (a *app) Update(msg tea.Msg) (m tea.Model, cmd tea.Cmd) {
	defer func() {
		if r := recover(); r != nil {
			a.crash = trace(r)
			m, cmd = a, tea.Quit
		}
	}()
	return a, tea.Batch(a.update(msg), a.follow())
}

func trace(r any) string { return fmt.Sprintf("%v\n\n%s", r, debug.Stack()) }

func (a *app) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		a.w, a.h, a.sized = msg.Width, msg.Height, true
	case tea.KeyMsg:
		return a.keys(msg)
	case eventsMsg:
		return a.events(msg)
	case tickMsg:
		a.ticking = false
		a.clock(time.Time(msg))
	case askMsg:
		a.questions = append(a.questions, msg.q)
	case withdrawMsg:
		a.withdraw(msg.q)
	case graceMsg:
		a.grace.lift(msg.id)
	case toastMsg:
		if msg.id == a.toastID {
			a.toast = ""
		}
	case saidMsg:
		return a.say(string(msg))
	case hangupMsg:
		a.signalled = true
		return tea.Quit
	case crashMsg:
		a.crash = msg.trace
		return tea.Quit
	default:
		return a.results(msg)
	}
	return nil
}

// results takes in what commands bring back.
func (a *app) results(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case namesMsg:
		a.lookout.tookNames(msg.mark)
		a.home.SetNames(msg.names, msg.err)
	case changedMsg:
		return a.readChanged(msg)
	case devicesMsg:
		a.gotDevices(msg)
	case slowMsg:
		return a.sayReading(msg)
	case openedMsg:
		a.opening++
		if a.toast == a.slow {
			a.toast = ""
		}
		return tea.Batch(a.showBench(msg), a.release())
	case startedMsg:
		return a.startedRun(msg.err)
	case authoritiesMsg:
		if a.wizard != nil {
			a.wizard.SetAuthorities(msg.names)
		}
	case missingMsg:
		if a.wizard != nil {
			a.wizard.SetMissing(msg.found)
		}
	case savedMsg:
		return tea.Batch(a.saved(msg), a.release())
	case removedMsg:
		return a.removed(msg)
	case retirePlanMsg:
		return tea.Batch(a.askRetire(msg), a.release())
	case batchMsg:
		return a.startedInBatch(msg)
	case chainMsg:
		a.gotChain(msg)
	case chosenMsg:
		return a.key(msg.key)
	case editMsg:
		return tea.Batch(a.showEditor(msg), a.release())
	case editedMsg:
		return tea.Batch(a.edited(msg), a.release())
	case labMsg:
		return a.gotLab(msg)
	case lookMsg:
		return a.lookAgain(msg)
	case playingMsg:
		a.gotPlaying(msg)
	case faultsMsg:
		return a.faultsSet(msg)
	case copiedMsg:
		return a.copied(msg)
	default:
		return a.worked(msg)
	}
	return nil
}

// gotDevices shows devices that were read.
func (a *app) gotDevices(m devicesMsg) {
	a.clock(m.at)
	a.lookout.tookDevices(m.devices, m.marks)
	a.home.SetDevices(m.devices, a.now)
	a.refreshBench(m.devices)
}

// clock takes in a moment; it never goes back.
func (a *app) clock(t time.Time) {
	if t.After(a.now) {
		a.now = t
	}
}

// busy says whether something moves on the screen.
func (a *app) busy() bool { return a.bench != nil && a.bench.Busy() || a.batch.on() }

func (a *app) current() screen.Screen { return a.stack[len(a.stack)-1] }

func (a *app) push(s screen.Screen) { a.stack = append(a.stack, s) }

// pop goes back one screen and forgets the one that is left.
func (a *app) pop() {
	if len(a.stack) == 1 {
		return
	}
	switch a.current() {
	case screen.Screen(a.wizard):
		a.wizard = nil
	case screen.Screen(a.bench):
		if a.status != nil && a.status != a.batch.status { // it does not run on
			a.status.Exchanges.Close()
		}
		a.bench, a.status = nil, nil
	case screen.Screen(a.chain):
		a.chain = nil
	case screen.Screen(a.labScreen):
		a.labScreen = nil
	default:
		if a.side != nil && a.current() == screen.Screen(a.side.screen) {
			a.side.close()
			a.side = nil
		}
	}
	a.stack = a.stack[:len(a.stack)-1]
}
