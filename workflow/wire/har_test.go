package wire

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// harMembers are the members that HTTP Archive 1.2 asks for, by object.
var harMembers = map[string][]string{
	"log":      {"version", "creator", "entries"},
	"entry":    {"startedDateTime", "time", "request", "response", "cache", "timings"},
	"request":  {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"},
	"response": {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"},
	"content":  {"size", "mimeType"},
	"postData": {"mimeType", "params", "text"},
	"timings":  {"send", "wait", "receive"},
}

func wantMembers(t *testing.T, kind string, v any) map[string]any {
	t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%s is %T", kind, v)
	}
	for _, name := range harMembers[kind] {
		if _, ok := m[name]; !ok {
			t.Errorf("%s lacks %s", kind, name)
		}
	}
	return m
}

func TestHAR(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"operationId":"5.1","primaryKey":"topsecret"}`)
	})
	var m memory
	o := s.options()
	o.Observe = m.observe
	c := s.client(t, o)
	q := Request{
		Operation: "register", Method: http.MethodPut, URL: "https://" + testHost + "/a?api-version=1&sig=topsecret&x=a%20b",
		Header: http.Header{"Authorization": {"Bearer topsecret"}, "Content-Type": {"application/json"}}, Body: []byte(`{"password":"topsecret"}`),
	}
	for range 2 {
		if _, err := c.Do(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	exchanges := append(m.finished(), Exchange{Method: "GET", URL: "https://a.example/", Error: "no answer", Started: time.Unix(0, 0)}, Exchange{DryRun: true})
	raw, err := HAR(exchanges, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "topsecret") {
		t.Errorf("a secret is in %s", raw)
	}
	var archive map[string]any
	if err := json.Unmarshal(raw, &archive); err != nil {
		t.Fatal(err)
	}
	log := wantMembers(t, "log", archive["log"])
	entries := log["entries"].([]any)
	if len(archive) != 1 || log["version"] != "1.2" || len(entries) != 3 {
		t.Fatalf("%s", raw)
	}
	for i, v := range entries {
		e := wantMembers(t, "entry", v)
		request := wantMembers(t, "request", e["request"])
		response := wantMembers(t, "response", e["response"])
		wantMembers(t, "content", response["content"])
		timings := wantMembers(t, "timings", e["timings"])
		if _, err := time.Parse(time.RFC3339Nano, e["startedDateTime"].(string)); err != nil {
			t.Error(err)
		}
		sum := 0.0
		for name, ms := range timings {
			if ms := ms.(float64); name != "ssl" && ms > 0 {
				sum += ms
			}
		}
		if difference := e["time"].(float64) - sum; difference > 0.001 || difference < -0.001 {
			t.Errorf("entry %d: time %v, its phases %v", i, e["time"], sum)
		}
		if i == 2 {
			continue
		}
		wantMembers(t, "postData", request["postData"])
		if kept := timings["connect"].(float64) == -1; kept != (i == 1) {
			t.Errorf("entry %d: timings %v", i, timings)
		}
		if query := request["queryString"].([]any); len(query) != 3 || query[2].(map[string]any)["value"] != "a b" {
			t.Errorf("query %v", query)
		}
	}
	if last := entries[2].(map[string]any)["response"].(map[string]any); last["status"] != 0.0 || last["_error"] != "no answer" {
		t.Errorf("without an answer: %v", last)
	}
}

func TestHAROfNothing(t *testing.T) {
	t.Parallel()
	raw, err := HAR(nil, "dev")
	if err != nil || !strings.Contains(string(raw), `"entries": []`) {
		t.Errorf("%s, %v", raw, err)
	}
}

// The time of an entry has the way there in it, and begins with it.
func TestHARBeginsWithTheWayThere(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	x := Exchange{Started: begun, Timing: Timing{Connect: 2, TLS: 8, Wait: 5, Total: 15, Ahead: true}}
	if e := newHAREntry(&x); e.Started != "2026-01-02T03:04:04.99Z" || e.Time != 15 {
		t.Errorf("%s, %v ms", e.Started, e.Time)
	}
	x.Timing.Ahead = false
	if e := newHAREntry(&x); e.Started != "2026-01-02T03:04:05Z" {
		t.Errorf("%s", e.Started)
	}
}
