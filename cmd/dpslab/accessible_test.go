//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// converse answers the prompts of a program that asks line by line, until it
// has ended. Each reply is for the first prompt that holds its text, and the
// replies come in order; other prompts get an empty line. A reply "#text" is the
// number of the last choice that begins with text.
func converse(s *terminal, replies [][2]string) (output string) {
	s.t.Helper()
	at := 0
	for range 90 {
		prompt, over := s.nextPrompt(at)
		if over {
			if len(replies) > 0 {
				s.t.Fatalf("nobody asked %q; the output ends in\n%s", replies[0][0], tail(s.output(), 1500))
			}
			s.wait()
			return s.output()
		}
		at = len(s.output())
		line := ""
		if len(replies) > 0 && strings.Contains(prompt, replies[0][0]) {
			line, replies = replies[0][1], replies[1:]
		}
		if text, ok := strings.CutPrefix(line, "#"); ok {
			line = numberOf(s.t, s.output(), text)
		}
		s.press(line + "\n")
	}
	s.t.Fatalf("the session does not end; waiting for %q; it said\n%s", replies, s.output())
	return ""
}

// numberOf finds the number before a choice.
func numberOf(t testing.TB, output, text string) string {
	t.Helper()
	for _, line := range slices.Backward(strings.Split(output, "\n")) {
		if n, name, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, text) && strings.Trim(n, "0123456789") == "" {
			return n
		}
	}
	t.Fatalf("no choice %q in\n%s", text, tail(output, 1500))
	return ""
}

