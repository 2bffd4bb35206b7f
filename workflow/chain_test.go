package workflow_test

import (
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow"
)

func (b *bench) chain(name string) workflow.ChainView {
	b.t.Helper()
	v, err := b.session.Chain(name)
	if err != nil {
		b.t.Fatalf("chain of %s: %v", name, err)
	}
	return v
}

func broken(v workflow.ChainView) []string {
	var rules []string
	for _, b := range v.Breaks {
		rules = append(rules, b.Rule)
	}
	slices.Sort(rules)
	return rules
}

// A chain whose four places agree, before anything ran and after all did.
func TestChainInAGroup(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d1", chainInGroup)
	if v := b.chain("d1"); len(v.Elements) > 0 || len(v.Breaks) > 0 {
		t.Errorf("before anything ran there are %d certificates and breaks %v", len(v.Elements), v.Breaks)
	}
	b.mustRun("d1", workflow.StepCertificates)
	if v := b.chain("d1"); len(v.Elements) != 3 || len(v.Breaks) > 0 || v.Sent.Known || v.Named.Known {
		t.Errorf("after the certificates: %d of them, breaks %v, sent %v, named %v", len(v.Elements), v.Breaks, v.Sent, v.Named)
	}
	b.mustRun("d1")
	v := b.chain("d1")
	if !v.Complete || len(v.Breaks) > 0 || v.Enrollment != "group dpslab-group" {
		t.Errorf("complete %v, enrollment %q, breaks %v", v.Complete, v.Enrollment, v.Breaks)
	}
	for i, want := range []struct {
		role                  string
		sent                  int
		held, verified, named bool
	}{
		{"root CA", 3, true, true, false},
		{"intermediate CA", 2, false, false, true},
		{"device", 1, false, false, false},
	} {
		e := v.Elements[i]
		if e.Role != want.role || e.Sent != want.sent || (e.Held != "") != want.held || e.Verified != want.verified || e.Named != want.named || e.Depth != i {
			t.Errorf("element %d: %s, sent %d, held %q (%v), named %v, depth %d", i, e.Role, e.Sent, e.Held, e.Verified, e.Named, e.Depth)
		}
		block, _ := pem.Decode([]byte(e.PEM))
		if block == nil || !strings.HasPrefix(e.Text, "Certificate:\n") || len(e.SHA1) != 40 || len(e.SHA256) != 64 {
			t.Errorf("element %d: PEM %q, text %q, thumbprints %s %s", i, e.PEM, e.Text, e.SHA1, e.SHA256)
		}
	}
	if !v.Elements[2].AtHub {
		t.Error("the hub does not know the device by its certificate")
	}
}

// A step that was not run again after another is a break at the certificate
// that no longer fits.
func TestChainBreaks(t *testing.T) {
	t.Parallel()
	remake := func(b *bench, name string) {
		b.run(b.session, name, workflow.RunOptions{Only: []workflow.StepID{workflow.StepCertificates}, Force: true})
	}
	for _, c := range []struct {
		name    string
		answers workflow.Answers
		spoil   func(b *bench)
		want    []string
		outside int // certificates that are not in the device's chain
	}{
		{"renewed, individual", nil, func(b *bench) { remake(b, "d1") }, []string{"H01", "R02", "R02"}, 1},
		{"renewed, group", chainInGroup, func(b *bench) { remake(b, "d1") }, []string{"H01", "R02"}, 1},
		{
			"the authority made anew", chainInGroup, func(b *bench) {
				for _, dir := range []string{b.store.Paths.AuthorityDir("dpslab-ca"), b.store.Paths.DeviceDir("d1")} {
					if err := os.RemoveAll(dir); err != nil {
						b.t.Fatal(err)
					}
				}
				remake(b, "d1")
			},
			[]string{"F14", "H01", "R02", "R03"},
			3,
		},
		{
			"the intermediate is gone", chainInGroup, func(b *bench) {
				a := pki.AuthorityFiles{Dir: b.store.Paths.AuthorityDir("dpslab-ca")}
				d := pki.DeviceFiles{Dir: b.store.Paths.DeviceDir("d1"), RegistrationID: "d1"}
				for _, path := range []string{a.IntermediateCertificate(), d.FullChain()} {
					if err := os.Remove(path); err != nil {
						b.t.Fatal(err)
					}
				}
			},
			[]string{"F12", "F14", "R03"},
			2,
		},
		{
			"no certificate at all", nil, func(b *bench) {
				if err := os.RemoveAll(b.store.Paths.DeviceDir("d1")); err != nil {
					b.t.Fatal(err)
				}
			},
			nil, 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.device("d1", c.answers)
			b.mustRun("d1")
			history := b.store.Paths.Journal("d1")
			kept, err := os.ReadFile(history)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(b)
			// The journal of the whole run still tells what was sent.
			if err := os.WriteFile(history, kept, 0o600); err != nil {
				t.Fatal(err)
			}
			v := b.chain("d1")
			if got := broken(v); !slices.Equal(got, c.want) {
				t.Errorf("breaks %v, want %v: %+v", got, c.want, v.Breaks)
			}
			outside := 0
			for _, e := range v.Elements {
				if e.Outside {
					outside++
				}
			}
			if outside != c.outside {
				t.Errorf("%d certificates outside the chain, want %d", outside, c.outside)
			}
		})
	}
}

// What was sent outlives the journal: the state file keeps the leaf.
func TestChainWithoutAJournal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d1", nil)
	b.mustRun("d1")
	if err := os.Remove(b.store.Paths.Journal("d1")); err != nil {
		t.Fatal(err)
	}
	v := b.chain("d1")
	if len(v.Breaks) > 0 || len(v.Elements) != 1 || v.Elements[0].Sent != 1 || !v.Elements[0].Named {
		t.Errorf("%d certificates, breaks %v, first %+v", len(v.Elements), v.Breaks, v.Elements[0])
	}
}

func TestChainOfABadProfile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.session.Chain("nobody"); err == nil {
		t.Error("a profile that is not there has a chain")
	}
}

// What a service's call sent says nothing about the device: the lab asks every
// caller for a certificate, and one with a token has none to send.
func TestChainAfterCallsWithAToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d1", nil)
	b.mustRun("d1")
	b.run(b.session, "d1", workflow.RunOptions{Only: []workflow.StepID{workflow.StepEnrollment}})
	v := b.chain("d1")
	if len(v.Breaks) > 0 || len(v.Elements) != 1 || v.Elements[0].Sent != 1 {
		t.Errorf("%d certificates, breaks %v, first %+v", len(v.Elements), v.Breaks, v.Elements[0])
	}
}
