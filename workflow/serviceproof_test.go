package workflow_test

import (
	"context"
	"errors"
	"testing"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/azure"
)

// A proof that is broken off once DPS has made a code goes on with that code in
// the next process, unless somebody else had DPS make another one, or the CA is
// another one.
func TestProofGoesOnWithItsCode(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		meanwhile func(t *testing.T, b *bench)
		codes     int // asked for by the second process
	}{
		"nothing happens": {func(*testing.T, *bench) {}, 0},
		"somebody else asks for a code": {func(t *testing.T, b *bench) {
			kept, err := b.store.LoadProof(proofOf(b))
			if err != nil || kept.Code == "" {
				t.Fatalf("%+v, %v", kept, err)
			}
			kept.ETag = "AAAAAAAAAAA=" // of a code before
			if err := b.store.KeepProof(kept); err != nil {
				t.Fatal(err)
			}
		}, 1},
		"the CA is made anew": {func(t *testing.T, b *bench) {
			kept, err := b.store.LoadProof(proofOf(b))
			if err != nil {
				t.Fatal(err)
			}
			kept.SHA1 = "00"
			if err := b.store.KeepProof(kept); err != nil {
				t.Fatal(err)
			}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			v := b.side(workflow.ServiceOptions{})
			if _, err := pki.CreateAuthority(t.Context(), pki.AuthorityFiles{Dir: b.store.Paths.AuthorityDir("line")}, pki.ECP256, "line", pki.ValidFor(b.now(), 10), nil); err != nil {
				t.Fatal(err)
			}
			brokenOff(t, v, "line", azure.ProofCode)
			tt.meanwhile(t, b)
			before := b.requests("generate verification code")
			next, err := b.again().Service(t.Context(), workflow.TargetLab(), workflow.ServiceOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(next.Close)
			held, err := next.ProveSigningCertificate(t.Context(), "line", workflow.CAFiles{Authority: "line"}, nil)
			if err != nil || !held.Verified {
				t.Fatalf("%+v, %v", held, err)
			}
			if got := b.requests("generate verification code") - before; got != tt.codes {
				t.Errorf("%d codes were asked for, want %d", got, tt.codes)
			}
			if kept, err := b.store.LoadProof(proofOf(b)); err != nil || kept.Code != "" {
				t.Errorf("after the end %+v is kept, %v", kept, err)
			}
		})
	}
}

func proofOf(b *bench) profiles.Proof {
	return profiles.Proof{Host: b.lab.ManagementHost, SubscriptionID: b.lab.SubscriptionID, ResourceGroup: b.lab.ResourceGroup, DPSName: b.lab.DPSName, Name: "line"}
}

// brokenOff proves a CA until a stage is reached.
func brokenOff(t *testing.T, v *workflow.Service, name string, at azure.ProofStage) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	_, err := v.ProveSigningCertificate(ctx, name, workflow.CAFiles{Authority: name}, func(p workflow.ProofProgress) {
		if p.Stage == at {
			cancel(workflow.ErrByUser)
		}
	})
	var p *workflow.Problem
	if !errors.As(err, &p) || p.Kind != workflow.Interrupted {
		t.Fatalf("broken off: %v", err)
	}
}
