package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// never is how the hub writes a time that has not come yet.
const never = "0001-01-01T00:00:00Z"

// Ways in which a device proves itself to a hub.
const (
	bySAS         = "sas"
	bySelfSigned  = "selfSigned"
	byAuthority   = "certificateAuthority"
	byNothing     = "none"
	deviceEnabled = "enabled"
)

// deviceBody is a device identity as the service API has it.
type deviceBody struct {
	DeviceID                   string             `json:"deviceId"`
	GenerationID               string             `json:"generationId"`
	ETag                       string             `json:"etag"`
	ConnectionState            string             `json:"connectionState"`
	Status                     string             `json:"status"`
	StatusReason               *string            `json:"statusReason"`
	ConnectionStateUpdatedTime string             `json:"connectionStateUpdatedTime"`
	StatusUpdatedTime          string             `json:"statusUpdatedTime"`
	LastActivityTime           string             `json:"lastActivityTime"`
	CommandCount               int                `json:"cloudToDeviceMessageCount"`
	Authentication             authenticationBody `json:"authentication"`
	Capabilities               capabilitiesBody   `json:"capabilities"`

	// Of a module, in requests alone; see moduleBody.
	ModuleID  string  `json:"moduleId,omitempty"`
	ManagedBy *string `json:"managedBy,omitempty"`
}

type capabilitiesBody struct {
	IoTEdge bool `json:"iotEdge"`
}

type authenticationBody struct {
	Type         string          `json:"type"`
	SymmetricKey *keysBody       `json:"symmetricKey"`
	X509         *thumbprintBody `json:"x509Thumbprint"`
}

type keysBody struct {
	PrimaryKey   *string `json:"primaryKey"`
	SecondaryKey *string `json:"secondaryKey"`
}

