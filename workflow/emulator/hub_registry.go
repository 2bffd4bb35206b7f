package emulator

import "net/http"

// never is how the hub writes a time that has not come yet.
const never = "0001-01-01T00:00:00Z"

// getDevice answers GET /devices/{deviceId} of the hub's service API.
func (l *Lab) getDevice(c *call) error {
	d, err := l.registryDevice(c)
	if err != nil {
		return err
	}
	active, err := l.lastActivity(d)
	if err != nil {
		return err
	}
	authentication := map[string]any{
		"type":           d.authenticationType(),
		"symmetricKey":   map[string]any{"primaryKey": textOrNull(d.Credential.PrimaryKey), "secondaryKey": textOrNull(d.Credential.SecondaryKey)},
		"x509Thumbprint": thumbprints(d),
	}
	c.json(http.StatusOK, map[string]any{
		"deviceId": d.ID, "generationId": d.GenerationID, "etag": counterTag(d.Tag),
		"connectionState": "Disconnected", "status": d.status(), "statusReason": nil,
		"connectionStateUpdatedTime": never, "statusUpdatedTime": never, "lastActivityTime": active,
		"cloudToDeviceMessageCount": 0, "authentication": authentication,
		"capabilities": map[string]bool{"iotEdge": d.IoTEdge},
	})
	return nil
}

// getTwin answers GET /twins/{deviceId} of the hub's service API.
func (l *Lab) getTwin(c *call) error {
	d, err := l.registryDevice(c)
	if err != nil {
		return err
	}
	active, err := l.lastActivity(d)
	if err != nil {
		return err
	}
	stamp := map[string]string{"$lastUpdated": dataPlaneTime(d.Updated)}
	desired := map[string]any{"$metadata": stamp, "$version": d.TwinVersion}
	for name, value := range d.Desired {
		desired[name] = value
	}
	tags := d.Tags
	if tags == nil {
		tags = map[string]any{}
	}
	c.json(http.StatusOK, map[string]any{
		"deviceId": d.ID, "etag": counterTag(uint64(d.TwinVersion)), "deviceEtag": counterTag(d.Tag),
		"status": d.status(), "statusUpdateTime": never, "connectionState": "Disconnected",
		"lastActivityTime": active, "cloudToDeviceMessageCount": 0,
		"authenticationType": d.authenticationType(), "x509Thumbprint": thumbprints(d), "modelId": "",
		"version": d.TwinVersion + 1, "tags": tags,
		"properties":   map[string]any{"desired": desired, "reported": map[string]any{"$metadata": stamp, "$version": 1}},
		"capabilities": map[string]bool{"iotEdge": d.IoTEdge},
	})
	return nil
}

func (d *hubDevice) status() string {
	if d.Disabled {
		return "disabled"
	}
	return "enabled"
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func thumbprints(d *hubDevice) map[string]any {
	return map[string]any{"primaryThumbprint": textOrNull(d.Credential.SHA256), "secondaryThumbprint": nil}
}

// lastActivity is when the newest message of a device came.
func (l *Lab) lastActivity(d *hubDevice) (string, error) {
	return read(l.store, func(t *tx) (string, error) {
		e, err := get[Event](t, bucketEvents, eventKey(d.Hub, d.ID, lastSequence(t, d.Hub, d.ID)))
		if err != nil || e == nil {
			return never, err
		}
		return dataPlaneTime(e.EnqueuedAt), nil
	})
}
