package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options say how a lab is started.
type Options struct {
	// Dir is the state directory: database, TLS root, lab.json. It is made when
	// absent. Required unless InMemory.
	Dir string
	// InMemory keeps nothing. The CA file that curl needs, and what it takes to
	// join the lab, are in a temporary directory that is removed at Close.
	InMemory bool
	// Listen is the address to serve, "127.0.0.1:8443" when empty. A port that
	// is taken is an error when the address was given; else a free one is used.
	Listen string
	// Listener is served instead of Listen.
	Listener net.Listener
	// Insecure allows an address that is not loopback.
	Insecure bool
	// Strict refuses what a lenient guess accepts: see [Guess.Strict].
	Strict bool
	// RetryAfter is the header's value in seconds. 0 means 3, as the service
	// sends; a negative one means a lab in a hurry: the header says 0 and
	// AssignDelay is none unless it is set.
	RetryAfter int
	// AssignDelay is how long assigning takes. 0 means 240 ms, negative none.
	AssignDelay time.Duration
	// RegistrationsPerMinute bounds how often devices may register at the
	// instance, and PollsPer10s how often one device may ask for its operation
	// status. 0 means the service's own quota, 1000 and 5, and none for a lab in
	// a hurry; a negative number means none.
	RegistrationsPerMinute int
	PollsPer10s            int
	// Hubs names IoT hubs, without their domain, that are made and linked when
	// the store does not have them. Default: lab-hub.
	Hubs []string
	// MaxConnections is how many connections are open at once, 16384 when 0.
	MaxConnections int
	// Chaos, when it is above 0, is the share of requests that something goes
	// wrong with, at most 1. ChaosSeed makes it repeatable.
	Chaos     float64
	ChaosSeed uint64
	// Version stands in the X-Dpslab-Emulator header and in [Ready].
	Version string
	// Log is told of every answered request, one at a time.
	Log func(Request)
}

const (
	defaultListen      = "127.0.0.1:8443"
	defaultRetryAfter  = 3
	defaultAssignDelay = 240 * time.Millisecond
)

// DefaultHub is the name of the hub that every lab has.
const DefaultHub = "lab-hub"

// normalized fills in what was left out.
func (o Options) normalized() Options {
	hurry := o.RetryAfter < 0
	o.RegistrationsPerMinute = quotaOf(o.RegistrationsPerMinute, defaultRegistrationsPerMinute, hurry)
	o.PollsPer10s = quotaOf(o.PollsPer10s, defaultPollsPerWindow, hurry)
	switch {
	case hurry:
		o.RetryAfter = 0
	case o.RetryAfter == 0:
		o.RetryAfter = defaultRetryAfter
	}
	switch {
	case o.AssignDelay < 0 || hurry && o.AssignDelay == 0:
		o.AssignDelay = 0
	case o.AssignDelay == 0:
		o.AssignDelay = defaultAssignDelay
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = defaultConnections
	}
	if len(o.Hubs) == 0 {
		o.Hubs = []string{DefaultHub}
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	return o
}

// Lab is a running lab.
type Lab struct {
	options  Options
	store    *store
	current  atomic.Pointer[instance]
	identity *identity
	server   *http.Server
	ready    Ready
	operator *Operator

	changing  sync.Mutex // one changeInstance at a time
	webhooks  *http.Client
	registers *quota
	polls     *quota

	management managementCount

	assigner assigner
	gate     sync.Mutex // guards closed and the growth of handlers
	closed   bool
	handlers sync.WaitGroup
	logging  sync.Mutex
	served   chan error

	faults faults

	closing  chan struct{} // closed when Close begins
	closer   sync.Once
	closeErr error
}

// Start opens the store and serves it. It returns a [*HeldError] when another
// process serves the same directory. ctx bounds the start alone.
func Start(ctx context.Context, o Options) (*Lab, error) {
	if !o.InMemory && o.Dir == "" {
		return nil, errors.New("starting the lab: no state directory")
	}
	if !o.InMemory {
		var err error
		if o.Dir, err = filepath.Abs(o.Dir); err != nil {
			return nil, fmt.Errorf("starting the lab: %w", err)
		}
	}
	l := &Lab{options: o.normalized(), served: make(chan error, 1), closing: make(chan struct{})}
	l.registers = newQuota(l.options.RegistrationsPerMinute, registrationWindow)
	l.webhooks = newWebhookClient()
	l.polls = newQuota(l.options.PollsPer10s, pollWindow)
	if o.Chaos != 0 {
		if err := l.faults.set(Fault{Scenario: chaosName, Rate: o.Chaos, Seed: o.ChaosSeed}); err != nil {
			return nil, err
		}
	}
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, l.options)
	if err != nil {
		return nil, errors.Join(err, l.abandon())
	}
	if err := l.serve(listener); err != nil {
		return nil, errors.Join(err, listener.Close(), l.abandon())
	}
	return l, nil
}

