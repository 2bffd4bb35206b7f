package workflow

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"dpslab/profiles"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// CloudMessage is a cloud-to-device message as the device received it.
type CloudMessage struct {
	LockToken     string            `json:"lock_token,omitempty"` // settles it; empty once it is settled
	Settled       Settlement        `json:"settled,omitempty"`
	Body          string            `json:"body"`
	Binary        bool              `json:"binary,omitempty"` // the body is no UTF-8: it is quoted
	MessageID     string            `json:"message_id,omitempty"`
	CorrelationID string            `json:"correlation_id,omitempty"`
	ContentType   string            `json:"content_type,omitempty"`
	Sequence      uint64            `json:"sequence"`
	Deliveries    int               `json:"deliveries"` // how often the device has given it back
	Enqueued      time.Time         `json:"enqueued,omitzero"`
	Expiry        time.Time         `json:"expiry,omitzero"`
	Properties    map[string]string `json:"properties,omitempty"`
	System        map[string]string `json:"system,omitempty"`
}

// Settlement is what becomes of a received message.
type Settlement string

// The settlements. A message that is left locked waits again when its lock runs
// out, after a minute.
const (
	LeaveLocked Settlement = ""
	Complete    Settlement = "complete" // dealt with: it is deleted
	Abandon     Settlement = "abandon"  // given back: it waits again
	Reject      Settlement = "reject"   // cannot be dealt with: it goes to the dead letters
)

// ParseSettlement reads a settlement as it stands in a flag.
func ParseSettlement(s string) (Settlement, error) {
	switch v := Settlement(s); v {
	case LeaveLocked, Complete, Abandon, Reject:
		return v, nil
	}
	return "", &Problem{Kind: Usage, Op: "read the settlement", Summary: fmt.Sprintf("%q is none", s), Fix: "complete, abandon or reject."}
}

// Receive asks the hub for the oldest message that waits for the device and
// leaves it locked, for a minute. Nil without an error: none waits. The sink
// hears of it as an event without a run. Its errors are *Problem.
func (s *Session) Receive(ctx context.Context, name string) (*CloudMessage, error) {
	return s.ReceiveAndSettle(ctx, name, LeaveLocked)
}

// ReceiveAndSettle is [Session.Receive] that settles the message at once.
func (s *Session) ReceiveAndSettle(ctx context.Context, name string, then Settlement) (*CloudMessage, error) {
	var got *CloudMessage
	err := s.asDevice(ctx, name, "receive messages of "+name, func(ctx context.Context, r *run, hub *iothub.DeviceClient) (err error) {
		got, err = r.receiveOne(ctx, hub, then)
		return err
	})
	return got, err
}

// Settle completes, abandons or rejects a message that was left locked.
func (s *Session) Settle(ctx context.Context, name, lockToken string, then Settlement) error {
	return s.asDevice(ctx, name, string(then)+" a message of "+name, func(ctx context.Context, r *run, hub *iothub.DeviceClient) error {
		return r.settleMessage(ctx, hub, lockToken, then)
	})
}

// Listen receives messages until ctx ends, which is no error: one after the
// other while some wait, then every so often. IoT Hub recommends to ask no more
// often than every 25 minutes over HTTPS; for a test shorter is fine.
func (s *Session) Listen(ctx context.Context, name string, every time.Duration, then Settlement) error {
	return s.asDevice(ctx, name, "receive messages of "+name, func(ctx context.Context, r *run, hub *iothub.DeviceClient) error {
		for ctx.Err() == nil {
			got, err := r.receiveOne(ctx, hub, then)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if got != nil && then != LeaveLocked && then != Abandon {
				continue // an abandoned one would come again at once
			}
			if sleep(ctx, max(every, time.Second)) != nil {
				return nil
			}
		}
		return nil
	})
}

// ToDevice is a message for a device.
type ToDevice struct {
	Body       string
	Properties map[string]string
}

