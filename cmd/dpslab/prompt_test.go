//go:build unix

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// answer waits for a question and answers it.
func (s *terminal) answer(question, text string) {
	s.t.Helper()
	s.see(question)
	s.press(text + enter)
}

func TestNewAsks(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := open(t, environ(t, home), 100, 60, "new", "press-3")
	s.answer("target [lab]:", "")
	s.answer("attestation [x509]:", "")
	s.answer("certificate [self-signed]:", "2") // by number
	s.answer("key [ec-p256]:", "dsa")
	s.see("key must be one of")
	s.press("ec-p384" + enter)
	s.answer("valid for (days) [30]:", "0")
	s.see("valid for (days) must be")
	s.press(enter)
	s.answer("authority [dpslab-ca]:", "")
	s.answer("pass phrase variable []:", "")
	s.answer("pass phrase command []:", "")
	s.answer("more choices [no]:", "")
	s.answer("enrollment [group]:", "")
	s.answer("group name [dpslab-group]:", "line-3")
	s.answer("allocation policy [hashed]:", "")
	s.answer("more choices [no]:", "")
	s.answer("messages [10]:", "2")
	s.answer("batch [1]:", "")
	s.answer("interval [1s]:", "")
	s.answer("body [", "")
	s.answer("content type [application/json]:", "")
	s.answer("API Management []:", "")
	s.see("next: dpslab run press-3")
	s.wantRestored(0)
	data, err := os.ReadFile(paths(t, home).Profile("press-3"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`registration_id = "press-3"`, `source = "chain"`, `algorithm = "ec-p384"`, `valid_days = 30`,
		`kind = "group"`, `id = "line-3"`, `count = 2`,
	} {
		if !strings.Contains(string(data), text) {
			t.Errorf("the profile lacks %s:\n%s", text, data)
		}
	}
}

func TestRemoveAsks(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes").want(t, 0)
	s := open(t, environ(t, home), 80, 24, "remove", "press-3")
	s.answer("Delete profile, keys and certificates of press-3? [y/N]", "")
	s.wantRestored(130)
	s = open(t, environ(t, home), 80, 24, "remove", "press-3")
	s.answer("Delete profile, keys and certificates of press-3? [y/N]", "y")
	s.wantRestored(0)
	if _, err := os.Stat(paths(t, home).Profile("press-3")); err == nil {
		t.Error("the profile is still there")
	}
}

// encrypted makes a device whose key has a pass phrase that its profile no longer
// names: a person must be asked.
func encrypted(t *testing.T, home, phrase string) {
	t.Helper()
	dpslab(t, home, "new", "press-3", "--yes", "--passphrase-env", "PRESS_3", "--count", "1").want(t, 0)
	dpslabWith(t, environ(t, home, "PRESS_3="+phrase), "run", "press-3", "--only", "certificates").want(t, 0)
	path := paths(t, home).Profile("press-3")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(string(data), "passphrase_env = \"PRESS_3\"\n", "", 1)
	if err := os.WriteFile(path, []byte(without), 0o600); err != nil || without == string(data) {
		t.Fatalf("%v in:\n%s", err, data)
	}
}

func TestRunAsksForThePassPhrase(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	const phrase = "correct-horse-battery"
	encrypted(t, home, phrase)
	s := open(t, environ(t, home), 100, 60, "run", "press-3")
	s.see("Pass phrase of device-key.pem:")
	s.untilEchoIsOff()
	s.press(phrase + enter)
	s.see("1 of 1 messages accepted")
	s.wantRestored(0)
	if strings.Contains(s.output(), phrase) {
		t.Error("the pass phrase is on the screen")
	}
	if r := dpslab(t, home, "run", "press-3").want(t, 4); !strings.Contains(r.stderr, "identity.passphrase_env") {
		t.Errorf("with nobody to ask it says:\n%s", r.stderr)
	}
}

func TestPromptsAreCancelledByCtrlC(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	encrypted(t, home, "correct-horse-battery")
	for _, c := range []struct {
		question string
		args     []string
	}{
		{"target [lab]:", []string{"new", "press-4"}},
		{"press-3? [y/N]", []string{"remove", "press-3"}},
		{"Pass phrase of device-key.pem:", []string{"run", "press-3"}},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			t.Parallel()
			s := open(t, environ(t, home), 80, 24, c.args...)
			s.see(c.question)
			if c.args[0] == "run" {
				s.untilEchoIsOff()
			}
			s.press(ctrlC)
			s.wantRestored(130)
		})
	}
}

// untilEchoIsOff waits until the line's modes are other than before: a secret
// that is typed earlier would be echoed by the line itself.
func (s *terminal) untilEchoIsOff() {
	s.t.Helper()
	for deadline := time.Now().Add(patience); s.modesAreAsBefore(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("the echo is never off")
		}
	}
}

func TestWorkbenchAsksForThePassPhrase(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	const phrase = "correct-horse-battery"
	encrypted(t, home, phrase)
	s := open(t, environ(t, home), 80, 24)
	s.see("press-3")
	s.press("r")
	s.see("Pass phrase of device-key.pem", "kept nowhere") // not before keys count
	s.press(phrase)
	s.see("••••")
	s.press(enter)
	s.see("sent 1 of 1")
	s.press(esc)
	s.see("1 profile")
	s.press("q")
	s.wantRestored(0)
	if strings.Contains(s.output(), phrase) {
		t.Error("the pass phrase is on the screen")
	}
}

func TestRunIsCancelledByCtrlC(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes", "--count", "1").want(t, 0)
	s := open(t, environ(t, home), 100, 60, "run", "press-3")
	s.see("poll 1 in 3 s")
	s.press(ctrlC)
	s.see("dpslab run press-3 --resume")
	s.wantRestored(130)
	if err := underWay(t, home, "press-3"); err != nil {
		t.Error(err)
	}
}
