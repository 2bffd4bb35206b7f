package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// message is an [Event] on its way into an inbox, packed into one piece of memory:
// as maps and strings it would cost more to make, and the garbage collector more
// to look through, than all the rest of its request.
//
// The text is the time it was enqueued (nanoseconds since 1970, 8 bytes,
// big-endian), then texts that each follow their length as a varint: hub, device,
// body, and for every property its name, which begins with the kind, and its value.
// Of two properties with the same name the later one counts.
type message struct {
	sequence uint64
	text     []byte
}

// Kinds of properties.
const (
	appProperty    = 'a'
	systemProperty = 's'
)

// usualProperties is room for what most messages carry besides their body.
const usualProperties = 320

// newMessage takes a body as text where it is text.
func newMessage(hub, device string, now time.Time, body []byte) message {
	text := make([]byte, 0, len(hub)+len(device)+len(body)+usualProperties)
	text = binary.BigEndian.AppendUint64(text, uint64(now.UnixNano()))
	text = appendText(appendText(text, hub), device)
	if utf8.Valid(body) {
		return message{text: appendText(text, body)}
	}
	m := message{text: appendText(text, base64.StdEncoding.EncodeToString(body))}
	m.set(systemProperty, base64Key, "base64")
	return m
}

// set adds a property.
func (m *message) set(kind byte, name, value string) {
	m.text = binary.AppendUvarint(m.text, uint64(1+len(name)))
	m.text = append(append(m.text, kind), name...)
	m.text = appendText(m.text, value)
}

// setHeader adds the property of a header, whose name is in lower case.
func (m *message) setHeader(name, value string) {
	if app, ok := strings.CutPrefix(name, appPrefix); ok {
		m.set(appProperty, app, value)
		return
	}
	if known, ok := systemProperties[name]; ok {
		name = known
	}
	m.set(systemProperty, strings.TrimPrefix(name, "iothub-"), value)
}

// event unpacks a message; false when it is none.
func (m *message) event() (e Event, ok bool) {
	if len(m.text) < 8 {
		return e, false
	}
	e.Sequence, e.System = m.sequence, map[string]string{}
	e.EnqueuedAt = time.Unix(0, int64(binary.BigEndian.Uint64(m.text))).UTC()
	rest := m.text[8:]
	for _, to := range []*string{&e.Hub, &e.DeviceID, &e.Body} {
		if *to, rest, ok = cutText(rest); !ok {
			return e, false
		}
	}
	for len(rest) > 0 {
		var name, value string
		if name, rest, ok = cutText(rest); !ok || name == "" {
			return e, false
		}
		if value, rest, ok = cutText(rest); !ok {
			return e, false
		}
		switch name[0] {
		case appProperty:
			if e.Properties == nil {
				e.Properties = map[string]string{}
			}
			e.Properties[name[1:]] = value
		case systemProperty:
			e.System[name[1:]] = value
		default:
			return e, false
		}
	}
	return e, true
}

// recorded gives a message of the log with its event; false when it is none. The
// first byte tells an [Event] in JSON, of an earlier version, from a message: that
// begins with a time, which for centuries begins otherwise.
func (m *message) recorded() (message, Event, bool) {
	if bytes.HasPrefix(m.text, []byte("{")) {
		var e Event
		if json.Unmarshal(m.text, &e) == nil {
			e.Sequence = m.sequence
			return repacked(&e), e, true
		}
	}
	e, ok := m.event()
	return *m, e, ok
}

// repacked makes the message of an event.
func repacked(e *Event) message {
	text := binary.BigEndian.AppendUint64(nil, uint64(e.EnqueuedAt.UnixNano()))
	for _, part := range []string{e.Hub, e.DeviceID, e.Body} {
		text = appendText(text, part)
	}
	m := message{e.Sequence, text}
	for name, value := range e.Properties {
		m.set(appProperty, name, value)
	}
	for name, value := range e.System {
		m.set(systemProperty, name, value)
	}
	return m
}

func appendText[T string | []byte](to []byte, text T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// cutText takes the first text off.
func cutText(raw []byte) (text string, rest []byte, ok bool) {
	length, n := binary.Uvarint(raw)
	if n <= 0 || length > uint64(len(raw)-n) {
		return "", nil, false
	}
	end := n + int(length)
	return string(raw[n:end]), raw[end:], true
}
