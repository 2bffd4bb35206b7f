package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Command is one cloud-to-device message. IoT Hub takes them over AMQP alone,
// so the lab takes them from its operator.
type Command struct {
	MessageID       string            `json:"message_id,omitempty"` // made up when empty
	CorrelationID   string            `json:"correlation_id,omitempty"`
	UserID          string            `json:"user_id,omitempty"`
	Ack             string            `json:"ack,omitempty"`  // none, positive, negative, full
	Body            string            `json:"body"`           // text
	Bytes           []byte            `json:"data,omitempty"` // instead of Body, where it is no text
	ContentType     string            `json:"content_type,omitempty"`
	ContentEncoding string            `json:"content_encoding,omitempty"`
	Properties      map[string]string `json:"properties,omitempty"`
	TimeToLive      time.Duration     `json:"time_to_live,omitempty"` // 0: an hour; at most two days
}

// waitingCommand is one as it lies in a device's queue.
type waitingCommand struct {
	Command
	Sequence   uint64    `json:"sequence"`
	Enqueued   time.Time `json:"enqueued"`
	Expiry     time.Time `json:"expiry"`
	Deliveries int       `json:"deliveries"` // counts what the device gave back
	Lock       string    `json:"lock,omitempty"`
	LockedTill time.Time `json:"locked_till"`
}

// Limits of cloud-to-device messages.
const (
	maxCommands     = 50 // for each device
	maxCommandBody  = 64 << 10
	commandLife     = time.Hour
	maxCommandLife  = 48 * time.Hour
	commandLock     = time.Minute
	maxCommandLock  = 5 * time.Minute
	maxDeliveries   = 10
	lockHeader      = "IotHub-MessageLockTimeout"
	rejectParameter = "reject"
)

// enqueue puts a message into a device's queue.
func (l *Lab) enqueue(hub, device string, m Command, now time.Time) error {
	if len(m.Body)+len(m.Bytes) > maxCommandBody {
		return &refusal{status: http.StatusRequestEntityTooLarge, code: 413001, name: "MessageTooLarge", message: "A cloud-to-device message holds at most 64 KB"}
	}
	if m.TimeToLive < 0 || m.TimeToLive > maxCommandLife {
		return hubInvalid("the time to live is at most two days")
	}
	c := &waitingCommand{Command: m, Enqueued: now.UTC(), Expiry: now.Add(commandLife).UTC()}
	if m.TimeToLive > 0 {
		c.Expiry = now.Add(m.TimeToLive).UTC()
	}
	if c.MessageID == "" {
		c.MessageID = uuid.NewString()
	}
	return l.store.update(func(t *tx) error {
		d, err := getHubDevice(t, hub, device)
		if err != nil || d == nil {
			return firstError(err, noHubDevice(device))
		}
		if err := expireCommands(t, d, now); err != nil {
			return err
		}
		waiting, err := commandsOf(t, hub, device, now)
		if err != nil {
			return err
		}
		if len(waiting) >= maxCommands {
			return &refusal{status: http.StatusForbidden, code: 403004, name: "DeviceMaximumQueueDepthExceeded", message: "The device has 50 messages waiting"}
		}
		if c.Sequence, err = t.next(); err != nil {
			return err
		}
		return put(t, bucketCommands, eventKey(hub, device, c.Sequence), c)
	})
}

// firstError is err, or else what follows from its absence.
func firstError(err error, otherwise *refusal) error {
	if err != nil {
		return err
	}
	return otherwise
}

// commandsOf gives what waits for a device, oldest first.
func commandsOf(t *tx, hub, device string, now time.Time) ([]*waitingCommand, error) {
	all, err := allCommandsOf(t, hub, device)
	return slices.DeleteFunc(all, func(c *waitingCommand) bool { return !now.Before(c.Expiry) }), err
}