// nextPrompt waits for a line behind the byte at that ends in a colon or a
// question mark and a blank.
func (s *terminal) nextPrompt(at int) (prompt string, over bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(3 * time.Millisecond) {
		out := s.output()
		last := out[strings.LastIndex(out, "\n")+1:]
		if len(out) > at+2 && (strings.HasSuffix(last, ": ") || strings.HasSuffix(last, "? ") || strings.HasSuffix(last, ". ")) {
			return last, false
		}
		select {
		case <-s.ended:
			return "", true
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no prompt; the output ends in\n%s", tail(out, 1500))
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// A whole session without a screen: a new device is described, assigned and
// sends; what was said is plain text.
func TestAccessibleSession(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	const secret = "correct horse battery staple"
	s := open(t, append(environ(t, home), "ACCESSIBLE=1", "TRUCK_PHRASE="+secret), 80, 24)
	out := converse(s, [][2]string{
		{"Number, 0 to 5:", "9"}, // none of them
		{"Number, 0 to 5:", "1"},
		{"target [lab]:", "?"},
		{"registration ID:", "truck."},
		{"registration ID:", "truck-7"},
		{"certificate [self-signed]:", "2"},
		{"authority [dpslab-ca]:", "<"},
		{"pass phrase variable", "TRUCK_PHRASE"},
		{"Number, 0 to 8:", "8"}, // change the telemetry
		{"messages [10]:", "3"},
		{"interval [1s]:", "20ms"},
		{"Number, 0 to 8:", "1"},  // save and run
		{"Number, 0 to 16:", "8"}, // transcript
		{"Number, 0 to", "#search"},
		{"What to search for?", "method:get status:2xx"},
		{"Number, 0 to", "1"},
		{"Number, 0 to 7:", "2"}, // as curl
		{"Number, 0 to", "0"},
		{"Number, 0 to 16:", "5"}, // more telemetry
		{"How many messages?", "2"},
		{"Pause between two", "10ms"},
		{"What do they say?", `{"temperature": 99}`},
		{"Number, 0 to 16:", "6"}, // one message
		{"Property, or empty:", "no property"},
		{"Property, or empty:", "alarm: fire"},
		{"Property, or empty:", ""},
		{"Body, or empty", `{"temperature": `},
		{"Body, or empty", `{"temperature": 451}`},
		{"Number, 0 to 16:", "7"}, // nothing waits to be received
		{"Number, 0 to 16:", "#ask DPS"},
		{"Number, 0 to 16:", "9"}, // the chain
		{"Number, 0 to", "1"},
		{"Number, 0 to", "0"},
		{"Number, 0 to 16:", "10"}, // no error to explain
		{"Number, 0 to 16:", "4"},  // redo the enrollment
		{"Number, 0 to 5:", "3"},
		{"Number, 0 to 16:", "3"}, // run the rest from registration
		{"Number, 0 to 5:", "4"},
		{"Number, 0 to 16:", "12"}, // undo the telemetry: nothing is known
		{"Number, 0 to 5:", "5"},
		{"Number, 0 to 16:", "12"}, // undo the enrollment
		{"Number, 0 to 5:", "3"},
		{"Type truck-7", "truck-7"},
		{"Number, 0 to 16:", "#retire"},
		{"Type truck-7", "truck-7"},
		{"Number, 0 to 16:", "#ask DPS"}, // it is not enrolled any more
		{"Number, 0 to 16:", "0"},
		{"Number, 0 to 5:", "3"}, // list
		{"Number, 0 to 5:", "0"},
	})
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		`"9" is none of the numbers`, "Everything after this talks to the place you choose", "registration ID ends in '.'",
		"Review of truck-7", "registration: done: assigned to", "message 3 of 3 accepted", "The curl copy is in",
		`"no property" is no property`, "the body begins like JSON and is none", `message 1 of 1 accepted`, `{"temperature": 451}`, "No message waits for truck-7",
		"There is no break between files", "held by DPS, verified", "SHA-1, as DPS shows it", "As openssl x509 -text shows it", "Nothing of the step telemetry is known", "enrollment: done: deleted",
		"status: assigned", "last change: 20", "That is what this machine knows of it too.",
		"message 2 of 2 accepted", `{"temperature": 99}`, "The last run left no error.", "enrollment group dpslab-group at", "the same without a screen:", "assigned to lab-hub.azure-devices.net as truck-7",
	} {
		if !strings.Contains(strings.ReplaceAll(out, "\r\n", "\n"), want) {
			t.Errorf("the session never says %q", want)
		}
	}
	if strings.Contains(out, secret) {
		t.Error("the pass phrase was shown")
	}
	plain(t, out)
	if curl, err := os.ReadFile(filepath.Join(home, "state", "dpslab", "copied-request.sh")); err != nil || !strings.Contains(string(curl), "curl -i -X GET") {
		t.Errorf("the copied command is %q, %v", curl, err)
	}
	if t.Failed() {
		t.Log(out)
	}
}

// plain checks that a text holds no control character but the newline, to which
// the line adds the return.
func plain(t *testing.T, output string) {
	t.Helper()
	for i, r := range strings.ReplaceAll(output, "\r\n", "\n") {
		if r != '\n' && unicode.IsControl(r) {
			t.Fatalf("byte %d is %q", i, r)
		}
	}
}

// Answers may come from a pipe, and the end of the input ends the session.
func TestAccessibleFromAPipe(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	r := runWith(t, home, "3\n1\n\nt8\n!\n", "--accessible")
	for _, want := range []string{"There is no device yet.", "registration ID: ", "Your answers are kept.", "or go on with the one half described", "The input has ended."} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	if r.code != 0 {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
	plain(t, r.stdout)
}

// A read-only session lists and explains, and changes nothing.
func TestAccessibleReadOnly(t *testing.T) {
	t.Parallel()
	r := runWith(t, t.TempDir(), "1\n0\n", "--accessible", "--read-only")
	if !strings.Contains(r.stdout, "this session is read-only") || strings.Contains(r.stdout, "registration ID") {
		t.Errorf("said\n%s", r.stdout)
	}
}

// runWith runs the program with a pipe as its input.
func runWith(t *testing.T, home, input string, args ...string) result {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = environ(t, home)
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return result{stdout: stdout.String(), stderr: stderr.String(), code: exitCode(cmd.ProcessState)}
}

// What happens beside a run: a pass phrase that only the person knows, a message
// that waits at the hub, and the lab with something wrong in it.
func TestAccessibleSecretMessageAndLab(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	const secret = "correct horse battery staple"
	serve(t, home)
	env := append(environ(t, home), "PRESS_PHRASE="+secret)
	dpslabWith(t, env, "new", "press-4", "--passphrase-env", "PRESS_PHRASE", "--count", "1", "--interval", "10ms", "--yes").want(t, 0)
	dpslabWith(t, env, "run", "press-4").want(t, 0)
	dpslab(t, home, "lab", "message", "press-4", "set it to 5", "--property", "unit=bar").want(t, 0)
	forget(t, filepath.Join(home, "config", "dpslab", "profiles", "press-4.toml"), "passphrase_env")

	s := open(t, append(environ(t, home), "ACCESSIBLE=1"), 80, 24)
	out := converse(s, [][2]string{
		{"Number, 0 to 5:", "#open a device"},
		{"Number, 0 to 1:", "1"},
		{"Number, 0 to 16:", "#receive"},
		{"Pass phrase of device-key", secret},
		{"Number, 0 to 3:", "#complete"},
		{"Pass phrase of device-key", secret},
		{"Number, 0 to 16:", "0"},
		{"Number, 0 to 5:", "#the lab"},
		{"Number, 0 to 5:", "#enrollments"},
		{"Number, 0 to 5:", "#registrations"},
		{"Number, 0 to 5:", "#messages"},
		{"Number, 0 to 5:", "#scenarios"},
		{"Number, 0 to", "#hub-quota"},
		{"Number, 0 to 2:", "#as I say"},
		{"share:", "7"},
		{"Number, 0 to 5:", "#scenarios"},
		{"Number, 0 to", "#hub-quota"},
		{"Number, 0 to 2:", "#as I say"},
		{"device:", "press-4"},
		{"count:", "1"},
		{"Number, 0 to 5:", "0"},
		{"Number, 0 to 5:", "2"}, // open a device
		{"Number, 0 to 1:", "1"},
		{"Number, 0 to 16:", "#send telemetry"},
		{"Pass phrase of device-key", secret},
		{"Number, 0 to 1", "0"},
		{"Number, 0 to 5:", "#the lab"},
		{"Number, 0 to 5:", "#switch all"},
		{"Number, 0 to 5:", "0"},
		{"Number, 0 to 5:", "0"},
	})
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		"set it to 5", "property unit: bar", "The message is completed", "individual enrollment press-4, x509", "press-4: assigned to lab-hub",
		"share: 7 is no number above 0 to 1", "hub-quota is on (for press-4, 1 times).", "Error: ", "All scenarios are off.",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the session never says %q", want)
		}
	}
	if strings.Contains(out, secret) {
		t.Error("the pass phrase was shown")
	}
	plain(t, out)
	if t.Failed() {
		t.Log(out)
	}
}

// forget takes a key out of a profile.
func forget(t *testing.T, path, key string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool { return strings.HasPrefix(strings.TrimSpace(l), key) })
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
