//go:build unix

package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/vt"

	"dpslab/workflow"
)

// What a person at the far end of an SSH connection has: other terminal types,
// slow or silent terminals, lost connections, job control.

func TestTerminalTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		env           []string
		ascii, colour bool
	}{
		{"xterm-256color", []string{"TERM=xterm-256color"}, false, true},
		{"screen", []string{"TERM=screen"}, false, true},
		{"linux", []string{"TERM=linux"}, true, true},
		{"no colour", []string{"NO_COLOR=1"}, false, false},
		{"locale C", []string{"LANG=C"}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			s := open(t, environ(t, home, c.env...), 80, 24)
			s.see("There is no device here yet")
			s.press("n")
			s.see("[1 Where]")
			s.press(esc)
			s.see("There is no device here yet")
			s.press("?")
			s.see("describe a new device")
			s.press(esc) // waited for: at once, the next key would be alt+q
			s.see("There is no device here yet")
			s.press("q")
			s.wantRestored(0)
			out := s.output()
			if got := coloured(out); got != c.colour {
				t.Errorf("colour sequences: %v, want %v", got, c.colour)
			}
			if got := onlyASCII(out); got != c.ascii {
				t.Errorf("only ASCII: %v, want %v", got, c.ascii)
			}
		})
	}
}

var sgr = regexp.MustCompile(`\x1b\[([0-9;:]*)m`)

// coloured says whether an output sets a foreground or background colour (ECMA-48
// section 8.3.117: 30 to 49, and the bright ones from 90 to 107).
func coloured(out string) bool {
	for _, m := range sgr.FindAllStringSubmatch(out, -1) {
		for p := range strings.FieldsFuncSeq(m[1], func(r rune) bool { return r == ';' || r == ':' }) {
			n, _ := strconv.Atoi(p)
			if n >= 30 && n <= 49 || n >= 90 && n <= 107 {
				return true
			}
		}
	}
	return false
}

func onlyASCII(out string) bool {
	return !strings.ContainsFunc(out, func(r rune) bool { return r > '~' })
}

func TestWholeFlowInASCII(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, environ(t, home, "LANG=C", "NO_COLOR=1"), 80, 24)
	s.see("There is no device here yet")
	s.describe("my-x509-device", false, "2")
	s.press(enter)
	s.see("sent 2 of 2", "assigned to lab-hub")
	s.press("t")
	s.see("Exchanges 6 of 6")
	s.press(esc)
	s.see("sent 2 of 2")
	s.press(esc)
	s.see("1 profile")
	s.press("q")
	s.wantRestored(0)
	if out := s.output(); !onlyASCII(out) || coloured(out) {
		t.Errorf("only ASCII: %v, coloured: %v", onlyASCII(out), coloured(out))
	}
	wantAssigned(t, home, "my-x509-device", 2)
}

func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	s := open(t, environ(t, t.TempDir(), "TERM=dumb"), 80, 24)
	s.wantRestored(2)
	if out := s.output(); !strings.Contains(out, "the workbench needs a terminal") || !strings.Contains(out, "dpslab demo") || strings.Contains(out, esc) {
		t.Errorf("it says %q", out)
	}
}

// Queries that block a program until the terminal answers: background colour,
// cursor position, device attributes, modes, terminal version.
var queries = regexp.MustCompile(`\x1b\]1[01];\?|\x1b\[\??6n|\x1b\[[>=]?0?c|\x1b\[\?[0-9]+\$p|\x1b\[>0?q|\x1bP[+$]q`)

func TestSilentTerminal(t *testing.T) {
	t.Parallel()
	s := open(t, environ(t, t.TempDir()), 80, 24)
	s.see("Devices", "q quit  ? help")
	s.press("q")
	s.wantRestored(0)
	out := s.output()
	if q := queries.FindString(out); q != "" {
		t.Errorf("the terminal is asked %q", q)
	}
	before, rest, found := strings.Cut(out, beginFrame)
	frame, _, whole := strings.Cut(rest, endFrame)
	if !found || !whole {
		t.Fatalf("no whole frame in %q", out)
	}
	if printed := regexp.MustCompile(`\x1b\[[0-9;?]*[hlJH]`).ReplaceAllString(before, ""); printed != "" {
		t.Errorf("before the first frame, besides modes: %q", printed)
	}
	screen := vt.NewEmulator(80, 24)
	_, _ = screen.WriteString(frame)
	for _, text := range []string{"Devices", "There is no device here yet", "q quit  ? help"} {
		if !strings.Contains(rows(screen), text) {
			t.Errorf("the first frame lacks %q:\n%s", text, rows(screen))
		}
	}
}

