package emulator

import (
	"strings"
	"sync"
	"time"
)

// The service's own quotas on the device API. Registering and polling are
// counted apart, and each may be throttled alone.
const (
	defaultRegistrationsPerMinute = 1000 // of the whole instance
	defaultPollsPerWindow         = 5    // of one device
	registrationWindow            = time.Minute
	pollWindow                    = 10 * time.Second
)

// minThrottleWait is the least that a throttled client is told to wait: some
// client libraries raise shorter times by themselves.
const minThrottleWait = 2 * time.Second

// quota allows each key a number of events in any window of time. The zero
// quota allows everything.
type quota struct {
	limit  int // in one window; 0: none
	window time.Duration

	mu    sync.Mutex
	seen  map[string][]time.Time // the newest events, at most limit, oldest first
	sweep int                    // size of seen at which idle keys are dropped
}

// minSweep keeps a quiet lab from sweeping at every event.
const minSweep = 64

func newQuota(limit int, window time.Duration) *quota {
	return &quota{limit: limit, window: window, seen: map[string][]time.Time{}, sweep: minSweep}
}

// take counts an event. When the quota is used up it counts nothing and says
// how long it lasts until there is room.
func (q *quota) take(key string, now time.Time) (wait time.Duration, ok bool) {
	if q.limit == 0 {
		return 0, true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropIdle(now)
	events := q.seen[key]
	if len(events) == q.limit {
		if wait := events[0].Add(q.window).Sub(now); wait > 0 {
			return wait, false
		}
		events = append(events[:0], events[1:]...)
	}
	q.seen[key] = append(events, now)
	return 0, true
}

// clear forgets every event.
func (q *quota) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.seen)
}

// dropIdle bounds the memory by the keys that were busy in the last windows.
func (q *quota) dropIdle(now time.Time) {
	if len(q.seen) < q.sweep {
		return
	}
	for key, events := range q.seen {
		if now.Sub(events[len(events)-1]) > q.window {
			delete(q.seen, key)
		}
	}
	q.sweep = max(minSweep, 2*len(q.seen))
}

// throttle refuses what is above a quota, with the time to wait in Retry-After.
func throttle(q *quota, key string, now time.Time) error {
	wait, ok := q.take(strings.ToLower(key), now)
	if ok {
		return nil
	}
	r := throttled.refuse()
	r.retryAfter = int((max(wait, minThrottleWait) + time.Second - 1) / time.Second)
	return r
}

// quotaOf reads a limit of the options: 0 means the service's own, or none for
// a lab in a hurry, and a negative one means none.
func quotaOf(limit, usual int, hurry bool) int {
	switch {
	case limit < 0, limit == 0 && hurry:
		return 0
	case limit == 0:
		return usual
	}
	return limit
}
