package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Fault is a scenario that is switched on. Faults live as long as the process:
// a lab starts without any, so that nobody hunts yesterday's.
type Fault struct {
	Scenario string `json:"scenario"`
	// Operation narrows it to one of the scenario's operations.
	Operation string `json:"operation,omitempty"`
	// Device narrows it to one registration ID or device ID.
	Device string `json:"device,omitempty"`
	// Rate is the share of the requests it strikes, above 0 to 1. 0 means all.
	Rate float64 `json:"rate,omitempty"`
	// Seed makes the choice of a Rate repeatable.
	Seed uint64 `json:"seed,omitempty"`
	// Count is how often it strikes before it goes away. 0 means until cleared.
	Count int `json:"count,omitempty"`
	// Value is the scenario's own figure; empty means its default.
	Value string `json:"value,omitempty"`
	// Hits is how often it struck.
	Hits int `json:"hits"`
}

// activeFault is a fault with its state.
type activeFault struct {
	Fault
	scenario *Scenario
	amount   amount
	random   *rand.Rand
	// held are the operations that a scenario which holds has struck. The draw
	// is made once for each, when it begins; clearing the fault lets them go.
	held map[string]bool
}

// faults are the switches of a lab.
type faults struct {
	some atomic.Bool // whether there is any, so that a lab without pays one load

	mu     sync.Mutex
	active []*activeFault
	// drawn is what strikes an operation at its end, drawn when it began.
	drawn map[string]*strike
}

// set switches a fault on. One of the same scenario, operation and device is
// replaced.
func (f *faults) set(wanted Fault) error {
	s := scenarioNamed(wanted.Scenario)
	if s == nil {
		return invalid("no scenario is called %q", wanted.Scenario)
	}
	if wanted.Operation != "" && !slices.Contains(s.Operations, wanted.Operation) {
		return invalid("scenario %s has no operation %q, only %s", s.Name, wanted.Operation, strings.Join(s.Operations, ", "))
	}
	if err := wanted.check(s); err != nil {
		return err
	}
	wanted.Rate = cmp.Or(wanted.Rate, s.Rate)
	a, err := s.parse(wanted.Value)
	if err != nil {
		return err
	}
	wanted.Hits = 0
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(s.Name + "\x00" + wanted.Operation))
	next := &activeFault{Fault: wanted, scenario: s, amount: a, random: rand.New(rand.NewPCG(wanted.Seed, seed.Sum64()))}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.active = append(slices.DeleteFunc(f.active, func(have *activeFault) bool {
		same := have.Scenario == wanted.Scenario && have.Operation == wanted.Operation && have.Device == wanted.Device
		if same {
			next.held = have.held // another share or count is for those who come
		}
		return same
	}), next)
	f.some.Store(true)
	return nil
}

const (
	chaosName  = "chaos"
	usualChaos = 0.05
	maxCount   = 1_000_000
)

// check refuses figures that mean nothing, with those that do.
func (f *Fault) check(s *Scenario) error {
	switch {
	case math.IsNaN(f.Rate) || f.Rate < 0 || f.Rate > 1:
		return invalid("rate %v is not a share above 0 to 1 (0 or none: all requests)", f.Rate)
	case f.Count < 0 || f.Count > maxCount:
		return invalid("count %d is not from 1 to %d (0 or none: until cleared)", f.Count, maxCount)
	case f.Device != "" && !slices.ContainsFunc(s.Operations, func(o string) bool { return o != operationConnect }):
		return invalid("scenario %s strikes connections, which belong to no device yet: leave the device out", s.Name)
	}
	return nil
}

// clear switches a scenario off, all of them when the name is empty, and says
// how many faults that were.
func (f *faults) clear(scenario string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.active)
	f.active = slices.DeleteFunc(f.active, func(have *activeFault) bool { return scenario == "" || have.Scenario == scenario })
	f.some.Store(len(f.active) > 0)
	return before - len(f.active)
}

func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []Fault{}
	for _, a := range f.active {
		all = append(all, a.Fault)
	}
	return all
}

// strike is one hit of a fault.
type strike struct {
	scenario *Scenario
	amount   amount
}

// take gives the first fault that strikes an operation of a device, among the
// scenarios that accept admits, and counts it; nil when there is none.
func (f *faults) take(operation, device string, accept func(*Scenario) bool) *strike {
	if !f.some.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	hit, _ := f.draw(operation, device, accept)
	return hit
}

// draw is take for those who hold mu. It also says which fault struck.
func (f *faults) draw(operation, device string, accept func(*Scenario) bool) (*strike, *activeFault) {
	for i, a := range f.active {
		hit := a.draw(operation, device, accept)
		if hit == nil {
			continue
		}
		a.Hits++
		if a.usedUp() && !a.scenario.holds { // what holds stays until it is cleared
			f.active = slices.Delete(f.active, i, i+1)
			f.some.Store(len(f.active) > 0)
		}
		return hit, a
	}
	return nil, nil
}

