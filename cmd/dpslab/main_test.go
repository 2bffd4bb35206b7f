package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/goldentest"
)

// The tests of this package run the real binary as a process, as a person
// would: over pipes, or in a pseudo-terminal. Every test has a home of its own.

// binary is the program under test, built once.
var binary string

// patience is how long a test waits for something that must happen. It is there
// to fail, not to measure.
const patience = time.Minute

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dpslab-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "dpslab")
	// All is the Makefile's: what is measured here is what users have, and `make
	// run` finds everything built.
	build := exec.Command("go", "build", "-race=false", "-trimpath", "-ldflags", "-s -w -X main.version=tested", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	// These tests wait for other processes, which wait for Retry-After: more of
	// them than processors can be under way.
	if parallel := flag.Lookup("test.parallel"); parallel != nil && os.Getenv("GOMAXPROCS") == "" {
		_ = parallel.Value.Set("10")
	}
	return m.Run()
}

// result is how a process ended.
type result struct {
	code           int
	stdout, stderr string
}

// environ is all that a process under test sees of the environment.
func environ(t testing.TB, home string, extra ...string) []string {
	t.Helper()
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + t.TempDir(), "DPSLAB_HOME=" + home,
		"LANG=C.UTF-8", "TERM=xterm-256color",
	}, extra...)
}

// dpslab runs the binary to its end, without a terminal.
func dpslab(t *testing.T, home string, args ...string) result {
	t.Helper()
	return dpslabWith(t, environ(t, home), args...)
}

func dpslabWith(t *testing.T, env []string, args ...string) result {
	t.Helper()
	p := start(t, env, args...)
	code := p.wait()
	return result{code: code, stdout: p.stdout.String(), stderr: p.stderr.String()}
}

// want fails the test unless the process ended as it should.
func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// process is one that runs in the background.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr buffer
	ended          chan struct{}
}

// start starts the binary with its output kept.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// signal sends a signal to the process.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit code; that of a shell when a signal ended the process.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("dpslab %q does not end\nstdout:\n%s\nstderr:\n%s", p.cmd.Args[1:], p.stdout.String(), p.stderr.String())
	}
	return exitCode(p.cmd.ProcessState)
}

func exitCode(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// until waits until a text is in a stream.
func (p *process) until(stream *buffer, text string) {
	p.t.Helper()
	eventually(p.t, func() error {
		if strings.Contains(stream.String(), text) {
			return nil
		}
		return fmt.Errorf("dpslab %q did not print %q\nstdout:\n%s\nstderr:\n%s", p.cmd.Args[1:], text, p.stdout.String(), p.stderr.String())
	})
}

// eventually asks until there is no error.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// buffer is one that a process writes and a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// paths are the folders below a home.
func paths(t *testing.T, home string) profiles.Paths {
	t.Helper()
	p, err := profiles.DefaultPaths(home, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// state reads what the program remembers of a device.
func state(t *testing.T, home, name string) *profiles.State {
	t.Helper()
	st, err := profiles.NewStore(paths(t, home)).LoadState(name)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// eventsOf reads JSON lines; every line must be one whole object with no member
// that an event does not have.
func eventsOf(t *testing.T, lines string) []workflow.Event {
	t.Helper()
	var events []workflow.Event
	for line := range strings.Lines(lines) {
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		var e workflow.Event
		if err := d.Decode(&e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			t.Fatalf("more than one value in %q", line)
		}
		if e.Kind == "" || e.At.IsZero() {
			t.Errorf("an event without a name or a time: %q", line)
		}
		events = append(events, e)
	}
	return events
}

// journal reads the events of a device's last run.
func journal(t *testing.T, home, name string) []workflow.Event {
	t.Helper()
	data, err := os.ReadFile(paths(t, home).Journal(name))
	if err != nil {
		t.Fatal(err)
	}
	return eventsOf(t, string(data))
}

// requests are the finished exchanges of one operation.
func requests(events []workflow.Event, operation string) []*workflow.Exchange {
	var found []*workflow.Exchange
	for _, e := range events {
		if e.Kind == workflow.ExchangeFinished && e.Exchange.Operation == operation {
			found = append(found, e.Exchange)
		}
	}
	return found
}

// finished is the last event of a run; it must be there once, at the end.
func finished(t *testing.T, events []workflow.Event) workflow.Event {
	t.Helper()
	if len(events) == 0 {
		t.Fatal("no events")
	}
	last := events[len(events)-1]
	count := 0
	for _, e := range events {
		if e.Kind == workflow.RunFinished {
			count++
		}
	}
	if last.Kind != workflow.RunFinished || count != 1 {
		t.Fatalf("%d events end a run, the last one is %s", count, last.Kind)
	}
	return last
}

// operationIDs are those that DPS gave and those that were polled, each once.
func operationIDs(events []workflow.Event) []string {
	var ids []string
	for _, e := range events {
		switch {
		case e.Registration != nil && e.Registration.OperationID != "":
			ids = append(ids, e.Registration.OperationID)
		case e.Poll != nil && e.Poll.OperationID != "":
			ids = append(ids, e.Poll.OperationID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// golden compares a text with the one in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, binary, "dpslab") // messages name the program as it was called
	goldentest.Compare(t, name, got)
}
