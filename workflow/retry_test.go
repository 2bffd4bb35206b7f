package workflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/workflow/wire"
)

// answer is a service's refusal as the client makes it of an HTTP answer.
func answer(status int, retryAfter string) func() error {
	return func() error {
		h := http.Header{}
		if retryAfter != "" {
			h.Set("Retry-After", retryAfter)
		}
		if retryAfter == "date" {
			h.Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
		}
		return wire.NewServiceError("call", &http.Response{StatusCode: status, Header: h}, nil)
	}
}

func broken(cause error) func() error {
	return func() error { return wire.NewConnectError(context.Background(), "call", "host", cause) }
}

// Every kind of failure, for calls that may be repeated and for calls that may
// not, with every form of Retry-After. Time is virtual: the waits are exact.
func TestRetryTable(t *testing.T) {
	t.Parallel()
	const never, always, onlyIdempotent = 0, 1, 2
	failures := []struct {
		name string
		fail func(retryAfter string) func() error
		when int
	}{
		{"400", func(ra string) func() error { return answer(400, ra) }, never},
		{"401", func(ra string) func() error { return answer(401, ra) }, never},
		{"404", func(ra string) func() error { return answer(404, ra) }, never},
		{"409", func(ra string) func() error { return answer(409, ra) }, never},
		{"412", func(ra string) func() error { return answer(412, ra) }, never},
		{"408", func(ra string) func() error { return answer(408, ra) }, onlyIdempotent},
		{"429", func(ra string) func() error { return answer(429, ra) }, always},
		{"500", func(ra string) func() error { return answer(500, ra) }, onlyIdempotent},
		{"502", func(ra string) func() error { return answer(502, ra) }, onlyIdempotent},
		{"503", func(ra string) func() error { return answer(503, ra) }, always},
		{"504", func(ra string) func() error { return answer(504, ra) }, onlyIdempotent},
		{"refused", nil, always},
		{"reset", nil, onlyIdempotent},
		{"EOF", nil, onlyIdempotent},
		{"timeout", nil, onlyIdempotent},
		{"no such host", nil, onlyIdempotent},
	}
	connect := map[string]error{
		"refused": &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"reset":   &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		"EOF":     io.ErrUnexpectedEOF, "timeout": os.ErrDeadlineExceeded,
		"no such host": &net.DNSError{Err: "server misbehaving", Name: "host", IsTemporary: true},
	}
	retryAfters := map[string]func(wait time.Duration, attempt int) bool{
		"": func(w time.Duration, n int) bool {
			return w >= firstBackoff && w < firstBackoff+min(firstBackoff<<n, maxBackoff)
		},
		"7":            func(w time.Duration, _ int) bool { return w == 7*time.Second },
		"date":         func(w time.Duration, _ int) bool { return w > 88*time.Second && w <= 90*time.Second },
		"-5":           func(w time.Duration, _ int) bool { return w == 0 },
		"99999999999":  func(w time.Duration, _ int) bool { return w == wire.MaxRetryAfter },
		"not a number": nil,
	}
	retryAfters["not a number"] = retryAfters[""]
	for _, f := range failures {
		for header, fits := range retryAfters {
			for _, idempotent := range []bool{true, false} {
				if f.fail == nil && header != "" {
					continue // no answer, no header
				}
				fail := broken(connect[f.name])
				if f.fail != nil {
					fail = f.fail(header)
				}
				repeats := f.when == always || f.when == onlyIdempotent && idempotent
				t.Run(fmt.Sprintf("%s/Retry-After=%s/idempotent=%t", f.name, header, idempotent), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { wantRepeats(t, fail, idempotent, repeats, fits) })
				})
			}
		}
	}
}

func wantRepeats(t *testing.T, fail func() error, idempotent, repeats bool, fits func(time.Duration, int) bool) {
	t.Helper()
	var calls []time.Time
	var told []time.Time
	emit := func(e Event) {
		if e.Kind != RetryScheduled || e.Problem == nil || e.Poll.Attempt != len(calls)+1 {
			t.Errorf("event %+v after %d calls", e, len(calls))
		}
		told = append(told, e.Poll.Due)
	}
	err := retry(t.Context(), idempotent, emit, "call", func() error {
		calls = append(calls, time.Now())
		return fail()
	})
	if err == nil {
		t.Fatal("no error")
	}
	want := 1
	if repeats {
		want = maxAttempts
	}
	if len(calls) != want || len(told) != want-1 {
		t.Fatalf("%d calls and %d waits told, want %d calls", len(calls), len(told), want)
	}
	for i := range told {
		if wait := calls[i+1].Sub(calls[i]); !fits(wait, i+1) || !calls[i+1].Equal(told[i]) {
			t.Errorf("wait %d took %v, %v was told", i+1, wait, told[i].Sub(calls[i]))
		}
	}
}

// A call that succeeds after failures has succeeded; a wait ends with its
// context, and the cause of that is the error.
func TestRetryEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		err := retry(t.Context(), false, func(Event) {}, "call", func() error {
			if n++; n < 3 {
				return answer(503, "1")()
			}
			return nil
		})
		if err != nil || n != 3 {
			t.Errorf("%d calls, %v", n, err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(ErrByUser) })
		begin := time.Now()
		err = retry(ctx, true, func(Event) {}, "call", answer(503, "60"))
		if !errors.Is(err, ErrByUser) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}
