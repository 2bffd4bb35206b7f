package tui

import (
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/workflow"
)

// glanceEvery is how often the list of devices looks whether its files are still
// what it read. A look costs the times of one folder and of the files in sight;
// nothing is read, and the program's loop sleeps on, unless one of them changed.
const glanceEvery = time.Second

// lookout notices what an editor or another process does to the profiles while the
// list of devices is on the screen. It compares marks that were taken before each
// reading, so that no change between two looks is missed.
type lookout struct {
	session *workflow.Session

	mu      sync.Mutex
	on      bool
	sight   []string // whose files are looked at; never written to
	names   profiles.Mark
	devices map[string]profiles.Mark // of all that were read
}

// changedMsg tells what has to be read again.
type changedMsg struct {
	names   bool
	devices []string
}

func newLookout(s *workflow.Session) *lookout {
	return &lookout{session: s, devices: map[string]profiles.Mark{}}
}

// aim tells whether the list is on the screen, and which rows of it.
func (w *lookout) aim(on bool, sight func() []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.on = on
	if on {
		w.sight = sight()
	}
}

// tookNames tells the mark of the list of names that is shown.
func (w *lookout) tookNames(m profiles.Mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names = m
}

// tookDevices tells the marks of devices that were read.
func (w *lookout) tookDevices(ds []workflow.Device, marks []profiles.Mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, m := range marks {
		w.devices[ds[i].Name] = m
	}
}

// run looks until the program ends.
func (w *lookout) run(send func(tea.Msg), stop <-chan struct{}) {
	tick := time.NewTicker(glanceEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if m := w.look(); m.names || len(m.devices) > 0 {
			send(m)
		}
	}
}

// look compares. What it found is not told again while it stays so: the answer
// of the reading brings the next mark.
func (w *lookout) look() (m changedMsg) {
	w.mu.Lock()
	on, names, sight := w.on, w.names, w.sight
	known := make([]profiles.Mark, len(sight))
	for i, n := range sight {
		known[i] = w.devices[n]
	}
	w.mu.Unlock()
	if !on {
		return m
	}
	listed := w.session.MarkNames()
	m.names = listed != names
	found := make([]profiles.Mark, len(sight))
	for i, n := range sight {
		if found[i] = known[i]; known[i] != 0 { // else its first reading is on its way
			found[i] = w.session.MarkDevice(n)
		}
		if found[i] != known[i] {
			m.devices = append(m.devices, n)
		}
	}
	w.told(listed, names, sight, found, known)
	return m
}

// told takes in what was found, but for what has been read meanwhile.
func (w *lookout) told(listed, names profiles.Mark, sight []string, found, known []profiles.Mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.names == names {
		w.names = listed
	}
	for i, n := range sight {
		if found[i] != known[i] && w.devices[n] == known[i] {
			w.devices[n] = found[i]
		}
	}
}

// readChanged reads again what somebody else changed.
func (a *app) readChanged(m changedMsg) tea.Cmd {
	var cmds []tea.Cmd
	if m.names {
		cmds = append(cmds, a.readNames())
	}
	if len(m.devices) > 0 {
		cmds = append(cmds, a.readDevices(m.devices))
	}
	return tea.Batch(cmds...)
}
