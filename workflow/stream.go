package workflow

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Stream is how the messages of a running telemetry step flow. People change it
// while they are sent.
type Stream struct {
	Paused     bool    `json:"paused"`
	IntervalMS float64 `json:"interval_ms"` // pause between two messages
}

// stream is what [Session.Pause], [Session.SetInterval] and [Session.Send] tell
// a run. It is made with the run, so that it can be told before the first
// message.
type stream struct {
	mu       sync.Mutex
	paused   bool
	interval time.Duration
	set      bool     // by a person, so that the profile's interval does not count
	queue    []custom // messages put in between
	closed   bool     // the last message is sent: nothing is taken any more
	changed  chan struct{}
}

// custom is a message that a person wrote, sent as it stands.
type custom struct {
	body       string
	properties map[string]string
}

func newStream() *stream { return &stream{changed: make(chan struct{}, 1)} }

// change does something under the lock and wakes who waits.
func (s *stream) change(f func()) Stream {
	s.mu.Lock()
	f()
	now := Stream{Paused: s.paused, IntervalMS: float64(s.interval) / float64(time.Millisecond)}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // somebody told already
	}
	return now
}

// put takes a message in; false when the run takes none any more.
func (s *stream) put(m custom) (taken bool) {
	s.change(func() {
		if taken = !s.closed; taken {
			s.queue = append(s.queue, m)
		}
	})
	return taken
}

// end closes the stream unless a message waits.
func (s *stream) end() (closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = len(s.queue) == 0
	return s.closed
}

// look takes a waiting message, or says how long to wait for the next turn;
// negative: until something changes.
func (s *stream) look(last time.Time) (m *custom, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		m := s.queue[0]
		s.queue = slices.Delete(s.queue, 0, 1)
		return &m, 0
	}
	if s.paused {
		return nil, -1
	}
	return nil, max(time.Until(last.Add(s.interval)), 0)
}

// next waits for the next turn after the last message, which was sent at last;
// the zero time is before the first one. It returns a message that was put in
// between, or nil for the next of the profile's.
func (s *stream) next(ctx context.Context, last time.Time) (*custom, error) {
	for {
		m, wait := s.look(last)
		if m != nil {
			return m, ctx.Err()
		}
		if wait == 0 {
			return nil, context.Cause(ctx)
		}
		timer := time.NewTimer(max(wait, 0))
		due := timer.C
		if wait < 0 {
			due = nil
		}
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-s.changed:
		case <-due:
		}
		timer.Stop()
	}
}

// Pause holds the messages of the run under way, or lets them flow again. A run
// that has not come to its telemetry yet begins it paused. Its error is a
// *Problem: no run is under way.
func (s *Session) Pause(on bool) error {
	return s.steer("pause the telemetry", func(st *stream) { st.paused = on })
}

// SetInterval changes the pause between two messages of the run under way; it
// counts from the message that was sent last. Its error is a *Problem: no run is
// under way, or d is not from 0 to 24 hours.
func (s *Session) SetInterval(d time.Duration) error {
	op := "change the interval"
	if d < 0 || d > maxInterval {
		return &Problem{Kind: Usage, Op: op, Summary: d.String() + " is not from 0s to 24h"}
	}
	return s.steer(op, func(st *stream) { st.interval, st.set = d, true })
}

func (s *Session) steer(op string, f func(*stream)) error {
	r := s.current()
	if r == nil {
		return &Problem{Kind: Usage, Op: op, Summary: "no run is under way"}
	}
	now := r.stream.change(func() { f(r.stream) })
	r.emit(Event{Kind: StreamChanged, Step: StepTelemetry, Stream: &now})
	return nil
}

// current is the run under way, nil when there is none.
func (s *Session) current() *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil || s.run.over.Load() {
		return nil
	}
	return s.run
}

// Send sends one message of a device as it stands: nothing in the body is
// filled in, and the properties are added to the profile's. While the device's
// telemetry runs, even paused, it goes out between the others; otherwise it is a
// run of its own, whose ID is returned, and adds to the telemetry before it. The sink hears what came of it. The
// error is ErrBusy while another run is under way, or a *Problem.
func (s *Session) Send(name, body string, properties map[string]string) (run string, err error) {
	if err := s.mayWrite("send a message of " + name); err != nil {
		return "", err
	}
	o := RunOptions{Only: []StepID{StepTelemetry}, Count: 1, Body: body, Verbatim: true, Properties: properties, adds: true}
	if err := CheckMessage(o); err != nil {
		return "", err
	}
	r := s.current()
	if r == nil {
		return s.Start(name, o)
	}
	if r.name != name || !slices.Contains(r.plan, StepTelemetry) || !r.stream.put(custom{body, properties}) {
		return "", ErrBusy
	}
	return r.id, nil
}
