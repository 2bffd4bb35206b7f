package emulator

import (
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"dpslab/workflow/dps"
)

// hubDevice is the identity of a device or of a module, with its twin, in the
// registry of one hub.
type hubDevice struct {
	Hub            string         `json:"hub"`
	ID             string         `json:"id"`               // compared with regard to case
	Module         string         `json:"module,omitempty"` // of a module of the device
	ManagedBy      string         `json:"managed_by,omitempty"`
	GenerationID   string         `json:"generation_id"`
	Tag            uint64         `json:"tag"` // becomes the etag
	Disabled       bool           `json:"disabled,omitempty"`
	Credential     credential     `json:"credential"`
	IoTEdge        bool           `json:"iot_edge,omitempty"`
	Tags           map[string]any `json:"tags,omitempty"`
	Desired        map[string]any `json:"desired,omitempty"`
	TwinVersion    int            `json:"twin_version"`
	DesiredVersion int            `json:"desired_version,omitempty"` // 0 means 1
	// Authentication is empty where the credential tells.
	Authentication   string    `json:"authentication,omitempty"`
	SecondThumbprint string    `json:"second_thumbprint,omitempty"`
	StatusReason     string    `json:"status_reason,omitempty"`
	StatusUpdated    time.Time `json:"status_updated"`
	Updated          time.Time `json:"updated"`
}

func deviceKey(hub, id string) string { return strings.ToLower(hub) + "\x00" + id }

func getHubDevice(t *tx, hub, id string) (*hubDevice, error) {
	return get[hubDevice](t, bucketDevices, deviceKey(hub, id))
}

func putHubDevice(t *tx, d *hubDevice, now time.Time) error {
	n, err := t.next()
	if err != nil {
		return err
	}
	d.Tag, d.Updated = n, now.UTC()
	if d.Module != "" {
		return put(t, bucketModules, modulePrefix(d.Hub, d.ID)+d.Module, d)
	}
	return put(t, bucketDevices, deviceKey(d.Hub, d.ID), d)
}

// newHubDevice is a device as an entry wants it at its first assignment.
func newHubDevice(hub, id string, e *entry) *hubDevice {
	d := &hubDevice{Hub: hub, ID: id, GenerationID: uuid.NewString(), TwinVersion: 1}
	if e.Capabilities != nil {
		d.IoTEdge = e.Capabilities.IoTEdge
	}
	if e.InitialTwin != nil {
		d.applyTwin(e.InitialTwin)
	}
	return d
}

// applyTwin gives the device the tags and desired properties of a first
// assignment.
func (d *hubDevice) applyTwin(twin *dps.InitialTwin) {
	d.Tags, d.Desired = maps.Clone(twin.Tags), nil
	if twin.Properties != nil {
		d.Desired = maps.Clone(twin.Properties.Desired)
	}
}

// admit gives the device the credential it registered with. Devices of a group
// too are known by the thumbprint of their leaf alone, so that a renewed
// certificate is refused until the device registers again.
func (d *hubDevice) admit(c credential) {
	d.Credential, d.Authentication, d.SecondThumbprint = c, "", ""
}

// authenticationType is the registry's word for how the device proves itself.
func (d *hubDevice) authenticationType() string {
	switch {
	case d.Authentication != "":
		return d.Authentication
	case d.Credential.SHA256 != "":
		return bySelfSigned
	}
	return bySAS
}
