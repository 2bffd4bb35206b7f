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
