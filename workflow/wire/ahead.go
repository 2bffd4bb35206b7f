package wire

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// aheadAge is how long a connection that was opened ahead is good: a service
// closes one on which nothing comes.
const aheadAge = 10 * time.Second

// Ahead opens connections before the requests that will need them are known, so
// that the way there and the handshake are over by then. The clients whose
// Options name it take them; they must all be of the identity that
// [Ahead.Open] was given. It has no effect through a proxy.
type Ahead struct {
	mu     sync.Mutex
	opened map[string]*early
	closed bool
}

// early is one connection that is being opened, or was.
type early struct {
	begun bool // under the mutex of Ahead; one that never began is never done
	done  chan struct{}
	// The rest is read once done is closed.
	conn net.Conn
	err  error
	at   time.Time
	tap  *tap
}

// NewAhead has no connections yet.
func NewAhead() *Ahead { return &Ahead{opened: make(map[string]*early)} }

// Open begins to connect to port 443 of hosts, one after the other, and returns
// at once. What fails is told to the first request to that host within ten
// seconds, as if the request had met it. A host is opened once; the first has its
// turn at once, and a request that comes before its host's turn dials for itself.
func (a *Ahead) Open(ctx context.Context, o Options, hosts ...string) {
	o.Limits = o.Limits.orDefault()
	dial := dialTLS(o, limited(dialerOf(o), o.Limits.Connect))
	opening := make(map[string]*early)
	var addresses []string
	a.mu.Lock()
	for _, host := range hosts {
		address := net.JoinHostPort(host, "443")
		if _, ok := a.opened[address]; ok || a.closed || proxied(o, host) {
			continue
		}
		e := &early{begun: len(addresses) == 0, done: make(chan struct{})}
		a.opened[address], opening[address] = e, e
		addresses = append(addresses, address)
	}
	a.mu.Unlock()
	if len(addresses) == 0 {
		return
	}
	go func() {
		for i, address := range addresses {
			if e := opening[address]; i == 0 || a.begin(address, e) {
				e.open(ctx, dial, address)
			}
		}
	}()
}

// begin reports whether a connection is still wanted when its turn comes.
func (a *Ahead) begin(address string, e *early) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	e.begun = a.opened[address] == e
	return e.begun
}

func proxied(o Options, host string) bool {
	proxy := proxyOf(o)
	if proxy == nil {
		return false
	}
	through, err := proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: host}})
	return err != nil || through != nil
}

func (e *early) open(ctx context.Context, dial dialer, address string) {
	defer close(e.done)
	e.tap = newTap()
	ctx = context.WithValue(ctx, tapKey{}, e.tap)
	e.conn, e.err = dial(httptrace.WithClientTrace(ctx, e.tap.trace()), "tcp", address)
	e.at = time.Now()
}

// take gives the connection to an address to one request, which waits for it; nil
// when there is none, or none that is good any more.
func (a *Ahead) take(ctx context.Context, address string) *early {
	e := a.claim(address)
	if e == nil {
		return nil
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		go e.discard()
		return nil
	}
	if time.Since(e.at) > aheadAge {
		e.discard()
		return nil
	}
	return e
}

// claim takes a connection out of the store, once it is being opened; one that is
// not will not be.
func (a *Ahead) claim(address string) *early {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.opened[address]
	if e == nil {
		return nil
	}
	a.opened[address] = nil // once is enough
	if !e.begun {
		return nil
	}
	return e
}

func (e *early) discard() {
	<-e.done
	if e.conn != nil {
		_ = e.conn.Close() // nothing was sent over it
	}
}

// Close ends the connections that nobody took, and opens no more.
func (a *Ahead) Close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.opened {
		if e != nil && e.begun {
			go e.discard()
		}
	}
	a.opened, a.closed = nil, true
}

// orAhead dials only what was not opened ahead.
func (a *Ahead) orAhead(dial dialer) dialer {
	if a == nil {
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		e := a.take(ctx, address)
		if e == nil {
			return dial(ctx, network, address)
		}
		if t := tapOf(ctx); t != nil {
			t.adopt(e.tap)
		}
		return e.conn, e.err
	}
}
