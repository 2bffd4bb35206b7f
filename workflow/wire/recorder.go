package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// keptBody is how much of a body an exchange keeps, in bytes.
const keptBody = 64 << 10

var lastID atomic.Int64

// recorder is the round tripper that remembers.
type recorder struct {
	next    *http.Transport
	options Options
}

func newRecorder(next *http.Transport, o Options) *recorder {
	return &recorder{next: next, options: o}
}

// tap collects what happens on the connection of one request.
type tap struct {
	mu     sync.Mutex
	times  map[string]time.Time
	reused bool
	conn   net.Conn
	before int64       // what the connection had received until then
	opened *connection // by the dial of this request
	begin  time.Time
	ahead  time.Duration // what opening the connection took before begin
}

func newTap() *tap { return &tap{times: make(map[string]time.Time)} }

// adopt takes over how a connection was opened that was opened ahead.
func (t *tap) adopt(from *tap) {
	from.mu.Lock()
	defer from.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	first, last := t.begin, time.Time{}
	for name, at := range from.times {
		t.times[name] = at
		if at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	if last.After(t.begin) { // the request waited for the rest
		last = t.begin
	}
	t.opened, t.ahead = from.opened, max(0, last.Sub(first))
}

type tapKey struct{}

func tapOf(ctx context.Context) *tap {
	t, _ := ctx.Value(tapKey{}).(*tap)
	return t
}

func (t *tap) mark(name string) {
	t.mu.Lock()
	t.times[name] = time.Now()
	t.mu.Unlock()
}

// markOnce keeps the first time: net/http tells of a handshake that is done
// already, too.
func (t *tap) markOnce(name string) {
	t.mu.Lock()
	if _, ok := t.times[name]; !ok {
		t.times[name] = time.Now()
	}
	t.mu.Unlock()
}

func (t *tap) dialed(c *connection) {
	t.mu.Lock()
	t.opened = c
	t.mu.Unlock()
}

func (t *tap) connection() *connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.opened
}

func (t *tap) between(from, to string) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, okA := t.times[from]
	b, okB := t.times[to]
	if !okA || !okB || b.Before(a) {
		return 0
	}
	return milliseconds(b.Sub(a))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (t *tap) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { t.mark("dns") },
		DNSDone:           func(httptrace.DNSDoneInfo) { t.mark("dns done") },
		ConnectStart:      func(string, string) { t.mark("connect") },
		ConnectDone:       func(string, string, error) { t.mark("connect done") },
		TLSHandshakeStart: func() { t.markOnce("tls") },
		TLSHandshakeDone:  func(tls.ConnectionState, error) { t.markOnce("tls done") },
		GotConn: func(i httptrace.GotConnInfo) {
			t.mu.Lock()
			t.reused, t.conn = i.Reused, i.Conn
			if c := connectionOf(i.Conn); c != nil {
				t.before = c.received.Load()
			}
			t.mu.Unlock()
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { t.mark("wrote") },
		GotFirstResponseByte: func() { t.mark("first byte") },
	}
}

// RoundTrip makes the request and reads the whole answer, so that what the
// caller sees is what was recorded.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	t := newTap()
	ctx := context.WithValue(q.Context(), tapKey{}, t)
	q = q.WithContext(httptrace.WithClientTrace(ctx, t.trace()))

	x, err := r.start(q)
	if err != nil {
		return nil, err
	}
	if IsDryRun(ctx) {
		x.DryRun = true
		r.observe(x, true)
		return nil, &DryRunError{x}
	}
	r.observe(x, false)
	t.begin = time.Now()
	response, err := r.next.RoundTrip(q)
	var body []byte
	if err == nil {
		body, err = readBody(response)
	} else if t.headersTooLong() {
		err = fmt.Errorf("%w: %w", errHeadersTooLong, err)
	}
	x.Timing = t.timing(time.Now())
	x.TLS = t.tlsFacts()
	if err != nil {
		x.Error = RedactText(err.Error())
		r.observe(x, true)
		return nil, err
	}
	x.Proto, x.Status = response.Proto, response.StatusCode
	_, x.Reason, _ = strings.Cut(response.Status, " ")
	x.ResponseHeader = redactHeader(response.Header)
	replaceBody(response, body)
	x.ResponseBody, x.Truncated = keep(body, x.Truncated)
	r.observe(x, true)
	return response, nil
}

// timing is where the time went until end.
func (t *tap) timing(end time.Time) Timing {
	timing := Timing{
		DNS:     t.between("dns", "dns done"),
		Connect: t.between("connect", "connect done"),
		TLS:     t.between("tls", "tls done"),
		Wait:    t.between("wrote", "first byte"),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	timing.Total = milliseconds(t.ahead + end.Sub(t.begin))
	timing.Reused, timing.Ahead = t.reused, t.ahead > 0
	return timing
}

func (r *recorder) start(q *http.Request) (Exchange, error) {
	x := Exchange{
		ID: int(lastID.Add(1)), Service: r.options.Service, Operation: operationOf(q.Context()),
		Started: time.Now(), Method: q.Method, URL: redactURL(q.URL),
		RequestHeader:   redactHeader(q.Header),
		CertificateFile: r.options.CertificateFile, KeyFile: r.options.KeyFile,
		CAFile: r.options.CAFile, ConnectTo: r.options.ConnectTo,
	}
	if r.next.Proxy != nil {
		if proxy, err := r.next.Proxy(q); err == nil && proxy != nil {
			x.Proxy = proxy.Host
		}
	}
	if q.Body == nil || q.Body == http.NoBody {
		return x, nil
	}
	body, err := io.ReadAll(q.Body)
	q.Body.Close()
	if err != nil {
		return x, err
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	q.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	x.RequestBody, x.Truncated = keep(body, false)
	return x, nil
}

func keep(body []byte, truncated bool) (string, bool) {
	if len(body) > keptBody {
		body, truncated = body[:keptBody], true
	}
	return RedactText(string(body)), truncated
}

// headersTooLong reports whether more came than the headers of an answer may be
// long, and they had not ended yet.
func (t *tap) headersTooLong() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := connectionOf(t.conn)
	return c != nil && c.received.Load()-t.before > maxHeaderBytes
}

func (r *recorder) observe(x Exchange, finished bool) {
	if r.options.Observe != nil {
		r.options.Observe(x, finished)
	}
}

func (t *tap) tlsFacts() *TLSFacts {
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	var requested bool
	var sent [][]byte
	if below := connectionOf(secure); below != nil {
		requested, sent = below.clientCertificate()
	}
	state := secure.ConnectionState()
	facts := &TLSFacts{
		Version:     tls.VersionName(state.Version),
		CipherSuite: tls.CipherSuiteName(state.CipherSuite),
		ServerName:  state.ServerName,
		Requested:   requested,
	}
	for _, c := range state.PeerCertificates {
		if fact, ok := certificateFact(c.Raw); ok {
			facts.Server = append(facts.Server, fact)
		}
	}
	for _, der := range sent {
		if fact, ok := certificateFact(der); ok {
			facts.Client = append(facts.Client, fact)
		}
	}
	return facts
}
