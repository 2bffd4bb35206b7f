package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dpslab/workflow/wire"
)

// journalText is a journal of a registration and n telemetry messages.
func journalText(n int) string {
	var b strings.Builder
	seq := 0
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(e Event) {
		seq++
		at = at.Add(time.Second)
		e.Run, e.Seq, e.At, e.Device = "r", seq, at, "d"
		line, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		b.Write(append(line, '\n'))
	}
	add(Event{Kind: RunStarted, Plan: []StepID{StepRegistration, StepTelemetry}})
	add(Event{Kind: StepStarted, Step: StepRegistration})
	x := &Exchange{ID: 1, Service: "DPS", Operation: "register", Method: "PUT", URL: "https://global.example/0ne/register?api-version=1&x=<y>"}
	add(Event{Kind: ExchangeStarted, Step: StepRegistration, Exchange: x})
	done := *x
	done.Status, done.Reason, done.ResponseBody = 202, "Accepted", `{"operationId":"5","status":"assigning"}`
	done.TLS = &wire.TLSFacts{Version: "TLS 1.2", Requested: true, Client: []wire.CertificateFact{{Subject: "CN=d"}}}
	add(Event{Kind: ExchangeFinished, Step: StepRegistration, Exchange: &done})
	add(Event{Kind: StepFinished, Step: StepRegistration, Outcome: Done, Text: "assigned"})
	add(Event{Kind: StepStarted, Step: StepTelemetry})
	value := 21.5
	for i := range n {
		x := &Exchange{ID: i + 2, Service: "IoT Hub", Operation: "send event", Method: "POST", URL: "https://hub.example/devices/d", RequestBody: fmt.Sprintf(`{"n":%d,"text":"Größe"}`, i)}
		add(Event{Kind: ExchangeStarted, Step: StepTelemetry, Exchange: x})
		x.Started = at
		done := *x
		done.Status, done.Reason, done.Timing.Total = 204, "No Content", float64(i)+0.5
		done.TLS = &wire.TLSFacts{Version: "TLS 1.2", Client: []wire.CertificateFact{{Subject: "CN=d", CA: true}}}
		if i%7 == 3 {
			done.Status, done.Reason, done.ResponseBody, done.TLS = 404, "Not Found", `{"errorCode":404001,"message":"é"}`, nil
		}
		add(Event{Kind: ExchangeFinished, Step: StepTelemetry, Exchange: &done})
		add(Event{Kind: MessageSent, Step: StepTelemetry, Message: &Message{N: i + 1, Of: n, Body: x.RequestBody, Value: &value, ValueName: "n", LatencyMS: 1.5, Hub: "hub"}})
		add(Event{Kind: MessageReceived, Step: StepTelemetry, Received: &Received{Hub: "hub", Sequence: uint64(i), Body: x.RequestBody, System: map[string]string{"a": "b"}}})
	}
	return b.String()
}

// replayed is what History makes of a journal.
func replayed(t *testing.T, text string) *Status {
	t.Helper()
	path := filepath.Join(t.TempDir(), "d.journal.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := openJournalFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.file.Close() })
	s := NewStatus("d")
	replay(file.file, file, s)
	return s
}

// sameStatus compares what two ways to read a journal make of it.
func sameStatus(t *testing.T, got, want *Status) {
	t.Helper()
	g, w := got.Exchanges, want.Exchanges
	if g.Len() != w.Len() {
		t.Fatalf("%d exchanges, want %d", g.Len(), w.Len())
	}
	for n := range g.Len() {
		gk, _ := g.Kind(n)
		wk, _ := w.Kind(n)
		if gk != wk || g.Total(n) != w.Total(n) || !g.Started(n).Equal(w.Started(n)) {
			t.Errorf("exchange %d is listed as %+v %v, want %+v %v", n, gk, g.Total(n), wk, w.Total(n))
		}
		x, err := g.Pick(n).Read(0)
		if err != nil || !reflect.DeepEqual(x, w.Whole(n)) {
			t.Errorf("exchange %d is %+v, %v, want %+v", n, x, err, w.Whole(n))
		}
	}
	a, b := *got, *want
	a.Exchanges, b.Exchanges = Exchanges{}, Exchanges{}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("status\n%+v\nwant\n%+v", a, b)
	}
}

