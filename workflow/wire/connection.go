package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// connection remembers which client certificate went over it, for every
// exchange that uses it: the first one sees the handshake, the later ones and
// a renegotiation do not carry that one's context.
type connection struct {
	net.Conn

	received atomic.Int64 // bytes, encrypted

	mu        sync.Mutex
	requested bool
	sent      [][]byte
}

func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	return n, err
}

func (c *connection) certificateRequested(sent *tls.Certificate) {
	c.mu.Lock()
	c.requested, c.sent = true, sent.Certificate
	c.mu.Unlock()
}

func (c *connection) clientCertificate() (requested bool, sent [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requested, c.sent
}

// connectionOf finds what lies below TLS.
func connectionOf(c net.Conn) *connection {
	for {
		switch below := c.(type) {
		case *connection:
			return below
		case *tls.Conn:
			c = below.NetConn()
		default:
			return nil
		}
	}
}

// limited bounds the time of a dial.
func limited(dial dialer, limit time.Duration) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		bounded, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		c, err := dial(bounded, network, address)
		if err != nil && bounded.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("connecting took longer than %v: %w", limit, context.DeadlineExceeded)
		}
		return c, err
	}
}

// tapped wraps a dialer for connections to a proxy. TLS comes on top of them
// later, with a configuration that all of them share.
func tapped(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: raw}
		if t := tapOf(ctx); t != nil {
			t.dialed(c)
		}
		return c, nil
	}
}

// dialTLS connects directly, with a TLS configuration of the connection's own.
func dialTLS(o Options, dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: raw}
		config := tlsConfig(o, c)
		config.ServerName = host
		secure := tls.Client(c, config)
		t := tapOf(ctx)
		if t != nil {
			t.markOnce("tls")
		}
		bounded, cancel := context.WithTimeout(ctx, o.Limits.TLS)
		defer cancel()
		err = secure.HandshakeContext(bounded)
		if t != nil {
			t.markOnce("tls done")
		}
		if err == nil {
			return secure, nil
		}
		_ = raw.Close() // the handshake's error is the one to tell
		if bounded.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("the TLS handshake took longer than %v: %w", o.Limits.TLS, err)
		}
		return nil, err
	}
}

// tlsConfig is the identity. Client certificates are noted at c, or else at the
// connection that the handshake's own request dialed: through a proxy a
// renegotiation goes unnoticed.
func tlsConfig(o Options, c *connection) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
	if o.Renegotiate {
		config.MaxVersion = tls.VersionTLS12
		config.Renegotiation = tls.RenegotiateOnceAsClient
	}
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		// Sent whatever CAs the server names: Go would otherwise withhold a
		// certificate whose issuer is not on the list, without a word.
		certificate := o.Certificate
		if certificate == nil {
			certificate = &tls.Certificate{}
		}
		at := c
		if t := tapOf(info.Context()); at == nil && t != nil {
			at = t.connection()
		}
		if at != nil {
			at.certificateRequested(certificate)
		}
		return certificate, nil
	}
	return config
}
