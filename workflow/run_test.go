package workflow_test

import (
	"bufio"
	"bytes"
	"os"
	"strings"
	"testing"

	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

func TestWholeFlow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answers workflow.Answers
		signing workflow.StepState
	}{
		{"individual-self-signed", nil, workflow.StepSkip},
		{"individual-chain", chainAlone, workflow.StepDone},
		{"group-chain", chainInGroup, workflow.StepDone},
		{"rsa-2048", workflow.Answers{"identity.algorithm": "rsa-2048"}, workflow.StepSkip},
		{"static-hub", workflow.Answers{"enrollment.allocation_policy": "static", "enrollment.iot_hubs": "lab-hub.azure-devices.net"}, workflow.StepSkip},
		{"own-device-id", workflow.Answers{"enrollment.device_id": "truck-7"}, workflow.StepSkip},
		{"UPPER.case:id", workflow.Answers{"name": "upper"}, workflow.StepSkip},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			name := tt.name
			if n := tt.answers["name"]; n != "" {
				name = n
			}
			b.device(name, workflow.Answers{"identity.registration_id": tt.name})
			if err := os.Remove(b.store.Paths.Profile(name)); err != nil {
				t.Fatal(err)
			}
			answers := workflow.Answers{"identity.registration_id": tt.name}
			for k, v := range tt.answers {
				answers[k] = v
			}
			b.device(name, answers)

			status := b.mustRun(name)
			for _, s := range status.Steps {
				want := workflow.StepDone
				if s.ID == workflow.StepSigningCA {
					want = tt.signing
				}
				if s.State != want {
					t.Errorf("step %s is %s, want %s (%s)", s.ID, s.State, want, s.Text)
				}
			}
			deviceID := tt.name
			if d := tt.answers["enrollment.device_id"]; d != "" {
				deviceID = d
			}
			if r := status.Registration; r.Status != "assigned" || r.AssignedHub != "lab-hub.azure-devices.net" || r.DeviceID != deviceID || r.Substatus != "initialAssignment" {
				t.Errorf("registration %+v", r)
			}
			if tel := status.Telemetry; tel.Sent != 2 || tel.Received != 2 || tel.Failed != 0 {
				t.Errorf("telemetry %+v", tel)
			}
			checkState(t, b, name)
		})
	}
}

func checkState(t *testing.T, b *bench, name string) {
	t.Helper()
	st, err := b.store.LoadState(name)
	if err != nil {
		t.Fatal(err)
	}
	if st.Registration.Status != "assigned" || st.Registration.LeafSHA256 != st.Certificate.SHA256 || st.Telemetry.Sent != 2 {
		t.Errorf("state %+v", st)
	}
	if st.Certificate.NotAfter.IsZero() || st.Enrollment.ETag == "" || !st.Enrollment.Created {
		t.Errorf("state %+v", st)
	}
	if workflow.Resumable(st) {
		t.Error("a finished registration is offered to be resumed")
	}
}

// The events of a run are its public record: their order is fixed.
func TestEventStory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"telemetry.count": "1"})
	b.mustRun("d")
	want := strings.TrimSpace(`
run_started
certificates:step_started
certificates:files_written
certificates:files_written
certificates:noted
certificates:noted
certificates:step_finished
signing-ca:step_started
signing-ca:step_skipped
enrollment:step_started
enrollment:exchange_started
enrollment:exchange_finished
enrollment:noted
enrollment:exchange_started
enrollment:exchange_finished
enrollment:step_finished
registration:step_started
registration:exchange_started
registration:exchange_finished
registration:status_changed
registration:poll_scheduled
registration:exchange_started
registration:exchange_finished
registration:status_changed
registration:step_finished
telemetry:step_started
telemetry:stream_changed
telemetry:exchange_started
telemetry:exchange_finished
telemetry:message_sent
telemetry:message_received
telemetry:step_finished
run_finished`)
	if got := kinds(b.seen()); got != want {
		t.Errorf("the story is\n%s\nwant\n%s", got, want)
	}
	for i, e := range b.seen() {
		if e.Seq != i+1 || e.Run == "" || e.Device != "d" || e.At.IsZero() {
			t.Errorf("event %d is stamped run %q seq %d device %q at %v", i, e.Run, e.Seq, e.Device, e.At)
		}
	}
}

