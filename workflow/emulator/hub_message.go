package emulator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"mime"
	"strings"
	"time"
	"unicode/utf8"
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

// readMessages reads a single message with its properties in headers, or a
// batch with all of it in the body.
func readMessages(c *call) ([]Event, error) {
	body, err := hubBody(c)
	if err != nil {
		return nil, err
	}
	plain := c.r.Header.Get("Content-Type")
	if plain != "" { // the curl how-to's may be anything
		if media, _, _ := mime.ParseMediaType(plain); media == batchMedia {
			return readBatch(body)
		}
	}
	event := newEvent(body)
	size := len(body)
	for name, values := range c.r.Header {
		if len(values) == 0 || !strings.HasPrefix(name, "Iothub-") && name != "Dt-Subject" { // as package http writes them
			continue
		}
		name = strings.ToLower(name)
		size += len(name) + len(values[0])
		event.setProperty(name, values[0])
	}
	if size > maxMessage {
		return nil, messageTooLarge()
	}
	if plain != "" {
		event.System[contentType] = plain // guess U16: beside the message's own
	}
	return []Event{event}, nil
}

// newEvent takes a body as text where it is text.
func newEvent(body []byte) Event {
	e := Event{Body: string(body), System: map[string]string{}}
	if !utf8.Valid(body) {
		e.Body, e.System[base64Key] = base64.StdEncoding.EncodeToString(body), "base64"
	}
	return e
}

// systemProperties gives the name of a system property for its header, where
// dropping the prefix is not enough.
var systemProperties = map[string]string{
	"iothub-messageid": "message-id", "iothub-correlationid": "correlation-id", "iothub-userid": "user-id",
	"iothub-contenttype": "content-type", "iothub-contentencoding": "content-encoding",
	"iothub-creation-time-utc": "creation-time-utc", "iothub-creationtimeutc": "creation-time-utc",
}

func (e *Event) setProperty(name, value string) {
	if app, ok := strings.CutPrefix(name, appPrefix); ok {
		if e.Properties == nil {
			e.Properties = map[string]string{}
		}
		e.Properties[app] = value
		return
	}
	if known, ok := systemProperties[name]; ok {
		name = known
	}
	e.System[strings.TrimPrefix(name, "iothub-")] = value
}

// readBatch reads the body of a batch: an array of messages whose bodies are
// base64 unless they say they are not.
func readBatch(body []byte) ([]Event, error) {
	var batch []struct {
		Body          string            `json:"body"`
		Base64Encoded *bool             `json:"base64Encoded"`
		Properties    map[string]string `json:"properties"`
	}
	if err := json.Unmarshal(body, &batch); err != nil || len(batch) == 0 || tooDeep(body) {
		return nil, hubBadBatch.refuse()
	}
	events := make([]Event, 0, len(batch))
	for _, m := range batch {
		raw := []byte(m.Body)
		if m.Base64Encoded == nil || *m.Base64Encoded {
			decoded, err := base64.StdEncoding.DecodeString(m.Body)
			if err != nil {
				return nil, hubBadBatch.refuse("a body is not base64")
			}
			raw = decoded
		}
		event := newEvent(raw)
		for name, value := range m.Properties {
			event.setProperty(strings.ToLower(name), value)
		}
		events = append(events, event)
	}
	return events, nil
}

func eventPrefix(hub, device string) string { return deviceKey(hub, device) + "\x00" }

func eventKey(hub, device string, sequence uint64) string {
	return eventPrefix(hub, device) + string(binary.BigEndian.AppendUint64(nil, sequence))
}

// receive puts messages into the inbox, which keeps the newest inboxSize.
func (l *Lab) receive(hub, device string, messages []Event, now time.Time) error {
	for i := range messages {
		m := &messages[i]
		m.Hub, m.DeviceID, m.EnqueuedAt = hub, device, now.UTC()
	}
	return l.store.receive(messages)
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
