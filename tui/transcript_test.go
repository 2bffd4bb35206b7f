package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

// Search, fold, compare, send again and save, on what a real run left behind.
func TestTheTranscript(t *testing.T) {
	t.Parallel()
	withLab(t, func(r *rig) {
		r.runNew("d-1")
		r.press("t", "/")
		r.press("step:enrollment method:put", enter)
		r.see("put enrollment")
		r.dontSee("send event")
		r.press("m", esc)
		r.see("send event")
		r.press("k", "c")
		r.see("+ exchange")
		r.see("+ GET https://")
		r.press(esc, "/", "step:registration method:get", enter, "G", "\t", "z")
		r.see("+ Answer 200 OK (")
		r.press("z")
		r.see("- Request")
		r.press("\t")
		before := r.a.status.Exchanges.Len()
		r.press("r")
		r.pass(time.Second)
		if got := r.a.status.Exchanges.Len(); got != before+1 {
			t.Errorf("%d exchanges after sending one again, %d before", got, before)
		}
		r.press(esc, "G", "k", "r")
		r.see("Send this request again?")
		r.press("n")
		r.dontSee("Send this request again?")
		r.press("y")
		for _, form := range []string{"curl", "openssl", "az", "Go", "HAR"} {
			r.see(form)
		}
		r.press(down, down, down, down, enter)
		r.see("The HAR copy is in")
		r.press("s", down, enter)
		r.pass(time.Second)
		path := filepath.Join(r.session.StateDir(), "d-1-transcript.txt")
		text, err := os.ReadFile(path)
		if err != nil || strings.Count(string(text), "Timing") != before+1 || strings.Contains(string(text), "\x1b") {
			t.Errorf("%s holds %d exchanges, %v", path, strings.Count(string(text), "Timing"), err)
		}
	})
}

// A search among very many exchanges does not stop the keyboard: it goes on
// between the frames until all were searched.
func TestALongSearchGoesOn(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"d"}, func(r *rig) {
		r.press(enter)
		for i := range 20_000 {
			r.feed.Put(workflow.Event{Device: "d", Kind: workflow.ExchangeFinished, Exchange: &workflow.Exchange{ID: i, Method: "GET", URL: fmt.Sprintf("https://h/%05d", i), Status: 200}})
		}
		r.settle()
		r.press("t", "/", "4999", enter)
		r.settle()
		r.see("https://h/14999")
		r.see("2 of 2")
	})
}

// BenchmarkTranscriptSearch is the longest time between a typed character and
// its frame among 100,000 exchanges of two kilobytes.
func BenchmarkTranscriptSearch(b *testing.B) {
	s := sceneOf(b, "transcript")
	a := show(b, s, theme.Options{}, 80, 24)
	for range 100_000 - a.status.Exchanges.Len() {
		a.status.Exchanges.Add(&workflow.Exchange{Method: "GET", URL: "https://h/x", Status: 200, ResponseBody: strings.Repeat("abcdefgh ", 230)}, "")
	}
	a.follow()
	press(a, "/")
	for b.Loop() {
		press(a, "q")
		a.View()
		press(a, "backspace")
	}
}
