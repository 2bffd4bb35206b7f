package emulator

import (
	"maps"
	"net/http"
	"time"
)

// twin is the device twin as the service API shows it.
func (d *hubDevice) twin(t *tx, now time.Time) (map[string]any, error) {
	identity, err := d.identity(t, now)
	if err != nil {
		return nil, err
	}
	stamp := map[string]string{"$lastUpdated": dataPlaneTime(d.Updated)}
	desired := map[string]any{"$metadata": stamp, "$version": d.desiredVersion()}
	maps.Copy(desired, d.Desired)
	tags := d.Tags
	if tags == nil {
		tags = map[string]any{}
	}
	twin := map[string]any{
		"deviceId": d.ID, "etag": d.twinTag(), "deviceEtag": counterTag(d.Tag),
		"status": d.status(), "statusUpdateTime": identity.StatusUpdatedTime, "connectionState": "Disconnected",
		"lastActivityTime": identity.LastActivityTime, "cloudToDeviceMessageCount": identity.CommandCount,
		"authenticationType": identity.Authentication.Type, "x509Thumbprint": identity.Authentication.X509, "modelId": "",
		"version": d.TwinVersion + 1, "tags": tags,
		"properties": map[string]any{"desired": desired, "reported": map[string]any{"$metadata": stamp, "$version": 1}},
	}
	if d.Module != "" {
		twin["moduleId"] = d.Module
	} else {
		twin["capabilities"] = identity.Capabilities
	}
	return twin, nil
}

func (d *hubDevice) twinTag() string { return counterTag(uint64(d.TwinVersion)) }

func (d *hubDevice) desiredVersion() int { return max(1, d.DesiredVersion) }

// answerTwin answers with a device twin.
func (l *Lab) answerTwin(c *call, d *hubDevice) error {
	body, err := readSettled(l.store, func(t *tx) (map[string]any, error) { return d.twin(t, c.now) })
	if err != nil {
		return err
	}
	c.set("ETag", `"`+d.twinTag()+`"`)
	c.json(http.StatusOK, body)
	return nil
}

// getTwin answers GET /twins/{deviceId} of the hub's service API.
func (l *Lab) getTwin(c *call) error {
	d, err := l.registryDevice(c)
	if err != nil {
		return err
	}
	return l.answerTwin(c, d)
}

// twinBody is what a client may write of a twin.
type twinBody struct {
	Tags       map[string]any `json:"tags"`
	Properties struct {
		Desired map[string]any `json:"desired"`
	} `json:"properties"`
}

// writeTwin answers PATCH /twins/{deviceId}, which merges and deletes what is
// null, and PUT, which replaces.
func writeTwin(replace bool) handler {
	return func(l *Lab, c *call) error {
		hub, err := l.registryHub(c)
		if err != nil {
			return err
		}
		var body twinBody
		if err := c.jsonBody(&body); err != nil {
			return err
		}
		for _, name := range []string{"$metadata", "$version"} { // read only; clients send back what they read
			delete(body.Properties.Desired, name)
			delete(body.Tags, name)
		}
		if trouble := checkTwin(body.Tags, body.Properties.Desired); trouble != "" {
			return twinShape.refuse(trouble)
		}
		id, module, ifMatch := c.args["device"], c.args["module"], c.r.Header.Get("If-Match")
		var d *hubDevice
		err = l.store.update(func(t *tx) (err error) {
			if d, err = getIdentity(t, hub, id, module); err != nil {
				return err
			}
			if d == nil {
				return noIdentity(t, hub, id, module)
			}
			if ifMatch != "" && !tagMatches(ifMatch, d.twinTag()) {
				return staleDevice()
			}
			if replace {
				d.Tags, d.Desired = nil, nil
			}
			d.Tags = merged(d.Tags, body.Tags)
			if replace || body.Properties.Desired != nil {
				d.Desired = merged(d.Desired, body.Properties.Desired)
				d.DesiredVersion = d.desiredVersion() + 1
			}
			d.TwinVersion++
			return putHubDevice(t, d, c.now)
		})
		if err != nil {
			return err
		}
		return l.answerTwin(c, d)
	}
}

// merged applies a patch: objects are merged, null deletes, all else replaces.
func merged(have, patch map[string]any) map[string]any {
	next := maps.Clone(have)
	if next == nil {
		next = map[string]any{}
	}
	for name, value := range patch {
		object, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(next, name)
		case isObject:
			inner, _ := next[name].(map[string]any)
			next[name] = merged(inner, object)
		default:
			next[name] = value
		}
	}
	return next
}

// invokeMethod answers POST /twins/{deviceId}/methods: devices that speak HTTPS
// are never there to be called.
func (l *Lab) invokeMethod(c *call) error {
	if _, err := l.registryDevice(c); err != nil {
		return err
	}
	return &refusal{status: http.StatusNotFound, code: 404103, name: "DeviceNotOnline", message: "The operation failed because the requested device isn't online"}
}
