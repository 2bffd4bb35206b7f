package workflow_test

import (
	"testing"

	"dpslab/workflow"
)

func TestWizardChecksJSONBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body, contentType string
		refused                 bool
	}{
		{"the default", "", "", false},
		{"an object", `{"t": 1}`, "application/json", false},
		{"filled in", `{"n": {{ n }}, "at": "{{ now }}", "t": {{ wave 20 30 "20s" }}}`, "application/json; charset=utf-8", false},
		{"no JSON", "hello", "application/json", true},
		{"no JSON once filled in", `{"at": {{ now }}}`, "application/json", true},
		{"cut short", `{"t": `, "application/cloudevents+json", true},
		{"plain text", "hello", "text/plain", false},
	} {
		a := workflow.Answers{}
		if c.body != "" {
			a["telemetry.body"], a["telemetry.content_type"] = c.body, c.contentType
		}
		if err := workflow.NewWizard(a).Error("telemetry.body"); (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	a := workflow.Answers{"identity.registration_id": "d", "telemetry.body": "hello"}
	w := workflow.EditWizard("d", workflow.ProfileOf(a))
	if err := w.Set("telemetry.count", "4").Error("telemetry.body"); err != nil {
		t.Errorf("a body that was there before: %v", err)
	}
	if err := w.Set("telemetry.body", "bye").Error("telemetry.body"); err == nil {
		t.Error("a changed body that is no JSON was taken")
	}
}
