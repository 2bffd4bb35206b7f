package workflow

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"dpslab/workflow/wire"
)

// maxAttempts is how often a call is made before its error stands.
const maxAttempts = 5

// Bounds of the wait between attempts when the service names none.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
)

// retry makes a call until it succeeds, its error is final, or the attempts
// are used up. Every wait is an event. Unless the call is idempotent it is only
// repeated when it surely had no effect: nobody answered the phone, or the
// service refused it for being busy.
func (r *run) retry(ctx context.Context, idempotent bool, call func() error) error {
	return retry(ctx, idempotent, r.emit, r.step.Title(), call)
}

// retry is the same for any op; emit tells of each wait.
func retry(ctx context.Context, idempotent bool, emit func(Event), op string, call func() error) error {
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil || attempt == maxAttempts || ctx.Err() != nil || !retriable(err, idempotent) {
			return err
		}
		wait, asked := backoff(attempt, err)
		now := time.Now()
		poll := &Poll{Attempt: attempt + 1, Since: now, Due: now.Add(wait), RetryAfter: asked}
		emit(Event{Kind: RetryScheduled, Poll: poll, Problem: problemOf(op, err)})
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func retriable(err error, idempotent bool) bool {
	var refused *wire.ServiceError
	if errors.As(err, &refused) {
		busy := refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusServiceUnavailable
		return busy || idempotent && refused.Temporary()
	}
	var connect *wire.ConnectError
	if errors.As(err, &connect) {
		return connect.Reason == wire.ReasonRefused || idempotent && connect.Temporary()
	}
	return false
}

// unanswered reports whether a call may have had its effect although it failed.
func unanswered(err error) bool {
	var refused *wire.ServiceError
	if errors.As(err, &refused) {
		return refused.Status >= 500
	}
	var connect *wire.ConnectError
	return errors.As(err, &connect) && connect.Reason != wire.ReasonRefused
}

// isConflict reports whether a write met a record that is not as it was read.
func isConflict(err error) bool {
	return isStatus(err, http.StatusConflict) || isStatus(err, http.StatusPreconditionFailed)
}

// backoff is what Retry-After asks for, else exponential with full jitter.
func backoff(attempt int, err error) (wait time.Duration, retryAfter *int) {
	var refused *wire.ServiceError
	if errors.As(err, &refused) && refused.HasRetryAfter {
		seconds := int(refused.RetryAfter / time.Second)
		return refused.RetryAfter, &seconds
	}
	ceiling := min(firstBackoff<<attempt, maxBackoff)
	return firstBackoff + rand.N(ceiling), nil
}

// sleep waits, or returns the cause of the cancellation.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
