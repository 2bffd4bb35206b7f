package tui

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dpslab/profiles"
	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// writeJournal leaves a journal of n exchanges of the device "d" in a folder.
func writeJournal(tb testing.TB, dir string, n int) {
	tb.Helper()
	file, err := os.Create(profiles.Paths{State: dir}.Journal("d"))
	if err != nil {
		tb.Fatal(err)
	}
	out := bufio.NewWriter(file)
	put := func(i int, e workflow.Event) {
		e.Run, e.Seq, e.At, e.Device = "r", i+1, noon.Add(time.Duration(i)*time.Second), "d"
		line, err := json.Marshal(e)
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	put(0, workflow.Event{Kind: workflow.RunStarted, Plan: []workflow.StepID{workflow.StepTelemetry}})
	for i := range n {
		put(i+1, workflow.Event{Kind: workflow.ExchangeFinished, Step: workflow.StepTelemetry, Exchange: &workflow.Exchange{
			ID: i, Service: "IoT Hub", Operation: "send event", Method: "POST", URL: "https://hub.example/devices/d/messages", Status: 204, Reason: "No Content",
			RequestBody: fmt.Sprintf(`{"temperature":%d,"name":"number %05d"}`, i%30, i), Started: noon,
		}})
	}
	put(n+1, workflow.Event{Kind: workflow.RunFinished, Outcome: workflow.Done})
	if err := out.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
}

// Exchanges that lie on disk are shown, searched, compared, copied and saved as
// those in memory are, also when the keys come faster than the disk answers.
func TestATranscriptOnDisk(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"d"}, func(r *rig) {
		const n = 30_000
		writeJournal(t, r.dir, n)
		r.press(enter, "t")
		r.see(fmt.Sprintf("Exchanges %d of %d", n, n))
		r.see("number 29999")
		r.press("g")
		r.see("Exchange 1")
		r.see("number 00000")
		r.press("m", "jjc")
		r.see("- exchange 1, + exchange 3")
		r.see("number 00002")
		r.press(esc, "jkjy")
		r.see("Copy the request as")
		r.press(esc, "/", "number 0777", enter)
		r.settle()
		r.see("1 of 10")
		r.press("s", down, down, down, enter)
		r.settle()
		r.see("The archive is in")
		har, err := os.ReadFile(filepath.Join(r.dir, "d-transcript.har"))
		var archive struct {
			Log struct{ Entries []json.RawMessage }
		}
		if err == nil {
			err = json.Unmarshal(har, &archive)
		}
		if err != nil || len(archive.Log.Entries) != 10 || !strings.Contains(string(har), "number 07779") {
			t.Errorf("the archive has %d entries, %v", len(archive.Log.Entries), err)
		}
		r.press(esc, "/", "numbar")
		r.settle()
		r.see("none; esc shows all")
		r.press(esc, esc, esc)
		r.see("> d")
	})
}

// An exchange that cannot be read says so, and all others stay.
func TestATranscriptOfAChangedJournal(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"d"}, func(r *rig) {
		writeJournal(t, r.dir, 500)
		r.press(enter, "t")
		if err := os.Truncate(profiles.Paths{State: r.dir}.Journal("d"), 0); err != nil {
			t.Fatal(err)
		}
		r.press("g")
		r.see("run has begun the journal anew")
		r.press("y")
		r.see("run has begun the journal anew")
		r.press("G")
		r.see("number 00499")
	})
}

// opened is a workbench on the transcript of n exchanges on disk, or, with a
// number of profiles, on the list of devices.
func opened(b *testing.B, exchanges, profiles, w, h int) *app {
	b.Helper()
	dir := b.TempDir()
	return show(b, scene{"long", func(a *app) {
		if profiles > 0 {
			names := make([]string, profiles)
			for i := range names {
				names[i] = fmt.Sprintf("device-%05d", i)
			}
			a.home.SetNames(names, nil)
			return
		}
		writeJournal(b, dir, exchanges)
		a.status = workflow.NewSession(workflow.Config{Store: emptyStore(dir)}).History("d")
		b.Cleanup(a.status.Exchanges.Close)
		a.bench = screen.NewBench(a.th, workflow.Device{Name: "d"}, a.status)
		a.push(a.bench)
		a.showTranscript()
	}}, theme.Options{}, w, h)
}

// keyAndFrame takes a key, reads what it asks for, and draws the frame.
func keyAndFrame(a *app, key string) {
	a.update(namedKeys[key])
	a.follow()
	if t, ok := a.current().(*screen.Transcript); ok {
		if numbers := t.Wanted(); len(numbers) > 0 {
			from := t.Pick(numbers)
			for i, n := range numbers {
				x, err := from.Read(i)
				t.Take(n, x, err)
			}
		}
	}
	a.View()
}

// BenchmarkLongLists compares a key and its frame in a long list with one in a
// list of ten, taken in turns: ns/op is both together, long/short their ratio.
func BenchmarkLongLists(b *testing.B) {
	for _, c := range []struct {
		name                string
		exchanges, profiles int
		size                [2]int
	}{
		{"exchanges-100000/80x24", 100_000, 0, [2]int{80, 24}},
		{"exchanges-100000/200x50", 100_000, 0, [2]int{200, 50}},
		{"profiles-10000/80x24", 0, 10_000, [2]int{80, 24}},
		{"profiles-10000/200x50", 0, 10_000, [2]int{200, 50}},
	} {
		b.Run(c.name, func(b *testing.B) {
			long := opened(b, c.exchanges, c.profiles, c.size[0], c.size[1])
			short := opened(b, min(c.exchanges, 10), min(c.profiles, 10), c.size[0], c.size[1])
			var spent [2]time.Duration
			i := 0
			for b.Loop() {
				key := "up"
				if i/5%2 == 0 { // to and fro: a list of ten soon ends
					key = "down"
				}
				i++
				for at, a := range []*app{short, long} {
					begun := time.Now()
					keyAndFrame(a, key)
					spent[at] += time.Since(begun)
				}
			}
			b.ReportMetric(float64(spent[1])/float64(max(spent[0], 1)), "long/short")
		})
	}
}