type thumbprintBody struct {
	Primary   *string `json:"primaryThumbprint"`
	Secondary *string `json:"secondaryThumbprint"`
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// identity is the device as the service API shows it.
func (d *hubDevice) identity(t *tx, now time.Time) (*deviceBody, error) {
	waiting, err := commandsOf(t, d.Hub, d.ID, now)
	if err != nil {
		return nil, err
	}
	active, err := lastActivity(t, d)
	if err != nil {
		return nil, err
	}
	return &deviceBody{
		DeviceID: d.ID, GenerationID: d.GenerationID, ETag: counterTag(d.Tag), ConnectionState: "Disconnected",
		Status: d.status(), StatusReason: textOrNull(d.StatusReason),
		ConnectionStateUpdatedTime: never, StatusUpdatedTime: d.statusTime(), LastActivityTime: active, CommandCount: len(waiting),
		Authentication: d.authenticationBody(), Capabilities: capabilitiesBody{d.IoTEdge},
	}, nil
}

func (d *hubDevice) authenticationBody() authenticationBody {
	return authenticationBody{
		Type: d.authenticationType(), SymmetricKey: &keysBody{textOrNull(d.Credential.PrimaryKey), textOrNull(d.Credential.SecondaryKey)},
		X509: &thumbprintBody{textOrNull(d.Credential.SHA256), textOrNull(d.SecondThumbprint)},
	}
}

func (d *hubDevice) status() string {
	if d.Disabled {
		return "disabled"
	}
	return deviceEnabled
}

func (d *hubDevice) statusTime() string {
	if d.StatusUpdated.IsZero() {
		return never
	}
	return dataPlaneTime(d.StatusUpdated)
}

// apply takes over what a client may set of a device.
func (d *hubDevice) apply(b *deviceBody, now time.Time) error {
	switch b.Status {
	case "", deviceEnabled, "disabled":
	default:
		return hubInvalid("status is enabled or disabled")
	}
	if disabled := b.Status == "disabled"; disabled != d.Disabled {
		d.Disabled, d.StatusUpdated = disabled, now.UTC()
	}
	d.StatusReason, d.IoTEdge, d.ManagedBy = textOf(b.StatusReason), b.Capabilities.IoTEdge && d.Module == "", textOf(b.ManagedBy)
	return d.applyAuthentication(&b.Authentication)
}

func (d *hubDevice) applyAuthentication(a *authenticationBody) error {
	next := credential{}
	second := ""
	kind := a.Type
	if kind == "" {
		kind = bySAS
		if a.X509 != nil && textOf(a.X509.Primary) != "" {
			kind = bySelfSigned
		}
	}
	switch kind {
	case bySAS:
		next = credential{PrimaryKey: d.Credential.PrimaryKey, SecondaryKey: d.Credential.SecondaryKey}
		if a.SymmetricKey != nil && textOf(a.SymmetricKey.PrimaryKey) != "" {
			next = credential{PrimaryKey: textOf(a.SymmetricKey.PrimaryKey), SecondaryKey: textOf(a.SymmetricKey.SecondaryKey)}
		}
		if next.PrimaryKey == "" {
			next.PrimaryKey = newKey()
		}
		if next.SecondaryKey == "" {
			next.SecondaryKey = newKey()
		}
		if !validKey(next.PrimaryKey) || !validKey(next.SecondaryKey) {
			return hubInvalid("a symmetric key is base64 of 16 to 64 bytes")
		}
	case bySelfSigned:
		if a.X509 == nil || !validThumbprint(textOf(a.X509.Primary)) || textOf(a.X509.Secondary) != "" && !validThumbprint(textOf(a.X509.Secondary)) {
			return hubInvalid("a thumbprint is 40 (SHA-1) or 64 (SHA-256) hexadecimal digits")
		}
		next.SHA256, second = strings.ToUpper(textOf(a.X509.Primary)), strings.ToUpper(textOf(a.X509.Secondary))
	case byAuthority, byNothing:
	default:
		return hubInvalid("authentication.type %q is unknown", kind)
	}
	d.Authentication, d.Credential, d.SecondThumbprint = kind, next, second
	return nil
}

func validThumbprint(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

// hubInvalid refuses a request to the hub that makes no sense.
func hubInvalid(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, code: 400004, name: "ArgumentInvalid", message: fmt.Sprintf(format, args...)}
}

func noHubDevice(id string) *refusal {
	return &refusal{status: http.StatusNotFound, code: 404001, name: "DeviceNotFound", message: "Device " + id + " not registered"}
}

// answerDevice answers with the identity of a device or a module.
func (l *Lab) answerDevice(c *call, d *hubDevice) error {
	if d.Module != "" {
		c.set("ETag", `"`+counterTag(d.Tag)+`"`)
		c.json(http.StatusOK, d.moduleIdentity())
		return nil
	}
	body, err := readSettled(l.store, func(t *tx) (*deviceBody, error) { return d.identity(t, c.now) })
	if err != nil {
		return err
	}
	c.set("ETag", `"`+body.ETag+`"`)
	c.json(http.StatusOK, body)
	return nil
}

// getDevice answers GET /devices/{deviceId} of the hub's service API, and the
// same for a module.
func (l *Lab) getDevice(c *call) error {
	d, err := l.registryDevice(c)
	if err != nil {
		return err
	}
	return l.answerDevice(c, d)
}

// putDevice answers PUT /devices/{deviceId}, and the same for a module: a create
// without If-Match, an update with it.
func (l *Lab) putDevice(c *call) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	var body deviceBody
	if err := c.jsonBody(&body); err != nil {
		return err
	}
	if body.DeviceID != "" && body.DeviceID != c.args["device"] {
		return hubInvalid("the device ID in the body is not the one in the path")
	}
	if body.ModuleID != "" && body.ModuleID != c.args["module"] {
		return hubInvalid("the module ID in the body is not the one in the path")
	}
	body.DeviceID, body.ModuleID = c.args["device"], c.args["module"]
	ifMatch := c.r.Header.Get("If-Match")
	var d *hubDevice
	err = l.store.update(func(t *tx) (err error) {
		d, err = writeDevice(t, hub, &body, deviceMode{create: ifMatch == "", update: ifMatch != "", tag: ifMatch}, c.now)
		return err
	})
	if err != nil {
		return err
	}
	return l.answerDevice(c, d)
}

