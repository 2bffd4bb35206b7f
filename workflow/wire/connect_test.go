package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// listen answers each connection with f, without TLS.
func listen(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return l.Addr().String()
}

// raw is a TLS service that hands its connection over after the request's
// headers.
func raw(t *testing.T, f func(net.Conn)) *service {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		f(c)
	})
}

func TestConnectReasons(t *testing.T) {
	t.Parallel()
	nothing := func(http.ResponseWriter, *http.Request) {}
	trusted := func(s *service) Options { return s.options() }
	for _, tt := range []struct {
		name      string
		options   func(t *testing.T) Options
		url       string
		want      ConnectReason
		temporary bool
	}{
		{name: "name that DNS does not know", want: ReasonName, options: func(*testing.T) Options {
			return Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}}
			}}
		}},
		{name: "nobody listens", want: ReasonRefused, temporary: true, options: func(t *testing.T) Options {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			return Options{Dial: dialTo(l.Addr().String())}
		}},
		{name: "private CA, not known", want: ReasonTrust, options: func(t *testing.T) Options {
			o := trusted(serve(t, nothing))
			o.Roots = nil
			return o
		}},
		{name: "another private CA", want: ReasonTrust, options: func(t *testing.T) Options {
			o := trusted(serve(t, nothing))
			o.Roots = newAuthority(t).pool
			return o
		}},
		{name: "certificate for another host", want: ReasonTrust, url: "https://contoso.example/", options: func(t *testing.T) Options {
			return trusted(serve(t, nothing))
		}},
		{name: "alert: a client certificate is required", want: ReasonTLS, options: func(t *testing.T) Options {
			return trusted(serve(t, nothing, func(c *tls.Config) {
				c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
			}))
		}},
		{name: "alert: no version in common", want: ReasonTLS, options: func(t *testing.T) Options {
			o := trusted(serve(t, nothing, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }))
			o.Renegotiate = true
			return o
		}},
		{name: "plain HTTP", want: ReasonTLS, options: func(t *testing.T) Options {
			return Options{Dial: dialTo(listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }))}
		}},
		{name: "neither TLS nor HTTP", want: ReasonTLS, options: func(t *testing.T) Options {
			return Options{Dial: dialTo(listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 smtp.example ESMTP\r\n") }))}
		}},
		{name: "closed in the handshake", want: ReasonBroken, temporary: true, options: func(t *testing.T) Options {
			return Options{Dial: dialTo(listen(t, func(c net.Conn) { _, _ = bufio.NewReader(c).ReadByte() }))}
		}},
		{name: "closed before the answer", want: ReasonBroken, temporary: true, options: func(t *testing.T) Options {
			return trusted(raw(t, func(net.Conn) {}))
		}},
		{name: "closed in the headers", want: ReasonBroken, temporary: true, options: func(t *testing.T) Options {
			return trusted(raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le") }))
		}},
		{name: "closed in the body", want: ReasonBroken, temporary: true, options: func(t *testing.T) Options {
			return trusted(raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf") }))
		}},
		{name: "no HTTP", want: ReasonBroken, temporary: true, options: func(t *testing.T) Options {
			return trusted(raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "hello\r\n\r\n") }))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var m memory
			o := tt.options(t)
			o.Observe = m.observe
			c := NewClient(o)
			defer c.Close()
			q := get("/?sig=topsecret")
			if tt.url != "" {
				q.URL = tt.url
			}
			_, err := c.Do(t.Context(), q)
			e := wantReason(t, err, tt.want)
			if e.Temporary() != tt.temporary || e.Operation != "test" || e.Host == "" {
				t.Errorf("got %+v", e)
			}
			if strings.Contains(err.Error(), "topsecret") {
				t.Errorf("a secret of the URL is in %q", err)
			}
			if x := m.only(t); x.Error == "" || x.Status != 0 {
				t.Errorf("recorded %+v", x)
			}
		})
	}
}

// What a proxy's refusal looks like, without the environment that makes
// net/http use one.
func TestReasonOfProxyErrors(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	err := NewConnectError(t.Context(), "test", testHost, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: refused})
	wantReason(t, err, ReasonRefused)
}

