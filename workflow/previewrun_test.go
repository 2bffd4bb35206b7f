package workflow_test

import (
	"slices"
	"strings"
	"testing"

	"dpslab/workflow"
)

// What a preview shows is what a run sends: the same operations in their order,
// the same methods and paths, where capitals stand for parts of answers.
func TestPreviewRun(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]workflow.Answers{
		"alone": nil, "in-group": chainInGroup, "key": {"identity.attestation": "symmetric-key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.device(name, answers)
			b.mustRun(name, workflow.StepCertificates)
			before, err := b.store.LoadState(name)
			if err != nil {
				t.Fatal(err)
			}
			previews, err := b.session.PreviewRun(t.Context(), name, workflow.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if after, err := b.store.LoadState(name); err != nil || len(after.Created) != 0 || !after.Updated.Equal(before.Updated) || b.enrollments() != 0 {
				t.Errorf("a preview left %+v, %v", after, err)
			}
			b.mustRun(name)
			var sent []string
			for _, e := range b.seen() {
				if e.Kind == workflow.ExchangeFinished {
					sent = append(sent, e.Exchange.Method+" "+e.Exchange.Operation)
				}
			}
			for _, p := range previews {
				if len(p.Requests) == 0 && len(p.Notes) == 0 {
					t.Errorf("nothing is said of step %s", p.Step)
				}
				for _, x := range p.Requests {
					if !x.DryRun {
						t.Errorf("%s was sent", x.Operation)
					}
					if call := x.Method + " " + x.Operation; !slices.Contains(sent, call) {
						t.Errorf("%s is previewed; sent were %v", call, sent)
					}
				}
			}
			requests := previews[len(previews)-1].Requests
			if last := requests[len(requests)-1]; name != "key" && !strings.HasPrefix(last.URL, "https://ASSIGNED_HUB/devices/DEVICE_ID/messages/events") {
				t.Errorf("telemetry is previewed as %s", last.URL)
			}
		})
	}
}

// Without the files that the first step makes, the rest says why it is missing.
func TestPreviewRunBeforeCertificates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", chainInGroup)
	previews, err := b.session.PreviewRun(t.Context(), "d", workflow.RunOptions{})
	if err != nil || len(previews) < 5 {
		t.Fatalf("%+v, %v", previews, err)
	}
	for _, p := range previews {
		if len(p.Notes) == 0 || p.Step != workflow.StepEnrollment && len(p.Requests) != 0 {
			t.Errorf("%+v", p)
		}
		if all := strings.Join(p.Notes, "\n"); strings.Contains(all, "no such file") || strings.Contains(all, "is not there") {
			t.Errorf("step %s says %s, and not which step makes it", p.Step, all)
		}
	}
	if _, err := b.session.PreviewRun(t.Context(), "nobody", workflow.RunOptions{}); err == nil {
		t.Error("a preview of nobody")
	}
}

// The step that uploads to API Management shows both of its requests, without
// the key, as the run makes them; and says why where there are none.
func TestPreviewOfAPIManagement(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"api_management.service": b.lab.APIMName})
	upload := func(name string) workflow.StepPreview {
		t.Helper()
		all, err := b.session.PreviewRun(t.Context(), name, workflow.RunOptions{Only: []workflow.StepID{workflow.StepAPIManagement}})
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return all[0]
	}
	if p := upload("d"); len(p.Requests) != 1 || !strings.Contains(strings.Join(p.Notes, " "), "the step certificates makes") {
		t.Errorf("before there is a certificate: %+v", p)
	}
	b.mustRun("d", workflow.StepCertificates)
	p := upload("d")
	if len(p.Requests) != 2 || len(p.Notes) != 1 {
		t.Fatalf("%+v", p)
	}
	get, put := p.Requests[0], p.Requests[1]
	if put.Method != "PUT" || !put.DryRun || put.URL != get.URL || !strings.Contains(put.URL, "/service/"+b.lab.APIMName+"/certificates/d?") ||
		put.RequestBody != `{"properties":{"data":"[secret]","password":"[secret]"}}` {
		t.Errorf("%s %s %s", put.Method, put.URL, put.RequestBody)
	}
	b.mustRun("d")
	for _, e := range b.seen() {
		if x := e.Exchange; e.Kind == workflow.ExchangeFinished && x.Operation == put.Operation && (x.URL != put.URL || x.RequestBody != put.RequestBody) {
			t.Errorf("sent was %s %s", x.URL, x.RequestBody)
		}
	}
}

// Chosen by name the step is there for every profile, and says that it has
// nothing to do.
func TestPreviewOfAPIManagementWithoutService(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", nil)
	only := workflow.RunOptions{Only: []workflow.StepID{workflow.StepAPIManagement}}
	all, err := b.session.PreviewRun(t.Context(), "d", only)
	if err != nil || len(all) != 1 || len(all[0].Requests) != 0 || len(all[0].Notes) != 1 || !strings.HasPrefix(all[0].Notes[0], "no request: ") {
		t.Errorf("%+v, %v", all, err)
	}
	if s := b.run(b.session, "d", only); s.Outcome != workflow.Done || s.Step(workflow.StepAPIManagement).State != workflow.StepSkip {
		t.Errorf("a run of it: %s, %+v", s.Outcome, s.Step(workflow.StepAPIManagement))
	}
}
