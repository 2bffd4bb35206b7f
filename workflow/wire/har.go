package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// HAR writes exchanges as an HTTP Archive 1.2, which browsers' network panels
// and proxies read. Secrets are masked, as in the exchanges. creator is the
// version of this program.
func HAR(exchanges []Exchange, creator string) ([]byte, error) {
	var b bytes.Buffer
	err := WriteHAR(&b, func(yield func(*Exchange, error) bool) {
		for i := range exchanges {
			if !yield(&exchanges[i], nil) {
				return
			}
		}
	}, creator)
	return b.Bytes(), err
}

// WriteHAR is [HAR] for exchanges that come one after another. It ends with the
// first error of theirs or of the writer.
func WriteHAR(w io.Writer, exchanges iter.Seq2[*Exchange, error], creator string) error {
	log := harLog{
		Version: "1.2",
		Creator: harCreator{Name: "dpslab", Version: creator, Comment: "secrets are masked as " + Masked},
		Entries: []harEntry{},
	}
	frame, err := json.MarshalIndent(map[string]harLog{"log": log}, "", "  ")
	if err != nil {
		return fmt.Errorf("write the HTTP archive: %w", err)
	}
	end := bytes.LastIndex(frame, []byte("]")) // of the entries, which are the last member
	out := bufio.NewWriter(w)
	out.Write(frame[:end]) // an error is kept until Flush
	const margin = "      "
	before := "\n"
	for x, err := range exchanges {
		if err != nil {
			return fmt.Errorf("write the HTTP archive: %w", err)
		}
		if x.DryRun {
			continue // never went over the wire
		}
		entry, err := json.MarshalIndent(newHAREntry(x), margin, "  ")
		if err != nil {
			return fmt.Errorf("write the HTTP archive: %w", err)
		}
		fmt.Fprintf(out, "%s%s%s", before, margin, entry)
		before = ",\n"
	}
	if before != "\n" {
		out.WriteString("\n    ")
	}
	out.Write(append(frame[end:], '\n'))
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the HTTP archive: %w", err)
	}
	return nil
}

type harLog struct {
	Version string     `json:"version"`
	Creator harCreator `json:"creator"`
	Entries []harEntry `json:"entries"`
}

type harCreator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Comment string `json:"comment,omitempty"`
}

// harEntry has members of our own under names that begin with an underscore, as
// the format asks for.
type harEntry struct {
	Started    string      `json:"startedDateTime"`
	Time       float64     `json:"time"` // ms
	Request    harRequest  `json:"request"`
	Response   harResponse `json:"response"`
	Cache      struct{}    `json:"cache"`
	Timings    harTimings  `json:"timings"`
	Connection string      `json:"connection,omitempty"`
	Service    string      `json:"_service,omitempty"`
	Operation  string      `json:"_operation,omitempty"`
	TLS        *TLSFacts   `json:"_tls,omitempty"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harRequest struct {
	Method      string       `json:"method"`
	URL         string       `json:"url"`
	HTTPVersion string       `json:"httpVersion"`
	Cookies     []harPair    `json:"cookies"`
	Headers     []harPair    `json:"headers"`
	Query       []harPair    `json:"queryString"`
	PostData    *harPostData `json:"postData,omitempty"`
	HeadersSize int          `json:"headersSize"`
	BodySize    int          `json:"bodySize"`
}

type harPostData struct {
	MimeType string    `json:"mimeType"`
	Params   []harPair `json:"params"`
	Text     string    `json:"text"`
}

type harResponse struct {
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []harPair  `json:"cookies"`
	Headers     []harPair  `json:"headers"`
	Content     harContent `json:"content"`
	RedirectURL string     `json:"redirectURL"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int        `json:"bodySize"`
	Error       string     `json:"_error,omitempty"`
}

type harContent struct {
	Size     int    `json:"size"`
	MimeType string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
	Comment  string `json:"comment,omitempty"`
}

// harTimings are in milliseconds; -1 is for what did not happen.
type harTimings struct {
	Blocked float64 `json:"blocked"`
	DNS     float64 `json:"dns"`
	Connect float64 `json:"connect"` // with ssl
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
	SSL     float64 `json:"ssl"`
}

const unknownSize = -1

func newHAREntry(x *Exchange) harEntry {
	started := x.Started
	if t := x.Timing; t.Ahead { // the entry's time has the way there in it
		started = started.Add(-time.Duration((t.DNS + t.Connect + t.TLS) * float64(time.Millisecond)))
	}
	e := harEntry{
		Started: started.Format(time.RFC3339Nano), Timings: newHARTimings(x.Timing),
		Service: x.Service, Operation: x.Operation, TLS: x.TLS,
		Request: harRequest{
			Method: x.Method, URL: x.URL, HTTPVersion: httpVersion(x), Cookies: []harPair{},
			Headers: harHeaders(x.RequestHeader), Query: harQuery(x.URL), HeadersSize: unknownSize, BodySize: len(x.RequestBody),
		},
		Response: harResponse{
			Status: x.Status, StatusText: x.Reason, HTTPVersion: httpVersion(x), Cookies: []harPair{},
			Headers: harHeaders(x.ResponseHeader), RedirectURL: x.ResponseHeader.Get("Location"),
			HeadersSize: unknownSize, BodySize: len(x.ResponseBody), Error: x.Error,
			Content: harContent{Size: len(x.ResponseBody), MimeType: mimeType(x.ResponseHeader), Text: x.ResponseBody},
		},
	}
	if x.RequestBody != "" {
		e.Request.PostData = &harPostData{MimeType: mimeType(x.RequestHeader), Params: []harPair{}, Text: x.RequestBody}
	}
	if x.Truncated {
		e.Request.BodySize, e.Response.BodySize = unknownSize, unknownSize
		e.Response.Content.Comment = "a body of this exchange is kept in part"
	}
	e.Time = e.Timings.sum()
	return e
}

func httpVersion(x *Exchange) string {
	if x.Proto != "" {
		return x.Proto
	}
	return "HTTP/1.1" // what was asked with; no answer came
}

func mimeType(h http.Header) string {
	if t := h.Get("Content-Type"); t != "" {
		return t
	}
	return "x-unknown"
}

func newHARTimings(t Timing) harTimings {
	h := harTimings{Blocked: -1, DNS: t.DNS, Connect: t.Connect + t.TLS, SSL: t.TLS, Wait: t.Wait}
	if t.Reused {
		h.DNS, h.Connect, h.SSL = -1, -1, -1
	}
	h.Receive = max(0, t.Total-t.DNS-t.Connect-t.TLS-t.Wait)
	return h
}

func (t harTimings) sum() float64 {
	return max(t.DNS, 0) + max(t.Connect, 0) + t.Send + t.Wait + t.Receive
}

func harHeaders(h http.Header) []harPair {
	pairs := make([]harPair, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			pairs = append(pairs, harPair{name, v})
		}
	}
	return pairs
}

func harQuery(address string) []harPair {
	pairs := []harPair{}
	u, err := url.Parse(address)
	if err != nil || u.RawQuery == "" {
		return pairs
	}
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, harPair{unescaped(name), unescaped(value)})
	}
	return pairs
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