// SendToDevice puts a message into the queue of a device in the lab. IoT Hub
// itself takes such messages over AMQP alone, so elsewhere it is a *Problem that
// names the command.
func (s *Session) SendToDevice(ctx context.Context, name string, m ToDevice) error {
	op := "send a message to " + name
	if err := s.mayWrite(op); err != nil {
		return err
	}
	r, err := s.aside(name, RunOptions{})
	if err != nil {
		return err
	}
	defer r.close()
	reg := r.state.Registration
	if reg.AssignedHub == "" {
		return &Problem{Kind: ByHand, Op: op, Summary: name + " is not assigned to a hub", Fix: "Run the step \"registration\" first: dpslab run " + name}
	}
	t, err := r.resolve(ctx)
	if err != nil {
		return problemOf(op, err)
	}
	if t.lab == nil || t.lab.Send == nil {
		return &Problem{
			Kind: Usage, Op: op, Summary: "IoT Hub takes messages to devices over AMQP alone, which this program does not speak",
			Fix: shellLine([]string{"az", "iot", "device", "c2d-message", "send", "--hub-name", firstLabel(reg.AssignedHub), "--device-id", reg.DeviceID, "--data", m.Body}),
		}
	}
	if err := t.lab.Send(ctx, reg.AssignedHub, reg.DeviceID, m); err != nil {
		return problemOf(op, err)
	}
	return nil
}

// asDevice does something as an assigned device beside any run: without the
// profile's lock, because it changes neither profile nor state.
func (s *Session) asDevice(ctx context.Context, name, op string, do func(context.Context, *run, *iothub.DeviceClient) error) error {
	if err := s.mayWrite(op); err != nil { // a received message is locked, which others see
		return err
	}
	r, err := s.aside(name, RunOptions{})
	if err != nil {
		return err
	}
	defer r.close()
	defer context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })()
	hub, err := r.hubClient(r.ctx, op)
	if err == nil {
		err = do(r.ctx, r, hub)
	}
	if err != nil {
		return problemOf(op, err)
	}
	return nil
}

// aside prepares something that is no run: its events carry no run's ID. o says
// of messages and steps what it says for a run.
func (s *Session) aside(name string, o RunOptions) (*run, error) {
	profile, err := s.load(name)
	if err != nil {
		return nil, err
	}
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return nil, problemOf("read the state of "+name, err)
	}
	return asideOf(s, name, profile, state, o), nil
}

func asideOf(s *Session, name string, p *profiles.Profile, state *profiles.State, o RunOptions) *run {
	r := makeRun(s, name, p, state, o)
	r.id = ""
	return r
}

func (r *run) receiveOne(ctx context.Context, hub *iothub.DeviceClient, then Settlement) (*CloudMessage, error) {
	var command *iothub.Command
	// Repeating is safe: a message whose answer was lost comes again when its
	// lock has run out.
	err := r.retry(ctx, true, func() (err error) { command, err = hub.Receive(ctx, 0); return err })
	if err != nil || command == nil {
		return nil, err
	}
	got := cloudMessage(command)
	if then != LeaveLocked {
		if err := r.settleMessage(ctx, hub, got.LockToken, then); err != nil {
			return nil, err
		}
		got.LockToken, got.Settled = "", then
	}
	r.emit(Event{Kind: CloudMessageReceived, Cloud: got})
	return got, nil
}

func (r *run) settleMessage(ctx context.Context, hub *iothub.DeviceClient, lockToken string, then Settlement) error {
	settle := map[Settlement]func(context.Context, string) error{Complete: hub.Complete, Abandon: hub.Abandon, Reject: hub.Reject}[then]
	if settle == nil {
		return &Problem{Kind: Usage, Op: "settle a message", Summary: "complete, abandon and reject are possible"}
	}
	return r.retry(ctx, true, func() error { return settle(ctx, lockToken) })
}

func cloudMessage(c *iothub.Command) *CloudMessage {
	m := &CloudMessage{
		LockToken: c.LockToken, Body: string(c.Body), MessageID: c.MessageID, CorrelationID: c.CorrelationID, ContentType: c.ContentType,
		Sequence: c.SequenceNumber, Deliveries: c.DeliveryCount, Enqueued: c.Enqueued, Expiry: c.Expiry, Properties: c.Properties, System: c.System,
	}
	if m.Binary = !utf8.Valid(c.Body); m.Binary {
		m.Body = fmt.Sprintf("%q", c.Body)
	}
	m.Body = wire.RedactText(m.Body)
	return m
}
