package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

// heard is what a session says about the transcript of d, whose journal holds n
// exchanges, when it is answered so.
func heard(t *testing.T, n int, replies ...string) (text, dir string) {
	t.Helper()
	dir = t.TempDir()
	store := emptyStore(dir)
	writeJournal(t, store.Paths.State, n)
	feed, ask := NewFeed(), NewAsker()
	s := workflow.NewSession(workflow.Config{Store: store, Sink: feed.Put, Ask: ask.Ask})
	t.Cleanup(func() { _ = s.Close() })
	st := s.History("d")
	t.Cleanup(st.Exchanges.Close)
	k := &talk{t: t, replies: replies}
	k.l = &linear{
		session: s, feed: feed, ask: ask, th: newTheme(t, theme.Options{Name: "none"}), out: k, called: "dpslab",
		lines: make(chan string, 1), statuses: map[string]*workflow.Status{"d": st},
	}
	if err := k.l.transcript(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	if len(k.replies) > 0 {
		t.Errorf("left: %q", k.replies)
	}
	return k.said.String(), store.Paths.State
}

// A long transcript is read out in parts, the newest first.
func TestAccessibleTranscriptInParts(t *testing.T) {
	t.Parallel()
	text, _ := heard(t, 100_000, "#older", "#older", "#newer", "0")
	if rows := strings.Count(text, "\n"); rows > 150 {
		t.Fatalf("%d rows", rows)
	}
	at := 0
	for _, want := range []string{
		"100000 exchanges, newest first: 1 to 20. Which one?", "older exchanges, 99980 are left",
		"newest first: 21 to 40", "older exchanges, 99960 are left", "newer exchanges, there are 20",
		"newest first: 41 to 60", "newest first: 21 to 40",
	} {
		next := strings.Index(text[at:], want)
		if next < 0 {
			t.Fatalf("no %q after the others in\n%s", want, text)
		}
		at += next
	}
}

// What the screen's transcript can do, a listener can do: search, compare, save.
func TestAccessibleTranscriptSearchCompareSave(t *testing.T) {
	t.Parallel()
	text, dir := heard(t, 60,
		"#search", "number 0004", "1", "#compare it", "2", "#say what differs", "#as text", "#as an HTTP archive",
		"#search", "method:get", "#search", "", "0")
	at := 0
	for _, want := range []string{
		"10 of 60 exchanges, found by number 0004, newest first. Which one?", `"name":"number 00049"`, "timing: DNS",
		`"name":"number 00048"`, `-   "name": "number 00049"`, `+   "name": "number 00048"`,
		"-transcript.txt, secrets masked", "-transcript.har, secrets masked", "0 of 60 exchanges, found by method:get", "60 exchanges, newest first: 1 to 20",
	} {
		next := strings.Index(text[at:], want)
		if next < 0 {
			t.Fatalf("no %q after the others in\n%s", want, text)
		}
		at += next
	}
	saved, err := os.ReadFile(filepath.Join(dir, "d-transcript.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 40; i < 50; i++ {
		if !strings.Contains(string(saved), fmt.Sprintf("number %05d", i)) {
			t.Errorf("number %d is not saved", i)
		}
	}
	if strings.Contains(string(saved), "number 00050") {
		t.Error("more is saved than was found")
	}
}
