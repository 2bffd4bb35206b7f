package workflow_test

import (
	"context"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/cmd/embeddedlab"
	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// pipes is a listener whose connections are in memory, so that the lab and its
// clients live in one bubble of virtual time.
type pipes struct {
	accept chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.accept <- server:
		return client, nil
	case <-p.closed:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// inBubble runs f with a bench in virtual time, with the service's own
// Retry-After.
func inBubble(t *testing.T, o emulator.Options, f func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		o.InMemory, o.Listener = true, p
		b := &bench{t: t, env: map[string]string{}}
		paths, err := profiles.DefaultPaths(t.TempDir(), func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		b.store = profiles.NewStore(paths)
		open := embeddedlab.Open(o)
		b.session = b.open(func(ctx context.Context) (*workflow.Lab, error) {
			lab, err := open(ctx)
			if err == nil {
				lab.Dial = p.dial
			}
			return lab, err
		})
		defer func() {
			b.session.Close()
			time.Sleep(time.Hour) // what waits for a timer ends
		}()
		if b.lab, err = b.session.OpenLab(t.Context()); err != nil {
			t.Fatal(err)
		}
		f(t, b)
	})
}

// The waiting is the service's own Retry-After and nothing else.
func TestWaitsExactlyRetryAfter(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, b *bench) {
		b.device("d", nil)
		b.mustRun("d", workflow.StepCertificates, workflow.StepEnrollment)
		begin := time.Now()
		b.mustRun("d", workflow.StepRegistration)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("registering took %v of virtual time, want the service's 3s", took)
		}
	})
}

// Ten seconds of assigning are four polls, three seconds apart.
func TestPollsUntilAssigned(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{AssignDelay: 10 * time.Second}, func(t *testing.T, b *bench) {
		b.device("d", nil)
		b.mustRun("d", workflow.StepCertificates, workflow.StepEnrollment)
		status := b.mustRun("d", workflow.StepRegistration)
		if got := b.requests("operation status"); got != 4 {
			t.Errorf("%d polls, want 4", got)
		}
		var waits int
		for _, row := range status.Lane {
			if row.Kind == workflow.LaneWait {
				waits++
				if row.Open || row.Poll.Due.Sub(row.Poll.Since) != 3*time.Second {
					t.Errorf("wait %+v", row.Poll)
				}
			}
		}
		if waits != 4 {
			t.Errorf("the lane shows %d waits, want 4", waits)
		}
	})
}

// Assigning without end is given up for now; the operation stays resumable.
func TestEndlessAssigning(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{AssignDelay: 6 * time.Minute}, func(t *testing.T, b *bench) {
		b.device("d", nil)
		b.mustRun("d", workflow.StepCertificates, workflow.StepEnrollment)
		p := b.refused("d", workflow.StepRegistration)
		if p.Rule != "R14" {
			t.Errorf("%+v", p)
		}
		time.Sleep(2 * time.Minute)
		status := b.run(b.session, "d", workflow.RunOptions{Resume: true, Only: []workflow.StepID{workflow.StepRegistration}})
		if status.Outcome != workflow.Done || b.requests("register") != 0 {
			t.Errorf("resuming: %s, %d registers", status.Outcome, b.requests("register"))
		}
	})
}

// A run that stops while polling is finished by the next process, without a
// second register, and not before the poll is due.
func TestResume(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, b *bench) {
		b.device("d", nil)
		if _, err := b.session.Start("d", workflow.RunOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		st, err := b.store.LoadState("d")
		if err != nil || !workflow.Resumable(st) || st.Registration.PollDue.IsZero() {
			t.Fatalf("while waiting, the state file says %+v (%v)", st.Registration, err)
		}
		b.session.Cancel()
		b.session.Wait()
		if told := b.session.History("d"); told.Outcome != workflow.Cancelled || told.Registration.Status != "assigning" {
			t.Errorf("the journal tells %s, %s", told.Outcome, told.Registration.Status)
		}

		begin := time.Now()
		status := b.run(b.again(), "d", workflow.RunOptions{Resume: true})
		if status.Outcome != workflow.Done {
			t.Fatalf("resuming: %+v", status.Problem)
		}
		if n := b.requests("register"); n != 0 {
			t.Errorf("resuming registered %d times", n)
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("resuming took %v, the poll was due after 2s", took)
		}
		if status.Telemetry.Sent != 2 {
			t.Errorf("resuming sent %d messages, want the rest of the steps done", status.Telemetry.Sent)
		}
	})
}

// An operation that DPS has forgotten is registered anew.
func TestResumeUnknownOperation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	b.mustRun("d")
	st, err := b.store.LoadState("d")
	if err != nil {
		t.Fatal(err)
	}
	st.Registration.OperationID, st.Registration.Status = "5.0000000000000000.00000000-0000-0000-0000-000000000000", "assigning"
	if err := b.store.SaveState("d", st); err != nil {
		t.Fatal(err)
	}
	status := b.run(b.session, "d", workflow.RunOptions{Resume: true, Only: []workflow.StepID{workflow.StepRegistration}})
	if status.Outcome != workflow.Done || b.requests("register") != 1 {
		t.Errorf("%s after %d registers: %+v", status.Outcome, b.requests("register"), status.Problem)
	}
}

// A lab that is gone is tried again with growing pauses, each an event; then
// the problem says that nobody answers.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, b *bench) {
		b.device("d", nil)
		b.mustRun("d", workflow.StepCertificates)
		b.lab.Dial = func(context.Context) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: net.ErrClosed}
		}
		p := b.refused("d", workflow.StepRegistration)
		if p.Kind.ExitCode() != 3 || p.Rule != "N03" || p.Fix == "" {
			t.Errorf("%+v", p)
		}
		retries := 0
		for _, e := range b.seen() {
			if e.Kind == workflow.RetryScheduled {
				retries++
				if e.Problem == nil || !e.Poll.Due.After(e.Poll.Since) {
					t.Errorf("retry %+v", e)
				}
			}
		}
		if retries != 4 {
			t.Errorf("%d retries, want 4", retries)
		}
	})
}

// A run that was killed in the middle of a journal line does not hide the run
// that took up its work.
func TestResumeAfterHalfALine(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *emulator.Options) { o.RetryAfter = 60 })
	b.device("d", nil)
	if _, err := b.session.Start("d", workflow.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	b.session.Cancel()
	b.session.Wait()
	path := journal(b, "d")
	if err := os.WriteFile(path, append(read(t, path), `{"run":"x","seq":99,"at":"2026-`...), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newBench(t) // a lab in a hurry
	s.store = b.store
	s.session = s.again()
	if status := s.run(s.session, "d", workflow.RunOptions{Resume: true}); status.Outcome != workflow.Done {
		t.Fatalf("%+v", status.Problem)
	}
	if told := s.session.History("d"); told.Outcome != workflow.Done || told.Telemetry.Sent != 2 {
		t.Errorf("the journal tells %s, %d messages", told.Outcome, told.Telemetry.Sent)
	}
}