// The quick way to read a journal tells the same as the thorough one.
func TestReplayFromDisk(t *testing.T) {
	t.Parallel()
	whole := journalText(200)
	for name, text := range map[string]string{
		"whole": whole, "torn": whole[:len(whole)-300], "no line end": strings.TrimRight(whole, "\n"), "crlf": strings.ReplaceAll(whole, "\n", "\r\n"),
		"damaged": strings.Replace(whole, `"n":3,`, `"n":3;`, 1) + "\x00\n{}\n[]\nnull", "blanks": strings.ReplaceAll(whole, `":`, `" : `),
		"escaped": strings.ReplaceAll(whole, "send event", `s\u0065nd event`), "other case": strings.ReplaceAll(whole, `"status":`, `"Status":`),
		"two runs": whole + strings.ReplaceAll(whole, `"run":"r"`, `"run":"q"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := NewStatus("d")
			replay(strings.NewReader(text), nil, want)
			sameStatus(t, replayed(t, text), want)
		})
	}
}

func FuzzReplayFromDisk(f *testing.F) {
	f.Add([]byte(journalText(1)))
	f.Add([]byte(`{"run":"r","seq":1,"at":"2026-01-01T00:00:00Z","event":"message_received","device":"d","step":"telemetry","received":{"sequence":-0.0e+1}}`))
	f.Add([]byte(`{"run":"r","seq":1,"at":"2026-01-01T00:00:00Z","event":"exchange_finished","device":"d","step":"telemetry","exchange":{"tls":{"client":[ ],"client_certificate_requested":true},"method":"a","method":"b","status":01}}`))
	f.Add([]byte(`{"run":"r","seq":1,"at":"2026-01-01T00:00:00Z","event":"exchange_finished","device":"d","step":"telemetry","exchange":{"service":null,"status":404,"url":"http://\ud800\u0041` + "\xff" + `/","reason":"` + "\xff" + `"},"exchange":{"tls":{"client":[{},{}],"client":[]},"status":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for line := range bytes.Lines(text) {
			var e Event
			if json.Valid(line) && json.Unmarshal(line, &e) != nil {
				t.Skip() // JSON of other types: it is found out when it is looked at
			}
		}
		// Nothing is applied outside of a run.
		run := `{"run":"r","seq":-5,"at":"2026-01-01T00:00:00Z","event":"run_started","device":"d","plan":["telemetry"]}` + "\n"
		want := NewStatus("d")
		replay(strings.NewReader(run+string(text)), nil, want)
		sameStatus(t, replayed(t, run+string(text)), want)
	})
}

// A list keeps few exchanges in memory, drops the oldest beyond its bound and
// keeps the numbers of all others.
func TestExchangesAreKeptOnDisk(t *testing.T) {
	t.Parallel()
	s := replayed(t, journalText(500))
	l := &s.Exchanges
	if n := len(l.whole); n != keptWhole {
		t.Errorf("%d exchanges are in memory, want %d", n, keptWhole)
	}
	if l.Newest() == nil || l.Newest().ID != 501 || l.Whole(10) != nil || l.Size(10) == 0 {
		t.Errorf("newest %+v, number 10 %+v", l.Newest(), l.Whole(10))
	}
	found, err := l.Recording().Search(t.Context(), "größe", func(x *Exchange) bool { return strings.Contains(x.RequestBody, "Größe") })
	if err != nil || len(found) != 500 {
		t.Errorf("%d exchanges hold the text, %v", len(found), err)
	}
	found, err = l.Recording().Search(t.Context(), `"n":31`, func(x *Exchange) bool { return strings.Contains(x.RequestBody, `"n":31`) })
	if err != nil || len(found) != 11 { // 31, 310 to 319
		t.Errorf("%v hold the number, %v", found, err)
	}
	for i := range MaxExchanges {
		l.Add(&Exchange{ID: i}, "")
	}
	if l.Len() > MaxExchanges || l.Gone() == 0 || l.Whole(l.Gone()+l.Len()-1).ID != MaxExchanges-1 {
		t.Errorf("%d exchanges, %d gone", l.Len(), l.Gone())
	}
	if x, err := l.Pick(l.Gone()).Read(0); err != nil || x == nil {
		t.Errorf("the oldest is %v, %v", x, err)
	}
}

// Whatever becomes of the journal, an exchange is the one of its row or an error.
func TestExchangesOfAChangedJournal(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"emptied":     func(path string) error { return os.Truncate(path, 0) },
		"overwritten": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte(journalText(2)), 99), 0o600) },
	} {
		s := replayed(t, journalText(100))
		if err := change(s.Exchanges.files[0].path); err != nil {
			t.Fatal(err)
		}
		if x, err := s.Exchanges.Pick(20).Read(0); err == nil {
			t.Errorf("%s: %+v", name, x)
		}
		if s.Exchanges.Newest() == nil {
			t.Errorf("%s: the newest is gone", name)
		}
	}
	s := replayed(t, journalText(100))
	path := s.Exchanges.files[0].path
	if err := os.Remove(path); err != nil {
		t.Skip("an open file cannot be removed here")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if x, err := s.Exchanges.Pick(20).Read(0); err != nil || x.ID != 21 {
		t.Errorf("of a journal that was replaced: %+v, %v", x, err)
	}
	s.Exchanges.Close()
	if _, err := s.Exchanges.Pick(20).Read(0); err == nil {
		t.Error("a closed list reads on")
	}
}

// Exchanges of a run under way are found in its journal, and those of the run
// before stay.
func TestExchangesOfLiveRuns(t *testing.T) {
	t.Parallel()
	var s Status
	l := &s.Exchanges
	path := filepath.Join(t.TempDir(), "j")
	for turn := range 2 {
		_ = os.Remove(path)
		w, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := openJournalFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := &run{journal: w, stored: file}
		for i := range 100 {
			e := Event{Kind: ExchangeFinished, Exchange: &Exchange{ID: turn*100 + i, Method: "GET"}}
			if err := r.record(&e); err != nil {
				t.Fatal(err)
			}
			l.add(e.Exchange, "", e.stored)
		}
		_ = w.Close()
	}
	defer l.Close()
	i := 0
	for x, err := range l.Recording().All() {
		if err != nil || x.ID != i {
			t.Fatalf("exchange %d is %+v, %v", i, x, err)
		}
		i++
	}
	if i != 200 || len(l.whole) != keptWhole {
		t.Errorf("%d exchanges, %d in memory", i, len(l.whole))
	}
}
