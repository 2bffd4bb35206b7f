package emulator

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"dpslab/workflow/dps"
)

func TestQuotaWindow(t *testing.T) {
	t.Parallel()
	q := newQuota(2, 10*time.Second)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, step := range []struct {
		key  string
		at   time.Duration
		wait time.Duration // 0: allowed
	}{
		{"a", 0, 0},
		{"a", 4 * time.Second, 0},
		{"a", 5 * time.Second, 5 * time.Second},
		{"b", 5 * time.Second, 0},
		{"a", 9 * time.Second, time.Second},
		{"a", 10 * time.Second, 0},
		{"a", 11 * time.Second, 3 * time.Second},
		{"a", 14 * time.Second, 0},
	} {
		wait, ok := q.take(step.key, start.Add(step.at))
		if wait != step.wait || ok != (step.wait == 0) {
			t.Errorf("step %d: wait %v, allowed %v, want %v", i, wait, ok, step.wait)
		}
	}
	for i := range 100_000 {
		q.take(strconv.Itoa(i), start.Add(time.Duration(i)*time.Second))
	}
	if len(q.seen) > 2*minSweep {
		t.Errorf("%d idle keys are kept", len(q.seen))
	}
}

// throttledFor checks a 429 and gives its Retry-After in seconds.
func throttledFor(t *testing.T, a answer) int {
	t.Helper()
	wantRefusal(t, a, 429001, "")
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 2 {
		t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
	}
	return seconds
}

func TestRegistrationsAreThrottled(t *testing.T) {
	t.Parallel()
	l := start(t, func(o *Options) { o.RegistrationsPerMinute = 3 })
	var clients []*client
	for i := range 4 {
		name := fmt.Sprintf("d%d", i)
		id := selfSigned(t, name)
		l.enroll(t, name, id.chain[0])
		clients = append(clients, l.as(t, id))
	}
	for i := range 3 {
		if a := clients[i].register(t, fmt.Sprintf("d%d", i)); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if wait := throttledFor(t, clients[3].register(t, "d3")); wait < 30 || wait > 60 {
		t.Errorf("Retry-After %d", wait)
	}
	if err := l.reset(); err != nil {
		t.Fatal(err)
	}
	if a := clients[3].register(t, "d3"); a.status == 429 {
		t.Errorf("throttled in a new lab: %s", a.body)
	}
}

func TestPollsAreThrottled(t *testing.T) {
	t.Parallel()
	l := start(t, func(o *Options) { o.PollsPer10s = 2 })
	one, other := selfSigned(t, "d1"), selfSigned(t, "d2")
	l.enroll(t, "d1", one.chain[0])
	l.enroll(t, "d2", other.chain[0])
	c := l.as(t, one)
	var begun dps.RegistrationOperationStatus
	c.register(t, "d1").into(t, &begun)
	for range 2 {
		if a := c.do(t, "GET", l.operationURL("d1", begun.OperationID), ""); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if wait := throttledFor(t, c.do(t, "GET", l.operationURL("D1", begun.OperationID), "")); wait > 10 {
		t.Errorf("Retry-After %d", wait)
	}
	// Registering has a budget of its own, and so has every other device.
	if a := c.register(t, "d1"); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if r := l.as(t, other).provision(t, "d2"); r.Status != dps.StatusAssigned {
		t.Errorf("%+v", r)
	}
}

// TestStrangersUseUpNoQuota registers and polls without a proof first.
func TestStrangersUseUpNoQuota(t *testing.T) {
	t.Parallel()
	l := start(t, func(o *Options) { o.RegistrationsPerMinute, o.PollsPer10s = 1, 1 })
	id := selfSigned(t, "d1")
	l.enroll(t, "d1", id.chain[0])
	stranger := l.as(t, selfSigned(t, "d1"))
	for range 3 {
		wantRefusal(t, stranger.register(t, "d1"), 401002, invalidCertificate)
	}
	var begun dps.RegistrationOperationStatus
	c := l.as(t, id)
	c.register(t, "d1").into(t, &begun)
	for range 3 {
		wantRefusal(t, stranger.do(t, "GET", l.operationURL("d1", begun.OperationID), ""), 401002, invalidCertificate)
	}
	if a := c.do(t, "GET", l.operationURL("d1", begun.OperationID), ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	throttledFor(t, c.do(t, "GET", l.operationURL("d1", begun.OperationID), ""))
	throttledFor(t, c.register(t, "d1"))
}

func TestQuotaOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		given       Options
		perMinute   int
		pollsPer10s int
	}{
		{Options{}, 1000, 5},
		{Options{RetryAfter: -1}, 0, 0},
		{Options{RetryAfter: -1, PollsPer10s: 5}, 0, 5},
		{Options{RegistrationsPerMinute: -1, PollsPer10s: -1}, 0, 0},
	} {
		got := test.given.normalized()
		if got.RegistrationsPerMinute != test.perMinute || got.PollsPer10s != test.pollsPer10s {
			t.Errorf("%+v: %d and %d", test.given, got.RegistrationsPerMinute, got.PollsPer10s)
		}
	}
}
