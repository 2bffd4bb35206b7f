package main

import (
	"encoding/json"
	"strings"
	"testing"

	"dpslab/workflow/emulator"
)

func TestLabFaults(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	r := dpslab(t, home, "lab", "fault", "list").want(t, 0)
	if !strings.Contains(r.stderr, "no lab is running") || !strings.Contains(r.stdout, "no scenario is on") || !strings.Contains(r.stdout, "endless-assigning") {
		t.Errorf("without a lab:\n%s%s", r.stderr, r.stdout)
	}
	if r := dpslab(t, home, "lab", "fault", "list", "--json").want(t, 0); !strings.Contains(r.stdout, `"faults":[]`) {
		t.Errorf("without a lab: %s", r.stdout)
	}
	if r := dpslab(t, home, "lab", "fault", "set", "throttled").want(t, 3); !strings.Contains(r.stderr, "dpslab lab") {
		t.Errorf("without a lab:\n%s", r.stderr)
	}
	if r := dpslab(t, home, "lab", "inbox", "d1", "--state", "my lab").want(t, 3); !strings.Contains(r.stderr, "dpslab lab --state 'my lab'") {
		t.Errorf("without a lab in a folder that was named:\n%s", r.stderr)
	}
	serve(t, home, "--chaos", "0.000001", "--chaos-seed", "4")
	dpslab(t, home, "lab", "fault", "clear").want(t, 0)
	dpslab(t, home, "lab", "fault", "set", "server-error", "--operation", "register", "--rate", "0.5", "--seed", "7", "--value", "502").want(t, 0)
	var list struct {
		Faults    []emulator.Fault
		Scenarios []emulator.Scenario
	}
	r = dpslab(t, home, "lab", "fault", "list", "--json").want(t, 0)
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil {
		t.Fatal(err)
	}
	want := emulator.Fault{Scenario: "server-error", Operation: "register", Rate: 0.5, Seed: 7, Value: "502"}
	if len(list.Faults) != 1 || list.Faults[0] != want || len(list.Scenarios) != len(emulator.Scenarios()) {
		t.Errorf("%s", r.stdout)
	}
	r = dpslab(t, home, "lab", "fault", "list").want(t, 0)
	for _, text := range []string{"on: server-error (operation register, value 502, rate 0.5, seed 7), struck 0 times", "endless-assigning"} {
		if !strings.Contains(r.stdout, text) {
			t.Errorf("no %q in:\n%s", text, r.stdout)
		}
	}
	if r := dpslab(t, home, "lab", "fault", "set", "--help").want(t, 0); !strings.Contains(r.stdout, "of chaos one in twenty") {
		t.Errorf("the help of --rate: %s", r.stdout)
	}
	for _, args := range [][]string{{"delay", "--rate", "0"}, {"delay", "--rate", "2"}, {"delay", "--value", "-1s"}} {
		dpslab(t, home, append([]string{"lab", "fault", "set"}, args...)...).want(t, 2)
	}
	if r := dpslab(t, home, "lab", "fault", "set", "earthquake").want(t, 2); !strings.Contains(r.stderr, `no scenario is called "earthquake"`) {
		t.Errorf("%s", r.stderr)
	}
	if r := dpslab(t, home, "lab", "fault", "clear", "earthquake").want(t, 2); !strings.Contains(r.stderr, "dpslab lab fault list") {
		t.Errorf("%s", r.stderr)
	}
	if r := dpslab(t, home, "lab", "fault", "list").want(t, 0); !strings.Contains(r.stdout, "network-refused                    register poll lookup enrollments registrations send receive") {
		t.Errorf("what network-refused strikes:\n%s", r.stdout)
	}
	if r := dpslab(t, home, "lab", "fault", "clear", "server-error").want(t, 0); r.stdout != "1 switched off\n" {
		t.Errorf("%q", r.stdout)
	}
}