// deviceMode says what a write to the registry may do.
type deviceMode struct {
	create, update bool
	tag            string // empty: whatever the present one
}

// writeDevice creates or updates a device identity.
func writeDevice(t *tx, hub string, b *deviceBody, mode deviceMode, now time.Time) (*hubDevice, error) {
	if !validDeviceID(b.DeviceID) {
		return nil, hubInvalid("the device ID is not valid")
	}
	if b.ModuleID != "" {
		if err := checkModuleOwner(t, hub, b); err != nil {
			return nil, err
		}
	}
	d, err := getIdentity(t, hub, b.DeviceID, b.ModuleID)
	switch {
	case err != nil:
		return nil, err
	case d == nil && !mode.create:
		return nil, noIdentity(t, hub, b.DeviceID, b.ModuleID)
	case d != nil && !mode.update:
		return nil, alreadyThere(b)
	case d != nil && mode.tag != "" && !tagMatches(mode.tag, counterTag(d.Tag)):
		return nil, staleDevice()
	case d == nil:
		d = &hubDevice{Hub: hub, ID: b.DeviceID, Module: b.ModuleID, GenerationID: uuid.NewString(), TwinVersion: 1}
	}
	if err := d.apply(b, now); err != nil {
		return nil, err
	}
	if err := ensureEdgeModules(t, d, now); err != nil {
		return nil, err
	}
	return d, putHubDevice(t, d, now)
}

// checkModuleOwner refuses a module that no device could have.
func checkModuleOwner(t *tx, hub string, b *deviceBody) error {
	if !validDeviceID(b.ModuleID) {
		return hubInvalid("the module ID is not valid")
	}
	if owner, err := getHubDevice(t, hub, b.DeviceID); err != nil || owner == nil {
		return firstError(err, noHubDevice(b.DeviceID))
	}
	return nil
}

func alreadyThere(b *deviceBody) *refusal {
	if b.ModuleID != "" {
		return &refusal{
			status: http.StatusConflict, code: 409301, name: "ModuleAlreadyExistsOnDevice",
			message: "A module with ID '" + b.ModuleID + "' is already registered on device '" + b.DeviceID + "'.",
		}
	}
	return &refusal{status: http.StatusConflict, code: 409001, name: "DeviceAlreadyExists", message: "A device with ID '" + b.DeviceID + "' is already registered."}
}

func staleDevice() *refusal {
	return &refusal{status: http.StatusPreconditionFailed, code: 412001, name: "PreconditionFailed", message: "Device version did not match, existing version is newer"}
}

// deleteDevice answers DELETE /devices/{deviceId}, and the same for a module.
// What a device sent, what waits for it and its modules go with it.
func (l *Lab) deleteDevice(c *call) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	id, module, ifMatch := c.args["device"], c.args["module"], c.r.Header.Get("If-Match")
	err = l.store.update(func(t *tx) error { return removeDevice(t, hub, id, module, ifMatch) })
	if err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

func removeDevice(t *tx, hub, id, module, tag string) error {
	d, err := getIdentity(t, hub, id, module)
	if err != nil {
		return err
	}
	if d == nil {
		return noIdentity(t, hub, id, module)
	}
	if tag != "" && !tagMatches(tag, counterTag(d.Tag)) {
		return staleDevice()
	}
	if module != "" {
		return t.delete(bucketModules, modulePrefix(hub, id)+module)
	}
	for _, b := range []bucket{bucketCommands, bucketEvents, bucketModules} {
		if _, err := dropPrefix(t, b, eventPrefix(hub, id)); err != nil {
			return err
		}
	}
	return t.delete(bucketDevices, deviceKey(hub, id))
}

// lastActivity is when the newest message of a device came.
func lastActivity(t *tx, d *hubDevice) (string, error) {
	e, err := get[Event](t, bucketEvents, eventKey(d.Hub, d.ID, lastSequence(t, d.Hub, d.ID)))
	if err != nil || e == nil {
		return never, err
	}
	return dataPlaneTime(e.EnqueuedAt), nil
}