// The journal is the same events, so that a run can be told again.
func TestJournalReplays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	live := b.mustRun("d")
	data, err := os.ReadFile(journal(b, "d"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		decode(t, lines.Text())
		n++
	}
	if n != len(b.seen()) {
		t.Errorf("the journal has %d lines, %d events were seen", n, len(b.seen()))
	}
	told := b.session.History("d")
	if told.Outcome != live.Outcome || len(told.Lane) != len(live.Lane) || told.Telemetry.Sent != live.Telemetry.Sent {
		t.Errorf("the journal tells %+v", told)
	}
	for i := range live.Steps {
		if told.Steps[i].State != live.Steps[i].State || told.Steps[i].Text != live.Steps[i].Text {
			t.Errorf("step %s: journal tells %s %q, it was %s %q", live.Steps[i].ID, told.Steps[i].State, told.Steps[i].Text, live.Steps[i].State, live.Steps[i].Text)
		}
	}
}

func TestRunAgainChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	b.mustRun("d")
	before := snapshot(t, b.store.Paths.Data)
	status := b.mustRun("d")
	if after := snapshot(t, b.store.Paths.Data); after != before {
		t.Errorf("a second run changed files:\n%s\nbefore:\n%s", after, before)
	}
	if got := b.requests("put enrollment group"); got != 0 {
		t.Errorf("the unchanged enrollment group was written %d times", got)
	}
	if got := b.requests("upload signing certificate"); got != 0 {
		t.Errorf("the verified CA was uploaded %d times", got)
	}
	if !strings.Contains(status.Step(workflow.StepEnrollment).Text, "as wanted") {
		t.Errorf("enrollment says %q", status.Step(workflow.StepEnrollment).Text)
	}
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := walk(dir, func(path string, info os.FileInfo) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(path + " " + info.Mode().String() + "\n" + string(data))
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Two devices of a group share its CA; both are admitted.
func TestGroupSharesAuthority(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"device-01", "device-02"} {
		b.device(name, chainInGroup)
		b.mustRun(name)
	}
	if got := b.requests("put enrollment group") + b.requests("upload signing certificate"); got != 0 {
		t.Errorf("the second device wrote the group or its CA %d times", got)
	}
	st, err := b.store.LoadState("device-02")
	if err != nil {
		t.Fatal(err)
	}
	if st.Enrollment.Created || st.SigningCertificate.Created {
		t.Error("the second device claims to have made what the first one made")
	}
}

func TestEnrollmentUpdateShowsDifference(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	b.mustRun("d")
	if _, err := b.store.Remove("d"); err != nil {
		t.Fatal(err)
	}
	b.device("d", workflow.Answers{"enrollment.device_id": "truck-7"})
	status := b.mustRun("d") // a new key, so a new certificate
	log := logText(status.Step(workflow.StepEnrollment).Log)
	for _, want := range []string{"change attestation.x509.clientCertificates.primary: SHA-256 ", `change deviceId: none → "truck-7"`, "updated individual enrollment d"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if status.Registration.DeviceID != "truck-7" {
		t.Errorf("assigned as %s", status.Registration.DeviceID)
	}
}

func logText(lines []workflow.LogLine) string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return strings.Join(out, "\n")
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(o *emulator.Options) { o.RetryAfter = 60 })
	b.device("d", nil)
	if _, err := b.session.Start("d", workflow.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.session.Start("d", workflow.RunOptions{}); err != workflow.ErrBusy {
		t.Errorf("a second run: %v, want ErrBusy", err)
	}
	// Another process is told who holds the device.
	_, err := b.again().Start("d", workflow.RunOptions{})
	if p, ok := err.(*workflow.Problem); !ok || p.Kind != workflow.LocalFile || !strings.Contains(p.Summary, "in use") {
		t.Errorf("a second process: %v", err)
	}
	b.session.Cancel()
	b.session.Wait()
	status := b.status("d")
	if status.Outcome != workflow.Cancelled || status.Problem.Kind.ExitCode() != 130 {
		t.Errorf("outcome %s, problem %+v", status.Outcome, status.Problem)
	}
	ends := 0
	for _, e := range b.seen() {
		if e.Kind == workflow.RunFinished {
			ends++
		}
	}
	if ends != 1 {
		t.Errorf("%d terminal events", ends)
	}
}

