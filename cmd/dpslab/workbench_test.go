//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/workflow"
)

// describe goes through the wizard for a new device with enter and the name
// alone, but for what the arguments say, up to the review.
func (s *terminal) describe(name string, chain bool, messages string) {
	s.t.Helper()
	s.press("n")
	s.see("[1 Where]")
	s.pressUntil(enter, "[2 Identity]")
	s.press(name)
	s.see("registration ID  " + name)
	s.pressUntil(enter, "[3 Certificates]")
	if chain {
		s.press(down)
		s.see("authority")
	}
	s.pressUntil(enter, "[4 Enrollment]")
	s.pressUntil(enter, "[5 Telemetry]")
	if messages != "" {
		s.press("\x7f\x7f" + messages)
		s.see("messages        " + messages)
	}
	s.pressUntil(enter, "[6 Review]")
}

// wantDone waits until all steps of the device on the bench are done.
func (s *terminal) wantDone(chain bool, messages string) {
	s.t.Helper()
	signing := "- 2 signing CA"
	if chain {
		signing = "✓ 2 signing CA"
	}
	s.see("✓ 1 certificates", signing, "✓ 3 enrollment", "✓ 4 registration", "✓ 5 telemetry",
		"sent "+messages+" of "+messages, "failed 0", "assigned to lab-hub.azure-devices.net")
}

// wantAssigned checks what a run left on disk.
func wantAssigned(t *testing.T, home, name string, messages int) {
	t.Helper()
	st := state(t, home, name)
	if r := st.Registration; r.Status != "assigned" || r.AssignedHub != "lab-hub.azure-devices.net" || r.DeviceID != name {
		t.Errorf("%s: registration %+v", name, r)
	}
	if st.Telemetry.Sent != messages {
		t.Errorf("%s: %d messages sent, want %d", name, st.Telemetry.Sent, messages)
	}
	events := journal(t, home, name)
	if last := finished(t, events); last.Outcome != workflow.Done {
		t.Errorf("%s: the run ended %s", name, last.Outcome)
	}
	if n := len(requests(events, "register")); n != 1 {
		t.Errorf("%s: %d register requests", name, n)
	}
	received := 0
	for _, e := range events {
		if e.Kind == workflow.MessageReceived {
			received++
		}
	}
	if received != messages {
		t.Errorf("%s: the hub received %d messages, want %d", name, received, messages)
	}
}

func TestWorkbenchFromCertificateToTelemetry(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, environ(t, home), 80, 24)
	s.see("There is no device here yet")

	// The device's name and enter, nothing else.
	s.describe("my-x509-device", false, "")
	s.press(enter)
	s.wantDone(false, "10")
	s.press(esc)
	s.see("1 profile", "assigned lab-hub", "days left")

	// A second one, with a chain and a group.
	s.describe("device-01", true, "2")
	s.press(enter)
	s.wantDone(true, "2")
	s.press(esc)
	s.see("2 profiles", "individual", "group")

	s.press("q")
	s.wantRestored(0)
	for _, left := range []string{"dpslab run my-x509-device", "dpslab run device-01", "2 of 2 messages accepted"} {
		if !strings.Contains(s.output(), left) {
			t.Errorf("%q is not left on the terminal:\n%s", left, s.text())
		}
	}
	wantAssigned(t, home, "my-x509-device", 10)
	wantAssigned(t, home, "device-01", 2)
	if _, err := os.Stat(paths(t, home).Draft()); err == nil {
		t.Error("the draft of a device that was made is still there")
	}
}

func TestWorkbenchOnALargeScreen(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, environ(t, home), 120, 40)
	s.see("There is no device here yet")
	s.describe("device-01", true, "2")
	s.press(enter)
	s.wantDone(true, "2")

	s.press("t") // the transcript of all of it
	s.see("Exchanges 10 of 10", "verify", "register")
	s.press(esc)
	s.see("✓ 5 telemetry")
	s.press(esc)
	s.see("assigned lab-hub")

	s.describe("my-x509-device", false, "2")
	s.press(enter)
	s.wantDone(false, "2")
	s.press(esc)
	s.see("2 profiles")
	s.press("q")
	s.wantRestored(0)
	wantAssigned(t, home, "device-01", 2)
	wantAssigned(t, home, "my-x509-device", 2)
}

func TestWorkbenchRemovesADevice(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "truck-7", "--yes").want(t, 0)
	s := open(t, environ(t, home), 80, 24)
	s.see("truck-7", "not registered")
	s.press("x")
	s.see("Remove truck-7?")
	s.press("y")
	s.see("There is no device here yet")
	s.press("q")
	s.wantRestored(0)
	if r := dpslab(t, home, "list").want(t, 0); r.stdout != "" {
		t.Errorf("still listed: %s", r.stdout)
	}
}

// A message is written in the person's editor, which gets the terminal and gives
// it back. What is not a message opens again.
func TestWorkbenchWritesAMessageInTheEditor(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-5", "--count", "1", "--interval", "10ms", "--yes").want(t, 0)
	dpslab(t, home, "run", "press-5").want(t, 0)
	script := filepath.Join(t.TempDir(), "editor.sh")
	put(t, script, `[ -t 0 ] && [ -t 1 ] || exit 9
if [ -e "$0.second" ]; then printf 'alarm: fire\n\n{"temperature": 451}\n' > "$1"
else printf '{"temperature": \n' > "$1"; : > "$0.second"; fi
`)
	s := open(t, environ(t, home, "EDITOR=sh "+script), 100, 30)
	s.see("press-5")
	s.press(enter)
	s.see("5 telemetry")
	s.press("m")
	s.see("The message was not sent", "the body begins like JSON and is none", "open it again")
	for strings.Contains(s.text(), "The message was not sent") { // it takes no key until the keyboard is still
		s.press(enter)
		time.Sleep(600 * time.Millisecond)
	}
	s.see("the transcript shows what the hub says")
	s.see("last 451", `{"temperature": 451}`)
	s.press(esc)
	s.see("Devices")
	s.press("q")
	s.wantRestored(0)
}