func TestLostTerminalInTheWizard(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, environ(t, home), 80, 24)
	s.see("There is no device here yet")
	s.press("n")
	s.see("[1 Where]")
	s.pressUntil(enter, "[2 Identity]")
	s.press("truck-7")
	s.see("registration ID  truck-7")
	s.hangUp()
	if code := s.wait(); code != 130 {
		t.Errorf("exit code %d after a hang-up, want 130", code)
	}

	s = open(t, environ(t, home), 80, 24)
	s.see("There is no device here yet")
	s.press("n")
	s.see("The device truck-7 was half described here before.")
	s.press(enter)
	s.see("[2 Identity]", "truck-7")
	s.pressUntil(enter, "[6 Review]")
	s.see("truck-7.toml")
	s.press(ctrlC)
	s.wantRestored(0)
	if !strings.Contains(s.text(), "The half-described device is kept") {
		t.Errorf("leaving says nothing of the draft:\n%s", s.text())
	}
}

// polling opens the workbench and runs a device until it waits for Retry-After.
func polling(t *testing.T, home, name string) *terminal {
	t.Helper()
	dpslab(t, home, "new", name, "--yes", "--count", "1").want(t, 0)
	s := open(t, environ(t, home), 80, 24)
	s.see(name, "not registered")
	s.press("r")
	s.see("202 assigning")
	eventually(t, func() error { return underWay(t, home, name) })
	return s
}

// takeUp opens the workbench and finishes what was under way. There must have
// been one register request over all.
func takeUp(t *testing.T, home, name string) {
	t.Helper()
	operation := state(t, home, name).Registration.OperationID
	s := open(t, environ(t, home), 80, 24)
	s.see(name, "can be resumed")
	s.press(enter)
	s.see("enter resume", operation[:12])
	s.press(enter)
	s.see("✓ 4 registration", "✓ 5 telemetry", "sent 1 of 1")
	s.press(esc)
	s.see("assigned lab-hub")
	s.press("q")
	s.wantRestored(0)
	wantResumed(t, home, name, operation)
}

func TestLostTerminalInARun(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := polling(t, home, "truck-7")
	s.hangUp()
	if code := s.wait(); code != 130 {
		t.Errorf("exit code %d after a hang-up, want 130", code)
	}
	takeUp(t, home, "truck-7")
}

func TestLeavingTheWorkbench(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		leave func(*terminal)
		code  int
	}{
		{"q", func(s *terminal) { s.press("q") }, 0},
		{"ctrl+c", func(s *terminal) { s.press(ctrlC) }, 0},
		{"SIGTERM", func(s *terminal) { _ = s.cmd.Process.Signal(syscall.SIGTERM) }, 130},
		{"SIGINT", func(s *terminal) { _ = s.cmd.Process.Signal(os.Interrupt) }, 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, environ(t, t.TempDir()), 80, 24)
			s.see("There is no device here yet")
			c.leave(s)
			s.wantRestored(c.code)
		})
	}
}

func TestLeavingInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	t.Run("ctrl+c twice", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		s := polling(t, home, "truck-7")
		s.press(ctrlC)
		s.see("■ 4 registration")
		s.press(ctrlC)
		s.wantRestored(0)
		if err := underWay(t, home, "truck-7"); err != nil {
			t.Error(err)
		}
		if !strings.Contains(s.text(), "dpslab run truck-7 --resume") {
			t.Errorf("leaving does not say how to go on:\n%s", s.text())
		}
	})
	t.Run("SIGTERM", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		s := polling(t, home, "truck-7")
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		s.wantRestored(130)
		if err := underWay(t, home, "truck-7"); err != nil {
			t.Error(err)
		}
		events := journal(t, home, "truck-7")
		if last := finished(t, events); last.Outcome != workflow.Cancelled {
			t.Errorf("the run ended %s", last.Outcome)
		}
	})
}

// A shell with job control: it reports how the job stopped, waits for a line,
// and brings it back.
const jobControl = `set -m
"$0"
echo "stopped with $?"
read line
fg >/dev/null
echo "ended with $?"`

func TestSuspend(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "truck-7", "--yes").want(t, 0)
	s := openCommand(t, environ(t, home), 80, 24, "/bin/sh", "-c", jobControl, binary)
	s.see("truck-7", "not registered")
	s.press(ctrlZ)
	s.see("stopped with 148") // 128 + SIGTSTP
	if strings.Contains(s.text(), "not registered") {
		t.Errorf("stopped, the screen is:\n%s", s.text())
	}
	s.wantPlain(s.modes())
	s.press("\n")
	s.see("truck-7", "not registered")
	s.press("n") // keys work again
	s.see("[1 Where]")
	s.press(ctrlC)
	s.see("ended with 0")
	s.wantRestored(0)
}
