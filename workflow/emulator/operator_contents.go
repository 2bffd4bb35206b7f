package emulator

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"dpslab/workflow/dps"
)

// ContentsMax bounds each list of [Contents].
const ContentsMax = 500

// Contents is what a lab holds, for eyes. It is read beside the services, so
// that looking neither meets a scenario nor counts as a hit. It holds no key.
type Contents struct {
	Enrollments   []ContentsEntry        `json:"enrollments"`   // groups first, each by ID
	Registrations []ContentsRegistration `json:"registrations"` // by ID
	Devices       []ContentsDevice       `json:"devices"`       // those that sent something, by hub and ID
	More          bool                   `json:"more"`          // a list is longer than ContentsMax
}

// ContentsEntry is an individual enrollment or an enrollment group.
type ContentsEntry struct {
	ID          string `json:"id"`
	Group       bool   `json:"group"`
	Attestation string `json:"attestation"`
	Allocation  string `json:"allocation"`
	Enabled     bool   `json:"enabled"`
}

// ContentsRegistration is a registration record and the enrollment it came by.
type ContentsRegistration struct {
	dps.DeviceRegistrationState
	Enrollment string `json:"enrollment"`
	Group      bool   `json:"group"`
}

// ContentsDevice is a device whose messages lie in a hub's inbox.
type ContentsDevice struct {
	Hub  string `json:"hub"`
	ID   string `json:"id"`
	Last uint64 `json:"last"` // sequence number of the newest message
}

// Contents asks what the lab holds.
func (o *Operator) Contents(ctx context.Context) (Contents, error) {
	if o.lab != nil {
		return o.lab.contents()
	}
	var c Contents
	return c, o.fetch(ctx, "/_emu/contents", &c)
}

// serveContents answers GET /_emu/contents.
func (l *Lab) serveContents(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	contents, err := l.contents()
	if err != nil {
		return err
	}
	c.json(http.StatusOK, contents)
	return nil
}

func (l *Lab) contents() (Contents, error) {
	return readSettled(l.store, func(t *tx) (Contents, error) {
		var c Contents
		for _, step := range []func(*tx) error{c.readEntries(group), c.readEntries(individual), c.readRegistrations, c.readDevices} {
			if err := step(t); err != nil {
				return Contents{}, err
			}
		}
		return c, nil
	})
}

// each reads the first entities of a bucket.
func each[T any](t *tx, b bucket, c *Contents, add func(T)) error {
	cursor := t.cursor(b)
	n := 0
	for key, raw := cursor.First(); key != nil; key, raw = cursor.Next() {
		if n == ContentsMax {
			c.More = true
			return nil
		}
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		add(v)
		n++
	}
	return nil
}

func (c *Contents) readEntries(k kind) func(*tx) error {
	return func(t *tx) error {
		return each(t, k.bucket(), c, func(e entry) {
			c.Enrollments = append(c.Enrollments, ContentsEntry{
				ID: e.ID, Group: k == group, Attestation: e.Attestation.Type, Allocation: e.AllocationPolicy,
				Enabled: e.ProvisioningStatus != dps.ProvisioningDisabled,
			})
		})
	}
}

func (c *Contents) readRegistrations(t *tx) error {
	return each(t, bucketRegistrations, c, func(r registration) {
		state := *r.forService()
		state.Payload = nil // as long as a device likes
		c.Registrations = append(c.Registrations, ContentsRegistration{DeviceRegistrationState: state, Enrollment: r.Entry.ID, Group: r.Entry.Kind == group})
	})
}

// readDevices goes from the newest message of one device to that of the next.
func (c *Contents) readDevices(t *tx) error {
	cursor := t.cursor(bucketEvents)
	for key, raw := cursor.First(); key != nil; {
		hub, rest, _ := strings.Cut(string(key), "\x00")
		device, _, _ := strings.Cut(rest, "\x00")
		if len(c.Devices) == ContentsMax {
			c.More = true
			return nil
		}
		var e Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return err
		}
		c.Devices = append(c.Devices, ContentsDevice{Hub: e.Hub, ID: e.DeviceID, Last: lastSequence(t, hub, device)})
		key, raw = cursor.Seek([]byte(eventPrefix(hub, device) + "\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	}
	return nil
}
