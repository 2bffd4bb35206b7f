package iothub

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"dpslab/workflow/wire"
)

// Command is a cloud-to-device message as a device receives it. It stays locked
// until the device completes, rejects or abandons it, or the lock runs out.
type Command struct {
	LockToken string
	Body      []byte

	MessageID       string
	CorrelationID   string
	UserID          string
	To              string // path of the queue it went to
	Ack             string // feedback the sender asked for: none, positive, negative, full
	ContentType     string
	ContentEncoding string
	SequenceNumber  uint64
	DeliveryCount   int       // how often the device has given it back
	Enqueued        time.Time // zero: the hub did not say
	Expiry          time.Time // zero: the hub did not say

	Properties map[string]string // application properties, by name in lower case
	System     map[string]string // other properties of the hub, by header name in lower case
}

// MaxCommand is the largest cloud-to-device message, in bytes.
const MaxCommand = 64 << 10

// DefaultLock is how long the hub locks a message that was received.
const DefaultLock = time.Minute

// Receive asks for the oldest cloud-to-device message that waits. A nil command
// without an error says that none does. lock is how long it is to be locked, in
// whole seconds; 0 leaves that to the hub. The hub recommends to ask no more
// often than every 25 minutes over HTTPS.
func (c *DeviceClient) Receive(ctx context.Context, lock time.Duration) (*Command, error) {
	const operation = "receive message"
	q := wire.Request{Operation: operation, Method: http.MethodGet, Header: http.Header{}}
	if lock > 0 {
		q.Header.Set("IotHub-MessageLockTimeout", strconv.Itoa(int((lock+time.Second-1)/time.Second)))
	}
	answer, err := c.do(ctx, q, queue, "")
	if err != nil || answer.Status == http.StatusNoContent {
		return nil, err
	}
	command := newCommand(answer.Header, answer.Body)
	if command.LockToken == "" {
		return nil, &wire.AnswerError{
			Operation: operation, Status: answer.Status, ContentType: answer.Header.Get("Content-Type"),
			Err: errors.New("it has no ETag with a lock token"),
		}
	}
	return command, nil
}

const queue = "/messages/devicebound"

// Complete tells the hub that the message was dealt with; it is deleted. A lock
// that ran out is refused with 412.
func (c *DeviceClient) Complete(ctx context.Context, lockToken string) error {
	return c.settle(ctx, "complete message", http.MethodDelete, lockToken, "", "")
}

// Reject tells the hub that the message cannot be dealt with; it goes to the
// dead letters.
func (c *DeviceClient) Reject(ctx context.Context, lockToken string) error {
	return c.settle(ctx, "reject message", http.MethodDelete, lockToken, "", "&reject")
}

// Abandon gives the message back; it waits again, until the hub counts too many
// deliveries.
func (c *DeviceClient) Abandon(ctx context.Context, lockToken string) error {
	return c.settle(ctx, "abandon message", http.MethodPost, lockToken, "/abandon", "")
}

func (c *DeviceClient) settle(ctx context.Context, operation, method, lockToken, suffix, flag string) error {
	if lockToken == "" {
		return errors.New(operation + ": no lock token: receive the message first")
	}
	_, err := c.do(ctx, wire.Request{Operation: operation, Method: method}, queue+"/"+url.PathEscape(lockToken)+suffix, flag)
	return err
}

// newCommand reads a message from the headers of an answer, whatever their
// case.
func newCommand(h http.Header, body []byte) *Command {
	c := &Command{Body: body, LockToken: strings.Trim(strings.TrimPrefix(h.Get("ETag"), "W/"), `"`)}
	texts := map[string]*string{
		"iothub-messageid": &c.MessageID, "iothub-correlationid": &c.CorrelationID, "iothub-userid": &c.UserID,
		"iothub-to": &c.To, "iothub-ack": &c.Ack, "contenttype": &c.ContentType, "contentencoding": &c.ContentEncoding,
	}
	for name, values := range h {
		if len(values) == 0 {
			continue
		}
		c.property(strings.ToLower(name), values[0], texts)
	}
	return c
}

func (c *Command) property(name, value string, texts map[string]*string) {
	if at, ok := texts[name]; ok {
		*at = value
		return
	}
	switch name {
	case "iothub-sequencenumber":
		c.SequenceNumber, _ = strconv.ParseUint(value, 10, 64)
	case "iothub-deliverycount":
		c.DeliveryCount, _ = strconv.Atoi(value)
	case "iothub-enqueuedtime":
		c.Enqueued = hubTime(value)
	case "iothub-expiry":
		c.Expiry = hubTime(value)
	default:
		if app, ok := strings.CutPrefix(name, appPrefix); ok {
			c.Properties = with(c.Properties, app, value)
		} else if system, ok := strings.CutPrefix(name, "iothub-"); ok {
			c.System = with(c.System, system, value)
		}
	}
}

func with(m map[string]string, name, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[name] = value
	return m
}

// hubTime reads a time as the hub writes it in headers: ISO 8601, or as in
// "1/2/2006 3:04:05 PM". Another form is zero.
func hubTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.9999999", "1/2/2006 3:04:05 PM", http.TimeFormat} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
