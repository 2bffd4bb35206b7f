package emulator

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"dpslab/workflow/dps"
)

// allocate picks the hub for a device; empty when there is none. A device that
// may not be moved stays where it is as long as that hub is linked.
func (l *Lab) allocate(e *entry, registrationID string, current *assignment) string {
	if l.stays(e, current) {
		return current.Hub
	}
	candidates := l.candidates(e)
	if len(candidates) == 0 {
		return ""
	}
	if e.AllocationPolicy == dps.AllocationStatic {
		return candidates[0].Host
	}
	return weighted(candidates, registrationID) // hashed; geoLatency is a tie here
}

// stays reports whether the reprovision policy keeps a device at its hub.
func (l *Lab) stays(e *entry, current *assignment) bool {
	return current != nil && !e.ReprovisionPolicy.UpdateHubAssignment && l.instance().link(current.Hub) != nil
}

// candidates are the linked hubs that an entry allows, in the order they were
// linked.
func (l *Lab) candidates(e *entry) []*linkedHub {
	allowed := e.IoTHubs
	if len(allowed) == 0 && e.IoTHubHostName != "" {
		allowed = []string{e.IoTHubHostName}
	}
	var all []*linkedHub
	for _, h := range l.instance().linked() {
		named := func(host string) bool { return strings.EqualFold(host, h.Host) }
		if h.Apply && (len(allowed) == 0 || slices.ContainsFunc(allowed, named)) {
			all = append(all, h)
		}
	}
	return all
}

// weighted spreads devices over hubs by a hash of the registration ID, so that
// the same device always lands on the same hub. The service's own hash is not
// known; this one is the first eight bytes of SHA-256.
func weighted(hubs []*linkedHub, registrationID string) string {
	var total uint64
	for _, h := range hubs {
		total += h.Weight
	}
	sum := sha256.Sum256([]byte(strings.ToLower(registrationID)))
	point := binary.BigEndian.Uint64(sum[:8]) % total
	for _, h := range hubs {
		if point < h.Weight {
			return h.Host
		}
		point -= h.Weight
	}
	return hubs[len(hubs)-1].Host
}

// place makes or refreshes the device at a hub and notes it as the
// registration's current assignment.
func (l *Lab) place(t *tx, op *operation, e *entry, r *registration, hub string, now time.Time) error {
	next := &assignment{Hub: hub, DeviceID: r.RegistrationID, Substatus: initialAssignment}
	if e.DeviceID != "" {
		next.DeviceID = e.DeviceID
	}
	previous := r.Current
	r.Current = next
	device, err := getHubDevice(t, hub, next.DeviceID)
	if err != nil {
		return err
	}
	fresh := device == nil
	moved := previous != nil && !strings.EqualFold(previous.Hub, hub) && previous.DeviceID == next.DeviceID
	if moved {
		if device, err = move(t, e, previous, next, now); err != nil {
			return err
		}
	} else if previous != nil {
		next.Substatus = previous.Substatus // repeats without a move
	}
	if device == nil {
		device = newHubDevice(hub, next.DeviceID, e)
	}
	if wanted := op.webhook.twin(); wanted != nil && (fresh || moved) {
		device.applyTwin(wanted) // it wins over migrated data
	}
	device.admit(op.Credential)
	if err := ensureEdgeModules(t, device, now); err != nil {
		return err
	}
	return putHubDevice(t, device, now)
}

// move takes a device from its former hub, with its data where the entry's
// reprovision policy says so. What waits for the device there goes with its
// identity.
func move(t *tx, e *entry, from, to *assignment, now time.Time) (*hubDevice, error) {
	old, err := getHubDevice(t, from.Hub, from.DeviceID)
	if err != nil {
		return nil, err
	}
	if err := t.delete(bucketDevices, deviceKey(from.Hub, from.DeviceID)); err != nil {
		return nil, err
	}
	if _, err := dropPrefix(t, bucketCommands, eventPrefix(from.Hub, from.DeviceID)); err != nil { // guess leftBehind
		return nil, err
	}
	if err := moveModules(t, from, to, e.ReprovisionPolicy.MigrateDeviceData, now); err != nil {
		return nil, err
	}
	to.Substatus = deviceDataReset
	if !e.ReprovisionPolicy.MigrateDeviceData || old == nil {
		return newHubDevice(to.Hub, to.DeviceID, e), nil
	}
	to.Substatus = deviceDataMigrated
	old.Hub = to.Hub
	return old, nil
}
