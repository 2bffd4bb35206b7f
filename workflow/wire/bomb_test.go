package wire_test

import (
	"io"
	"net/http"
	"testing"

	"dpslab/workflow/wire"
	"dpslab/workflow/wire/wiretest"
)

// Not parallel: it looks at the memory of the process.
func TestGzipBomb(t *testing.T) {
	request := func(method string) wire.Request {
		return wire.Request{Operation: "test", Method: method, URL: "https://management.azure.com/"}
	}
	wiretest.Defuse(t, map[string]func(*testing.T, *wiretest.Service) error{
		"do": func(t *testing.T, s *wiretest.Service) error {
			_, err := s.Client(t).Do(t.Context(), request(http.MethodGet))
			return err
		},
		"accepted": func(t *testing.T, s *wiretest.Service) error {
			q := request(http.MethodPut)
			q.Accept = []int{http.StatusBadRequest}
			_, err := s.Client(t).Do(t.Context(), q)
			return err
		},
		"standard client": func(t *testing.T, s *wiretest.Service) error {
			_, err := s.Client(t).HTTP().Get("https://management.azure.com/")
			return wire.NewConnectError(t.Context(), "test", "management.azure.com", err)
		},
		"capped": func(t *testing.T, s *wiretest.Service) error {
			_, err := (&http.Client{Transport: wire.CapBodies(s.Plain())}).Get("https://management.azure.com/")
			return err
		},
	})
}

// A coding that nobody asked for and that is none of gzip's names is left as it
// is.
func TestCapBodiesKeepsAnAnswer(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"", "gzip", "x-gzip", "utf-8"} {
		s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if coding != "" {
				w.Header().Set("Content-Encoding", coding)
			}
			body := []byte("hello")
			if coding == "gzip" || coding == "x-gzip" {
				body = wiretest.Packed("hello")
			}
			_, _ = w.Write(body)
		})
		answer, err := (&http.Client{Transport: wire.CapBodies(s.Plain())}).Get("https://management.azure.com/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || string(body) != "hello" {
			t.Errorf("%q: %q, %v", coding, body, err)
		}
	}
}