// draw decides about one request, and for chaos what it is that strikes.
func (a *activeFault) draw(operation, device string, accept func(*Scenario) bool) *strike {
	if !a.scenario.chaos {
		if !accept(a.scenario) || !a.strikes(operation, device) {
			return nil
		}
		return &strike{a.scenario, a.amount}
	}
	var fitting []*Scenario
	for i := range scenarios {
		if s := &scenarios[i]; s.Passing && slices.Contains(s.Operations, operation) && accept(s) {
			fitting = append(fitting, s)
		}
	}
	if len(fitting) == 0 || !a.strikes(operation, device) {
		return nil
	}
	s := fitting[a.random.IntN(len(fitting))]
	little, _ := s.parse(s.little) // the table's own; a test reads all of it
	return &strike{s, little}
}

func (a *activeFault) usedUp() bool { return a.Count > 0 && a.Hits >= a.Count }

// begin draws once for all what is to happen to an operation that begins:
// whether it is held, and what strikes it at its end.
func (f *faults) begin(operationID, registrationID string) {
	if !f.some.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, a := f.draw(operationAssign, registrationID, func(s *Scenario) bool { return s.holds }); a != nil {
		if a.held == nil {
			a.held = map[string]bool{}
		}
		a.held[operationID] = true
	}
	if hit, _ := f.draw(operationAssign, registrationID, func(s *Scenario) bool { return s.assign != nil }); hit != nil {
		if f.drawn == nil {
			f.drawn = map[string]*strike{}
		}
		f.drawn[operationID] = hit
	}
}

// holds reports whether a scenario keeps an operation from ending.
func (f *faults) holds(operationID string) bool {
	if !f.some.Load() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.active, func(a *activeFault) bool { return a.held[operationID] })
}

// strikeOf is what was drawn for the end of an operation; nil for nothing.
func (f *faults) strikeOf(operationID string) *strike {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.drawn[operationID]
}

// ended forgets what was drawn for an operation.
func (f *faults) ended(operationID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.drawn, operationID)
	for _, a := range f.active {
		delete(a.held, operationID)
	}
}

// strikes decides about one request. The draw comes last, so that requests that
// do not concern the fault leave its sequence alone.
func (a *activeFault) strikes(operation, device string) bool {
	switch {
	case a.usedUp(),
		a.Operation != "" && a.Operation != operation,
		!slices.Contains(a.scenario.Operations, operation),
		a.Device != "" && !strings.EqualFold(a.Device, device):
		return false
	}
	return a.Rate == 0 || a.random.Float64() < a.Rate
}

// amount is the parsed value of a fault.
type amount struct {
	duration time.Duration
	number   int
}

// parse reads a value in the unit of the scenario.
func (s *Scenario) parse(text string) (amount, error) {
	text = cmp.Or(text, s.Default)
	var a amount
	var err error
	switch s.unit {
	case unitNone:
		if text != "" {
			return a, invalid("scenario %s takes no value", s.Name)
		}
	case unitDuration:
		if a.duration, err = time.ParseDuration(text); a.duration < s.least || a.duration > s.most {
			err = errOutOfRange
		}
	case unitSeconds:
		if a.number, err = strconv.Atoi(text); a.number < 0 || a.number > maxSeconds {
			err = errOutOfRange
		}
	case unitStatus:
		if a.number, err = strconv.Atoi(text); a.number < 500 || a.number > 599 {
			err = errOutOfRange
		}
	}
	if err != nil {
		return a, invalid("value %q of scenario %s is not %s", text, s.Name, s.legal())
	}
	return a, nil
}

// maxSeconds is the most that a scenario takes as a number of seconds, a day.
const maxSeconds = 24 * 60 * 60

// legal says what values the scenario takes.
func (s *Scenario) legal() string {
	switch s.unit {
	case unitDuration:
		return fmt.Sprintf("%s from %s to %s", s.unit, s.least, s.most)
	case unitSeconds:
		return fmt.Sprintf("%s from 0 to %d", s.unit, maxSeconds)
	}
	return s.unit.String()
}

var errOutOfRange = errors.New("out of range")

// disturb lets a fault act on a request before its handler. done means that
// the request has had its answer, or will get none.
func (l *Lab) disturb(c *call, operation string) (done bool, err error) {
	device := cmp.Or(c.args["id"], c.args["device"])
	hit := l.faults.take(operation, device, func(s *Scenario) bool { return s.request != nil && (s.meets == nil || s.meets(c)) })
	if hit == nil {
		return false, nil
	}
	c.verdict = "scenario " + hit.scenario.Name
	return hit.scenario.request(l, c, hit.amount)
}

// pause waits, as long as the client and the lab do.
func (l *Lab) pause(c *call, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.r.Context().Done():
	case <-l.closing:
	}
}

// hangUp cuts the connection without an answer.
func (c *call) hangUp() {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return // then the client is gone already
	}
	c.cut = true
	_ = conn.Close()
}

// takeConnect gives the fault that strikes a new connection.
func (l *Lab) takeConnect(ctx context.Context) *strike {
	if ctx.Err() != nil {
		return nil
	}
	return l.faults.take(operationConnect, "", func(s *Scenario) bool { return s.connect != nil })
}