func TestTimeoutAndCancel(t *testing.T) {
	t.Parallel()
	byUser := errors.New("the user pressed ctrl+c")
	for _, tt := range []struct {
		name    string
		context func(context.Context) (context.Context, context.CancelFunc)
		cause   error // nil: a ConnectError
	}{
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Millisecond)
		}, nil},
		{"cancelled with a cause", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(byUser)
			return ctx, func() { cancel(nil) }
		}, byUser},
		{"cancelled without", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, context.Canceled},
		{"deadline with a cause", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeoutCause(ctx, 20*time.Millisecond, byUser)
		}, byUser},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			ctx, cancel := tt.context(t.Context())
			defer cancel()
			_, err := s.client(t, s.options()).Do(ctx, get("/"))
			if tt.cause == nil {
				if !wantReason(t, err, ReasonTimeout).Temporary() {
					t.Error("a timeout may pass")
				}
				return
			}
			var e *ConnectError
			if !errors.Is(err, tt.cause) || errors.As(err, &e) {
				t.Errorf("got %v (%T), want the cause", err, err)
			}
		})
	}
}

// A server that accepts and then says nothing: time is the bubble's own.
func TestLimitsOfACall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		serve func(net.Conn, tls.Certificate)
		want  string
	}{
		{"no handshake", func(c net.Conn, _ tls.Certificate) { _, _ = io.Copy(io.Discard, c) }, "TLS handshake"},
		{"no answer", func(c net.Conn, pair tls.Certificate) {
			_, _ = io.Copy(io.Discard, tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}))
		}, "response headers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ca := newAuthority(t) // here, to be valid at the bubble's time
				pair := ca.serverPair(t, testHost)
				var m memory
				c := NewClient(Options{Roots: ca.pool, Observe: m.observe, Dial: func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					go func() {
						tt.serve(server, pair)
						_ = server.Close()
					}()
					return client, nil
				}})
				defer c.Close()
				_, err := c.Do(t.Context(), get("/"))
				if e := wantReason(t, err, ReasonTimeout); !strings.Contains(e.Error(), tt.want) {
					t.Errorf("the error does not say what took too long: %v", e)
				}
				if x := m.only(t); x.Error == "" {
					t.Errorf("recorded %+v", x)
				}
			})
		})
	}
}

// A dial override leads to a lab on loopback, where no proxy belongs. Without
// one the environment decides.
func TestDialOverrideSwitchesTheProxyOff(t *testing.T) {
	t.Parallel()
	if c := NewClient(Options{Dial: dialTo("127.0.0.1:1")}); c.base.Proxy != nil {
		t.Error("a proxy would be used beside the dial override")
	}
	if c := NewClient(Options{}); c.base.Proxy == nil {
		t.Error("the environment's proxy is not used")
	}
}

// Through a proxy, TLS stands on a connection that the transport made.
func TestThroughAProxy(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	me := newIdentity(t, "device-01")
	proxy := listen(t, func(c net.Conn) { forward(c, s.address) })
	var m memory
	c := NewClient(Options{Roots: s.ca.pool, Certificate: me.pair, Observe: m.observe})
	defer c.Close()
	c.base.Proxy = http.ProxyURL(mustURL(t, "http://"+proxy))
	for range 2 {
		if _, err := c.Do(t.Context(), get("/")); err != nil {
			t.Fatal(err)
		}
	}
	for i, x := range m.finished() {
		if x.TLS == nil || !x.TLS.Requested || len(x.TLS.Client) != 1 || x.Timing.Reused != (i == 1) {
			t.Errorf("exchange %d: %+v %+v", i, x.TLS, x.Timing)
		}
	}
}

// forward is a CONNECT proxy that leads everything to one address.
func forward(c net.Conn, address string) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || r.Method != http.MethodConnect {
		return
	}
	up, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer up.Close()
	fmt.Fprint(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(up, c)
		_ = up.Close()
	}()
	_, _ = io.Copy(c, up)
}
