package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"dpslab/workflow"
)

func TestDeviceCommands(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	r := dpslab(t, home, "list").want(t, 0)
	if r.stdout != "" || !strings.Contains(r.stderr, "no devices yet") {
		t.Errorf("list without devices: %q, %q", r.stdout, r.stderr)
	}
	p := paths(t, home)
	if r := dpslab(t, home, "new", "press-3", "--yes", "--count", "2", "--interval", "0s").want(t, 0); r.stdout != p.Profile("press-3")+"\n" {
		t.Errorf("new: %q", r.stdout)
	}
	if r := dpslab(t, home, "new", "press-3", "--yes").want(t, 2); !strings.Contains(r.stderr, "dpslab remove press-3") {
		t.Errorf("new with a name that is taken: %s", r.stderr)
	}
	wantListed(t, home, listed{Name: "press-3", Target: "lab", Enrollment: "individual", Status: "not registered"})

	r = dpslab(t, home, "run", "press-3", "--only", "certificates", "--only", "enrollment").want(t, 0)
	if !strings.Contains(r.stdout, "certificates: made certificate press-3") || !strings.Contains(r.stdout, "enrollment: created individual enrollment press-3") || strings.Contains(r.stderr, "registration") {
		t.Errorf("run --only: %q, %q", r.stdout, r.stderr)
	}
	if r := dpslab(t, home, "register", "press-3").want(t, 0); r.stdout != "press-3 assigned to lab-hub.azure-devices.net as press-3\n" {
		t.Errorf("register: %q", r.stdout)
	}
	if r := dpslab(t, home, "status", "press-3").want(t, 0); r.stdout != "press-3 assigned lab-hub.azure-devices.net as press-3 (initialAssignment)\n" {
		t.Errorf("status: %q", r.stdout)
	}
	var told workflow.Registration
	r = dpslab(t, home, "status", "press-3", "--json").want(t, 0)
	if err := json.Unmarshal([]byte(r.stdout), &told); err != nil || told.Status != "assigned" || told.DeviceID != "press-3" || r.stderr != "" {
		t.Errorf("status --json: %+v, %v, %q", told, err, r.stderr)
	}
	wantListed(t, home, listed{
		Name: "press-3", Target: "lab", Enrollment: "individual", Status: "assigned", AssignedHub: "lab-hub.azure-devices.net", DeviceID: "press-3",
	})
	r = dpslab(t, home, "list").want(t, 0)
	if lines := strings.Split(r.stdout, "\n"); len(lines) != 3 || strings.Join(strings.Fields(lines[1]), " ") != "press-3 lab individual assigned lab-hub.azure-devices.net 30 days left" {
		t.Errorf("list: %q", r.stdout)
	}
	show := dpslab(t, home, "show", "press-3").want(t, 0).stdout
	for _, text := range []string{"# " + p.Profile("press-3"), `registration_id = "press-3"`, "# registration  done", "# telemetry     waiting"} {
		if !strings.Contains(show, text) {
			t.Errorf("show lacks %q:\n%s", text, show)
		}
	}
}

// wantListed checks `dpslab list --json` of one device, but for its dates.
func wantListed(t *testing.T, home string, want listed) {
	t.Helper()
	r := dpslab(t, home, "list", "--json").want(t, 0)
	var got listed
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("%v in %q", err, r.stdout)
	}
	if assigned := got.AssignedHub != ""; assigned != (got.NotAfter != nil) {
		t.Errorf("certificate_not_after is %v", got.NotAfter)
	}
	got.NotAfter = nil
	if got != want {
		t.Errorf("listed as %+v, want %+v", got, want)
	}
}

func TestRunIsIdempotent(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--enrollment", "group", "--count", "1").want(t, 0)
	first := eventsOf(t, dpslab(t, home, "run", "press-3", "--json").want(t, 0).stdout)
	again := eventsOf(t, dpslab(t, home, "run", "press-3", "--json").want(t, 0).stdout)
	if n := len(requests(first, "put enrollment group")); n != 1 {
		t.Errorf("the first run wrote %d enrollments", n)
	}
	if n := len(requests(again, "put enrollment group")); n != 0 {
		t.Errorf("the second run wrote the same enrollment %d times", n)
	}
	for _, e := range again {
		for _, f := range e.Files {
			if f.New {
				t.Errorf("the second run wrote %s", f.Path)
			}
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--count", "1").want(t, 0)
	if r := dpslab(t, home, "send", "press-3").want(t, 1); !strings.Contains(r.stderr, "is not assigned to a hub") || !strings.Contains(r.stderr, "dpslab run press-3") {
		t.Errorf("send before register: %s", r.stderr)
	}
	dpslab(t, home, "run", "press-3", "-q").want(t, 0)
	r := dpslab(t, home, "send", "press-3", "--count", "3", "--interval", "0s", "--body", `{"n": {{ n }}}`, "--property", "line=3", "--property", "shift=night").want(t, 0)
	if r.stdout != "3 of 3 messages accepted, 3 in the hub's inbox\n" {
		t.Errorf("send: %q", r.stdout)
	}
	r = dpslab(t, home, "send", "press-3", "--count", "2", "--interval", "0s", "--body", `{"n": {{ n }}}`, "--property", "line=3", "--json").want(t, 0)
	var bodies []string
	for _, e := range eventsOf(t, r.stdout) {
		if e.Kind != workflow.MessageReceived {
			continue
		}
		bodies = append(bodies, e.Received.Body)
		if e.Received.Properties["line"] != "3" {
			t.Errorf("the hub received the properties %v", e.Received.Properties)
		}
	}
	if strings.Join(bodies, " ") != `{"n": 1} {"n": 2}` {
		t.Errorf("the hub received %q", bodies)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--enrollment", "group", "--count", "1").want(t, 0)
	dpslab(t, home, "run", "press-3", "-q").want(t, 0)
	p := paths(t, home)
	r := dpslab(t, home, "remove", "press-3", "--yes").want(t, 0)
	for _, path := range []string{p.Profile("press-3"), p.StateFile("press-3"), p.Journal("press-3"), p.DeviceDir("press-3")} {
		if !strings.Contains(r.stdout, path+"\n") {
			t.Errorf("%s is not told", path)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	if _, err := os.Stat(p.AuthorityDir("dpslab-ca")); err != nil {
		t.Errorf("the CA that other devices share: %v", err)
	}
}

func TestPathsAndVersion(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := paths(t, home)
	r := dpslab(t, home, "paths").want(t, 0)
	for name, dir := range map[string]string{"config": p.Config, "state": p.State, "data": p.Data, "lab": p.LabDir()} {
		found := false
		for line := range strings.Lines(r.stdout) {
			words := strings.Fields(line)
			found = found || len(words) == 2 && words[0] == name && words[1] == dir
		}
		if !found {
			t.Errorf("no %s %s in:\n%s", name, dir, r.stdout)
		}
	}
	if flag := dpslab(t, t.TempDir(), "paths", "--home", home).want(t, 0); flag.stdout != r.stdout {
		t.Errorf("--home gives %s", flag.stdout)
	}
	if r := dpslab(t, home, "version").want(t, 0); r.stdout != "dpslab tested\n" {
		t.Errorf("version: %q", r.stdout)
	}
	wantEmpty(t, home)
}
