package workflow

import (
	"context"
	"strconv"
	"time"

	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// CloudMessage is a cloud-to-device message as the device received it. It stays
// locked for the device until it is settled or the lock runs out.
type CloudMessage struct {
	LockToken     string
	Body          string // what looks like a secret is masked
	ContentType   string
	MessageID     string
	CorrelationID string
	Sequence      uint64
	Deliveries    int       // how often the device has given it back
	Enqueued      time.Time // zero: the hub did not say
	Expiry        time.Time // zero: the hub did not say
	Properties    map[string]string
}

// Settlement is what a device does with a message that it received.
type Settlement string

// The settlements.
const (
	Complete Settlement = "complete" // dealt with: the hub deletes it
	Abandon  Settlement = "abandon"  // given back: it waits again
	Reject   Settlement = "reject"   // cannot be dealt with: it goes to the dead letters
)

// Receive asks the device's hub for the oldest cloud-to-device message that
// waits; nil without an error says that none does. The message is locked for a
// minute. Its exchange is told by events that belong to no run. The errors are
// *Problem.
func (s *Session) Receive(ctx context.Context, name string) (*CloudMessage, error) {
	var m *CloudMessage
	op := "receive a message of " + name
	err := s.atHub(ctx, name, op, func(ctx context.Context, c *iothub.DeviceClient) error {
		got, err := c.Receive(ctx, 0)
		if err != nil || got == nil {
			return err
		}
		m = &CloudMessage{
			LockToken: got.LockToken, Body: wire.RedactText(string(got.Body)), ContentType: got.ContentType,
			MessageID: got.MessageID, CorrelationID: got.CorrelationID, Sequence: got.SequenceNumber, Deliveries: got.DeliveryCount,
			Enqueued: got.Enqueued, Expiry: got.Expiry, Properties: got.Properties,
		}
		return nil
	})
	return m, err
}

// Settle says what becomes of a message that was received. A lock that ran out
// is refused. Its errors are *Problem.
func (s *Session) Settle(ctx context.Context, name, lockToken string, how Settlement) error {
	op := string(how) + " a message of " + name
	return s.atHub(ctx, name, op, func(ctx context.Context, c *iothub.DeviceClient) error {
		switch how {
		case Complete:
			return c.Complete(ctx, lockToken)
		case Abandon:
			return c.Abandon(ctx, lockToken)
		case Reject:
			return c.Reject(ctx, lockToken)
		}
		return &Problem{Kind: Usage, Op: op, Summary: strconv.Quote(string(how)) + " is not complete, abandon or reject"}
	})
}

// atHub makes a call of the device at its hub, beside the runs: what it does is
// told by events that belong to none.
func (s *Session) atHub(ctx context.Context, name, op string, call func(context.Context, *iothub.DeviceClient) error) error {
	if err := s.mayWrite(op); err != nil {
		return err
	}
	profile, err := s.load(name)
	if err != nil {
		return err
	}
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return problemOf("read the state of "+name, err)
	}
	r := makeRun(s, name, profile, state, RunOptions{})
	r.id = ""
	defer r.close()
	defer context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })()
	client, err := r.hubClient(r.ctx, op)
	if err == nil {
		err = call(r.ctx, client)
	}
	if err != nil {
		return problemOf(op, err)
	}
	return nil
}
