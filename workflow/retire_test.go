package workflow_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"dpslab/profiles"
	"dpslab/workflow"
)

// retire takes everything back and returns what the faces would show.
func (b *bench) retire(name string, o workflow.RetireOptions) *workflow.Status {
	b.t.Helper()
	b.mu.Lock()
	b.events = nil
	b.mu.Unlock()
	if _, err := b.session.Retire(name, o); err != nil {
		b.t.Fatal(err)
	}
	b.session.Wait()
	return b.status(name)
}

func (b *bench) plan(name string) []string {
	b.t.Helper()
	items, err := b.session.RetirePlan(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, i := range items {
		out = append(out, i.Kind)
		if i.What == "" || i.Step == "" || i.Made.IsZero() {
			b.t.Errorf("item %+v", i)
		}
	}
	return out
}

func (b *bench) enrollments() (n int) {
	b.t.Helper()
	contents, err := b.lab.Contents(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return len(contents.Enrollments) + len(contents.Registrations)
}

func TestRetireDeletesWhatWasMade(t *testing.T) {
	t.Parallel()
	all := []string{profiles.CreatedAPIManagement, profiles.CreatedHubDevice, profiles.CreatedRegistration, profiles.CreatedGroup, profiles.CreatedSigningCA}
	b := newBench(t)
	answers := workflow.Answers{"api_management.service": b.lab.APIMName}
	for k, v := range chainInGroup {
		answers[k] = v
	}
	b.device("d", answers)
	if got := b.plan("d"); len(got) != 0 {
		t.Errorf("before the first run the plan is %v", got)
	}
	live := b.mustRun("d")
	if s := live.Step(workflow.StepAPIManagement); s == nil || s.State != workflow.StepDone {
		t.Fatalf("API Management: %+v", s)
	}
	if got := b.plan("d"); strings.Join(got, " ") != strings.Join(all, " ") {
		t.Fatalf("the plan is %v, want %v", got, all)
	}

	dry := b.retire("d", workflow.RetireOptions{DryRun: true})
	if dry.Outcome != workflow.Done || b.enrollments() != 2 || len(b.plan("d")) != len(all) {
		t.Fatalf("a dry run: %s, %+v", dry.Outcome, dry.Problem)
	}
	deletes := 0
	for _, e := range b.seen() {
		if e.Kind != workflow.ExchangeFinished {
			continue
		}
		x := e.Exchange
		if x.Operation == "get device" && x.DryRun {
			continue // its etag is the condition of the request that deletes it
		}
		if x.Method != http.MethodDelete || !x.DryRun || strings.Contains(x.RequestHeader.Get("If-Match"), "*") {
			t.Errorf("a dry run: %s %s, If-Match %q, sent: %t", x.Method, x.URL, x.RequestHeader.Get("If-Match"), !x.DryRun)
		}
		deletes++
	}
	if deletes != len(all) {
		t.Errorf("%d requests were shown, want %d", deletes, len(all))
	}
	if past := b.session.History("d"); past.Undoing || past.Step(workflow.StepTelemetry).State != workflow.StepDone {
		t.Errorf("the last run is forgotten over a dry run: %+v", past.Step(workflow.StepTelemetry))
	}

	done := b.retire("d", workflow.RetireOptions{})
	if done.Outcome != workflow.Done || b.enrollments() != 0 || len(b.plan("d")) != 0 {
		t.Fatalf("retired: %s, %+v, %d left", done.Outcome, done.Problem, b.enrollments())
	}
	if s := b.session.History("d"); s.Step(workflow.StepRegistration).State != workflow.Waiting || s.Step(workflow.StepCertificates).State != workflow.StepDone {
		t.Errorf("afterwards registration is %s, certificates are %s", s.Step(workflow.StepRegistration).State, s.Step(workflow.StepCertificates).State)
	}
	if again := b.retire("d", workflow.RetireOptions{}); again.Outcome != workflow.Done || b.requests("delete enrollment group") != 0 {
		t.Errorf("retired again: %s", again.Outcome)
	}
	b.mustRun("d") // and everything can be made again
}

// What somebody else made stays.
func TestRetireLeavesOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("first", chainInGroup)
	b.device("second", chainInGroup)
	b.mustRun("first")
	b.mustRun("second")
	if got := b.plan("second"); strings.Join(got, " ") != "hub-device registration" {
		t.Errorf("the second device's plan is %v", got)
	}
	items, err := b.session.RetirePlan(t.Context(), "first")
	if err != nil || len(items) != 4 || len(items[2].Shared) != 1 || items[2].Shared[0] != "second" {
		t.Fatalf("%+v, %v", items, err)
	}
	if s := b.retire("first", workflow.RetireOptions{}); s.Outcome != workflow.Done {
		t.Fatalf("%+v", s.Problem)
	}
	if got := b.plan("first"); strings.Join(got, " ") != "enrollment-group signing-certificate" {
		t.Errorf("shared things are left: %v", got)
	}
	if s := b.retire("first", workflow.RetireOptions{Force: true}); s.Outcome != workflow.Done || len(b.plan("first")) != 0 {
		t.Errorf("%+v", s.Problem)
	}
}

// What is gone already is fine; what was changed since is not deleted unseen.
func TestRetireMeetsChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("gone", nil)
	b.mustRun("gone")
	if err := b.service().DeleteEnrollment(t.Context(), "gone", ""); err != nil {
		t.Fatal(err)
	}
	if s := b.retire("gone", workflow.RetireOptions{}); s.Outcome != workflow.Done || len(b.plan("gone")) != 0 {
		t.Errorf("%+v, left %v", s.Problem, b.plan("gone"))
	}

	b.device("changed", nil)
	b.mustRun("changed")
	e, err := b.service().Enrollment(t.Context(), "changed")
	if err != nil {
		t.Fatal(err)
	}
	e.ProvisioningStatus = "disabled"
	if _, err := b.service().PutEnrollment(t.Context(), e, e.ETag); err != nil {
		t.Fatal(err)
	}
	s := b.retire("changed", workflow.RetireOptions{})
	if s.Outcome != workflow.Failed || s.Problem.Status != http.StatusPreconditionFailed || !strings.Contains(s.Problem.Fix, "--force") ||
		!strings.Contains(s.Problem.Summary, "provisioningStatus: enabled → disabled") {
		t.Errorf("%s, %+v", s.Outcome, s.Problem)
	}
	if s := b.retire("changed", workflow.RetireOptions{Force: true}); s.Outcome != workflow.Done {
		t.Errorf("%+v", s.Problem)
	}
}

