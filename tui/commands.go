package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles/wholefile"
	"dpslab/tui/screen"
	"dpslab/workflow"
)

// do makes a command of work that may take time. A panic in it would lose its
// trace with the alternate screen; here it becomes a message instead.
//
// f must not touch the app: commands run on their own goroutine. What they need
// is captured by value; session and clip never change.
func (a *app) do(f func() tea.Msg) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = crashMsg{trace(r)}
			}
		}()
		return f()
	}
}

func (a *app) readNames() tea.Cmd {
	return a.do(func() tea.Msg {
		mark := a.session.MarkNames() // before the reading: what changes during it is seen later
		names, err := a.session.Names()
		return namesMsg{names, err, mark}
	})
}

func (a *app) readDevices(names []string) tea.Cmd {
	return a.do(func() tea.Msg {
		m := devicesMsg{at: time.Now()}
		for _, n := range names {
			m.marks = append(m.marks, a.session.MarkDevice(n))
			m.devices = append(m.devices, a.session.Device(n))
		}
		return m
	})
}

// openDevice reads a device and its last run. Keys typed meanwhile are meant for
// its bench and wait for it.
func (a *app) openDevice(name string, run bool) tea.Cmd {
	a.awaits++
	a.opening++
	slow := slowMsg{a.opening, name}
	return tea.Batch(tea.Tick(slowAfter, func(time.Time) tea.Msg { return slow }), a.do(func() tea.Msg {
		return openedMsg{device: a.session.Device(name), status: a.session.History(name), at: time.Now(), run: run}
	}))
}

// slowAfter is when a person is told that a device is still being read.
const slowAfter = 200 * time.Millisecond

// slowMsg tells that a device has been read for a while.
type slowMsg struct {
	opening int
	name    string
}

// sayReading says what takes long, unless it is over.
func (a *app) sayReading(m slowMsg) tea.Cmd {
	if m.opening != a.opening || a.bench != nil || a.awaits == 0 {
		return nil
	}
	a.slow = "Reading what happened to " + m.name + " so far: its last run was long."
	return a.say(a.slow)
}

func (a *app) showBench(m openedMsg) tea.Cmd {
	if a.bench != nil && a.bench.Busy() {
		return nil
	}
	a.clock(m.at)
	for a.current() != screen.Screen(a.home) {
		a.pop()
	}
	a.home.Select(m.device.Name)
	a.status = m.status
	if st := a.batch.status; st != nil && st.Device == m.device.Name {
		m.status.Exchanges.Close()
		a.status = st // it runs: the journal is behind
		m.status = st
	}
	if a.lab != nil {
		a.status.Lab = a.lab
	}
	a.bench = screen.NewBench(a.th, m.device, m.status)
	a.bench.Playing = a.playing
	if a.readOnly {
		a.bench.Locked = readOnly
	}
	a.bench.Observe(m.status, a.now)
	a.push(a.bench)
	if m.run && m.device.Err == nil {
		return a.start(workflow.RunOptions{})
	}
	return nil
}

// refreshBench hands the device on the bench what was read of it after a run.
func (a *app) refreshBench(ds []workflow.Device) {
	for _, d := range ds {
		if a.bench != nil && a.bench.Device() == d.Name {
			a.bench.SetDevice(d)
		}
	}
}

func (a *app) start(o workflow.RunOptions) tea.Cmd {
	if a.bench == nil || a.bench.Busy() {
		return nil
	}
	if a.batch.on() {
		return a.say("The picked devices run one after another; this one can run when they have, or after ctrl+c on the list of devices.")
	}
	a.bench.Starting()
	name := a.bench.Device()
	return a.do(func() tea.Msg {
		_, err := a.session.Start(name, o)
		return startedMsg{err}
	})
}

// startedRun takes in how a start ended. A cancel that came before the engine
// had begun met nothing to cancel: it is said again.
func (a *app) startedRun(err error) tea.Cmd {
	switch {
	case a.bench == nil:
		return nil
	case err == nil && a.bench.Ending():
		return a.cancelRun()
	case err == nil:
		return nil
	}
	a.bench.Refuse(problemOf(err))
	return nil
}

// release hands over the keys that waited, once nothing is awaited any more.
func (a *app) release() tea.Cmd {
	a.awaits = max(0, a.awaits-1)
	if a.awaits > 0 {
		return nil
	}
	held := a.held
	a.held = nil
	var cmds []tea.Cmd
	for _, k := range held {
		cmds = append(cmds, a.key(k))
	}
	return tea.Batch(cmds...)
}

// showWizard opens the wizard, or asks first what to do with a draft.
func (a *app) showWizard() tea.Cmd {
	if len(a.draft) > 0 {
		a.overlay = a.newDraftChoice(a.draft)
		return nil
	}
	return a.openWizard(nil)
}

func (a *app) openWizard(answers workflow.Answers) tea.Cmd {
	a.wizard = screen.NewWizard(a.th, answers, a.paths, a.home.Has)
	a.push(a.wizard)
	if len(answers) == 0 {
		return a.readAuthorities()
	}
	return tea.Batch(a.readAuthorities(), a.prepare(answers))
}

// readAuthorities lists the CAs that a wizard offers. Without the list the
// question is one for a name, as on a new machine.
func (a *app) readAuthorities() tea.Cmd {
	return a.do(func() tea.Msg {
		names, _ := a.session.Authorities()
		return authoritiesMsg{names}
	})
}

