package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// serve starts `dpslab lab` on a free port and waits until it is ready. This lab
// asks nobody to wait.
func serve(t *testing.T, home string, args ...string) (*process, emulator.Ready) {
	t.Helper()
	p := start(t, environ(t, home), append([]string{"lab", "--json", "--listen", "127.0.0.1:0", "--retry-after", "0"}, args...)...)
	p.until(&p.stdout, "\n")
	var r emulator.Ready
	if err := json.Unmarshal([]byte(p.stdout.String()), &r); err != nil {
		t.Fatalf("%v in %s", err, p.stdout.String())
	}
	return p, r
}

func TestLabSaysWhereEverythingIs(t *testing.T) {
	t.Parallel()
	p, ready := serve(t, t.TempDir())
	var members map[string]any
	if err := json.Unmarshal([]byte(p.stdout.String()), &members); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"id_scope", "address", "device_host", "service_host", "hub_hosts", "management_host", "service_connection_string",
		"hub_connection_string", "management_token", "ca_file", "subscription_id", "resource_group", "dps_name", "apim_name",
	} {
		if v := members[key]; v == nil || v == "" {
			t.Errorf("%s is missing", key)
		}
	}
	if n := strings.Count(p.stdout.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want 1", n)
	}
	if _, err := os.Stat(ready.CAFile); err != nil {
		t.Error(err)
	}
}

func TestRunJoinsTheLab(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	lab, ready := serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--count", "1").want(t, 0)
	r := dpslab(t, home, "run", "press-3").want(t, 0)
	if !strings.Contains(r.stderr, "joined the one on "+ready.Address+", ID scope "+ready.IDScope) {
		t.Errorf("the run does not say that it joined:\n%s", r.stderr)
	}
	log := lab.stderr.String()
	for _, request := range []string{
		"PUT    /enrollments/press-3 → 200",
		"PUT    /" + ready.IDScope + "/registrations/press-3/register → 202",
		"→ 200  assigned to lab-hub.azure-devices.net as press-3",
		"POST   /devices/press-3/messages/events → 204",
	} {
		if !strings.Contains(log, request) {
			t.Errorf("the lab's log lacks %q:\n%s", request, log)
		}
	}
	wantPlainLines(t, log)
}

func TestSecondLabIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	lab, ready := serve(t, home)
	r := dpslab(t, home, "lab").want(t, 4)
	for _, text := range []string{"is served by process", ready.Address, "--state"} {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("the second lab does not say %q:\n%s", text, r.stderr)
		}
	}
	serve(t, home, "--state", filepath.Join(home, "another"))
	lab.signal(syscall.SIGTERM)
	if code := lab.wait(); code != 0 {
		t.Errorf("a lab that is told to end ends with %d", code)
	}
	r = dpslab(t, home, "lab", "env").want(t, 3)
	if !strings.Contains(r.stderr, "start it: dpslab lab") {
		t.Errorf("without a lab, lab env says %s", r.stderr)
	}
}

// TestLabSaysHowCurlReachesIt takes the words of a lab for curl, wherever it
// serves.
func TestLabSaysHowCurlReachesIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		said string
	}{
		"loopback":      {[]string{"--listen", "127.0.0.1:0"}, "the lab is ready on 127.0.0.1:"},
		"IPv6":          {[]string{"--listen", "[::1]:0"}, "the lab is ready on [::1]:"},
		"every address": {[]string{"--listen", "0.0.0.0:0", "--i-know-this-is-insecure"}, " and on every other address of this machine\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "IPv6" {
				if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
					t.Skip("this machine has no IPv6")
				} else if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			}
			lab := start(t, environ(t, t.TempDir()), append([]string{"lab"}, test.args...)...)
			lab.until(&lab.stdout, "keys and tokens")
			_, flags, _ := strings.Cut(lab.stdout.String(), "with curl add:")
			flags, _, _ = strings.Cut(flags, "\n")
			if !strings.Contains(lab.stdout.String(), test.said) {
				t.Errorf("%s", lab.stdout.String())
			}
			out, err := exec.Command("/bin/sh", "-c", "curl -sS https://global.azure-devices-provisioning.net/x "+flags).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "404000") {
				t.Errorf("curl %s: %v %s", flags, err, out)
			}
		})
	}
}

// TestLabFlagsThatMeanNothing are told apart from those that could be meant.
func TestLabFlagsThatMeanNothing(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(home, "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		said string
	}{
		{[]string{"--retry-after", "-1"}, 2, "0 for no waiting"},
		{[]string{"--state", file}, 4, "--in-memory"},
		{[]string{"--state", filepath.Join(file, "below")}, 4, "--in-memory"},
	} {
		r := dpslab(t, home, append([]string{"lab", "--listen", "127.0.0.1:0"}, test.args...)...).want(t, test.code)
		if !strings.Contains(r.stderr, test.said) {
			t.Errorf("%q: %s", test.args, r.stderr)
		}
	}
}

func TestKilledLabKeepsItsState(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	lab, before := serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--count", "1").want(t, 0)
	dpslab(t, home, "run", "press-3", "-q").want(t, 0)
	lab.signal(syscall.SIGKILL)
	lab.wait()
	_, after := serve(t, home)
	if before.IDScope != after.IDScope || before.ServiceConnectionString != after.ServiceConnectionString {
		t.Error("the lab has another ID scope or key after it was killed")
	}
	r := dpslab(t, home, "status", "press-3").want(t, 0)
	if !strings.Contains(r.stdout, "press-3 assigned lab-hub.azure-devices.net as press-3") {
		t.Errorf("status says %s", r.stdout)
	}
}

func TestLabEnvServesCurl(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes").want(t, 0)
	dpslab(t, home, "run", "press-3", "-q", "--only", "certificates,enrollment").want(t, 0)
	const script = `set -e
eval "$("$0" lab env)"
labcurl -sS -H "Authorization: $DPSLAB_SERVICE_AUTHORIZATION" "https://$DPSLAB_SERVICE_HOST/enrollments/press-3?api-version=2021-10-01"
echo
labcurl -sS -H "Authorization: $DPSLAB_MANAGEMENT_AUTHORIZATION" "$DPSLAB_MANAGEMENT_URL/certificates?api-version=2022-12-12"
test -n "$DPSLAB_HUB_HOST$DPSLAB_ID_SCOPE$DPS_CONNECTION_STRING$DPSLAB_ADDRESS"`
	cmd := exec.Command("/bin/sh", "-c", script, binary)
	cmd.Env = environ(t, home)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"registrationId":"press-3"`) || !strings.Contains(string(out), `"value":[]`) {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestTwoDevicesShareACAAndAGroup(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	for _, name := range []string{"press-3", "press-4"} {
		dpslab(t, home, "new", name, "--yes", "--enrollment", "group", "--count", "1").want(t, 0)
		r := dpslab(t, home, "run", name, "--json").want(t, 0)
		if last := finished(t, eventsOf(t, r.stdout)); last.Outcome != workflow.Done {
			t.Errorf("%s ended %s", name, last.Outcome)
		}
	}
}
