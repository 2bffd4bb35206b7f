package tui

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dpslab/cmd/embeddedlab"
	"dpslab/tui/theme"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// talk answers an accessible session's prompts, one after another. A reply that
// begins with # is the number of the choice with that text.
type talk struct {
	t       *testing.T
	l       *linear
	said    strings.Builder
	replies []string
	act     map[string]func() // what happens before a reply is given
}

func (k *talk) Write(p []byte) (int, error) {
	k.said.Write(p)
	if strings.HasSuffix(string(p), "\n") || len(p) == 0 {
		return len(p), nil
	}
	if len(k.replies) == 0 {
		close(k.l.lines)
		return len(p), nil
	}
	reply := k.replies[0]
	k.replies = k.replies[1:]
	if do := k.act[reply]; do != nil {
		do()
	}
	if text, is := strings.CutPrefix(reply, "#"); is {
		found := regexp.MustCompile(`(?m)^(\d+) .*`+regexp.QuoteMeta(text)).FindAllStringSubmatch(k.said.String(), -1)
		if len(found) == 0 {
			k.t.Fatalf("no choice %q in\n%s", text, k.said.String())
		}
		reply = found[len(found)-1][1]
	}
	k.l.lines <- reply
	return len(p), nil
}

// talkInLab is a session with a lab of its own in which device-01, of a chain and
// a group, has run.
func talkInLab(t *testing.T, readOnly bool) *talk {
	t.Helper()
	store := emptyStore(t.TempDir())
	feed, ask := NewFeed(), NewAsker()
	s := workflow.NewSession(workflow.Config{
		Store: store, OpenLab: embeddedlab.Open(emulator.Options{InMemory: true}), Sink: feed.Put, Ask: ask.Ask, ReadOnly: readOnly,
	})
	if !readOnly {
		p := workflow.ProfileOf(workflow.Answers{"identity.registration_id": "device-01", "identity.source": "chain", "telemetry.count": "1", "telemetry.interval": "0s"})
		if err := s.Save("device-01", p); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Start("device-01", workflow.RunOptions{}); err != nil {
			t.Fatal(err)
		}
		s.Wait()
		feed.take()
	}
	k := &talk{t: t, act: map[string]func(){}}
	k.l = &linear{session: s, feed: feed, ask: ask, th: newTheme(t, theme.Options{Name: "none"}), out: k, called: "dpslab", lines: make(chan string, 1), statuses: map[string]*workflow.Status{}}
	t.Cleanup(func() { _ = s.Close() })
	return k
}

// The whole of the screen of enrollments, without a screen.
func TestAccessibleEnrollments(t *testing.T) {
	t.Parallel()
	k := talkInLab(t, false)
	path := heldFile(k.l.session.Paths().State, "", true, "dpslab-group")
	k.act["edited"] = func() {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "edit-*.json"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		raw, err := os.ReadFile(found[0])
		if err == nil {
			err = os.WriteFile(found[0], []byte(strings.Replace(string(raw), `"hashed"`, `"geoLatency"`, 1)), 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
	k.replies = []string{
		"#enrollments, groups", "#enrollment groups", "#dpslab-group", "#disable", "#enable", "#edit it as JSON", "edited", "send",
		"#its registration records", "#device-01", "#copy it", "#delete it", "no", "0", "0", "0", "0",
		"#registration records", "dpslab-group", "#device-01", "#delete it", "device-01", "0",
		"#CAs", "#dpslab-ca", "#delete it", "dpslab-ca", "#upload a CA", "#dpslab-ca: root CA", "", "no",
		"#dpslab-ca", "#prove possession", "0", "0",
		"#API Management", "#upload a certificate", "#device-01: certificate", "gateway", "#gateway", "#delete it", "gateway", "0",
		"#individual enrollments", "0", "#transcript", "0", "0", "0",
	}
	if err := k.l.devices(t.Context(), ""); err != errLeave {
		t.Errorf("ends with %v", err)
	}
	text := k.said.String()
	at := 0
	for _, want := range []string{
		"dpslab-group is disabled.", "status        disabled", "dpslab-group is enabled.", "allocationPolicy: before: ", "now: \"geoLatency\"", "1 member differs.", "dpslab-group is written.",
		"device-01, assigned, ", "The registration record is in ", "device-01 is deleted.",
		"dpslab-ca, verified", "Groups that refer to it admit nobody", "dpslab-ca is deleted.", "dpslab-ca is uploaded.", "dpslab-ca, possession not proved", "dpslab-ca is verified",
		"gateway is uploaded.", "gateway is deleted.", "There is nothing in this list.", "DELETE",
	} {
		next := strings.Index(text[at:], want)
		if next < 0 {
			t.Fatalf("no %q after the others in\n%s", want, text)
		}
		at += next
	}
	if len(k.replies) > 0 {
		t.Errorf("left: %q", k.replies)
	}
	for _, r := range text {
		if r != '\n' && (r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0) {
			t.Fatalf("%q gets out", r)
		}
	}
}

// A read-only session shows all of it and changes nothing.
func TestAccessibleEnrollmentsReadOnly(t *testing.T) {
	t.Parallel()
	k := talkInLab(t, true)
	k.replies = []string{"#enrollments, groups", "#CAs", "#upload a CA", "#a file", "/x.pem", "", "name", "yes", "0", "0", "0"}
	if err := k.l.devices(t.Context(), ""); err != errLeave {
		t.Errorf("ends with %v", err)
	}
	if text := k.said.String(); !strings.Contains(text, "Nothing was uploaded: "+readOnly) {
		t.Errorf("said\n%s", text)
	}
}
