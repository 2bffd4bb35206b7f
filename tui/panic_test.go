//go:build !windows

package tui

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	xterm "golang.org/x/term"
)

// A panic inside leaves the terminal as it was, and says what happened where it
// can be read: after the alternate screen.
func TestPanicRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), panicHome+"="+t.TempDir(), "TERM=xterm-256color")
	terminal, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	before := modes(t, tty)
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	printed := make(chan string)
	go func() {
		var out bytes.Buffer
		_, _ = io.Copy(&out, terminal) // ends with an error when the last user of the terminal has gone
		printed <- out.String()
	}()
	deadline := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() }) // only to fail
	defer deadline.Stop()
	exit := c.Wait()
	if after := modes(t, tty); after != before {
		t.Errorf("the terminal's modes are %+v, were %+v", after, before)
	}
	tty.Close()
	out := <-printed
	if exit == nil {
		t.Error("the program ended as if nothing had happened")
	}
	screen, left, found := strings.Cut(out, "\x1b[?1049l")
	if !found || !strings.Contains(screen, "\x1b[?1049h") {
		t.Fatalf("the alternate screen was not entered and left:\n%q", out)
	}
	if !strings.Contains(left, "nil pointer") || !strings.Contains(left, "goroutine") {
		t.Errorf("after the screen was left there is no trace:\n%q", left)
	}
	if strings.LastIndex(out, "\x1b[?25h") < strings.LastIndex(out, "\x1b[?25l") {
		t.Error("the cursor is still hidden")
	}
}

func modes(t *testing.T, tty *os.File) xterm.State {
	t.Helper()
	m, err := xterm.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return *m
}
