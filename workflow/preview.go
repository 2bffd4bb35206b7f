package workflow

import (
	"context"
	"errors"
	"fmt"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// DeviceCall is a call that a device makes by itself.
type DeviceCall string

// The calls that [Session.Preview] knows.
const (
	CallRegister DeviceCall = "register" // PUT register
	CallStatus   DeviceCall = "status"   // POST registration status lookup
	CallSend     DeviceCall = "send"     // the first message, or the first batch
	CallReceive  DeviceCall = "receive"  // GET the oldest message to the device
)

// Preview makes the first request of a device's call and does not send it:
// method, URL, headers and body, secrets masked. o says of messages what it says
// for a run. What the request needs must be there, the device's certificate or
// key above all; a key that only DPS knows would have to be asked for, and then
// it is that request. Its errors are *Problem.
func (s *Session) Preview(ctx context.Context, name string, call DeviceCall, o RunOptions) (*Exchange, error) {
	op := "preview " + string(call) + " of " + name
	r, err := s.aside(name, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	defer context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })()
	err = r.preview(wire.WithDryRun(r.ctx), call)
	var dry *wire.DryRunError
	switch {
	case errors.As(err, &dry):
		return &dry.Exchange, nil
	case err == nil:
		return nil, &Problem{Kind: Internal, Op: op, Summary: "it made no request"}
	}
	return nil, problemOf(op, err)
}

// preview makes a call with a context that sends nothing.
func (r *run) preview(ctx context.Context, call DeviceCall) error {
	switch call {
	case CallRegister:
		device, err := r.dpsClient(ctx)
		if err != nil {
			return err
		}
		_, err = device.Register(ctx, dps.DeviceRegistration{RegistrationID: r.registrationID(), Payload: payload(r.profile.Identity.Payload)})
		return err
	case CallStatus:
		_, err := r.lookup(ctx)
		return err
	case CallSend:
		return r.previewMessage(ctx)
	case CallReceive:
		hub, err := r.hubClient(ctx, "receive messages")
		if err != nil {
			return err
		}
		_, err = hub.Receive(ctx, 0)
		return err
	}
	return &Problem{Kind: Usage, Op: "preview", Summary: fmt.Sprintf("there is no call %q", call)}
}

func (r *run) previewMessage(ctx context.Context) error {
	device, err := r.hubClient(ctx, "send telemetry")
	if err != nil {
		return err
	}
	m, err := r.messages()
	if err != nil {
		return err
	}
	m.device = device
	r.id = "dry-run" // message IDs begin with it
	if size := min(m.batch, m.count); size > 1 {
		return r.sendBatch(ctx, m, 1, size)
	}
	return r.sendOne(ctx, m, 1, nil)
}
