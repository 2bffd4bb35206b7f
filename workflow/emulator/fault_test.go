package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/workflow/dps"
)

// fault switches a scenario on.
func (l *Lab) fault(t testing.TB, f Fault) {
	t.Helper()
	if err := l.operator.SetFault(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestFaultIsRefused(t *testing.T) {
	t.Parallel()
	l := start(t)
	for name, f := range map[string]Fault{
		"no such scenario":        {Scenario: "earthquake"},
		"no such operation":       {Scenario: "swallow", Operation: "register"},
		"rate above one":          {Scenario: "delay", Rate: 1.5},
		"rate below none":         {Scenario: "delay", Rate: -0.1},
		"negative count":          {Scenario: "delay", Count: -1},
		"no duration":             {Scenario: "delay", Value: "soon"},
		"no status":               {Scenario: "server-error", Value: "404"},
		"no number":               {Scenario: "throttled", Value: "5s"},
		"a value that is not for": {Scenario: "swallow", Value: "1"},
		"rate that is no number":  {Scenario: "delay", Rate: math.NaN()},
		"count beyond reason":     {Scenario: "delay", Count: maxCount + 1},
		"negative delay":          {Scenario: "delay", Value: "-2s"},
		"delay beyond patience":   {Scenario: "delay", Value: "11m"},
		"clock of another age":    {Scenario: "clock-offset", Value: "-99999h"},
		"negative wait":           {Scenario: "throttled", Value: "-1"},
		"wait beyond patience":    {Scenario: "throttled", Value: "100000"},
		"device of a connection":  {Scenario: "silent", Device: "d1"},
		"chaos with a value":      {Scenario: "chaos", Value: "1"},
	} {
		if err := l.operator.SetFault(t.Context(), f); asRefusal(err).code != 400000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for value, legal := range map[string]string{"delay": "from 0s to 10m0s", "throttled": "from 0 to 86400", "server-error": "from 500 to 599"} {
		if err := l.operator.SetFault(t.Context(), Fault{Scenario: value, Value: "-1s"}); err == nil || !strings.Contains(err.Error(), legal) {
			t.Errorf("%s: %v", value, err)
		}
	}
	if all, err := l.operator.Faults(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("%v %v", all, err)
	}
}

// TestFaultsAreSeeded draws the same requests from the same seed, and others
// from another.
func TestFaultsAreSeeded(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64) string {
		var f faults
		if err := f.set(Fault{Scenario: "server-error", Rate: 0.3, Seed: seed}); err != nil {
			t.Fatal(err)
		}
		var drawn strings.Builder
		for range 64 {
			hit := f.take(operationSend, "d1", func(*Scenario) bool { return true })
			drawn.WriteByte("-x"[btoi(hit != nil)])
		}
		return drawn.String()
	}
	one := draw(7)
	if hits := strings.Count(one, "x"); hits < 8 || hits > 32 {
		t.Errorf("a share of 0.3 struck %d of 64", hits)
	}
	if again := draw(7); again != one {
		t.Errorf("%s\n%s", one, again)
	}
	if other := draw(8); other == one {
		t.Error("another seed draws the same")
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestFaultIsNarrow(t *testing.T) {
	t.Parallel()
	var f faults
	if err := f.set(Fault{Scenario: "throttled", Operation: operationPoll, Device: "D1", Count: 2}); err != nil {
		t.Fatal(err)
	}
	anything := func(*Scenario) bool { return true }
	for i, step := range []struct {
		operation, device string
		hit               bool
	}{
		{operationRegister, "d1", false},
		{operationPoll, "d2", false},
		{operationPoll, "d1", true},
		{operationPoll, "d1", true},
		{operationPoll, "d1", false},
	} {
		if hit := f.take(step.operation, step.device, anything) != nil; hit != step.hit {
			t.Errorf("step %d: %v", i, hit)
		}
	}
	if f.some.Load() {
		t.Error("a fault that is used up is still looked for")
	}
}

// TestAnswersAreSpoiled uses the scenarios that leave HTTP, or JSON, behind.
func TestAnswersAreSpoiled(t *testing.T) {
	t.Parallel()
	l := start(t)
	c := l.as(t, ident{})
	get := func() (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", l.registerURL("d1"), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		return c.http.Do(r)
	}
	l.fault(t, Fault{Scenario: "dropped-connection", Count: 1})
	if resp, err := get(); !errors.Is(err, io.EOF) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("%v", err)
	}
	l.fault(t, Fault{Scenario: "truncated-json", Count: 1})
	a := c.do(t, "GET", "https://"+l.ready.ServiceHost+"/enrollments/x?api-version=2021-10-01", "")
	if json.Valid(a.body) || !strings.HasPrefix(string(a.body), "{") {
		// The refusal of a handler is spoiled like any answer.
		t.Errorf("%s", a.body)
	}
	l.fault(t, Fault{Scenario: "wrong-content-type", Count: 1})
	if a := c.register(t, "d1"); a.header.Get("Content-Type") != "text/html" || !json.Valid(a.body) {
		t.Errorf("%v %s", a.header, a.body)
	}
	wantRefusal(t, c.register(t, "d1"), 401000, "")
}

func TestDelayAndEndlessAssigning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := selfSigned(t, "d1")
		l, c := inBubble(t, "", id)
		l.enrollDirectly(t, c, id, "d1")
		l.fault(t, Fault{Scenario: "delay", Value: "7s", Count: 1})
		began := time.Now()
		var op dps.RegistrationOperationStatus
		a := c.register(t, "d1")
		if took := time.Since(began); took != 7*time.Second || a.status != 202 {
			t.Errorf("%v, %d %s", took, a.status, a.body)
		}
		time.Sleep(time.Second)
		l.fault(t, Fault{Scenario: "endless-assigning"})
		c.register(t, "d1").into(t, &op)
		for range 3 {
			time.Sleep(time.Hour)
			if a := c.do(t, "GET", l.operationURL("d1", op.OperationID), ""); a.status != 202 || a.header.Get("Retry-After") != "3" {
				t.Errorf("%d %v", a.status, a.header)
			}
		}
		if n, err := l.operator.ClearFaults(t.Context(), "endless-assigning"); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		time.Sleep(2 * time.Second)
		c.do(t, "GET", l.operationURL("d1", op.OperationID), "").into(t, &op)
		if op.Status != "assigned" {
			t.Errorf("%+v", op)
		}
	})
}

