//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"golang.org/x/term"
)

// terminal is a pseudo-terminal with a program on one side and an emulated
// screen on the other. It is a silent one: queries are never answered.
type terminal struct {
	t      testing.TB
	master *os.File // ours
	slave  *os.File // the program's; kept open to read the modes
	before *term.State
	cmd    *exec.Cmd
	ended  chan struct{} // the program has ended
	framed chan struct{} // the first whole frame is on the screen
	read   chan struct{} // all its output is on the screen

	settle sync.Once
	after  *term.State // the modes when the program had ended

	mu           sync.Mutex
	screen       *vt.Emulator
	raw          []byte
	shown        string // the screen after the last whole frame
	alternate    bool   // the alternate screen is shown
	cursorHidden bool
}

// keys as terminals send them.
const (
	enter = "\r"
	esc   = "\x1b"
	down  = "\x1b[B"
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

// open starts the binary in a terminal of w by h cells.
func open(t testing.TB, env []string, w, h int, args ...string) *terminal {
	t.Helper()
	return openCommand(t, env, w, h, binary, args...)
}

func openCommand(t testing.TB, env []string, w, h int, name string, args ...string) *terminal {
	t.Helper()
	s := &terminal{t: t, ended: make(chan struct{}), read: make(chan struct{}), framed: make(chan struct{}), screen: vt.NewEmulator(w, h)}
	s.connect(w, h)
	s.screen.SetCallbacks(vt.Callbacks{
		AltScreen:        func(on bool) { s.alternate = on },
		CursorVisibility: func(visible bool) { s.cursorHidden = !visible },
	})
	go func() { _, _ = io.Copy(io.Discard, s.screen) }() // the answers that a terminal would give
	go s.draw()
	s.cmd = exec.Command(name, args...)
	s.cmd.Env = env
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = s.slave, s.slave, s.slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait()
	}()
	if t, ok := t.(*testing.T); ok {
		t.Cleanup(s.close) // a benchmark opens many, and closes each
	}
	return s
}

// connect makes the pair. The master's reads must be interruptible, or closing
// it would not hang up.
func (s *terminal) connect(w, h int) {
	s.t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		s.t.Fatal(err)
	}
	defer master.Close()
	s.slave = slave
	if err := pty.Setsize(slave, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		s.t.Fatal(err)
	}
	s.before = s.modes()
	fd, err := syscall.Dup(int(master.Fd()))
	if err != nil {
		s.t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		s.t.Fatal(err)
	}
	s.master = os.NewFile(uintptr(fd), "master")
}

// draw puts what the program writes on the screen.
func (s *terminal) draw() {
	defer close(s.read)
	buf := make([]byte, 32<<10)
	framed := false
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.raw = append(s.raw, buf[:n]...)
		_, _ = s.screen.Write(buf[:n])
		if bytes.LastIndex(s.raw, []byte(beginFrame)) <= bytes.LastIndex(s.raw, []byte(endFrame)) {
			s.shown = rows(s.screen)
			if !framed && bytes.Contains(s.raw, []byte(endFrame)) {
				framed = true
				close(s.framed)
			}
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *terminal) close() {
	_ = s.cmd.Process.Kill()
	<-s.ended
	s.hangUp()
	_ = s.slave.Close()
	if answers, ok := s.screen.InputPipe().(io.Closer); ok {
		_ = answers.Close() // ends the reader of them; Emulator.Close is not made for two goroutines
	}
}

// hangUp is what a lost connection does.
func (s *terminal) hangUp() { _ = s.master.Close() }

// modes are the settings of the line: echo, raw mode and so on.
func (s *terminal) modes() *term.State {
	s.t.Helper()
	m, err := term.GetState(int(s.slave.Fd()))
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// Synchronized output, mode 2026: a terminal shows what is between the two at
// once.
const (
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
)

func (s *terminal) modesAreAsBefore() bool { return reflect.DeepEqual(s.modes(), s.before) }

// text is the screen after the last whole frame.
func (s *terminal) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// rows is a screen without blanks at the ends of rows.
func rows(screen *vt.Emulator) string {
	lines := strings.Split(screen.String(), "\n")
	for i, r := range lines {
		lines[i] = strings.TrimRight(r, " \r")
	}
	return strings.Join(lines, "\n")
}

// output is every byte the program wrote so far.
func (s *terminal) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.raw)
}

// see waits until all the texts are on the screen together.
func (s *terminal) see(texts ...string) {
	s.t.Helper()
	s.until(func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	}, fmt.Sprintf("%q is not on the screen", texts))
}

func (s *terminal) until(good func(screen string) bool, complaint string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !good(s.text()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s:\n%s", complaint, s.text())
		}
		select {
		case <-s.read:
			if !good(s.text()) {
				s.t.Fatalf("%s, and the program has ended:\n%s", complaint, s.text())
			}
		default:
		}
	}
}

// press sends keys as one write.
func (s *terminal) press(keys string) {
	s.t.Helper()
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// pressUntil presses a key, each time after the last one had its effect, until a
// text is on the screen.
func (s *terminal) pressUntil(key, text string) {
	s.t.Helper()
	for range 50 {
		before := s.text()
		if strings.Contains(before, text) {
			return
		}
		s.press(key)
		s.until(func(now string) bool { return now != before }, fmt.Sprintf("%q changes nothing", key))
	}
	s.t.Fatalf("%q does not lead to %q:\n%s", key, text, s.text())
}

// wait waits for the end of the program and of its output.
func (s *terminal) wait() (code int) {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatalf("the program does not end:\n%s", s.text())
	}
	s.settle.Do(func() {
		s.after, _ = term.GetState(int(s.slave.Fd())) // a line that was hung up has none
		s.drain()
	})
	return exitCode(s.cmd.ProcessState)
}

// drain lets go of the program's side and waits until all was drawn.
func (s *terminal) drain() {
	s.t.Helper()
	_ = s.slave.Close()
	select {
	case <-s.read:
	case <-time.After(patience):
		s.t.Fatal("the terminal is still open after the program has ended")
	}
}

// wantRestored checks that the program left the terminal as it found it, with
// an exit code.
func (s *terminal) wantRestored(code int) {
	s.t.Helper()
	if got := s.wait(); got != code {
		s.t.Errorf("exit code %d, want %d:\n%s", got, code, s.text())
	}
	s.wantPlain(s.after)
}

// wantPlain checks that modes are those from before, the cursor is shown and
// the alternate screen is left.
func (s *terminal) wantPlain(now *term.State) {
	s.t.Helper()
	if !reflect.DeepEqual(now, s.before) {
		s.t.Errorf("the line's modes are %+v, they were %+v", now, s.before)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alternate || s.cursorHidden {
		s.t.Errorf("alternate screen shown: %v, cursor hidden: %v", s.alternate, s.cursorHidden)
	}
}
