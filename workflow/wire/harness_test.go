package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dpslab/pki"
)

// testHost is the name under which the tests' servers are reached.
const testHost = "global.azure-devices-provisioning.net"

func month() pki.Validity { return pki.ValidFor(time.Now(), 30) }

// authority is a private CA.
type authority struct {
	issuer pki.Issuer
	pool   *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root, err := pki.RootCA(key, "wire test root", month())
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{issuer: pki.Issuer{Certificate: root, Key: key}, pool: x509.NewCertPool()}
	a.pool.AddCert(root)
	return a
}

// file writes the CA's certificate and returns its path.
func (a *authority) file(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := pki.WriteCertificates(path, a.issuer.Certificate); err != nil {
		t.Fatal(err)
	}
	return path
}

// serverPair issues a server certificate.
func (a *authority) serverPair(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.ServerCertificate(key.Public(), names[0], names, nil, month(), a.issuer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
}

// identity is a self-signed device with its files.
type identity struct {
	pair              *tls.Certificate
	leaf              *x509.Certificate
	certFile, keyFile string
}

func newIdentity(t testing.TB, cn string) identity {
	t.Helper()
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.SelfSignedDevice(key, cn, month())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	i := identity{
		pair: &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}, leaf: leaf,
		certFile: filepath.Join(dir, "device cert.pem"), keyFile: filepath.Join(dir, "device key.pem"),
	}
	if err := errors.Join(pki.WriteCertificates(i.certFile, leaf), pki.WriteKey(i.keyFile, key, nil)); err != nil {
		t.Fatal(err)
	}
	return i
}

// service is a TLS server that answers as testHost and asks for a client
// certificate without insisting on one.
type service struct {
	ca      *authority
	address string
}

func serve(t testing.TB, h http.HandlerFunc, change ...func(*tls.Config)) *service {
	t.Helper()
	ca := newAuthority(t)
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert,
		Certificates: []tls.Certificate{ca.serverPair(t, testHost, "localhost")},
	}
	for _, f := range change {
		f(config)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what some tests are for
	s.StartTLS()
	t.Cleanup(s.Close)
	return &service{ca: ca, address: s.Listener.Addr().String()}
}

// options reach the service under any host name.
func (s *service) options() Options {
	return Options{Service: "DPS", Roots: s.ca.pool, Dial: dialTo(s.address), ConnectTo: s.address}
}

func (s *service) client(t testing.TB, o Options) *Client {
	t.Helper()
	c := NewClient(o)
	t.Cleanup(c.Close)
	return c
}

// memory keeps what a client observed.
type memory struct {
	mu    sync.Mutex
	calls []call
}

type call struct {
	x        Exchange
	finished bool
}

func (m *memory) observe(x Exchange, finished bool) {
	m.mu.Lock()
	m.calls = append(m.calls, call{x, finished})
	m.mu.Unlock()
}

// finished are the finished exchanges, in order.
func (m *memory) finished() []Exchange {
	m.mu.Lock()
	defer m.mu.Unlock()
	var done []Exchange
	for _, c := range m.calls {
		if c.finished {
			done = append(done, c.x)
		}
	}
	return done
}

func (m *memory) only(t testing.TB) Exchange {
	t.Helper()
	done := m.finished()
	if len(done) != 1 {
		t.Fatalf("%d exchanges, want 1: %+v", len(done), done)
	}
	return done[0]
}

func dialTo(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

func get(path string) Request {
	return Request{Operation: "test", Method: http.MethodGet, URL: "https://" + testHost + path}
}

func wantReason(t testing.TB, err error, want ConnectReason) *ConnectError {
	t.Helper()
	var e *ConnectError
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want a ConnectError", err, err)
	}
	if e.Reason != want {
		t.Errorf("reason %q, want %q: %v", e.Reason, want, err)
	}
	return e
}

type netConn = net.Conn

// closable is a connection that can be told to have been closed by the other
// side in the meantime: the next write fails.
type closable struct {
	netConn
	stale atomic.Bool
}

func (c *closable) Write(b []byte) (int, error) {
	if c.stale.Load() {
		return 0, syscall.EPIPE
	}
	return c.netConn.Write(b)
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