// TestEndlessAssigningIsDrawnOnce looks at held operations often: neither does
// looking use a count up, nor is a share drawn anew.
func TestEndlessAssigningIsDrawnOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault Fault
		held  int // of the operations begun; -1: some, not all
	}{
		{"count", Fault{Scenario: "endless-assigning", Count: 2}, 2},
		{"rate", Fault{Scenario: "endless-assigning", Rate: 0.5, Seed: 5}, -1},
		{"rate and count", Fault{Scenario: "endless-assigning", Rate: 0.5, Seed: 5, Count: 1}, 1},
		{"another device", Fault{Scenario: "endless-assigning", Device: "d2"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				id := selfSigned(t, "d1")
				l, c := inBubble(t, "", id)
				l.enrollDirectly(t, c, id, "d1")
				l.fault(t, test.fault)
				const begun = 12
				operations := make([]dps.RegistrationOperationStatus, begun)
				for i := range operations {
					c.register(t, "d1").into(t, &operations[i])
				}
				assigning := func() (held []bool, count int) {
					for _, op := range operations {
						time.Sleep(10 * time.Second)
						a := c.do(t, "GET", l.operationURL("d1", op.OperationID), "")
						held = append(held, a.status == 202)
						count += btoi(a.status == 202)
					}
					return held, count
				}
				first, count := assigning()
				if test.held >= 0 && count != test.held || test.held < 0 && (count == 0 || count == begun) {
					t.Errorf("%d of %d are held", count, begun)
				}
				for range 5 {
					if again, _ := assigning(); !slices.Equal(again, first) {
						t.Errorf("%v, then %v", first, again)
					}
				}
				if all, err := l.operator.Faults(t.Context()); err != nil || len(all) != 1 || all[0].Hits != count {
					t.Errorf("%+v %v", all, err)
				}
				if _, err := l.operator.ClearFaults(t.Context(), ""); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * heldPause)
				if _, count := assigning(); count != 0 {
					t.Errorf("%d are held after clear", count)
				}
			})
		})
	}
}

