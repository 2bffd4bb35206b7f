package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// deviceHome is a home with a lab and a device that went through everything.
func deviceHome(t *testing.T) (home string, lab *process) {
	t.Helper()
	home = t.TempDir()
	lab, _ = serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--count", "2", "--interval", "0s", "--body", `{"n":{{ n }}}`).want(t, 0)
	dpslab(t, home, "run", "press-3", "-q").want(t, 0)
	// The lab logs a request after it has answered: the last of the run too.
	for deadline := time.Now().Add(10 * time.Second); strings.Count(asked(lab), "/messages/events") < 2 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	return home, lab
}

// deviceDryRuns are the calls of a device with the request each would make.
var deviceDryRuns = map[string]string{
	"register press-3":                          "PUT /registrations/press-3/register",
	"status press-3":                            "POST /registrations/press-3",
	"send press-3":                              "POST /devices/press-3/messages/events",
	"send press-3 --batch 2":                    "POST /devices/press-3/messages/events",
	"send press-3 --property line=3 --body hot": "POST /devices/press-3/messages/events",
	"receive press-3":                           "GET /devices/press-3/messages/devicebound",
}

func TestDeviceDryRunSendsNothing(t *testing.T) {
	t.Parallel()
	home, lab := deviceHome(t)
	kept, before := state(t, home, "press-3"), asked(lab)
	for args, want := range deviceDryRuns {
		words := append(strings.Fields(args), "--dry-run", "--read-only", "-q")
		lines := jsonLines(t, dpslab(t, home, append(words, "--json")...).want(t, 0).stdout)
		if len(lines) != 1 {
			t.Fatalf("%s: %d requests", args, len(lines))
		}
		line := lines[0]
		method, path, _ := strings.Cut(want, " ")
		if line["dry_run"] != true || line["method"] != method || !strings.Contains(line["url"].(string), path+"?api-version=") ||
			!strings.Contains(line["curl"].(string), "device-cert.pem") || line["no_az"] == nil {
			t.Errorf("%s would send %v", args, line)
		}
		text := dpslab(t, home, words...).want(t, 0)
		if !strings.HasPrefix(text.stdout, "# ") || strings.Count(text.stdout, "# the same with curl\ncurl -i -X "+method) != 1 || text.stderr != "" {
			t.Errorf("%s as text: %s%s", args, text.stdout, text.stderr)
		}
	}
	dpslab(t, home, "retire", "press-3", "--dry-run").want(t, 0)
	for _, args := range []string{"run press-3", "remove press-3", "new press-4 --yes", "edit press-3 --set telemetry.count=5"} {
		dpslab(t, home, append(strings.Fields(args), "--dry-run", "-q")...).want(t, 0)
	}
	if now := asked(lab); now != before {
		t.Errorf("requests reached the lab:\n%s", strings.TrimPrefix(now, before))
	}
	if now := state(t, home, "press-3"); !now.Updated.Equal(kept.Updated) {
		t.Error("a dry run changed the state")
	}
	if _, err := os.Stat(paths(t, home).Profile("press-4")); err == nil {
		t.Error("a dry run made a profile")
	}
	if r := dpslab(t, home, "show", "press-3").want(t, 0); !strings.Contains(r.stdout, "count = 2") {
		t.Error("a dry run changed the profile")
	}
}

// TestReceive: what becomes of a message, by the ways in which it is settled.
func TestReceive(t *testing.T) {
	t.Parallel()
	home, _ := deviceHome(t)
	if r := dpslab(t, home, "receive", "press-3").want(t, 0); r.stdout != "" || !strings.Contains(r.stderr, "no message waits for press-3") {
		t.Errorf("without a message: %q %q", r.stdout, r.stderr)
	}
	dpslab(t, home, "lab", "message", "press-3", "open the valve", "--property", "line=3").want(t, 0)
	dpslab(t, home, "receive", "press-3", "--abandon", "-q").want(t, 0)
	again := jsonLines(t, dpslab(t, home, "receive", "press-3", "--complete", "--json").want(t, 0).stdout)
	if len(again) != 1 || again[0]["body"] != "open the valve" || again[0]["settled"] != "complete" || again[0]["lock_token"] != nil {
		t.Errorf("received %v", again)
	}
	if r := dpslab(t, home, "receive", "press-3", "-q").want(t, 0); r.stdout != "" {
		t.Errorf("a completed message came again: %s", r.stdout)
	}
	dpslab(t, home, "lab", "message", "press-3", "go", "--property", "line=3").want(t, 0)
	if r := dpslab(t, home, "receive", "press-3", "--reject", "-q").want(t, 0); r.stdout != "go\tline=3\n" || r.stderr != "" {
		t.Errorf("received %q %q", r.stdout, r.stderr)
	}
	watch := start(t, environ(t, home), "receive", "press-3", "--watch", "--complete", "--every", "1s", "--json")
	dpslab(t, home, "lab", "message", "press-3", "while watching").want(t, 0)
	watch.until(&watch.stdout, "while watching")
	watch.signal(os.Interrupt)
	if code := watch.wait(); code != 130 {
		t.Errorf("watching ended with %d", code)
	}
}

