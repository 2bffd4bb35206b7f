package iothub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"dpslab/workflow/wire"
)

// BatchMediaType is the media type of a batch of events.
const BatchMediaType = "application/vnd.microsoft.iothub.json"

// batchSize is how large the body of a batch is made, in bytes. The client
// libraries stop one byte before 255 KB, to be below the hub's own way to count.
const batchSize = 255<<10 - 1

type batchItem struct {
	Body          []byte            `json:"body"` // base64
	Base64Encoded bool              `json:"base64Encoded"`
	Properties    map[string]string `json:"properties,omitempty"`
}

// ErrMessageTooLarge says that one message alone does not fit in a request.
var ErrMessageTooLarge = errors.New("the message does not fit in 256 KB")

// SendBatch posts many events in as few requests as hold them, 255 KB each with
// bodies in base64. sent counts the messages that the hub has taken: with an
// error it tells where to go on. Every message is checked before the first is
// sent.
func (c *DeviceClient) SendBatch(ctx context.Context, messages []Message) (sent int, err error) {
	const operation = "send batch"
	batches, err := split(messages)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", operation, err)
	}
	for _, b := range batches {
		q := wire.Request{
			Operation: operation, Method: http.MethodPost, Body: b.body,
			Header: http.Header{"Content-Type": {BatchMediaType}},
		}
		if _, err := c.do(ctx, q, "/messages/events", ""); err != nil {
			return sent, err
		}
		sent += b.count
	}
	return sent, nil
}

type batch struct {
	body  []byte
	count int
}

// split makes the bodies. A message that no batch holds is refused.
func split(messages []Message) ([]batch, error) {
	var all []batch
	for i, m := range messages {
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		body := m.Body
		if body == nil {
			body = []byte{} // null is no body
		}
		raw, err := json.Marshal(batchItem{body, true, m.properties()})
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i+1, err)
		}
		if len(raw)+2 > batchSize {
			return nil, fmt.Errorf("message %d: %w with its base64 and its %d properties: send it by itself", i+1, ErrMessageTooLarge, len(m.Properties))
		}
		if n := len(all); n > 0 && len(all[n-1].body)+len(raw)+2 <= batchSize {
			b := &all[n-1]
			b.body = append(append(b.body, ','), raw...)
			b.count++
			continue
		}
		all = append(all, batch{append([]byte{'['}, raw...), 1})
	}
	for i := range all {
		all[i].body = append(all[i].body, ']')
	}
	return all, nil
}
