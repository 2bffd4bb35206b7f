package workflow

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// inboxEvery is how often the lab hub's inbox is read while messages are sent.
const inboxEvery = 500 * time.Millisecond

// bodyFix is how a body with a template is written.
const bodyFix = "{{ now }}, {{ n }} and {{ wave 20 30 \"20s\" }} are filled in; anything else is sent as it is."

// telemetry sends the profile's messages to the assigned hub.
func (r *run) telemetry(ctx context.Context) (string, error) {
	device, err := r.hubClient(ctx, "send telemetry")
	if err != nil {
		return "", err
	}
	m, err := r.messages()
	if err != nil {
		return "", err
	}
	m.device = device
	if err := r.send(ctx, m, &inbox{there: r.target.lab != nil, read: time.Now()}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s accepted by %s", counted(m.count, "message"), device.Host), nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// CheckMessage checks what run options say of messages, by the fields' rules.
func CheckMessage(o RunOptions) error {
	if o.Verbatim && len(o.Body) > iothub.MaxMessage {
		return &Problem{Kind: Usage, Op: "read the message", Summary: fmt.Sprintf("the body is %d bytes long, a message may have %d", len(o.Body), iothub.MaxMessage)}
	}
	if o.Body != "" && !o.Verbatim {
		if err := checkBody(o.Body, nil); err != nil {
			return &Problem{Kind: Usage, Op: "read the message", Summary: "the body " + err.Error(), Fix: bodyFix}
		}
	}
	for name, v := range o.Properties {
		if !propertyText(name, false) || !propertyText(v, true) {
			return &Problem{Kind: Usage, Op: "read property " + strconv.Quote(name), Summary: "it travels as an HTTP header: the name must be ASCII without blanks and without \"(),/:;<=>?@[\\]{}, the value ASCII without control characters", Fix: "Put other texts into the body."}
		}
	}
	if o.Batch < 0 || o.Batch > maxBatch {
		return &Problem{Kind: Usage, Op: "read the message", Summary: fmt.Sprintf("a batch has 1 to %d messages", maxBatch), Fix: "Leave it out for the profile's own."}
	}
	if o.Count < 0 || o.Interval != nil && *o.Interval < 0 {
		return &Problem{Kind: Usage, Op: "read the message", Summary: "count and interval cannot be negative", Fix: "Leave them out for the profile's own."}
	}
	return nil
}

// messages is what to send and how.
type messages struct {
	device      *iothub.DeviceClient
	body        *Body
	contentType string
	properties  map[string]string
	count       int
	batch       int
	interval    time.Duration
}

func (r *run) messages() (*messages, error) {
	p := r.profile.Telemetry
	text := p.Body
	if r.options.Body != "" {
		text = r.options.Body
	}
	body, err := ParseBody(text)
	if r.options.Verbatim {
		body, err = plainBody(r.options.Body), nil
	}
	if err != nil {
		return nil, &Problem{Kind: Usage, Op: "read the telemetry body", Summary: "it " + err.Error(), Fix: bodyFix}
	}
	interval, err := time.ParseDuration(p.Interval)
	if err != nil {
		return nil, &Problem{Kind: Usage, Op: "read telemetry.interval", Summary: strconv.Quote(p.Interval) + " is no time", Fix: "A number with its unit, such as 500ms, 1s or 2m."}
	}
	m := &messages{body: body, contentType: p.ContentType, count: p.Count, batch: max(p.Batch, 1), interval: interval, properties: maps.Clone(p.Properties)}
	if r.options.Count > 0 {
		m.count = r.options.Count
	}
	if r.options.Batch > 0 {
		m.batch = r.options.Batch
	}
	if r.options.Interval != nil {
		m.interval = *r.options.Interval
	}
	if m.properties == nil {
		m.properties = map[string]string{}
	}
	maps.Copy(m.properties, r.options.Properties)
	return m, nil
}

// send sends the profile's messages, and between them those that a person put
// in.
func (r *run) send(ctx context.Context, m *messages, inbox *inbox) error {
	flow := r.stream.change(func() {
		if !r.stream.set {
			r.stream.interval = m.interval
		}
	})
	r.emit(Event{Kind: StreamChanged, Stream: &flow})
	var last time.Time
	for n := 1; ; {
		if n > m.count && r.stream.end() {
			return nil
		}
		own, err := r.stream.next(ctx, last)
		if err != nil {
			return err
		}
		if own != nil {
			m.count++
		}
		size := min(m.batch, m.count-n+1)
		if own == nil && size > 1 {
			err = r.sendBatch(ctx, m, n, size)
		} else {
			size, err = 1, r.sendOne(ctx, m, n, own)
		}
		if err != nil {
			return err
		}
		last, n = time.Now(), n+size
		if n > m.count || time.Since(inbox.read) >= inboxEvery {
			r.receive(ctx, inbox)
			// A kill loses the count of half a second at most.
			r.saveSoon()
		}
	}
}

// sendBatch sends several messages in one request: the hub takes all or none.
func (r *run) sendBatch(ctx context.Context, m *messages, n, size int) error {
	batch := make([]iothub.Message, size)
	for i := range batch {
		var err error
		if batch[i], err = m.message(r.id, n+i, nil); err != nil {
			return err
		}
	}
	var took time.Duration
	rest := batch
	err := r.retry(ctx, false, func() error {
		begin := time.Now()
		defer func() { took = time.Since(begin) }()
		sent, err := m.device.SendBatch(ctx, rest)
		rest = rest[sent:] // what is too large for one request goes in several
		return err
	})
	for i := range batch[:size-len(rest)] {
		r.accepted(m, n+i, string(batch[i].Body), took)
	}
	return err
}

// message makes the n-th message of the profile, or a person's own.
func (m *messages) message(id string, n int, own *custom) (iothub.Message, error) {
	message := iothub.Message{ContentType: m.contentType, ContentEncoding: "utf-8", MessageID: id + "-" + strconv.Itoa(n), Properties: m.properties}
	if own != nil {
		message.Body = []byte(own.body)
		message.Properties = maps.Clone(m.properties)
		maps.Copy(message.Properties, own.properties)
		return message, nil
	}
	body, err := m.body.Render(n, time.Now())
	if err != nil {
		return message, &Problem{Kind: Usage, Op: "make message " + strconv.Itoa(n), Summary: "the body " + err.Error(), Fix: bodyFix}
	}
	message.Body = []byte(body)
	return message, nil
}

func (r *run) sendOne(ctx context.Context, m *messages, n int, own *custom) error {
	message, err := m.message(r.id, n, own)
	if err != nil {
		return err
	}
	var took time.Duration
	err = r.retry(ctx, false, func() error {
		begin := time.Now()
		defer func() { took = time.Since(begin) }()
		return m.device.Send(ctx, message)
	})
	if err != nil {
		return err
	}
	r.accepted(m, n, string(message.Body), took)
	return nil
}

// accepted tells that the hub took the n-th message.
func (r *run) accepted(m *messages, n int, body string, took time.Duration) {
	sent := &Message{N: n, Of: m.count, Body: wire.RedactText(body), LatencyMS: float64(took.Microseconds()) / 1000, Hub: m.device.Host}
	if name, v, ok := firstNumber(body); ok {
		sent.Value, sent.ValueName = &v, name
	}
	r.state.Telemetry.Sent++
	r.state.Telemetry.Last = time.Now().UTC()
	r.emit(Event{Kind: MessageSent, Message: sent})
}

// inbox is how far the lab hub's inbox has been read; only a lab has one.
type inbox struct {
	there bool
	after uint64
	read  time.Time
}

// receive tells what the hub received since the last look. The inbox is a
// comfort: when it cannot be read, that is a warning.
func (r *run) receive(ctx context.Context, i *inbox) {
	if !i.there {
		return
	}
	s := r.state.Registration
	lab, err := r.session.openedLab(ctx)
	if err != nil || lab.Inbox == nil {
		return
	}
	got, err := lab.Inbox(ctx, s.AssignedHub, s.DeviceID, i.after)
	i.read = time.Now()
	if err != nil {
		r.warn("the lab hub's inbox could not be read: " + err.Error())
		return
	}
	for _, m := range got {
		i.after = max(i.after, m.Sequence)
		if m.System["message-id"] == "" || !r.owns(m.System["message-id"]) {
			continue // from an earlier run
		}
		m.Body = wire.RedactText(m.Body)
		r.emit(Event{Kind: MessageReceived, Received: &m})
	}
}

// owns reports whether a message ID is one of this run's.
func (r *run) owns(messageID string) bool {
	return len(messageID) > len(r.id) && messageID[:len(r.id)] == r.id
}
