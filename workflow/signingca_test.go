package workflow_test

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/azure"
	"dpslab/workflow/emulator"
	"dpslab/workflow/wire"
)

// certificates is a client of the lab's signing certificates, to look at what a
// run left there.
func (b *bench) certificates() *azure.Certificates {
	b.t.Helper()
	w := wire.NewClient(wire.Options{Roots: b.lab.Roots, Dial: b.lab.DialContext})
	b.t.Cleanup(w.Close)
	c, err := azure.NewCertificates(w, b.lab.ManagementHost, azure.StaticToken{Token: b.lab.ManagementToken},
		azure.Instance{SubscriptionID: b.lab.SubscriptionID, ResourceGroup: b.lab.ResourceGroup, DPSName: b.lab.DPSName})
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

const (
	uploadCA = "upload signing certificate"
	codeOfCA = "generate verification code"
	verifyCA = "verify signing certificate"
)

// stateAt runs the signing CA step and returns the state file as a process finds
// it that starts when this one is killed before a request is answered.
func (b *bench) stateAt(name, operation string) *profiles.State {
	b.t.Helper()
	var kept *profiles.State
	b.mu.Lock()
	b.onEvent = func(e workflow.Event) {
		if e.Kind != workflow.ExchangeStarted || e.Exchange.Operation != operation || kept != nil {
			return
		}
		var err error
		if kept, err = b.store.LoadState(name); err != nil {
			b.t.Error(err)
		}
		b.session.Cancel() // the request does not arrive
	}
	b.mu.Unlock()
	status := b.run(b.session, name, workflow.RunOptions{Only: []workflow.StepID{workflow.StepSigningCA}})
	b.mu.Lock()
	b.onEvent = nil
	b.mu.Unlock()
	if kept == nil || status.Outcome != workflow.Cancelled {
		b.t.Fatalf("%s: outcome %s, state %v", operation, status.Outcome, kept)
	}
	return kept
}

// A run that is killed in the middle of a proof of possession loses nothing: the
// state file says already that the CA was uploaded, so that retiring deletes it,
// and the next run goes on with the code that is there.
func TestProofIsBrokenOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at           string
		codes        int // that the next run asks for
		wantCode     bool
		wantUploaded int // uploads of the next run
	}{
		{at: codeOfCA, codes: 1},
		{at: verifyCA, codes: 0, wantCode: true},
	} {
		t.Run(tt.at, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.device("d", chainInGroup)
			b.mustRun("d", workflow.StepCertificates)
			killed := b.stateAt("d", tt.at)
			held, err := b.certificates().Get(t.Context(), "dpslab-ca")
			if err != nil {
				t.Fatal(err)
			}
			if len(killed.Created) != 1 || killed.Created[0].Kind != profiles.CreatedSigningCA || killed.Created[0].ETag != held.ETag {
				t.Fatalf("what was made: %+v, DPS holds etag %s", killed.Created, held.ETag)
			}
			if got := killed.SigningCertificate; got.Verified || (got.Code != "") != tt.wantCode {
				t.Errorf("state %+v", got)
			}
			if err := b.store.SaveState("d", killed); err != nil {
				t.Fatal(err)
			}
			plan, err := b.session.RetirePlan(t.Context(), "d")
			if err != nil || len(plan) != 1 {
				t.Fatalf("retiring would delete %+v, %v", plan, err)
			}
			b.mustRun("d", workflow.StepSigningCA)
			if b.requests(uploadCA) != tt.wantUploaded || b.requests(codeOfCA) != tt.codes || b.requests(verifyCA) != 1 {
				t.Errorf("%d uploads, %d codes, %d verified", b.requests(uploadCA), b.requests(codeOfCA), b.requests(verifyCA))
			}
			state, err := b.store.LoadState("d")
			if err != nil {
				t.Fatal(err)
			}
			if s := state.SigningCertificate; !s.Verified || s.Code != "" || len(state.Created) != 1 {
				t.Errorf("in the end: %+v, %+v", s, state.Created)
			}
		})
	}
}

// Somebody asks for another code while the proof is under way: the etag that was
// carried is stale, DPS is read again and the proof ends well.
func TestProofMeetsSomebodyElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	b.mustRun("d", workflow.StepCertificates)
	other, meddled := b.certificates(), false
	b.onEvent = func(e workflow.Event) {
		if e.Kind != workflow.ExchangeStarted || e.Exchange.Operation != verifyCA || meddled {
			return
		}
		meddled = true
		if _, _, err := other.VerificationCode(context.Background(), "dpslab-ca", "*"); err != nil {
			t.Error(err)
		}
	}
	b.mustRun("d", workflow.StepSigningCA)
	if !meddled || b.requests(verifyCA) != 2 {
		t.Errorf("verified %d times", b.requests(verifyCA))
	}
	held, err := other.Get(t.Context(), "dpslab-ca")
	if err != nil || !held.Verified {
		t.Errorf("DPS holds %+v, %v", held, err)
	}
}

// lossy loses what the other side says while the switch is on.
type lossy struct {
	net.Conn
	on *atomic.Bool
}

func (c lossy) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.on.CompareAndSwap(true, false) {
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return n, err
}

// An upload whose answer was lost is this run's all the same.
func TestUploadWithoutAnswerIsOurs(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(t *testing.T, b *bench) {
		var lose atomic.Bool
		s := b.open(func(context.Context) (*workflow.Lab, error) {
			shared := *b.lab
			shared.Close = nil
			shared.Dial = func(ctx context.Context) (net.Conn, error) {
				conn, err := b.lab.Dial(ctx)
				return lossy{conn, &lose}, err
			}
			return &shared, nil
		})
		defer s.Close()
		b.device("d", chainInGroup)
		b.mustRun("d", workflow.StepCertificates)
		first := true
		b.onEvent = func(e workflow.Event) {
			if e.Kind == workflow.ExchangeStarted && e.Exchange.Operation == uploadCA && first {
				first = false
				lose.Store(true)
			}
		}
		status := b.run(s, "d", workflow.RunOptions{Only: []workflow.StepID{workflow.StepSigningCA}})
		if status.Outcome != workflow.Done || b.requests(uploadCA) != 2 {
			t.Fatalf("%s after %d uploads: %+v", status.Outcome, b.requests(uploadCA), status.Problem)
		}
		state, err := b.store.LoadState("d")
		if err != nil || len(state.Created) != 1 || state.Created[0].Kind != profiles.CreatedSigningCA {
			t.Errorf("what was made: %+v, %v", state.Created, err)
		}
	})
}
