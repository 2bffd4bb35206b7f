package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"dpslab/pki"
)

// counted are the options of a service, and how many connections were dialed.
func counted(s *service) (Options, *atomic.Int32) {
	var dials atomic.Int32
	o := s.options()
	dial := o.Dial
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address)
	}
	return o, &dials
}

func TestFirstRequestTakesTheConnectionOpenedAhead(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	o, dials := counted(s)
	me := newIdentity(t, "device-01")
	var m memory
	o.Certificate, o.Observe, o.Ahead = me.pair, m.observe, NewAhead()
	o.Ahead.Open(t.Context(), o, testHost, testHost)
	o.Ahead.Open(t.Context(), o, testHost)
	<-o.Ahead.opened[testHost+":443"].done
	c := s.client(t, o)
	for range 2 {
		if _, err := c.Do(t.Context(), get("/")); err != nil {
			t.Fatal(err)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	first, second := m.finished()[0], m.finished()[1]
	if x := first.Timing; !x.Ahead || x.Reused || x.TLS <= 0 || x.Total < x.TLS+x.Wait {
		t.Errorf("the first exchange: %+v", x)
	}
	if x := second.Timing; x.Ahead || !x.Reused || x.TLS != 0 {
		t.Errorf("the second exchange: %+v", x)
	}
	for _, x := range m.finished() {
		checkFacts(t, s, x.TLS, tls.VersionTLS13, true, []string{pki.Thumbprint256(me.leaf)})
	}
}

// What the connection that was opened ahead met, the request tells: a service is
// not asked twice, and a fault that happens once is seen.
func TestFailureAheadIsTheRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	o, dials := counted(s)
	good := o.Roots
	o.Roots, o.Ahead = newAuthority(t).pool, NewAhead()
	o.Ahead.Open(t.Context(), o, testHost)
	o.Roots = good
	c := s.client(t, o)
	var refused *ConnectError
	if _, err := c.Do(t.Context(), get("/")); !errors.As(err, &refused) || refused.Reason != ReasonTrust || dials.Load() != 1 {
		t.Errorf("%v after %d dials", err, dials.Load())
	}
	if _, err := c.Do(t.Context(), get("/")); err != nil || dials.Load() != 2 {
		t.Errorf("the next request: %v after %d dials", err, dials.Load())
	}
}

// A connection on which nothing came for long is likely closed at the other end.
func TestOldConnectionAheadIsNotTaken(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	o, dials := counted(s)
	var m memory
	o.Observe, o.Ahead = m.observe, NewAhead()
	o.Ahead.Open(t.Context(), o, testHost)
	e := o.Ahead.opened[testHost+":443"]
	<-e.done
	e.at = e.at.Add(-aheadAge - time.Second)
	if _, err := s.client(t, o).Do(t.Context(), get("/")); err != nil {
		t.Fatal(err)
	}
	if n := dials.Load(); n != 2 || m.finished()[0].Timing.Ahead {
		t.Errorf("%d connections, %+v", n, m.finished()[0].Timing)
	}
	if _, err := e.conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the old connection is open: %v", err)
	}
}

// A request that is cancelled while it waits for the connection ends at once.
func TestWaitingForAConnectionAheadIsCancelled(t *testing.T) {
	t.Parallel()
	o := Options{Dial: dialTo(listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })), Ahead: NewAhead()}
	o.Ahead.Open(t.Context(), o, testHost) // its handshake gets no answer
	c := NewClient(o)
	t.Cleanup(c.Close)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := c.Do(ctx, get("/"))
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestConnectionsAheadThatNobodyTakes(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	o, dials := counted(s)
	a := NewAhead()
	a.Open(t.Context(), o, testHost)
	e := a.opened[testHost+":443"]
	<-e.done
	a.Close()
	a.Open(t.Context(), o, "other.example")
	if _, err := e.conn.Read(make([]byte, 1)); err == nil || dials.Load() != 1 {
		t.Errorf("read: %v, %d connections", err, dials.Load())
	}
	o.Ahead = a
	if _, err := s.client(t, o).Do(t.Context(), get("/")); err != nil {
		t.Error(err)
	}
	(*Ahead)(nil).Close()
}

// Through a proxy nothing is opened ahead: the way there is the transport's.
func TestNothingAheadThroughAProxy(t *testing.T) {
	t.Parallel()
	a := NewAhead()
	a.Open(t.Context(), Options{Getenv: func(name string) string {
		if name == "HTTPS_PROXY" {
			return "http://127.0.0.1:9"
		}
		return ""
	}}, testHost)
	if len(a.opened) != 0 {
		t.Errorf("opened %v", a.opened)
	}
}

// A request whose connection's turn has not come does not wait for those before
// it, which may take as long as they like.
func TestRequestBeforeItsTurnDialsForItself(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	o, dials := counted(s)
	dial := o.Dial
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "slow.example:443" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return dial(ctx, network, address)
	}
	o.Limits.Connect = time.Hour
	o.Ahead = NewAhead()
	ctx, cancel := context.WithCancel(t.Context())
	o.Ahead.Open(ctx, o, "slow.example", testHost)
	slow := o.Ahead.opened["slow.example:443"]
	if _, err := s.client(t, o).Do(t.Context(), get("/")); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-slow.done
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