// TestAssignFaultIsDrawnOnce lets a count strike as many operations.
func TestAssignFaultIsDrawnOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := selfSigned(t, "d1")
		l, c := inBubble(t, "", id)
		l.enrollDirectly(t, c, id, "d1")
		l.fault(t, Fault{Scenario: "no-hub", Count: 2})
		failed := 0
		for range 4 {
			var op dps.RegistrationOperationStatus
			c.register(t, "d1").into(t, &op)
			time.Sleep(10 * time.Second)
			c.do(t, "GET", l.operationURL("d1", op.OperationID), "").into(t, &op)
			failed += btoi(op.Status == dps.StatusFailed)
		}
		if failed != 2 {
			t.Errorf("%d failed", failed)
		}
		l.faults.mu.Lock()
		defer l.faults.mu.Unlock()
		if len(l.faults.drawn) > 0 {
			t.Errorf("%v is left", l.faults.drawn)
		}
	})
}

// TestSilentLab connects where nothing answers; closing the lab ends it.
func TestSilentLab(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.fault(t, Fault{Scenario: "silent"})
	raw, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.ready.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{RootCAs: l.identity.pool(), ServerName: globalHost})
	if err := conn.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Handshake(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

func TestConnectionScenarios(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		scenario string
		min      uint16
		check    func(error) bool
	}{
		{"tls-alert", 0, func(err error) bool { _, ok := errors.AsType[tls.AlertError](err); return ok || err != nil }},
		{"foreign-ca", 0, func(err error) bool { _, ok := errors.AsType[x509.UnknownAuthorityError](err); return ok }},
		{"expired-server-certificate", 0, func(err error) bool {
			e, ok := errors.AsType[x509.CertificateInvalidError](err)
			return ok && e.Reason == x509.Expired
		}},
		{"tls12-only", tls.VersionTLS13, func(err error) bool { return err != nil }},
		{"tls12-only", tls.VersionTLS12, func(err error) bool { return err == nil }},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			l.fault(t, Fault{Scenario: test.scenario, Count: 1})
			config := &tls.Config{RootCAs: l.identity.pool(), ServerName: globalHost, MinVersion: test.min}
			connect := func() error {
				conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", l.ready.Address)
				if err == nil {
					err = conn.Close()
				}
				return err
			}
			if err := connect(); !test.check(err) {
				t.Errorf("%v", err)
			}
			if err := connect(); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestFaultsOfAnotherProcess sets and clears them through the private
// endpoints.
func TestFaultsOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, func(o *Options) { o.InMemory, o.Dir = false, dir })
	_, o, err := Join(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	want := Fault{Scenario: "throttled", Operation: operationRegister, Device: "d1", Rate: 0.5, Seed: 3, Count: 9, Value: "2"}
	if err := o.SetFault(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if all, err := o.Faults(t.Context()); err != nil || len(all) != 1 || all[0] != want {
		t.Errorf("%+v %v", all, err)
	}
	body := `{"scenario":"delay","ratio":0.1}`
	if err := o.send(t.Context(), "POST", "/_emu/faults", json.RawMessage(body), nil); asRefusal(err).code != 400000 || !strings.Contains(err.Error(), "ratio") {
		t.Errorf("%v", err)
	}
	if err := o.SetFault(t.Context(), Fault{Scenario: "earthquake"}); asRefusal(err).code != 400000 || !strings.Contains(err.Error(), "earthquake") {
		t.Errorf("%v", err)
	}
	if n, err := o.ClearFaults(t.Context(), ""); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		wantRefusal(t, l.as(t, leafLike(t, operatorName, nil, func(*x509.Certificate) {})).do(t, method, "https://localhost/_emu/faults", "{}"), 401000, "Unauthorized")
	}
}
