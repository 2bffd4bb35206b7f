package wire

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"
)

// MaxBody is the largest response body that is read, in bytes. The services
// answer in a few kilobytes; more is a mistake or an attack.
const MaxBody = 1 << 20

// Limits bound the time of one call. A zero one has its default.
type Limits struct {
	Connect time.Duration // to be connected; 10 s
	TLS     time.Duration // for the handshake; 10 s
	Header  time.Duration // from the request to the answer's headers; 30 s
	Total   time.Duration // with the answer's body and a redirect; 60 s
}

func (l Limits) orDefault() Limits {
	return Limits{
		Connect: cmp.Or(l.Connect, 10*time.Second),
		TLS:     cmp.Or(l.TLS, 10*time.Second),
		Header:  cmp.Or(l.Header, 30*time.Second),
		Total:   cmp.Or(l.Total, 60*time.Second),
	}
}

// maxHeaderBytes is how long the headers of an answer may be.
const maxHeaderBytes = 64 << 10

// Options describe one identity towards one target. Every identity has its own
// [Client], so that a kept connection never carries another's certificate.
type Options struct {
	Service string // shown in exchanges: "DPS", "IoT Hub", …

	Certificate              *tls.Certificate // leaf first, then the chain; nil: none is sent
	CertificateFile, KeyFile string           // the same as files, for curl copies

	Roots  *x509.CertPool // nil: the system's
	CAFile string         // the same as a file, for curl copies

	// Dial replaces the connection's address (a lab on loopback); SNI, Host and
	// URL keep the real host name. ConnectTo names the address for curl copies.
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	ConnectTo string

	// Renegotiate allows the server one TLS 1.2 renegotiation: IoT Hub asks for
	// the client certificate that way. It makes TLS 1.2 the highest version,
	// because 1.3 has no renegotiation.
	Renegotiate bool

	// Ahead has the connections that were opened ahead; nil: none.
	Ahead *Ahead

	// Getenv looks up HTTPS_PROXY and NO_PROXY; nil: os.Getenv. With Dial there
	// is no proxy.
	Getenv func(string) string

	Limits Limits

	// Observe receives every exchange twice: when it starts, with the request
	// alone, and when it is finished. Calls come from the requesting goroutine.
	Observe func(x Exchange, finished bool)
}

// Client makes recorded requests as one identity.
type Client struct {
	http *http.Client
	base *http.Transport
}

// NewClient prepares a client; it opens no connection.
func NewClient(o Options) *Client {
	o.Limits = o.Limits.orDefault()
	dial := limited(dialerOf(o), o.Limits.Connect)
	base := &http.Transport{
		Proxy:                  proxyOf(o),
		OnProxyConnectResponse: checkProxyAnswer,
		DialContext:            tapped(dial),
		DialTLSContext:         o.Ahead.orAhead(dialTLS(o, dial)),
		TLSHandshakeTimeout:    o.Limits.TLS,
		ResponseHeaderTimeout:  o.Limits.Header,
		MaxResponseHeaderBytes: maxHeaderBytes,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true,              // none is asked for
		TLSClientConfig:        tlsConfig(o, nil), // through a proxy
		Protocols:              http1Only(),
	}
	return &Client{
		base: base,
		http: &http.Client{
			Transport:     newRecorder(base, o),
			Timeout:       o.Limits.Total,
			CheckRedirect: sameHostOnce,
		},
	}
}

func dialerOf(o Options) dialer {
	if o.Dial != nil {
		return o.Dial
	}
	return (&net.Dialer{}).DialContext
}

func proxyOf(o Options) func(*http.Request) (*url.URL, error) {
	switch {
	case o.Dial != nil:
		return nil
	case o.Getenv != nil:
		return proxyFrom(o.Getenv)
	}
	return proxyFrom(os.Getenv)
}

func http1Only() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	return &p
}

// sameHostOnce follows one redirect that stays on its host and keeps its
// method (307, 308); any other is returned as the answer, so that credentials
// never leave the host.
func sameHostOnce(r *http.Request, via []*http.Request) error {
	if len(via) > 1 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != "https" || r.Method != via[0].Method {
		return http.ErrUseLastResponse
	}
	return nil
}

// Close ends kept connections.
func (c *Client) Close() { c.base.CloseIdleConnections() }

// HTTP is the client as a standard one, for libraries that bring their own
// requests. Name the operation with [WithOperation].
func (c *Client) HTTP() *http.Client { return c.http }

type operationKey struct{}

// WithOperation names what the requests made with ctx are for.
func WithOperation(ctx context.Context, operation string) context.Context {
	return context.WithValue(ctx, operationKey{}, operation)
}

type dryRunKey struct{}

// WithDryRun makes the requests made with ctx end before they are sent, each
// with a [*DryRunError] that holds it. It is recorded like any other.
func WithDryRun(ctx context.Context) context.Context {
	return context.WithValue(ctx, dryRunKey{}, true)
}

// IsDryRun reports whether ctx is one of [WithDryRun], so that no sign-in is
// needed either.
func IsDryRun(ctx context.Context) bool {
	dry, _ := ctx.Value(dryRunKey{}).(bool)
	return dry
}

// DryRunError is how a request of [WithDryRun] ends: nothing was sent.
type DryRunError struct {
	Exchange Exchange // the request alone, secrets masked
}

func (e *DryRunError) Error() string {
	return fmt.Sprintf("%s: dry run: %s %s was not sent", e.Exchange.Operation, e.Exchange.Method, e.Exchange.URL)
}

func operationOf(ctx context.Context) string {
	s, _ := ctx.Value(operationKey{}).(string)
	return s
}

// Request is one call to a service.
type Request struct {
	Operation string // "register"
	Method    string
	URL       string
	Header    http.Header
	Body      []byte // nil: none

	// Accept lists statuses outside 2xx that are answers too, such as the 401
	// of a challenge.
	Accept []int
}

// Answer is what a service answered with a 2xx status, or with one that the
// request accepts.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	operation string
	response  *http.Response
}

// Refusal is the answer as the error that it would have been without
// Request.Accept.
func (a *Answer) Refusal() *ServiceError { return NewServiceError(a.operation, a.response, a.Body) }

// Do makes one request. A status outside 2xx is a [*ServiceError]; no answer
// at all is a [*ConnectError].
func (c *Client) Do(ctx context.Context, q Request) (*Answer, error) {
	ctx = WithOperation(ctx, q.Operation)
	var body io.Reader
	if q.Body != nil {
		body = bytes.NewReader(q.Body)
	}
	r, err := http.NewRequestWithContext(ctx, q.Method, q.URL, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", q.Operation, err)
	}
	for name, values := range q.Header {
		r.Header[name] = values
	}
	response, err := c.http.Do(r)
	var dry *DryRunError
	if errors.As(err, &dry) {
		return nil, dry
	}
	if err != nil {
		return nil, NewConnectError(ctx, q.Operation, r.URL.Host, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, NewConnectError(ctx, q.Operation, r.URL.Host, err)
	}
	if response.StatusCode/100 != 2 && !slices.Contains(q.Accept, response.StatusCode) {
		return nil, NewServiceError(q.Operation, response, answer)
	}
	return &Answer{
		Status: response.StatusCode, Header: response.Header, Body: answer,
		operation: q.Operation, response: response,
	}, nil
}

// DecodeJSON reads an answer's body into v. The error says which operation
// answered with something else than JSON.
func (a *Answer) DecodeJSON(operation string, v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return &AnswerError{Operation: operation, Status: a.Status, ContentType: a.Header.Get("Content-Type"), Err: err}
	}
	return nil
}
