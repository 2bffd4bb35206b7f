package workflow_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dpslab/cmd/embeddedlab"
	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
	"dpslab/workflow/wire"
)

// bench is a session on files and a lab of its own.
type bench struct {
	t       *testing.T
	store   *profiles.Store
	session *workflow.Session
	lab     *workflow.Lab
	env     map[string]string
	tpm     func(path string) (workflow.TPM, error)
	ask     func(context.Context, workflow.Question) (string, error) // nil: nobody is there

	mu      sync.Mutex
	events  []workflow.Event
	onEvent func(workflow.Event) // set before a run; called for each of its events
}

// newBench starts a lab that asks for no waiting.
func newBench(t *testing.T, change ...func(*emulator.Options)) *bench {
	t.Helper()
	o := emulator.Options{InMemory: true, Listen: "127.0.0.1:0", RetryAfter: -1}
	for _, c := range change {
		c(&o)
	}
	b := &bench{t: t, env: map[string]string{}}
	paths, err := profiles.DefaultPaths(t.TempDir(), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	b.store = profiles.NewStore(paths)
	b.session = b.open(embeddedlab.Open(o))
	t.Cleanup(func() { b.session.Close() })
	if b.lab, err = b.session.OpenLab(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) open(lab func(context.Context) (*workflow.Lab, error)) *workflow.Session {
	return workflow.NewSession(workflow.Config{
		Store: b.store, OpenLab: lab, Getenv: func(name string) string { return b.env[name] },
		Ask: b.ask, OpenTPM: func(path string) (workflow.TPM, error) { return b.tpm(path) },
		Sink: func(e workflow.Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
			if b.onEvent != nil {
				b.onEvent(e)
			}
		},
	})
}

// again is a second process on the same files, which uses the same lab.
func (b *bench) again() *workflow.Session {
	s := b.open(func(context.Context) (*workflow.Lab, error) {
		shared := *b.lab
		shared.Close = nil
		return &shared, nil
	})
	b.t.Cleanup(func() { s.Close() })
	return s
}

// device saves a profile made of answers; the telemetry is two messages in a
// row.
func (b *bench) device(name string, a workflow.Answers) {
	b.t.Helper()
	w := workflow.NewWizard(workflow.Answers{
		"name": name, "identity.registration_id": name, "telemetry.count": "2", "telemetry.interval": "0s",
	})
	for key, v := range a {
		w = w.Set(key, v)
	}
	if err := b.session.Save(name, w.Profile()); err != nil {
		b.t.Fatal(err)
	}
}

var (
	chainInGroup = workflow.Answers{"identity.source": "chain", "enrollment.kind": "group"}
	chainAlone   = workflow.Answers{"identity.source": "chain", "enrollment.kind": "individual"}
)

// run runs steps to the end and returns what the faces would show.
func (b *bench) run(s *workflow.Session, name string, o workflow.RunOptions) *workflow.Status {
	b.t.Helper()
	b.mu.Lock()
	b.events = nil
	b.mu.Unlock()
	if _, err := s.Start(name, o); err != nil {
		b.t.Fatalf("start %s: %v", name, err)
	}
	s.Wait()
	return b.status(name)
}

func (b *bench) status(name string) *workflow.Status {
	status := workflow.NewStatus(name)
	for _, e := range b.seen() {
		status.Apply(e)
	}
	return status
}

func (b *bench) seen() []workflow.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// requests counts the exchanges of an operation.
func (b *bench) requests(operation string) int {
	n := 0
	for _, e := range b.seen() {
		if e.Kind == workflow.ExchangeFinished && e.Exchange.Operation == operation {
			n++
		}
	}
	return n
}

func (b *bench) mustRun(name string, only ...workflow.StepID) *workflow.Status {
	b.t.Helper()
	status := b.run(b.session, name, workflow.RunOptions{Only: only})
	if status.Outcome != workflow.Done {
		b.t.Fatalf("run %s %v: %s, %+v", name, only, status.Outcome, status.Problem)
	}
	return status
}

// refused runs steps that must fail and returns the problem.
func (b *bench) refused(name string, only ...workflow.StepID) *workflow.Problem {
	b.t.Helper()
	status := b.run(b.session, name, workflow.RunOptions{Only: only})
	if status.Outcome != workflow.Failed || status.Problem == nil {
		b.t.Fatalf("run %s %v: outcome %q, want a problem", name, only, status.Outcome)
	}
	return status.Problem
}

func (b *bench) files(name string) pki.DeviceFiles {
	return pki.DeviceFiles{Dir: b.store.Paths.DeviceDir(name), RegistrationID: name}
}

// authority opens the CA that chains use by default.
func (b *bench) authority() *pki.Authority {
	b.t.Helper()
	a, err := pki.OpenAuthority(pki.AuthorityFiles{Dir: b.store.Paths.AuthorityDir("dpslab-ca")}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// service is a client of the lab's service API, to arrange what a run finds.
func (b *bench) service() *dps.ServiceClient {
	b.t.Helper()
	c, err := dps.ParseConnectionString(b.lab.ServiceConnectionString.Reveal())
	if err != nil {
		b.t.Fatal(err)
	}
	w := wire.NewClient(wire.Options{Roots: b.lab.Roots, Dial: b.lab.DialContext})
	b.t.Cleanup(w.Close)
	return &dps.ServiceClient{Wire: w, Host: b.lab.ServiceHost, Authorize: c.Authorizer()}
}

// replaceDeviceCertificate signs a new certificate for the device's key.
func (b *bench) replaceDeviceCertificate(name string, days pki.Validity, cn string) {
	b.t.Helper()
	f := b.files(name)
	key, err := pki.ReadKey(f.SelfSignedKey(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := pki.SelfSignedDevice(key, cn, days)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := pki.WriteCertificates(f.SelfSignedCertificate(), c); err != nil {
		b.t.Fatal(err)
	}
}

// kinds is the run as a short story, one word an event.
func kinds(events []workflow.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimPrefix(string(e.Step)+":", ":")+string(e.Kind))
	}
	return strings.Join(out, "\n")
}

func decode(t *testing.T, line string) workflow.Event {
	t.Helper()
	var e workflow.Event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return e
}

func journal(b *bench, name string) string { return filepath.Clean(b.store.Paths.Journal(name)) }

// ago is a validity that ended yesterday.
func ago() pki.Validity {
	now := time.Now()
	return pki.Validity{NotBefore: now.AddDate(0, 0, -30), NotAfter: now.AddDate(0, 0, -1)}
}

func walk(dir string, visit func(path string, info os.FileInfo)) error {
	return filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			visit(path, info)
		}
		return err
	})
}
