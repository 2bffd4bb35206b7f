package tui

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// An error without advice gets that of the rule that knows its text; one with
// advice keeps its own, and what a person cancelled gets none.
func TestProblemOf(t *testing.T) {
	t.Parallel()
	own := &workflow.Problem{Kind: workflow.Refused, Summary: "HTTP 401", Fix: "its own fix"}
	for _, c := range []struct {
		err  error
		kind workflow.ProblemKind
		rule string
		fix  bool
	}{
		{own, workflow.Refused, "", true},
		{errors.New("x509: certificate signed by unknown authority"), "", "N04", true},
		{&workflow.Problem{Kind: workflow.Refused, Summary: "HTTP 429", Code: "429001"}, workflow.Refused, "R15", true},
		{errors.New("something that nobody knows"), "", "", false},
		{context.Canceled, workflow.Interrupted, "", false},
	} {
		p := problemOf(c.err)
		if p.Kind != c.kind || p.Rule != c.rule || (p.Fix != "") != c.fix {
			t.Errorf("%v: rule %q, kind %q, fix %q", c.err, p.Rule, p.Kind, p.Fix)
		}
	}
	if problemOf(own) != own {
		t.Error("a problem with advice was changed")
	}
}

// A bench key that is refused shows why and what to do; f does it where a run
// mends it, or the profile has to be changed.
func TestRefusedOnTheBench(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		p    workflow.Problem
		see  string
		does bool
	}{
		{"a run mends it", workflow.Problem{Kind: workflow.Refused, Summary: "gone", Rule: "H02", Why: "because", Fix: "register"}, "to run registration and what follows", true},
		{"the profile does", workflow.Problem{Kind: workflow.Usage, Summary: "wrong hub", Rule: "R08", Fix: "another"}, "to change the profile of my-x509-device", true},
		{"no key does", workflow.Problem{Kind: workflow.Unreachable, Summary: "no network", Fix: "plug it in"}, "", false},
	} {
		a := show(t, sceneOf(t, "bench-assigned"), theme.Options{NoColor: true}, 80, 24)
		if a.update(receivedMsg{device: "my-x509-device", err: &c.p}); a.overlay == nil {
			t.Fatalf("%s: nothing is shown", c.name)
		}
		a.grace.on = false
		text := strings.Join(a.rows(), "\n")
		for _, want := range []string{"No message was received", c.p.Summary, "fix " + c.p.Fix, c.see} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, text)
			}
		}
		press(a, "f")
		if did := a.overlay == nil; did != c.does {
			t.Errorf("%s: f did something: %v", c.name, did)
		}
		if started := a.bench.Busy(); started != (c.p.Rule == "H02") {
			t.Errorf("%s: a run was asked for: %v", c.name, started)
		}
	}
	a := show(t, sceneOf(t, "bench-assigned"), theme.Options{NoColor: true}, 80, 24)
	if a.update(receivedMsg{device: "my-x509-device", err: workflow.ErrByUser}); a.overlay != nil {
		t.Error("what a person cancelled is explained")
	}
}

// The bench's key changes the profile and comes back to the bench, which knows the
// profile as it is now.
func TestEditFromTheBench(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-3"}, func(r *rig) {
		r.press(enter)
		r.see("press-3 · lab")
		r.press("e")
		r.see("press-3 · change its profile")
		r.until(enter, "> messages")
		r.press("7")
		r.until(esc, "Nothing was saved")
		r.see("e goes on with them")
		r.see("1 certificates")
		r.press("e")
		r.until(enter, "> messages")
		r.see("107")
		r.until(enter, "What will be saved")
		r.press(enter)
		r.see("press-3 is saved")
		r.see("1 certificates")
		if r.a.current() != screen.Screen(r.a.bench) {
			t.Errorf("the screen is %T", r.a.current())
		}
		raw, err := os.ReadFile(r.session.Device("press-3").ProfilePath)
		if err != nil || !strings.Contains(string(raw), "count = 107") {
			t.Errorf("saved %q, %v", raw, err)
		}
	})
}

// A detail that is longer than its place is seen in full on a key, and scrolls.
func TestLabDetailScrolls(t *testing.T) {
	t.Parallel()
	a := show(t, sceneOf(t, "lab-hostile"), theme.Options{NoColor: true}, 80, 24)
	see := func(want bool, text string) {
		t.Helper()
		if got := strings.Contains(strings.Join(a.rows(), "\n"), text); got != want {
			t.Errorf("%q is seen: %v", text, got)
		}
	}
	see(true, "d shows all of it")
	see(false, "content-type=application/json")
	press(a, "d", "G")
	see(true, "content-type=application/json")
	see(true, "rows ")
	press(a, "esc")
	see(true, "d shows all of it")
	press(a, "d", "d", "down")
	see(true, "message 11 of")
	press(a, "esc")
	if a.current() != screen.Screen(a.home) {
		t.Error("esc on the list does not leave")
	}
}
