package tui

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseMessage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, body, wrong string
		properties              map[string]string
	}{
		{"all", messageHelp + "a: 1\nb:x:y\n\n{\"t\": 1}\n", `{"t": 1}`, "", map[string]string{"a": "1", "b": "x:y"}},
		{"body alone", "{\n\n\"t\": 1}", "{\n\n\"t\": 1}", "", nil},
		{"plain body", "\r\nhello: world\r\n", "hello: world", "", nil},
		{"two paragraphs", "a: 1\n\none\n\ntwo\n", "one\n\ntwo", "", map[string]string{"a": "1"}},
		{"no property", "hello world\n\nbody", "", "no property", nil},
		{"no name", ": 1\n\nbody", "", "no property", nil},
		{"empty", messageHelp, "", "no body", nil},
		{"properties alone", "a: 1\n\n", "", "no body", nil},
		{"broken JSON", "\n{\"t\": 1,\n}", "", "line 2 of it", nil},
	} {
		m, err := parseMessage(c.text)
		switch {
		case c.wrong != "":
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.wrong)
			}
		case err != nil || m.body != c.body || !maps.Equal(m.properties, c.properties):
			t.Errorf("%s: %q %v, %v", c.name, m.body, m.properties, err)
		}
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add(messageHelp + "a: 1\n\n{}")
	f.Add("{\"a\":")
	f.Add("a\n\n\x00")
	f.Add(": :\r\n\r\n[")
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := parseMessage(text); err == nil && strings.TrimSpace(m.body) == "" {
			t.Errorf("%q has an empty body", text)
		}
	})
}

func TestEditor(t *testing.T) {
	t.Parallel()
	env := map[string]string{"EDITOR": "ed -s"}
	get := func(name string) string { return env[name] }
	if got, err := editorOf(get); got != "ed -s" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	env["VISUAL"] = " code --wait "
	if got, _ := editorOf(get); got != "code --wait" {
		t.Errorf("VISUAL is not preferred: %q", got)
	}
}

// What was written and not sent is in the file when the editor opens again.
func TestAMessageIsNotLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, err := messageFile(dir, "d")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := readMessage(draftedMsg{device: "d", path: path}, nil)
	if m.wrong == nil || !m.saved || m.err != nil {
		t.Errorf("%+v", m)
	}
	if again, err := messageFile(dir, "d"); err != nil || again != path {
		t.Fatal(again, err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "d-message.txt")); string(text) != "{broken" {
		t.Errorf("the file holds %q", text)
	}
}

// A message goes out between others while telemetry runs, the rate and the
// pause change meanwhile, and what is wrong with a message is said.
func TestSteeringTelemetry(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.describe("d-1")
		r.until(enter, "What will run")
		r.press(enter)
		r.pass(6 * time.Second)
		r.see("of 10")
		r.see("every 1 s")
		r.press("p")
		r.see("paused")
		sent := r.a.status.Telemetry.Sent
		r.pass(10 * time.Second)
		if got := r.a.status.Telemetry.Sent; got != sent {
			t.Errorf("%d messages were sent while paused", got-sent)
		}
		r.a.program.Send(composedMsg{device: "d-1", saved: true, written: message{body: `{"by": "hand"}`}})
		r.pass(6 * time.Second) // the toast goes
		r.see(`{"by": "hand"}`)
		r.press("-")
		r.see("every 2 s")
		r.press("+", "+")
		r.see("every 500 ms")
		r.press("p")
		r.pass(20 * time.Second)
		r.see("sent 11 of ")
		r.a.program.Send(composedMsg{device: "d-1", saved: true, wrong: errNoEditor})
		r.pass(2 * time.Second) // it opens by itself: keys count when the keyboard has been still
		r.see("The message was not sent")
		r.press(down, enter)
		r.dontSee("The message was not sent")
	})
}
