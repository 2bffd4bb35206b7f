//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An enrollment is edited in the person's editor on a real terminal: the editor
// has it, the difference is shown before it is sent, and a mistake loses nothing.
func TestEnrollmentInAnEditor(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	editor := filepath.Join(t.TempDir(), "my editor")
	seen := editor + ".seen"
	script := "#!/bin/sh\n" +
		"test -t 0 && test -t 1 || exit 9\n" +
		"printf 'broken lines: %s ' $(grep -c ',,' \"$1\"); read -r key\n" +
		"cp \"$1\" '" + seen + "'\n" +
		"case $key in\n" +
		"*break) sed -i.old 's/\"hashed\"/\"hashed\",,/' \"$1\" ;;\n" +
		"*mend) sed -i.old 's/\"hashed\",,/\"geoLatency\"/' \"$1\" ;;\n" +
		"esac\n"
	if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, environ(t, home, "EDITOR='"+editor+"'", "VISUAL="), 80, 24)
	s.see("There is no device here yet")
	s.describe("device-01", true, "1")
	s.press(enter)
	s.wantDone(true, "1")
	s.press(esc)
	s.see("1 profile", "assigned lab-hub")
	s.press("e")
	s.see("target of device-01", "> dpslab-group", "enabled") // a device of a group begins with the groups

	s.press("e")
	s.see("broken lines: 0")
	s.press("break\n")
	s.see("Not sent: dpslab-group", "line ")
	s.answerReview("e", "broken lines: 1")
	s.press("mend\n")
	s.see("Change dpslab-group?", "allocationPolicy", `- "hashed"`, `+ "geoLatency"`)
	s.answerReview("y", "allocation    geoLatency")
	text, err := os.ReadFile(seen)
	if err != nil || !strings.Contains(string(text), `"hashed",,`) {
		t.Errorf("the second time the editor saw %q, %v", text, err)
	}
	left, err := filepath.Glob(filepath.Join(paths(t, home).State, "edit-*.json"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	s.press(esc)
	s.see("1 profile")
	s.press("q")
	s.wantRestored(0)
}

// answerReview presses a key until it leads somewhere: what opens by itself takes
// keys when the keyboard has been still for a moment.
func (s *terminal) answerReview(key, text string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(s.text(), text); {
		if time.Now().After(deadline) {
			s.t.Fatalf("%q does not lead to %q:\n%s", key, text, s.text())
		}
		s.press(key)
		for until := time.Now().Add(time.Second); time.Now().Before(until) && !strings.Contains(s.text(), text); {
			time.Sleep(5 * time.Millisecond)
		}
	}
}
