package wire

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// hop is a request as it arrived.
type hop struct{ host, method, path, body, authorization string }

func TestRedirects(t *testing.T) {
	t.Parallel()
	const there = "https://" + testHost
	for _, tt := range []struct {
		name     string
		method   string
		status   int
		location func(n int) string
		hops     int
		final    int
	}{
		{"307 on the same host", "PUT", 307, once(there + "/new"), 2, 200},
		{"308 on the same host", "PUT", 308, once(there + "/new"), 2, 200},
		{"307 with a path alone", "PUT", 307, once("/new"), 2, 200},
		{"307 again and again", "PUT", 307, func(int) string { return there + "/again" }, 2, 307},
		{"307 to another host", "PUT", 307, once("https://other.azure-devices-provisioning.net/new"), 1, 307},
		{"307 to another port", "PUT", 307, once(there + ":8443/new"), 1, 307},
		{"307 to plain HTTP", "PUT", 307, once("http://" + testHost + "/new"), 1, 307},
		{"301", "PUT", 301, once(there + "/new"), 1, 301},
		{"302", "POST", 302, once(there + "/new"), 1, 302},
		{"303", "PUT", 303, once(there + "/new"), 1, 303},
		{"302 of a GET to another host", "GET", 302, once("https://login.example/"), 1, 302},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var (
				mu   sync.Mutex
				hops []hop
			)
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				mu.Lock()
				defer mu.Unlock()
				hops = append(hops, hop{r.Host, r.Method, r.URL.Path, string(body), r.Header.Get("Authorization")})
				if to := tt.location(len(hops)); to != "" {
					w.Header().Set("Location", to)
					w.WriteHeader(tt.status)
				}
			})
			var m memory
			o := s.options()
			o.Observe = m.observe
			q := Request{
				Operation: "test", Method: tt.method, URL: there + "/old",
				Header: http.Header{"Authorization": {"Bearer topsecret"}}, Body: []byte("payload"),
			}
			_, err := s.client(t, o).Do(t.Context(), q)
			status := 200
			var refused *ServiceError
			if errors.As(err, &refused) {
				status = refused.Status
			} else if err != nil {
				t.Fatal(err)
			}
			if status != tt.final {
				t.Errorf("ended with %d, want %d", status, tt.final)
			}
			if len(hops) != tt.hops {
				t.Fatalf("hops %+v, want %d", hops, tt.hops)
			}
			for _, h := range hops {
				if h.host != testHost || h.method != tt.method || h.body != "payload" || h.authorization != "Bearer topsecret" {
					t.Errorf("hop %+v", h)
				}
			}
			if done := m.finished(); len(done) != tt.hops || done[0].Status != tt.status || !strings.HasSuffix(done[0].URL, "/old") {
				t.Errorf("recorded %+v", done)
			}
		})
	}
}

func once(location string) func(int) string {
	return func(n int) string {
		if n == 1 {
			return location
		}
		return ""
	}
}