// allCommandsOf are those and the ones whose time is over.
func allCommandsOf(t *tx, hub, device string) ([]*waitingCommand, error) {
	var all []*waitingCommand
	prefix := eventPrefix(hub, device)
	cursor := t.cursor(bucketCommands)
	for key, raw := cursor.Seek([]byte(prefix)); key != nil && strings.HasPrefix(string(key), prefix); key, raw = cursor.Next() {
		c := &waitingCommand{}
		if err := json.Unmarshal(raw, c); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// receiver authenticates a device that asks for its messages.
func (l *Lab) receiver(c *call) (*linkedHub, *hubDevice, error) {
	id := c.args["device"]
	c.device = id
	hub, err := l.hubFor(c, id)
	if err != nil {
		return nil, nil, err
	}
	device, err := l.store.device(hub.Host, id, "")
	if err != nil {
		return nil, nil, err
	}
	_, err = l.authenticate(c, hub, device)
	return hub, device, err
}

// receiveCommand answers GET /devices/{deviceId}/messages/devicebound: 200 with
// the oldest message, which is then locked, or 204.
func (l *Lab) receiveCommand(c *call) error {
	hub, device, err := l.receiver(c)
	if err != nil {
		return err
	}
	lock := commandLock
	if text := c.r.Header.Get(lockHeader); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 1 {
			return hubInvalid(lockHeader + " is a number of seconds")
		}
		lock = min(time.Duration(seconds)*time.Second, maxCommandLock)
	}
	var next *waitingCommand
	err = l.store.update(func(t *tx) error {
		next = nil
		if err := expireCommands(t, device, c.now); err != nil {
			return err
		}
		waiting, err := commandsOf(t, hub.Host, device.ID, c.now)
		if err != nil {
			return err
		}
		for _, m := range waiting {
			if m.Lock == "" || !c.now.Before(m.LockedTill) {
				m.Lock, m.LockedTill = uuid.NewString(), c.now.Add(lock).UTC()
				next = m
				return put(t, bucketCommands, eventKey(hub.Host, device.ID, m.Sequence), m)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if next == nil {
		c.empty(http.StatusNoContent)
		return nil
	}
	c.answerCommand(next, device.ID)
	return nil
}

// answerCommand writes a message. The case of the headers matters: a client
// library compares it, and cuts the quotes off the ETag without a look.
func (c *call) answerCommand(m *waitingCommand, device string) {
	body := m.Bytes
	if len(body) == 0 {
		body = []byte(m.Body)
	}
	for name, value := range map[string]string{
		"iothub-messageid": m.MessageID, "iothub-correlationid": m.CorrelationID, "iothub-userid": m.UserID, "iothub-ack": m.Ack,
		"ContentType": m.ContentType, "ContentEncoding": m.ContentEncoding,
	} {
		if value != "" {
			c.set(name, value)
		}
	}
	c.set("iothub-sequencenumber", strconv.FormatUint(m.Sequence, 10))
	c.set("iothub-to", "/devices/"+device+"/messages/deviceBound")
	c.set("iothub-expiry", dataPlaneTime(m.Expiry))
	c.set("iothub-enqueuedtime", dataPlaneTime(m.Enqueued))
	c.set("iothub-deliverycount", strconv.Itoa(m.Deliveries))
	for name, value := range m.Properties {
		c.set(appPrefix+name, value)
	}
	c.set("ETag", `"`+m.Lock+`"`)
	c.w.Header()["Content-Type"] = nil // none is made up from the body
	c.status = http.StatusOK
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body)
}

// settleCommand finds the message that a lock token is for and ends its lock.
// An If-Match, which some clients send, says no more than the path.
func (l *Lab) settleCommand(c *call, settle func(*tx, *hubDevice, *waitingCommand) error) error {
	hub, device, err := l.receiver(c)
	if err != nil {
		return err
	}
	token := bareTag(c.args["token"])
	err = l.store.update(func(t *tx) error {
		waiting, err := commandsOf(t, hub.Host, device.ID, c.now)
		if err != nil {
			return err
		}
		for _, m := range waiting {
			if m.Lock == token && c.now.Before(m.LockedTill) {
				return settle(t, device, m)
			}
		}
		return lockLost()
	})
	if err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// completeCommand answers DELETE …/messages/devicebound/{lockToken}: completed,
// or rejected where the query says so. Either way it is gone.
func (l *Lab) completeCommand(c *call) error {
	verdict, outcome := "completed", commandDone
	if c.r.URL.Query().Has(rejectParameter) {
		verdict, outcome = "rejected", commandRejected
	}
	c.verdict = verdict
	return l.settleCommand(c, func(t *tx, d *hubDevice, m *waitingCommand) error { return endCommand(t, d, m, outcome, c.now) })
}

// abandonCommand answers POST …/{lockToken}/abandon: the message waits again,
// until it was given back too often.
func (l *Lab) abandonCommand(c *call) error {
	return l.settleCommand(c, func(t *tx, d *hubDevice, m *waitingCommand) error {
		m.Lock, m.LockedTill = "", time.Time{}
		if m.Deliveries++; m.Deliveries >= maxDeliveries {
			return endCommand(t, d, m, commandReturned, c.now)
		}
		return put(t, bucketCommands, eventKey(d.Hub, d.ID, m.Sequence), m)
	})
}

// purgeCommands answers DELETE /devices/{deviceId}/commands of the service API.
func (l *Lab) purgeCommands(c *call) error {
	d, err := l.registryDevice(c)
	if err != nil {
		return err
	}
	purged := 0
	err = l.store.update(func(t *tx) (err error) {
		waiting, err := commandsOf(t, d.Hub, d.ID, c.now)
		for _, m := range waiting {
			err = errors.Join(err, endCommand(t, d, m, commandPurged, c.now))
		}
		purged = len(waiting)
		return err
	})
	if err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{"totalMessagesPurged": purged, "deviceId": d.ID, "moduleId": nil})
	return nil
}

// dropPrefix deletes every key with a prefix and says how many there were.
func dropPrefix(t *tx, b bucket, prefix string) (int, error) {
	keys, _ := walk(t, b, prefix, page{size: wholeBucket})
	for _, key := range keys {
		if err := t.delete(b, prefix+key); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

func lockLost() *refusal {
	return &refusal{status: http.StatusPreconditionFailed, code: 412002, name: "DeviceMessageLockLost", message: "The lock on the message was lost"}
}