func TestSendBatches(t *testing.T) {
	t.Parallel()
	home, lab := deviceHome(t)
	before := strings.Count(asked(lab), "/messages/events")
	if r := dpslab(t, home, "send", "press-3", "--count", "5", "--batch", "2", "-q").want(t, 0); !strings.Contains(r.stdout, "5 of 5 messages accepted") {
		t.Errorf("send: %s", r.stdout)
	}
	eventually(t, func() error { // the lab's log may come after its answer
		if n := strings.Count(asked(lab), "/messages/events") - before; n != 3 {
			return fmt.Errorf("%d requests for 5 messages in batches of 2", n)
		}
		return nil
	})
	r := dpslab(t, home, "send", "press-3", "--count", "1", "--verbatim", "--body", "{{ as it is }}", "--json").want(t, 0)
	if !strings.Contains(r.stdout, `"body":"{{ as it is }}"`) {
		t.Errorf("a verbatim body was changed: %s", r.stdout)
	}
}

func TestKeyDerive(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	// The group's key and a device's are those of Microsoft's page "How to use
	// symmetric keys with enrollment groups".
	const group = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
	const id, key = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6", "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
	env := environ(t, home, "GROUP_KEY="+group, "SHORT=MTIz")
	if r := dpslabWith(t, env, "key", "derive", "--group-key-env", "GROUP_KEY", id, "--out", "-").want(t, 0); r.stdout != key+"\n" || r.stderr != "" {
		t.Errorf("derived %q %q", r.stdout, r.stderr)
	}
	lines := jsonLines(t, dpslabWith(t, env, "key", "derive", "--group-key-env", "GROUP_KEY", strings.ToUpper(id), "b", "--out", "-", "--json").want(t, 0).stdout)
	if len(lines) != 2 || lines[0]["registration_id"] != id || lines[0]["key"] != key {
		t.Errorf("derived %v", lines)
	}
	file := filepath.Join(home, "keys.txt")
	args := []string{"key", "derive", "--group-key-env", "GROUP_KEY", id, "b", "--out", file}
	if r := dpslabWith(t, env, args...).want(t, 0); strings.Contains(r.stdout+r.stderr, key) {
		t.Error("a key that goes into a file is printed")
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), id+" "+key+"\nb ") {
		t.Errorf("%s %v", text, err)
	}
	dpslabWith(t, env, args...).want(t, 4) // it is there
	for _, wrong := range [][]string{
		{"--group-key-env", "GROUP_KEY", id},
		{"--group-key-env", "SHORT", id, "--out", "-"},
		{"--group-key-env", "NOT_SET", id, "--out", "-"},
		{"--group-key-env", group, id, "--out", "-"},
		{"--group-key-env", "GROUP_KEY", "no good.", "--out", "-"},
		{id, "--out", "-"},
		{"--out", "-"},
	} {
		if r := dpslabWith(t, env, append([]string{"key", "derive"}, wrong...)...).want(t, 2); strings.Contains(r.stdout+r.stderr, group) || !strings.Contains(r.stderr, "\n  fix   ") {
			t.Errorf("%q: %s", wrong, r.stderr)
		}
	}
}

