package emulator

import (
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// feedback tells the sender of a cloud-to-device message how it ended.
type feedback struct {
	Record     feedbackRecord `json:"record"`
	Lock       string         `json:"lock,omitempty"`
	LockedTill time.Time      `json:"locked_till"`
}

// feedbackRecord is one feedback as the service API shows it.
type feedbackRecord struct {
	OriginalMessageID  string `json:"originalMessageId"`
	EnqueuedTimeUTC    string `json:"enqueuedTimeUtc"` // of the feedback
	StatusCode         string `json:"statusCode"`
	Description        string `json:"description"`
	DeviceID           string `json:"deviceId"`
	DeviceGenerationID string `json:"deviceGenerationId"`
}

// Ways in which a cloud-to-device message ends.
const (
	commandDone     = "Success"
	commandRejected = "Rejected"
	commandExpired  = "Expired"
	commandReturned = "DeliveryCountExceeded"
	commandPurged   = "Purged"
)

const (
	feedbackMedia = "application/vnd.microsoft.iothub.feedback.json"
	feedbackBatch = 64
	// maxFeedback is how much a hub keeps for a service that never asks.
	maxFeedback = 1000
)

// wantsFeedback reports whether the sender of a message asked to be told.
func (m *waitingCommand) wantsFeedback(outcome string) bool {
	switch strings.ToLower(m.Ack) {
	case "full":
		return true
	case "positive":
		return outcome == commandDone
	case "negative":
		return outcome != commandDone
	}
	return false
}

// endCommand takes a message out of the queue of a device and tells its sender.
func endCommand(t *tx, d *hubDevice, m *waitingCommand, outcome string, now time.Time) error {
	if err := t.delete(bucketCommands, eventKey(d.Hub, d.ID, m.Sequence)); err != nil {
		return err
	}
	if !m.wantsFeedback(outcome) {
		return nil
	}
	n, err := t.next()
	if err != nil {
		return err
	}
	prefix := deviceKey(d.Hub, "")
	if have, _ := walk(t, bucketFeedback, prefix, page{size: maxFeedback}); len(have) == maxFeedback {
		if err := t.delete(bucketFeedback, prefix+have[0]); err != nil {
			return err
		}
	}
	return put(t, bucketFeedback, prefix+string(binary.BigEndian.AppendUint64(nil, n)), feedback{Record: feedbackRecord{
		OriginalMessageID: m.MessageID, EnqueuedTimeUTC: dataPlaneTime(now), StatusCode: outcome, Description: outcome,
		DeviceID: d.ID, DeviceGenerationID: d.GenerationID,
	}})
}

// expireCommands ends the messages of a device whose time is over.
func expireCommands(t *tx, d *hubDevice, now time.Time) error {
	all, err := allCommandsOf(t, d.Hub, d.ID)
	if err != nil {
		return err
	}
	for _, m := range all {
		if now.Before(m.Expiry) {
			continue
		}
		if err := endCommand(t, d, m, commandExpired, now); err != nil {
			return err
		}
	}
	return nil
}

// expireAll ends the messages of a hub whose time is over, for a service that
// asks how they ended.
func expireAll(t *tx, hub string, now time.Time) error {
	ids := map[string]bool{}
	keys, _ := walk(t, bucketCommands, deviceKey(hub, ""), page{size: wholeBucket})
	for _, key := range keys {
		id, _, _ := strings.Cut(key, "\x00")
		ids[id] = true
	}
	for id := range ids {
		d, err := getHubDevice(t, hub, id)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		if err := expireCommands(t, d, now); err != nil {
			return err
		}
	}
	return nil
}

// receiveFeedback answers GET /messages/serviceBound/feedback: a batch under a
// lock, or 204.
func (l *Lab) receiveFeedback(c *call) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	lock := uuid.NewString()
	var batch []feedbackRecord
	err = l.store.update(func(t *tx) error {
		batch = nil
		if err := expireAll(t, hub, c.now); err != nil {
			return err
		}
		return eachFeedback(t, hub, func(key string, f *feedback) error {
			if f.Lock != "" && c.now.Before(f.LockedTill) || len(batch) == feedbackBatch {
				return nil
			}
			batch = append(batch, f.Record)
			f.Lock, f.LockedTill = lock, c.now.Add(commandLock).UTC()
			return put(t, bucketFeedback, key, f)
		})
	})
	if err != nil {
		return err
	}
	if len(batch) == 0 {
		c.empty(http.StatusNoContent)
		return nil
	}
	c.set("ETag", `"`+lock+`"`)
	c.media = feedbackMedia
	c.json(http.StatusOK, batch)
	return nil
}

// completeFeedback answers DELETE /messages/serviceBound/feedback/{lockToken}.
func (l *Lab) completeFeedback(c *call) error {
	return l.settleFeedback(c, func(t *tx, key string, _ *feedback) error { return t.delete(bucketFeedback, key) })
}

// abandonFeedback answers POST /messages/serviceBound/feedback/{lockToken}/abandon.
func (l *Lab) abandonFeedback(c *call) error {
	return l.settleFeedback(c, func(t *tx, key string, f *feedback) error {
		f.Lock, f.LockedTill = "", time.Time{}
		return put(t, bucketFeedback, key, f)
	})
}

func (l *Lab) settleFeedback(c *call, settle func(*tx, string, *feedback) error) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	token := bareTag(c.args["token"])
	err = l.store.update(func(t *tx) error {
		settled := 0
		err := eachFeedback(t, hub, func(key string, f *feedback) error {
			if f.Lock != token || !c.now.Before(f.LockedTill) {
				return nil
			}
			settled++
			return settle(t, key, f)
		})
		if err == nil && settled == 0 {
			return lockLost()
		}
		return err
	})
	if err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// eachFeedback shows the feedback of a hub, oldest first. do may write.
func eachFeedback(t *tx, hub string, do func(key string, f *feedback) error) error {
	prefix := deviceKey(hub, "")
	keys, _ := walk(t, bucketFeedback, prefix, page{size: wholeBucket})
	for _, key := range keys {
		f, err := get[feedback](t, bucketFeedback, prefix+key)
		if err != nil || f == nil {
			return err
		}
		if err := do(prefix+key, f); err != nil {
			return err
		}
	}
	return nil
}