func TestBadProfiles(t *testing.T) {
	t.Parallel()
	good := func(replace, with string) string {
		w := workflow.NewWizard(workflow.Answers{"identity.registration_id": "d"})
		return strings.Replace(w.TOML(), replace, with, 1)
	}
	tests := []struct{ name, toml, want string }{
		{"registration ID", good(`registration_id = "d"`, `registration_id = "d."`), `:8:1: identity.registration_id: ends in '.'`},
		{"choice", good(`algorithm = "ec-p256"`, `algorithm = "dsa"`), `identity.algorithm: must be one of ec-p256`},
		{"days", good(`valid_days = 30`, `valid_days = 99999`), `identity.valid_days: must be a whole number from 1 to 3650`},
		{"interval", good(`interval = "1s"`, `interval = "soon"`), `telemetry.interval: must be a duration`},
		{"zero", good(`count = 10`, `count = 0`), `telemetry.count: must be a whole number`},
		{"zero days", good(`valid_days = 30`, `valid_days = 0`), `identity.valid_days: must be a whole number`},
		{"empty", good(`interval = "1s"`, `interval = ""`), `telemetry.interval: must be a duration`},
		{"not asked in the lab", good(`kind = "lab"`, "kind = \"lab\"\ncredential = \"magic\""), `target.credential: must be one of`},
		{"not asked with hashed", good(`allocation_policy = "hashed"`, "allocation_policy = \"hashed\"\niot_hubs = [\"https://x\"]"), `enrollment.iot_hubs: "https://x" has a scheme`},
		{"not asked of a self-signed", good(`kind = "individual"`, `kind = "both"`), `enrollment.kind: must be one of`},
		{"group of self-signed", good(`kind = "individual"`, `kind = "group"`), `enrollment.kind: is a group, but a self-signed certificate`},
		{"body", good(`{{ now }}`, `{{ later }}`), `telemetry.body: is not a template of now`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			path := b.store.Paths.Profile("d")
			b.device("d", nil)
			if err := os.WriteFile(path, []byte(tt.toml), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := b.session.Start("d", workflow.RunOptions{})
			p, ok := err.(*workflow.Problem)
			if !ok || p.Kind.ExitCode() != 2 {
				t.Fatalf("%v", err)
			}
			if !strings.Contains(p.Summary, path) || !strings.Contains(p.Summary, tt.want) {
				t.Errorf("says %q, want %s and %s", p.Summary, path, tt.want)
			}
		})
	}
}

// A face says itself that there was nothing to do; the event says why.
func TestSkippedStepSaysWhyOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"identity.source": "self-signed"})
	b.mustRun("d", workflow.StepCertificates, workflow.StepSigningCA)
	var why []string
	for _, e := range b.seen() {
		if e.Kind == workflow.StepSkipped {
			why = append(why, e.Text)
		}
	}
	if len(why) != 1 || strings.Contains(why[0], "nothing to do") || !strings.Contains(why[0], "self-signed") {
		t.Errorf("skipped because of %q", why)
	}
}
