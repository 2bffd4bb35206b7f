package screen

import (
	"net/http"
	"testing"
	"time"

	"dpslab/workflow"
)

// A search looks at everything that an exchange shows, keeps the cursor on its
// exchange, and takes in what comes while it stands.
func TestTranscriptSearch(t *testing.T) {
	t.Parallel()
	st := workflow.NewStatus("d")
	add := func(method, url string, status int, body string) {
		st.Exchanges.Add(&workflow.Exchange{
			Method: method, URL: url, Status: status, ResponseBody: body, ResponseHeader: http.Header{"Retry-After": {"3"}},
		}, "")
	}
	add("PUT", "https://global.example/register", 202, `{"status":"Assigning"}`)
	add("GET", "https://global.example/operations/5", 200, `{"status":"assigned"}`)
	s := NewTranscript(themed(t), "d", st)
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 2}, {"put", 1}, {"REGISTER", 1}, {"202", 1}, {"assign", 2}, {"assigning", 1}, {"retry-after: 3", 2}, {"nothing like it", 0},
	} {
		s.search.Set(c.text)
		s.research()
		if len(s.shown) != c.want {
			t.Errorf("%q is in %d exchanges, want %d", c.text, len(s.shown), c.want)
		}
	}
	s.search.Set("")
	s.research()
	for _, k := range []string{"/", "g", "e", "t", "enter"} {
		s.Handle(key(k))
	}
	add("GET", "https://global.example/operations/6", 200, "")
	add("PUT", "https://global.example/else", 200, "")
	s.Observe(st, time.Time{})
	if len(s.shown) != 2 || s.number() != 2 {
		t.Errorf("%d exchanges are shown, %v chosen", len(s.shown), s.number())
	}
	chosen := s.number()
	if intent := s.Handle(key("esc")); intent != nil || len(s.shown) != 4 {
		t.Errorf("esc proposes %v and shows %d", intent, len(s.shown))
	}
	if s.number() != chosen {
		t.Errorf("the cursor went from %v to %v", chosen, s.number())
	}
	if _, left := s.Handle(key("esc")).(LeaveScreen); !left {
		t.Error("esc without a search does not go back")
	}
}
