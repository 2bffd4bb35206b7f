package tui

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/vt"

	"dpslab/profiles"
	"dpslab/tui/term"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// rig is a whole program in virtual time: bytes go in, a screen comes out.
type rig struct {
	dir     string // where all files lie
	t       *testing.T
	a       *app
	session *workflow.Session
	feed    *Feed
	ask     *Asker
	signals chan os.Signal
	keys    *io.PipeWriter
	out     *terminal
	ended   chan error
	cancel  context.CancelFunc
}

// terminal is an emulated screen that counts what is written to it. The
// emulator is made for one goroutine; the lock lets the test look while the
// program draws.
type terminal struct {
	mu            sync.Mutex
	scr           *vt.Emulator
	writes, bytes int
	frames        term.Frames
}

// newTerminal makes a screen of 80 by 24 cells that swallows its own answers.
func newTerminal() *terminal {
	s := &terminal{scr: vt.NewEmulator(80, 24)}
	go func() { _, _ = io.Copy(io.Discard, s.scr) }()
	return s
}

func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	thin := s.frames.Thin(p)
	s.writes++
	s.bytes += len(thin)
	if _, err := s.scr.Write(thin); err != nil {
		return 0, err
	}
	return len(p), nil
}

// counts says how many writes and bytes there were.
func (s *terminal) counts() (writes, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes, s.bytes
}

// text is what the screen shows, without blanks at the ends of rows.
func (s *terminal) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := strings.Split(s.scr.String(), "\n")
	for i, row := range rows {
		rows[i] = strings.TrimRight(row, " \r")
	}
	return strings.Join(rows, "\n")
}

// inBubble starts the workbench on a screen of 80 by 24 cells, does what f
// says, and leaves when f has not.
func inBubble(t *testing.T, names []string, f func(*rig)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { newRig(t, dir, names, nil).live(f) })
}

// live goes from the first frame to the end of the program.
func (r *rig) live(f func(*rig)) {
	r.settle()
	f(r)
	r.cancel()
	r.wait()
	_ = r.session.Close()
	_ = r.keys.Close()
	_ = r.out.scr.Close()
	time.Sleep(time.Hour) // lets timers that are still set run out
}

func newRig(t *testing.T, dir string, names []string, lab func(context.Context) (*workflow.Lab, error)) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir, feed: NewFeed(), ask: NewAsker(), signals: make(chan os.Signal, 1), ended: make(chan error, 1)}
	store := emptyStore(dir)
	for _, n := range names {
		w := workflow.NewWizard(workflow.Answers{"identity.registration_id": n})
		if err := store.Save(n, w.Profile()); err != nil {
			t.Fatal(err)
		}
	}
	r.session = workflow.NewSession(workflow.Config{Store: store, OpenLab: lab, Sink: r.feed.Put, Ask: r.ask.Ask})
	r.a = newApp(r.session, newTheme(t, theme.Options{NoColor: true}))
	r.a.w, r.a.h = 80, 24
	r.out = newTerminal()
	pr, pw := io.Pipe()
	r.keys = pw
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- drive(ctx, r.a, r.feed, r.ask, r.signals, quietly{pr}, r.out) }()
	return r
}

// quietly reads as term.Input does, from something that is no file.
type quietly struct{ io.Reader }

func (q quietly) Read(p []byte) (int, error) {
	n, err := q.Reader.Read(p)
	return len(term.DropAnswers(p[:n])), err
}

// emptyStore keeps all files below one folder.
func emptyStore(dir string) *profiles.Store {
	return profiles.NewStore(profiles.Paths{Config: dir, State: dir, Data: dir})
}

// settle lets the program come to rest and draw.
func (r *rig) settle() {
	time.Sleep(50 * time.Millisecond)
	synctest.Wait()
}

// press sends bytes as they would come from a terminal, one read each.
func (r *rig) press(reads ...string) {
	for _, b := range reads {
		_, _ = io.WriteString(r.keys, b)
		r.settle()
	}
}

func (r *rig) screen() string { return r.out.text() }

func (r *rig) see(text string) {
	r.t.Helper()
	if !strings.Contains(r.screen(), text) {
		r.t.Errorf("the screen does not show %q:\n%s", text, r.screen())
	}
}

func (r *rig) dontSee(text string) {
	r.t.Helper()
	if strings.Contains(r.screen(), text) {
		r.t.Errorf("the screen shows %q:\n%s", text, r.screen())
	}
}

// hasText says whether a screen shows a text.
func hasText(s *terminal, text string) bool { return strings.Contains(s.text(), text) }

// wait returns how the program ended.
func (r *rig) wait() error {
	err := <-r.ended
	r.ended <- err
	return err
}

// over says whether the program has ended.
func (r *rig) over() bool { return len(r.ended) > 0 }

const (
	enter = "\r"
	esc   = "\x1b"
	down  = "\x1b[B"
	right = "\x1b[C"
	ctrlC = "\x03"
	paste = "\x1b[200~%s\x1b[201~"
)

// play feeds a story about the first device to the program.
func (r *rig) play(s *story) {
	for _, e := range s.events {
		e.At = time.Now()
		if e.Poll != nil {
			p := *e.Poll
			p.Since, p.Due = e.At, e.At.Add(p.Due.Sub(p.Since))
			e.Poll = &p
		}
		r.feed.Put(e)
	}
	r.settle()
	r.settle()
}

func polling() *story {
	s := newStory()
	s.begin(workflow.StepRegistration)
	s.register(assigning())
	s.wait(1)
	return s
}
