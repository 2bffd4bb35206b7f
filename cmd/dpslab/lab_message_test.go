package main

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dpslab/workflow/emulator"
)

// A person sends a message to a device and sees what the device sent.
func TestLabMessages(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	dpslab(t, home, "new", "press-3", "--yes", "--count", "2", "--body", `{"n":{{ n }}}`).want(t, 0)
	if r := dpslab(t, home, "lab", "message", "press-3", "early").want(t, 1); !strings.Contains(r.stderr, "Device press-3 not registered") || strings.Contains(r.stderr, "404001") {
		t.Errorf("%s", r.stderr)
	}
	dpslab(t, home, "run", "press-3", "-q").want(t, 0)
	dpslab(t, home, "lab", "message", "press-3", "set it to 4", "--property", "unit=bar", "--hub", "lab-hub").want(t, 0)
	if r := dpslab(t, home, "receive", "press-3").want(t, 0); !strings.Contains(r.stdout, "set it to 4") || !strings.Contains(r.stdout, "bar") {
		t.Errorf("the device got %s", r.stdout)
	}
	r := dpslab(t, home, "lab", "inbox", "press-3", "--json").want(t, 0)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var last emulator.Event
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 2 || last.Sequence != 2 || last.DeviceID != "press-3" {
		t.Errorf("%v in %s", err, r.stdout)
	}
	r = dpslab(t, home, "lab", "inbox", "press-3", "--after", "1").want(t, 0)
	if strings.Count(r.stdout, "\n") != 1 || !strings.HasPrefix(r.stdout, "   2  ") || !strings.Contains(r.stdout, last.Body) {
		t.Errorf("%q, want %+v", r.stdout, last)
	}
	if r := dpslab(t, home, "lab", "inbox", "press-3", "--hub", "other").want(t, 2); !strings.Contains(r.stderr, "lab-hub.azure-devices.net") {
		t.Errorf("%s", r.stderr)
	}
	dpslab(t, home, "--read-only", "lab", "message", "press-3", "no").want(t, 2)
	dpslab(t, home, "--read-only", "lab", "inbox", "press-3").want(t, 0)
}

// Messages are sent and looked at also while no lab runs, as devices run without
// one; where there never was a lab, none is begun.
func TestLabMessagesBetweenRuns(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, args := range [][]string{{"message", "press-3", "hello"}, {"inbox", "press-3"}} {
		if r := dpslab(t, home, append([]string{"lab"}, args...)...).want(t, 3); !strings.Contains(r.stderr, "start it: dpslab lab") {
			t.Errorf("%s", r.stderr)
		}
	}
	p := start(t, environ(t, home), "lab", "--listen", "127.0.0.1:0", "--retry-after", "0", "--json")
	p.until(&p.stdout, "\n")
	dpslab(t, home, "new", "press-3", "--yes", "--count", "1").want(t, 0)
	dpslab(t, home, "run", "press-3", "-q").want(t, 0)
	p.signal(syscall.SIGTERM)
	p.wait()
	dpslab(t, home, "lab", "message", "press-3", "set it to 4").want(t, 0)
	if r := dpslab(t, home, "lab", "inbox", "press-3").want(t, 0); !strings.HasPrefix(r.stdout, "   1  ") {
		t.Errorf("the hub has %s", r.stdout)
	}
	if r := dpslab(t, home, "receive", "press-3", "-q").want(t, 0); !strings.Contains(r.stdout, "set it to 4") {
		t.Errorf("the device got %s", r.stdout)
	}
	dpslab(t, home, "lab", "message", "nobody", "hello").want(t, 1)
	dpslab(t, home, "--read-only", "lab", "message", "press-3", "no").want(t, 2)
}

// What keeps nothing can be joined all the same: it says where.
func TestInMemoryLabIsJoined(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := start(t, environ(t, home), "lab", "--in-memory", "--listen", "127.0.0.1:0")
	p.until(&p.stdout, "for curl and az:")
	p.until(&p.stdout, "\n")
	_, hint, _ := strings.Cut(p.stdout.String(), "for curl and az:  dpslab lab env --state ")
	dir := strings.TrimSpace(hint)
	dpslab(t, home, "lab", "env", "--state", dir).want(t, 0)
	dpslab(t, home, "lab", "fault", "set", "throttled", "--state", dir).want(t, 0)
	p.signal(syscall.SIGTERM)
	p.wait()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// Usage that a lab refuses is told as such.
func TestLabUsage(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct{ flag, value, says string }{
		{"--chaos", "2", "from 0 (nothing) to 1"},
		{"--chaos", "-0.1", "from 0 (nothing) to 1"},
		{"--listen", taken.Addr().String(), "--listen 127.0.0.1:0 takes a free one"},
		{"--listen", "127.0.0.1", "as 127.0.0.1:8443"},
		{"--listen", "127.0.0.1:nowhere", "as 127.0.0.1:8443"},
	} {
		r := dpslab(t, t.TempDir(), "lab", "--in-memory", test.flag, test.value).want(t, 2)
		if !strings.Contains(r.stderr, test.says) || strings.Contains(r.stderr, "400000") {
			t.Errorf("%s %s: %s", test.flag, test.value, r.stderr)
		}
	}
	if fix := addressFix(&emulator.AddressError{Address: "127.0.0.1:443", Err: fmt.Errorf("listen: %w", syscall.EACCES)}); !strings.Contains(fix, "below 1024") {
		t.Errorf("a port that is not allowed: %s", fix)
	}
}

// Each command is known to read or to write; --read-only goes by that.
func TestReadOnlyKnowsEveryLabCommand(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, args := range [][]string{
		{}, {"reset"}, {"import", "x"}, {"message", "d", "x"}, {"fault", "set", "delay"}, {"fault", "clear"},
	} {
		r := dpslab(t, home, append([]string{"--read-only", "lab"}, args...)...).want(t, 2)
		if !strings.Contains(r.stderr, "--read-only") {
			t.Errorf("lab %v: %s", args, r.stderr)
		}
	}
}