// Each deletion is on the condition that the thing is as the runs left it; what
// is not, is told.
func TestRetireByETag(t *testing.T) {
	t.Parallel()
	const stale = "IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCI="
	for name, tt := range map[string]struct {
		change func(*profiles.State)
		want   string // in the summary; empty: it is deleted
	}{
		"as it was": {func(*profiles.State) {}, ""},
		"the device at the hub": {func(s *profiles.State) {
			s.Registration.LeafSHA256 = strings.Repeat("0", 64)
		}, "primary thumbprint: 000"},
		"the registration record": {func(s *profiles.State) {
			s.Registration.AssignedHub = "other.azure-devices.net"
			tagged(s, profiles.CreatedRegistration, stale)
		}, "assignedHub: other.azure-devices.net → lab-hub.azure-devices.net; etag: " + stale},
		"the group": {func(s *profiles.State) { tagged(s, profiles.CreatedGroup, `"stale"`) }, `etag: "stale" → `},
		"the signing CA": {func(s *profiles.State) {
			s.SigningCertificate.Verified = false
			tagged(s, profiles.CreatedSigningCA, "AAAAAAAAAAA=")
		}, "verified: no → yes; etag: AAAAAAAAAAA="},
		"the API Management certificate": {func(s *profiles.State) {
			s.APIManagement.SHA1 = "00"
			tagged(s, profiles.CreatedAPIManagement, `"AAAAAAAAAAA="`)
		}, "SHA-1: 00 → "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			answers := maps.Clone(chainInGroup)
			answers["api_management.service"] = b.lab.APIMName
			b.device("d", answers)
			b.mustRun("d")
			state, err := b.store.LoadState("d")
			if err != nil {
				t.Fatal(err)
			}
			tt.change(state)
			if err := b.store.SaveState("d", state); err != nil {
				t.Fatal(err)
			}
			s := b.retire("d", workflow.RetireOptions{})
			if tt.want == "" {
				b.wantConditions(5)
				return
			}
			if s.Outcome != workflow.Failed || s.Problem.Status != http.StatusPreconditionFailed || !strings.Contains(s.Problem.Summary, tt.want) {
				t.Errorf("%s, %+v", s.Outcome, s.Problem)
			}
			if s := b.retire("d", workflow.RetireOptions{Force: true}); s.Outcome != workflow.Done || len(b.plan("d")) != 0 {
				t.Errorf("forced: %+v", s.Problem)
			}
		})
	}
}

// tagged gives something that runs made another etag.
func tagged(s *profiles.State, kind, tag string) {
	for i := range s.Created {
		if s.Created[i].Kind == kind {
			s.Created[i].ETag = tag
		}
	}
}

// wantConditions expects so many deletions, each with an etag.
func (b *bench) wantConditions(n int) {
	b.t.Helper()
	for _, e := range b.seen() {
		if e.Kind != workflow.ExchangeFinished || e.Exchange.Method != http.MethodDelete {
			continue
		}
		n--
		if tag := e.Exchange.RequestHeader.Get("If-Match"); tag == "" || strings.Contains(tag, "*") || e.Exchange.Status/100 != 2 {
			b.t.Errorf("%s with If-Match %q: %d", e.Exchange.Operation, tag, e.Exchange.Status)
		}
	}
	if n != 0 {
		b.t.Errorf("%d deletions are missing", n)
	}
}

func TestUndoOneStep(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	b.mustRun("d")
	undo := func(id workflow.StepID) *workflow.Status {
		t.Helper()
		if _, err := b.session.Undo("d", id, workflow.RetireOptions{}); err != nil {
			t.Fatal(err)
		}
		b.session.Wait()
		return b.session.History("d")
	}
	s := undo(workflow.StepRegistration)
	if s.Outcome != workflow.Done || s.Step(workflow.StepRegistration).State != workflow.Waiting || s.Registration.Status != "" {
		t.Errorf("registration is %+v", s.Step(workflow.StepRegistration))
	}
	if got := b.plan("d"); strings.Join(got, " ") != "enrollment" {
		t.Errorf("left: %v", got)
	}
	if s = undo(workflow.StepTelemetry); s.Step(workflow.StepTelemetry).State != workflow.StepDone {
		t.Errorf("telemetry is %s after nothing could be taken back", s.Step(workflow.StepTelemetry).State)
	}
	if s = undo(workflow.StepCertificates); s.Step(workflow.StepCertificates).State != workflow.Waiting {
		t.Errorf("certificates are %+v", s.Step(workflow.StepCertificates))
	}
	if p := b.refused("d", workflow.StepRegistration); p.Kind != workflow.LocalFile {
		t.Errorf("without its files the device: %+v", p)
	}
	b.mustRun("d")
}

func TestRetireReadOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := workflow.NewSession(workflow.Config{Store: b.store, ReadOnly: true})
	if _, err := s.Retire("d", workflow.RetireOptions{}); err == nil {
		t.Error("a read-only session retires")
	}
}
