package wire

import (
	"bytes"
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
	"time"
)

// MaxBody is the largest response body that is read, in bytes. The services
// answer in a few kilobytes; more is a mistake or an attack.
const MaxBody = 1 << 20

// Limits of one call.
const (
	connectTimeout = 10 * time.Second
	tlsTimeout     = 10 * time.Second
	headerTimeout  = 30 * time.Second
	totalTimeout   = 60 * time.Second
	maxHeaderBytes = 64 << 10
)

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
	base := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true, // what is shown is what was sent
		TLSClientConfig:        tlsConfig(o),
		Protocols:              http1Only(),
	}
	if o.Dial != nil {
		base.DialContext = o.Dial
		base.Proxy = nil
	}
	return &Client{
		base: base,
		http: &http.Client{
			Transport:     newRecorder(base, o),
			Timeout:       totalTimeout,
			CheckRedirect: sameHostOnce,
		},
	}
}

func http1Only() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	return &p
}

func tlsConfig(o Options) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
	if o.Renegotiate {
		c.MaxVersion = tls.VersionTLS12
		c.Renegotiation = tls.RenegotiateOnceAsClient
	}
	c.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		// Sent whatever CAs the server names: Go would otherwise withhold a
		// certificate whose issuer is not on the list, without a word.
		certificate := o.Certificate
		if certificate == nil {
			certificate = &tls.Certificate{}
		}
		if t := tapOf(info.Context()); t != nil {
			t.certificateRequested(certificate)
		}
		return certificate, nil
	}
	return c
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
}

// Answer is what a service answered with a 2xx status.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

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
	if err != nil {
		return nil, NewConnectError(ctx, q.Operation, r.URL.Host, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, NewConnectError(ctx, q.Operation, r.URL.Host, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, NewServiceError(q.Operation, response, answer)
	}
	return &Answer{Status: response.StatusCode, Header: response.Header, Body: answer}, nil
}

// DecodeJSON reads an answer's body into v. The error says which operation
// answered with something else than JSON.
func (a *Answer) DecodeJSON(operation string, v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return &AnswerError{Operation: operation, Status: a.Status, ContentType: a.Header.Get("Content-Type"), Err: err}
	}
	return nil
}

// AnswerError is a successful status with a body that cannot be understood: a
// proxy or a captive portal often stands between.
type AnswerError struct {
	Operation   string
	Status      int
	ContentType string
	Err         error
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s: the answer (HTTP %d, %s) is not the JSON that the service sends: %v",
		e.Operation, e.Status, e.ContentType, e.Err)
}

func (e *AnswerError) Unwrap() error { return e.Err }

// ConnectError means that no answer came: name not found, connection refused
// or lost, time ran out, or the server's certificate is not trusted.
type ConnectError struct {
	Operation string
	Host      string
	Reason    ConnectReason
	Err       error
}

// ConnectReason is the class of a [ConnectError].
type ConnectReason string

// The classes.
const (
	ReasonName     ConnectReason = "name"      // DNS does not know the host
	ReasonRefused  ConnectReason = "refused"   // nobody listens, or no route
	ReasonTimeout  ConnectReason = "timeout"   // no answer in time
	ReasonTrust    ConnectReason = "trust"     // the server's certificate is not trusted
	ReasonTLS      ConnectReason = "tls"       // the handshake failed otherwise
	ReasonTooLarge ConnectReason = "too large" // the answer exceeds MaxBody
	ReasonBroken   ConnectReason = "broken"    // the connection ended before the answer
)

func (e *ConnectError) Error() string {
	return fmt.Sprintf("%s: no answer from %s: %v", e.Operation, e.Host, e.Err)
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed a little later.
func (e *ConnectError) Temporary() bool {
	return e.Reason == ReasonTimeout || e.Reason == ReasonBroken || e.Reason == ReasonRefused
}

var errTooLarge = fmt.Errorf("the answer is longer than %d bytes", MaxBody)

// NewConnectError classifies the error of a request that got no answer. When
// ctx was cancelled, the cause of that is returned instead.
func NewConnectError(ctx context.Context, operation, host string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", operation, cause)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the outer text repeats method and URL
	}
	return &ConnectError{Operation: operation, Host: host, Reason: reason(err), Err: err}
}

func reason(err error) ConnectReason {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		dns       *net.DNSError
		alert     tls.AlertError
		header    tls.RecordHeaderError
		timeout   net.Error
		op        *net.OpError
	)
	switch {
	case errors.Is(err, errTooLarge):
		return ReasonTooLarge
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return ReasonTrust
	case errors.As(err, &dns):
		return ReasonName
	case errors.As(err, &alert), errors.As(err, &header):
		return ReasonTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	case errors.As(err, &op) && op.Op == "dial":
		return ReasonRefused
	case errors.As(err, &op) && op.Op == "remote error":
		return ReasonTLS
	}
	return ReasonBroken
}