// open gets hold of the store and of what the lab keeps in it.
func (l *Lab) open(ctx context.Context) error {
	dir := l.options.Dir
	if l.options.InMemory {
		dir = ""
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the lab's state directory: %w", err)
	}
	s, err := openStore(dir)
	if held(err) {
		return heldBy(dir)
	}
	if err != nil {
		return err
	}
	l.store = s
	l.assigner.begin()
	i, err := loadInstance(s, l.options)
	if err != nil {
		return errors.Join(err, l.abandon())
	}
	l.current.Store(i)
	if l.identity, err = loadIdentity(ctx, dir, time.Now()); err != nil {
		return errors.Join(err, l.abandon())
	}
	return nil
}

// abandon undoes a start that failed.
func (l *Lab) abandon() error {
	err := l.store.close()
	if l.identity != nil {
		err = errors.Join(err, l.identity.forget())
	}
	return err
}

// listen opens the address that the options ask for.
func listen(ctx context.Context, o Options) (net.Listener, error) {
	if o.Listener != nil {
		return o.Listener, nil
	}
	address := o.Listen
	if address == "" {
		address = defaultListen
	}
	if err := checkLoopback(address); err != nil && !o.Insecure {
		return nil, err
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if o.Listen == "" && errors.Is(err, syscall.EADDRINUSE) {
		listener, err = config.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, &AddressError{address, err}
	}
	return listener, nil
}

// AddressError says that an address cannot be served: it is taken, not this
// machine's, not allowed, or no address.
type AddressError struct {
	Address string
	Err     error
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("serving the lab on %s: %v", e.Address, e.Err)
}

func (e *AddressError) Unwrap() error { return e.Err }

// checkLoopback refuses an address that other machines may reach: the lab's
// keys are known to whoever can read its output.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return &AddressError{address, err}
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("serving the lab on %q: %w", address, ErrNotLoopback)
}

// ErrNotLoopback refuses to serve other machines.
var ErrNotLoopback = errors.New("the lab serves this machine only, unless told that insecure is meant")

// serve begins to answer and then says where.
func (l *Lab) serve(listener net.Listener) error {
	config, err := l.identity.serverConfig(time.Now())
	if err != nil {
		return err
	}
	config.GetConfigForClient = l.disturbConnect
	l.server = &http.Server{
		Handler: l, TLSConfig: config, ConnContext: withConn,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes that failed are the client's to report
	}
	l.ready = l.makeReady(reachable(listener.Addr()))
	l.operator = &Operator{lab: l}
	if err := l.resumePending(); err != nil {
		return err
	}
	if err := writeNotice(l.identity.dir(), l.ready); err != nil {
		return err
	}
	limited := &limitedListener{Listener: listener, limit: int64(l.options.MaxConnections)}
	go func() { l.served <- l.server.Serve(&tlsListener{Listener: limited, lab: l, config: config}) }()
	return nil
}

// reachable is where a listener is found from this machine: on loopback, should it
// serve every address.
func reachable(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return address.String()
}

// Ready says where everything is. It holds the lab's keys.
func (l *Lab) Ready() Ready { return l.ready }

// Operator reads what the hubs of this lab received.
func (l *Lab) Operator() *Operator { return l.operator }

// closeGrace is how long Close waits for requests under way before it cuts
// their connections.
const closeGrace = time.Second

// Close stops serving, waits for the handlers and closes the store. Calling it
// again returns what the first call returned.
func (l *Lab) Close() error {
	l.closer.Do(func() {
		close(l.closing)
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		var errs []error
		// First of all: nobody shall try to join a lab that is going.
		if err := os.Remove(noticePath(l.identity.dir())); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing the lab's notice: %w", err))
		}
		if l.server.Shutdown(ctx) != nil {
			_ = l.server.Close() // cuts what did not end in time
		}
		<-l.served
		l.shut()
		l.assigner.close()
		l.closeErr = errors.Join(append(errs, l.identity.forget(), l.store.close())...)
	})
	return l.closeErr
}

// enter counts a request in; false when the lab is closing.
func (l *Lab) enter() bool {
	l.gate.Lock()
	defer l.gate.Unlock()
	if l.closed {
		return false
	}
	l.handlers.Add(1)
	return true
}

// shut lets no further request in and waits for those that are.
func (l *Lab) shut() {
	l.gate.Lock()
	l.closed = true
	l.gate.Unlock()
	l.handlers.Wait()
}

// caPath is where the lab's root certificate lies for curl and other clients.
func caPath(dir string) string { return filepath.Join(dir, "ca.pem") }
