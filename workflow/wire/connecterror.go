package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

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
	ReasonTooLarge ConnectReason = "too large" // the answer exceeds MaxBody, or its headers 64 KiB
	ReasonProxy    ConnectReason = "proxy"     // the proxy does not connect, see ProxyError
	ReasonBroken   ConnectReason = "broken"    // the connection ended before the answer
)

func (e *ConnectError) Error() string { return e.Operation + ": " + e.Summary() }

// Summary is the error without the operation.
func (e *ConnectError) Summary() string {
	if e.Reason == ReasonTooLarge {
		return fmt.Sprintf("the answer of %s is not taken: %v", e.Host, e.Err)
	}
	return fmt.Sprintf("no answer from %s: %v", e.Host, e.Err)
}

func (e *ConnectError) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed a little later.
func (e *ConnectError) Temporary() bool {
	return e.Reason == ReasonTimeout || e.Reason == ReasonBroken || e.Reason == ReasonRefused
}

var (
	errTooLarge       = fmt.Errorf("the answer is longer than %d bytes", MaxBody)
	errHeadersTooLong = fmt.Errorf("the headers of the answer are longer than %d bytes", maxHeaderBytes)
)

// NewConnectError classifies the error of a request that got no answer. When
// ctx was cancelled, the cause of that is returned instead; that its time ran
// out is [ReasonTimeout] like any other timeout.
func NewConnectError(ctx context.Context, operation, host string, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
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
		proxy     *ProxyError
	)
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errHeadersTooLong):
		return ReasonTooLarge
	case errors.Is(err, errProxyAddress), errors.As(err, &proxy) && proxy.Status < http.StatusInternalServerError:
		return ReasonProxy
	case proxy != nil: // 502, 503, 504: it could not reach the service just now
		return ReasonRefused
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return ReasonTrust
	case errors.As(err, &dns) && (dns.IsTemporary || dns.IsTimeout):
		return ReasonTimeout // a resolver that did not answer, not a name that is not there
	case errors.As(err, &dns):
		return ReasonName
	case errors.As(err, &alert), errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch):
		return ReasonTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	case !errors.As(err, &op):
		return ReasonBroken
	case op.Op == "dial", op.Op == "proxyconnect":
		return ReasonRefused
	case op.Op == "remote error", op.Op == "local error": // an alert that came, or that was sent
		return ReasonTLS
	}
	return ReasonBroken
}
