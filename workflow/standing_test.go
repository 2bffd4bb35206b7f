package workflow_test

import (
	"testing"

	"dpslab/profiles"
	"dpslab/workflow"
)

func TestDifferencesOfARegistration(t *testing.T) {
	t.Parallel()
	known := profiles.Registration{Status: "assigned", Substatus: "initialAssignment", AssignedHub: "a.azure-devices.net", DeviceID: "d", ETag: "1"}
	same := workflow.Registration{RegistrationID: "d", Status: "assigned", Substatus: "initialAssignment", AssignedHub: "A.azure-devices.net", DeviceID: "d", ETag: "1", Updated: "2026-03-01"}
	moved := same
	moved.AssignedHub, moved.ETag = "b.azure-devices.net", "2"
	for name, tt := range map[string]struct {
		says  workflow.Registration
		known *profiles.State
		want  []string // fields
	}{
		"the same":                      {same, &profiles.State{Registration: known}, nil},
		"never registered":              {workflow.Registration{Status: "unassigned"}, &profiles.State{}, nil},
		"nothing is known":              {workflow.Registration{Status: "unassigned"}, nil, nil},
		"moved":                         {moved, &profiles.State{Registration: known}, []string{"hub", "etag"}},
		"deleted at DPS":                {workflow.Registration{Status: "unassigned"}, &profiles.State{Registration: known}, []string{"status", "substatus", "hub", "device ID", "etag"}},
		"registered by another machine": {same, nil, []string{"status", "substatus", "hub", "device ID", "etag"}},
		"failed":                        {workflow.Registration{Status: "failed", ErrorCode: 400209, ErrorMessage: "no"}, &profiles.State{Registration: profiles.Registration{Status: "failed"}}, []string{"error"}},
	} {
		got := tt.says.Differences(tt.known)
		if len(got) != len(tt.want) {
			t.Fatalf("%s: %v", name, got)
		}
		for i, c := range got {
			if c.Field != tt.want[i] || c.Old == c.New {
				t.Errorf("%s: %+v, want %s", name, c, tt.want[i])
			}
		}
	}
	if got := (&workflow.Registration{ErrorCode: 400209, ErrorMessage: "no"}).Refusal(); got != "400209 no" {
		t.Errorf("%q", got)
	}
}
