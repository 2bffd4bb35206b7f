package emulator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"mime"
	"strings"
	"time"
)

// Event is one message as it lies in a hub's inbox.
type Event struct {
	Hub        string            `json:"hub"`
	DeviceID   string            `json:"device_id"`
	Sequence   uint64            `json:"sequence"` // counts from 1 for each device
	EnqueuedAt time.Time         `json:"enqueued_at"`
	Body       string            `json:"body"` // text, or base64 when System says so
	Properties map[string]string `json:"properties,omitempty"`
	System     map[string]string `json:"system,omitempty"`
}

const (
	appPrefix   = "iothub-app-"
	batchMedia  = "application/vnd.microsoft.iothub.json"
	base64Key   = "body-encoding" // in System: the body was no text
	contentType = "http-content-type"
)

// inboxSize is how many messages of a device the inbox keeps, the newest.
const inboxSize = 1000

// readMessages reads a single message of a device with its properties in headers,
// or a batch with all of it in the body.
func readMessages(c *call, hub, device string) ([]message, error) {
	body, err := hubBody(c)
	if err != nil {
		return nil, err
	}
	plain := c.r.Header.Get("Content-Type")
	if isBatch(plain) {
		return readBatch(body, hub, device, c.now)
	}
	m := newMessage(hub, device, c.now, body)
	size := len(body)
	for name, values := range c.r.Header {
		if len(values) == 0 || !strings.HasPrefix(name, "Iothub-") && name != "Dt-Subject" { // as package http writes them
			continue
		}
		name = strings.ToLower(name)
		size += len(name) + len(values[0])
		m.setHeader(name, values[0])
	}
	if size > maxMessage {
		return nil, messageTooLarge()
	}
	if plain != "" {
		m.set(systemProperty, contentType, plain) // guess U16: beside the message's own
	}
	return []message{m}, nil
}

// isBatch reports whether a Content-Type is that of a batch. Most are another and
// not worth parsing; the curl how-to's may be anything.
func isBatch(media string) bool {
	if len(media) < len(batchMedia) {
		return false
	}
	kind, _, _ := mime.ParseMediaType(media)
	return kind == batchMedia
}

// systemProperties gives the name of a system property for its header, where
// dropping the prefix is not enough.
var systemProperties = map[string]string{
	"iothub-messageid": "message-id", "iothub-correlationid": "correlation-id", "iothub-userid": "user-id",
	"iothub-contenttype": "content-type", "iothub-contentencoding": "content-encoding",
	"iothub-creation-time-utc": "creation-time-utc", "iothub-creationtimeutc": "creation-time-utc",
}

// maxBatchMessages bounds the messages of a batch (guess hubBatchSize): "{}" is
// one, and each takes a hundred times the memory that it takes to send.
const maxBatchMessages = 4096

// readBatch reads the body of a batch: an array of messages whose bodies are
// base64 unless they say they are not.
func readBatch(body []byte, hub, device string, now time.Time) ([]message, error) {
	var batch []struct {
		Body          string            `json:"body"`
		Base64Encoded *bool             `json:"base64Encoded"`
		Properties    map[string]string `json:"properties"`
	}
	if err := json.Unmarshal(body, &batch); err != nil || len(batch) == 0 || tooDeep(body) {
		return nil, hubBadBatch.refuse()
	}
	if len(batch) > maxBatchMessages {
		return nil, hubBatchSize.refuse()
	}
	messages := make([]message, 0, len(batch))
	for _, m := range batch {
		raw := []byte(m.Body)
		if m.Base64Encoded == nil || *m.Base64Encoded {
			decoded, err := base64.StdEncoding.DecodeString(m.Body)
			if err != nil {
				return nil, hubBadBatch.refuse("a body is not base64")
			}
			raw = decoded
		}
		packed := newMessage(hub, device, now, raw)
		for name, value := range m.Properties {
			packed.setHeader(strings.ToLower(name), value)
		}
		messages = append(messages, packed)
	}
	return messages, nil
}

func eventPrefix(hub, device string) string { return deviceKey(hub, device) + "\x00" }

func eventKey(hub, device string, sequence uint64) string {
	return sequenceKey(deviceKey(hub, device), sequence)
}

// sequenceKey is eventKey for the key of a device.
func sequenceKey(device string, sequence uint64) string {
	return device + "\x00" + string(binary.BigEndian.AppendUint64(nil, sequence))
}

// lastSequence is the number of the newest message of a device, 0 when there is
// none.
func lastSequence(t *tx, hub, device string) uint64 {
	prefix := eventPrefix(hub, device)
	cursor := t.cursor(bucketEvents)
	// A key that is longer than all eight bytes of ones comes after each of them.
	key, _ := cursor.Seek([]byte(eventKey(hub, device, ^uint64(0)) + "\xff"))
	if key == nil {
		key, _ = cursor.Last()
	} else {
		key, _ = cursor.Prev()
	}
	number, ok := strings.CutPrefix(string(key), prefix)
	if !ok || len(number) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64([]byte(number))
}

// inbox gives the messages of a device with a sequence above after, oldest
// first.
func (l *Lab) inbox(hub, device string, after uint64) ([]Event, error) {
	return readSettled(l.store, func(t *tx) ([]Event, error) {
		events := []Event{}
		prefix := eventPrefix(hub, device)
		cursor := t.cursor(bucketEvents)
		for key, raw := cursor.Seek([]byte(eventKey(hub, device, after+1))); key != nil && strings.HasPrefix(string(key), prefix); key, raw = cursor.Next() {
			var e Event
			if err := json.Unmarshal(raw, &e); err != nil {
				return nil, err
			}
			events = append(events, e)
		}
		return events, nil
	})
}
