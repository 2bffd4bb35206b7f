package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

// TestChaos strikes the share of the requests that it was given, whatever they
// are, with what a client gets over.
func TestChaos(t *testing.T) {
	t.Parallel()
	if _, err := Start(t.Context(), Options{InMemory: true, Chaos: 2}); err == nil {
		t.Error("a chaos of 2 is accepted")
	}
	for _, operation := range scenarioNamed(chaosName).Operations {
		var f faults
		if err := f.set(Fault{Scenario: chaosName, Rate: 0.4, Seed: 11}); err != nil {
			t.Fatal(err)
		}
		accept := func(s *Scenario) bool { return s.request != nil }
		switch operation {
		case operationConnect:
			accept = func(s *Scenario) bool { return s.connect != nil }
		case operationAssign:
			accept = func(s *Scenario) bool { return s.assign != nil }
		}
		seen := map[string]int{}
		struck := 0
		for range 500 {
			if hit := f.take(operation, "d1", accept); hit != nil {
				struck++
				seen[hit.scenario.Name]++
				if s := hit.scenario; !s.Passing || !slices.Contains(s.Operations, operation) || hit.amount.duration > time.Second {
					t.Errorf("%s strikes %s with %+v", s.Name, operation, hit.amount)
				}
			}
		}
		if struck < 150 || struck > 250 || len(seen) < 2 {
			t.Errorf("chaos of 0.4 struck %d of 500 %s: %v", struck, operation, seen)
		}
		if all := f.list(); len(all) != 1 || all[0].Hits != struck {
			t.Errorf("%+v", all)
		}
	}
}

// TestChaosIsGotOver provisions through a lab in chaos with a client that tries
// again.
func TestChaosIsGotOver(t *testing.T) {
	t.Parallel()
	l := start(t)
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	l.fault(t, Fault{Scenario: chaosName, Operation: operationRegister, Rate: 0.3, Seed: 3})
	l.fault(t, Fault{Scenario: chaosName, Operation: operationPoll, Rate: 0.3, Seed: 4})
	c := l.as(t, id)
	ask := func(method, url, body string, v any) bool {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.http.Do(r)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode/100 == 2 && json.NewDecoder(resp.Body).Decode(v) == nil
	}
	provisioned := 0
	for range 200 {
		var begun, ended dps.RegistrationOperationStatus
		if !ask("PUT", l.registerURL("d1"), "{}", &begun) || !ask("GET", l.operationURL("d1", begun.OperationID), "", &ended) {
			continue
		}
		if provisioned += btoi(ended.Status == dps.StatusAssigned); provisioned == 3 {
			return
		}
	}
	t.Errorf("provisioned %d times of 200", provisioned)
}