// lookUp looks for the files and variables that the wizard's answers name.
func (a *app) lookUp() tea.Cmd {
	if a.wizard == nil || a.session == nil {
		return nil
	}
	wanted := a.wizard.WantedLookups()
	if len(wanted) == 0 {
		return nil
	}
	return a.do(func() tea.Msg {
		m := missingMsg{found: map[workflow.Lookup]bool{}}
		for _, l := range wanted {
			m.found[l] = a.session.Missing(l)
		}
		return m
	})
}

func (a *app) keepDraft(answers workflow.Answers) tea.Cmd {
	if len(answers) == 0 {
		return nil
	}
	a.draft = answers
	wish := a.drafts.wish()
	return a.do(func() tea.Msg {
		if err := a.drafts.keep(wish, func() error { return a.session.SaveDraft(answers) }); err != nil {
			return saidMsg("Your answers could not be kept: " + told(err))
		}
		return nil
	})
}

// preparing lets only the newest of several wishes through: commands run beside
// each other, and an older one that comes late must not undo a newer.
type preparing struct {
	mu   sync.Mutex
	last int
}

// prepare lets the engine search for keys while the person still answers; with
// no answers it gives that up.
func (a *app) prepare(answers workflow.Answers) tea.Cmd {
	p := a.preparing
	p.mu.Lock()
	p.last++
	mine := p.last
	p.mu.Unlock()
	return a.do(func() tea.Msg {
		p.mu.Lock()
		defer p.mu.Unlock()
		if mine == p.last {
			a.session.Prepare(answers)
		}
		return nil
	})
}

func (a *app) save(w workflow.Wizard) tea.Cmd {
	a.awaits++
	name, profile := w.Name(), w.Profile()
	return a.do(func() tea.Msg {
		if err := a.session.Save(name, profile); err != nil {
			return savedMsg{name, err}
		}
		// The draft has become a profile; a leftover would only be offered again.
		return savedMsg{name, a.drafts.drop(a.session.DropDraft)}
	})
}

func (a *app) saved(m savedMsg) tea.Cmd {
	if m.err != nil {
		if a.wizard != nil {
			a.wizard.Refuse(m.err)
		}
		return nil
	}
	a.draft = nil
	return tea.Batch(a.readNames(), a.openDevice(m.name, true))
}

// remove deletes devices, one after another, up to the first that cannot be.
func (a *app) remove(names []string) tea.Cmd {
	return a.do(func() tea.Msg {
		var m removedMsg
		for _, name := range names {
			files, err := a.session.Remove(name)
			m.files += len(files)
			if m.err = err; err != nil {
				break
			}
			m.names = append(m.names, name)
		}
		return m
	})
}

func (a *app) removed(m removedMsg) tea.Cmd {
	text := fmt.Sprintf("%s is removed, %d files with it.", strings.Join(m.names, ""), m.files)
	if len(m.names) != 1 {
		text = fmt.Sprintf("%d devices are removed, %d files with them.", len(m.names), m.files)
	}
	if m.err != nil {
		title := "Nothing is removed"
		if n := len(m.names); n > 0 {
			title = fmt.Sprintf("%d devices are removed, no more", n)
			if n == 1 {
				title = m.names[0] + " is removed, no more"
			}
		}
		return tea.Batch(a.readNames(), a.refused(title, m.err))
	}
	return tea.Batch(a.readNames(), a.say(text))
}

// copyText sends a text to the terminal's clipboard and, because nobody can tell
// whether that worked, to a file below the state directory too.
func (a *app) copyText(what, file string, text func() string) tea.Cmd {
	clip := a.clip
	return a.do(func() tea.Msg {
		text := text()
		m := copiedMsg{what: what, path: filepath.Join(a.session.StateDir(), file)}
		if clip.Out != nil {
			m.clipboard = clip.Copy(text)
		}
		if m.err = os.MkdirAll(a.session.StateDir(), 0o700); m.err == nil {
			m.err = wholefile.Write(m.path, []byte(text+"\n"), 0o600)
		}
		return m
	})
}

func (a *app) copied(m copiedMsg) tea.Cmd {
	what := "The " + m.what
	switch {
	case m.err != nil && m.clipboard:
		return a.say(what + " was sent to the terminal's clipboard; it could not be written to a file: " + told(m.err))
	case m.err != nil:
		return a.say(what + " could not be copied: " + told(m.err))
	case m.clipboard && a.clip.Multiplexer() == "tmux":
		return a.say(what + " was sent to tmux, which hands it to the terminal where set-clipboard or allow-passthrough is on, and is in " + m.path)
	case m.clipboard:
		return a.say(what + " was sent to the terminal's clipboard and is in " + m.path)
	}
	return a.say(what + " is in " + m.path + "; it is too long for the terminal's clipboard")
}

// readChain reads the certificates of the device on the chain screen.
func (a *app) readChain() tea.Cmd {
	if a.chain == nil {
		return nil
	}
	a.reads++
	name, read := a.chain.Device(), a.reads
	return a.do(func() tea.Msg {
		m := chainMsg{read: read}
		m.view, m.err = a.session.Chain(name)
		m.at = time.Now()
		return m
	})
}

func (a *app) gotChain(m chainMsg) {
	a.clock(m.at)
	if a.chain != nil && m.read == a.reads {
		a.chain.SetView(m.view, m.err)
	}
}

// sortedFolders lists the folders of the files a device's steps wrote or found.
func sortedFolders(s *workflow.Status) []string {
	var dirs []string
	for _, step := range s.Steps {
		for _, f := range step.Files {
			dirs = append(dirs, filepath.Dir(f.Path))
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