// A dry run needs no key and shows none; what it prints derives the same key.
func TestKeyDeriveDryRun(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	const group = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="
	const id = "SN-007"
	env := environ(t, home, "LINE_KEY="+group)
	key := dpslabWith(t, env, "key", "derive", "--group-key-env", "LINE_KEY", id, "--out", "-").want(t, 0).stdout
	r := dpslabWith(t, env, "key", "derive", "--group-key-env", "LINE_KEY", id, "--out", filepath.Join(home, "keys"), "--dry-run", "--json").want(t, 0)
	line := jsonLines(t, r.stdout)[0]
	if strings.Contains(r.stdout+r.stderr, group) || strings.Contains(r.stdout, strings.TrimSpace(key)) || line["dry_run"] != true || line["registration_id"] != "sn-007" {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	if _, err := os.Stat(filepath.Join(home, "keys")); err == nil {
		t.Error("a dry run wrote the file")
	}
	if other := shell(t, env, home, line["openssl"].(string)).want(t, 0); strings.TrimSpace(other.stdout) != strings.TrimSpace(key) {
		t.Errorf("openssl derives %s, want %s", other.stdout, key)
	}
	text := dpslab(t, home, "key", "derive", "a", "b", "--dry-run").want(t, 0).stdout
	if strings.Count(text, "\nprintf %s ") != 2 || !strings.Contains(text, `compute-device-key --key "$GROUP_KEY" --registration-id b`) {
		t.Errorf("%s", text)
	}
	dpslab(t, home, "key", "derive", "no good.", "--dry-run").want(t, 2)
	dpslab(t, home, "key", "derive", "a", "--group-key-env", group, "--dry-run").want(t, 2)
}

func TestRetireCommand(t *testing.T) {
	t.Parallel()
	home, _ := deviceHome(t)
	r := dpslab(t, home, "retire", "press-3", "--dry-run", "--json").want(t, 0)
	var kinds, methods []string
	for _, line := range jsonLines(t, r.stdout) {
		if item, ok := line["item"].(map[string]any); ok {
			kinds = append(kinds, item["kind"].(string))
		} else {
			methods = append(methods, line["method"].(string))
		}
	}
	if strings.Join(kinds, " ") != "hub-device registration enrollment" || strings.Join(methods, " ") != "GET DELETE DELETE DELETE" {
		t.Errorf("it would delete %v by %v", kinds, methods)
	}
	if r := dpslab(t, home, "retire", "press-3").want(t, 2); !strings.Contains(r.stderr, "--yes") {
		t.Errorf("without a terminal it says %s", r.stderr)
	}
	dpslab(t, home, "enrollment", "show", "press-3").want(t, 0)
	if r := dpslab(t, home, "retire", "press-3", "--yes", "-q").want(t, 0); strings.Count(r.stdout, "\n") != 3 {
		t.Errorf("it deleted\n%s", r.stdout)
	}
	dpslab(t, home, "enrollment", "show", "press-3").want(t, 1)
	if r := dpslab(t, home, "retire", "press-3", "--yes").want(t, 0); r.stdout != "" || !strings.Contains(r.stderr, "made nothing") {
		t.Errorf("again: %q %q", r.stdout, r.stderr)
	}
}

// What no question asks for can be set too: errors tell people to.
func TestEditSetsWhatIsNotAsked(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes", "-q").want(t, 0)
	set := func(pair string, code int) string {
		t.Helper()
		r := dpslab(t, home, "edit", "press-3", "--set", pair).want(t, code)
		text, err := os.ReadFile(paths(t, home).Profile("press-3"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + r.stderr
	}
	if got, want := set("target.ca_file=proxy.pem", 0), filepath.Join(mustWd(t), "proxy.pem"); !strings.Contains(got, want) {
		t.Errorf("no %s in:\n%s", want, got)
	}
	if got := set("telemetry.count=4", 0); !strings.Contains(got, "ca_file") {
		t.Errorf("another change lost ca_file:\n%s", got)
	}
	if got := set("target.device_endpoint=https://x", 2); !strings.Contains(got, "device endpoint") || strings.Contains(got, "https://x\"\n") {
		t.Errorf("a bad host name: %s", got)
	}
	if got := set("target.ca_file=", 0); strings.Contains(got, "ca_file") {
		t.Errorf("ca_file is still there:\n%s", got)
	}
	if got := set("target.nonsense=1", 2); !strings.Contains(got, "changes nothing that there is") {
		t.Errorf("an unknown key: %s", got)
	}
}

func mustWd(t *testing.T) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return wd
}

func TestEdit(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes", "--count", "2").want(t, 0)
	path := paths(t, home).Profile("press-3")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	commented := "# the press at the window\n" + strings.Replace(string(text), "count = 2", "count = 3", 1)
	put(t, filepath.Join(home, "new.toml"), commented)
	dpslab(t, home, "edit", "press-3", "--file", filepath.Join(home, "new.toml"), "-q").want(t, 0)
	script := filepath.Join(home, "editor.sh")
	put(t, script, "sed -i 's/count = 3/count = '$COUNT'/' \"$1\"\n")
	env := environ(t, home, "EDITOR=sh "+script, "COUNT=7")
	dpslabWith(t, env, "edit", "press-3").want(t, 0)
	if now, err := os.ReadFile(path); err != nil || string(now) != strings.Replace(commented, "count = 3", "count = 7", 1) {
		t.Errorf("edited: %v\n%s", err, now)
	}
	if r := dpslabWith(t, env, "edit", "press-3").want(t, 0); r.stdout != "" || !strings.Contains(r.stderr, "nothing was changed") {
		t.Errorf("without a change: %q %q", r.stdout, r.stderr)
	}
	put(t, script, "sed -i 's/count = 7/count = many/' \"$1\"\n")
	if r := dpslabWith(t, env, "edit", "press-3").want(t, 2); !strings.Contains(r.stderr, "the text stays in ") || !strings.Contains(r.stderr, "\n  fix   ") {
		t.Errorf("a wrong text: %s", r.stderr)
	}
	r := dpslab(t, home, "edit", "press-3", "--set", "telemetry.count=9", "--json").want(t, 0)
	var told edited
	if err := json.Unmarshal([]byte(r.stdout), &told); err != nil || !told.Changed || told.Backup == "" || told.Profile != path {
		t.Errorf("%+v %v", told, err)
	}
	for _, wrong := range []string{"telemetry.count=none", "telemetry.counts=1", "telemetry.count", "name=x"} {
		dpslab(t, home, "edit", "press-3", "--set", wrong).want(t, 2)
	}
	dpslabWith(t, environ(t, home, "EDITOR=false"), "edit", "press-3").want(t, 4)
	dpslab(t, home, "edit", "nobody", "--set", "telemetry.count=1").want(t, 2)
	dpslab(t, home, "edit", "press-3", "--file", filepath.Join(home, "none.toml")).want(t, 4)
}

func TestExplainCommand(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	r := dpslab(t, home, "explain", "R12", "--json").want(t, 0)
	golden(t, "explain-json", r.stdout)
	if r := dpslab(t, home, "explain", "CA", "certificate", "not", "found").want(t, 0); !strings.Contains(r.stdout, "(rule R01)") || !strings.Contains(r.stdout, "\n  fix   ") {
		t.Errorf("explain: %s", r.stdout)
	}
	if r := dpslab(t, home, "explain", "nothing of that kind").want(t, 1); !strings.Contains(r.stderr, "nothing is known") {
		t.Errorf("explain: %s", r.stderr)
	}
	dpslab(t, home, "explain").want(t, 2)
}

func TestExport(t *testing.T) {
	t.Parallel()
	home, _ := deviceHome(t)
	for form, texts := range map[string][]string{
		"curl":    {"# register\ncurl -i -X PUT", "# send event\ncurl"},
		"az":      {"az iot dps enrollment", "speaks as a device"},
		"env":     {"export PROVISIONING_IDSCOPE=0ne", "export X509_KEY_FILE=", "export DEVICE_ID=press-3"},
		"iotedge": {`method = "x509"`, `identity_pk = "file:///`, "id_scope = \"0ne"},
		"har":     {`"version": "1.2"`, "registrations/press-3/register"},
	} {
		r := dpslab(t, home, "export", "press-3", form).want(t, 0)
		for _, text := range texts {
			if !strings.Contains(r.stdout, text) {
				t.Errorf("%s lacks %q:\n%s", form, text, r.stdout)
			}
		}
		if strings.Contains(r.stdout, "PRIVATE KEY---") || strings.Contains(r.stdout, "sig=") {
			t.Errorf("%s holds a secret", form)
		}
	}
	file := filepath.Join(home, "b.zip")
	dpslab(t, home, "export", "press-3", "bundle", "--out", file).want(t, 0)
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	found := ""
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil || len(text) == 0 || strings.Contains(string(text), "PRIVATE KEY---") || strings.Contains(string(text), "&sig=") {
			t.Errorf("%s: %v, %d bytes", f.Name, err, len(text))
		}
		found += f.Name + " "
	}
	for _, name := range []string{"profile.toml", "state.toml", "journal.jsonl", "exchanges.har", "certificates.txt", "version.txt"} {
		if !strings.Contains(found, "press-3/"+name) {
			t.Errorf("the bundle holds only %s", found)
		}
	}
	dpslab(t, home, "export", "press-3", "bundle", "--out", file).want(t, 4)
	dpslab(t, home, "export", "press-3", "pdf").want(t, 2)
	dpslab(t, home, "export", "nobody", "curl").want(t, 2)
	dpslab(t, home, "new", "press-4", "--yes", "-q").want(t, 0)
	dpslab(t, home, "export", "press-4", "har").want(t, 2)
}

// TestDeviceJSON keeps the members of what commands print with --json.
func TestDeviceJSON(t *testing.T) {
	t.Parallel()
	home, _ := deviceHome(t)
	var all strings.Builder
	for _, args := range []string{
		"show press-3", "status press-3", "paths", "retire press-3 --dry-run", "export press-3 env", "remove press-3 --dry-run",
		"run press-3 --dry-run", "register nobody", "edit press-3 --set telemetry.count=3",
	} {
		r := dpslab(t, home, append(strings.Fields(args), "--json", "-q")...)
		all.WriteString("$ dpslab " + args + "\n")
		for _, line := range jsonLines(t, r.stdout) {
			all.WriteString(strings.Join(members(line, ""), " ") + "\n")
		}
	}
	golden(t, "device-json", all.String())
}

// members are the names in a JSON object, sorted, with those of objects in it.
func members(v map[string]any, prefix string) []string {
	var names []string
	for name, value := range v {
		names = append(names, prefix+name)
		if prefix == "" {
			if object, ok := value.(map[string]any); ok && name != "headers" {
				names = append(names, members(object, name+".")...)
			}
		}
	}
	slices.Sort(names)
	return names
}
