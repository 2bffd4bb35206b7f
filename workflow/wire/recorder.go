package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"dpslab/pki"
)

// keptBody is how much of a body an exchange keeps, in bytes.
const keptBody = 64 << 10

var lastID atomic.Int64

// recorder is the round tripper that remembers.
type recorder struct {
	next    http.RoundTripper
	options Options
	// handshakes maps a connection to what its handshake showed, so that an
	// exchange over a kept connection still tells whom it was made as.
	mu         sync.Mutex
	handshakes map[net.Conn]*tap
}

func newRecorder(next http.RoundTripper, o Options) *recorder {
	return &recorder{next: next, options: o, handshakes: make(map[net.Conn]*tap)}
}

// maxHandshakes bounds the map: ended connections leave no notice.
const maxHandshakes = 64

func (r *recorder) remember(c net.Conn, t *tap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.handshakes) >= maxHandshakes {
		clear(r.handshakes)
	}
	r.handshakes[c] = t
}

// handshakeOf is the tap of the request that opened c, or else, when that is
// no longer known.
func (r *recorder) handshakeOf(c net.Conn, otherwise *tap) *tap {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.handshakes[c]; ok {
		return t
	}
	return otherwise
}

// tap collects what happens on the connection of one request.
type tap struct {
	mu        sync.Mutex
	times     map[string]time.Time
	reused    bool
	conn      net.Conn
	requested bool
	sent      [][]byte
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

func (t *tap) certificateRequested(c *tls.Certificate) {
	t.mu.Lock()
	t.requested, t.sent = true, c.Certificate
	t.mu.Unlock()
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

func (t *tap) trace(r *recorder) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { t.mark("dns") },
		DNSDone:           func(httptrace.DNSDoneInfo) { t.mark("dns done") },
		ConnectStart:      func(string, string) { t.mark("connect") },
		ConnectDone:       func(string, string, error) { t.mark("connect done") },
		TLSHandshakeStart: func() { t.mark("tls") },
		TLSHandshakeDone:  func(tls.ConnectionState, error) { t.mark("tls done") },
		GotConn: func(i httptrace.GotConnInfo) {
			t.mu.Lock()
			t.reused, t.conn = i.Reused, i.Conn
			t.mu.Unlock()
			if !i.Reused {
				r.remember(i.Conn, t)
			}
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { t.mark("wrote") },
		GotFirstResponseByte: func() { t.mark("first byte") },
	}
}

// RoundTrip makes the request and reads the whole answer, so that what the
// caller sees is what was recorded.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	t := &tap{times: make(map[string]time.Time)}
	ctx := context.WithValue(q.Context(), tapKey{}, t)
	q = q.WithContext(httptrace.WithClientTrace(ctx, t.trace(r)))

	x, err := r.start(q)
	if err != nil {
		return nil, err
	}
	r.observe(x, false)
	begin := time.Now()
	response, err := r.next.RoundTrip(q)
	var body []byte
	if err == nil {
		body, err = readBody(response)
	}
	x.Timing = Timing{
		DNS:     t.between("dns", "dns done"),
		Connect: t.between("connect", "connect done"),
		TLS:     t.between("tls", "tls done"),
		Wait:    t.between("wrote", "first byte"),
		Total:   milliseconds(time.Since(begin)),
		Reused:  t.reused,
	}
	x.TLS = r.tlsFacts(t)
	if err != nil {
		x.Error = RedactText(err.Error())
		r.observe(x, true)
		return nil, err
	}
	x.Proto, x.Status = response.Proto, response.StatusCode
	_, x.Reason, _ = strings.Cut(response.Status, " ")
	x.ResponseHeader = redactHeader(response.Header)
	x.ResponseBody, x.Truncated = keep(body, x.Truncated)
	r.observe(x, true)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

func (r *recorder) start(q *http.Request) (Exchange, error) {
	x := Exchange{
		ID: int(lastID.Add(1)), Service: r.options.Service, Operation: operationOf(q.Context()),
		Started: time.Now(), Method: q.Method, URL: redactURL(q.URL),
		RequestHeader:   redactHeader(q.Header),
		CertificateFile: r.options.CertificateFile, KeyFile: r.options.KeyFile,
		CAFile: r.options.CAFile, ConnectTo: r.options.ConnectTo,
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

func readBody(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > MaxBody {
		return nil, errTooLarge
	}
	return body, nil
}

func (r *recorder) observe(x Exchange, finished bool) {
	if r.options.Observe != nil {
		r.options.Observe(x, finished)
	}
}

func (r *recorder) tlsFacts(t *tap) *TLSFacts {
	t.mu.Lock()
	conn := t.conn
	t.mu.Unlock()
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	handshake := r.handshakeOf(conn, t)
	handshake.mu.Lock()
	requested, sent := handshake.requested, handshake.sent
	handshake.mu.Unlock()
	state := secure.ConnectionState()
	facts := &TLSFacts{
		Version:     tls.VersionName(state.Version),
		CipherSuite: tls.CipherSuiteName(state.CipherSuite),
		ServerName:  state.ServerName,
		Requested:   requested,
	}
	for _, c := range state.PeerCertificates {
		facts.Server = append(facts.Server, certificateFact(c))
	}
	for _, der := range sent {
		if c, err := x509.ParseCertificate(der); err == nil {
			facts.Client = append(facts.Client, certificateFact(c))
		}
	}
	return facts
}

func certificateFact(c *x509.Certificate) CertificateFact {
	f := pki.Describe(c)
	return CertificateFact{
		Subject: f.Subject, Issuer: f.Issuer, NotAfter: f.NotAfter,
		SHA1: f.SHA1, SHA256: f.SHA256, CA: f.IsCA,
	}
}
