package emulator

import (
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Modules are identities of a device that send for themselves. An IoT Edge
// device has two of them from its beginning.
var edgeModules = []string{"$edgeAgent", "$edgeHub"}

func modulePrefix(hub, device string) string { return deviceKey(hub, device) + "\x00" }

// getIdentity finds a device, or a module of it where module is not empty.
func getIdentity(t *tx, hub, device, module string) (*hubDevice, error) {
	if module == "" {
		return getHubDevice(t, hub, device)
	}
	return get[hubDevice](t, bucketModules, modulePrefix(hub, device)+module)
}

// principal is the name that a CA-signed certificate of the identity bears.
func (d *hubDevice) principal() string {
	if d.Module != "" {
		return d.ID + "/" + d.Module
	}
	return d.ID
}

// noIdentity refuses what is asked about an identity that is absent.
func noIdentity(t *tx, hub, device, module string) error {
	if d, err := getHubDevice(t, hub, device); err != nil || d == nil || module == "" {
		return firstError(err, noHubDevice(device))
	}
	return noModule(device, module)
}

func noModule(device, module string) *refusal {
	return &refusal{
		status: http.StatusNotFound, code: 404010, name: "ModuleNotFound",
		message: "Module " + module + " of device " + device + " not registered",
	}
}

// ensureEdgeModules gives an IoT Edge device the modules of its runtime.
func ensureEdgeModules(t *tx, d *hubDevice, now time.Time) error {
	if !d.IoTEdge || d.Module != "" {
		return nil
	}
	for _, name := range edgeModules {
		have, err := getIdentity(t, d.Hub, d.ID, name)
		if err != nil {
			return err
		}
		if have != nil {
			continue
		}
		m := &hubDevice{Hub: d.Hub, ID: d.ID, Module: name, GenerationID: uuid.NewString(), TwinVersion: 1, Authentication: byNothing}
		if err := putHubDevice(t, m, now); err != nil {
			return err
		}
	}
	return nil
}

// moveModules takes the modules of a device along to another hub, or leaves
// them behind for good.
func moveModules(t *tx, from, to *assignment, migrate bool, now time.Time) error {
	prefix := modulePrefix(from.Hub, from.DeviceID)
	names, _ := walk(t, bucketModules, prefix, page{size: wholeBucket})
	for _, name := range names {
		m, err := getIdentity(t, from.Hub, from.DeviceID, name)
		if err != nil {
			return err
		}
		if err := t.delete(bucketModules, prefix+name); err != nil {
			return err
		}
		if !migrate {
			continue
		}
		m.Hub = to.Hub
		if err := putHubDevice(t, m, now); err != nil {
			return err
		}
	}
	return nil
}

// moduleBody is a module identity as the service API has it.
type moduleBody struct {
	ModuleID                   string             `json:"moduleId"`
	ManagedBy                  string             `json:"managedBy"`
	DeviceID                   string             `json:"deviceId"`
	GenerationID               string             `json:"generationId"`
	ETag                       string             `json:"etag"`
	ConnectionState            string             `json:"connectionState"`
	ConnectionStateUpdatedTime string             `json:"connectionStateUpdatedTime"`
	LastActivityTime           string             `json:"lastActivityTime"`
	CommandCount               int                `json:"cloudToDeviceMessageCount"`
	Authentication             authenticationBody `json:"authentication"`
}

// moduleIdentity is the module as the service API shows it.
func (d *hubDevice) moduleIdentity() *moduleBody {
	return &moduleBody{
		ModuleID: d.Module, ManagedBy: d.ManagedBy, DeviceID: d.ID, GenerationID: d.GenerationID, ETag: counterTag(d.Tag),
		ConnectionState: "Disconnected", ConnectionStateUpdatedTime: never, LastActivityTime: never,
		Authentication: d.authenticationBody(),
	}
}

// listModules answers GET /devices/{deviceId}/modules.
func (l *Lab) listModules(c *call) error {
	d, err := l.registryDevice(c)
	if err != nil {
		return err
	}
	all, err := read(l.store, func(t *tx) ([]*moduleBody, error) {
		all := []*moduleBody{}
		names, _ := walk(t, bucketModules, modulePrefix(d.Hub, d.ID), page{size: maxPage})
		for _, name := range names {
			m, err := getIdentity(t, d.Hub, d.ID, name)
			if err != nil {
				return nil, err
			}
			all = append(all, m.moduleIdentity())
		}
		return all, nil
	})
	if err != nil {
		return err
	}
	c.json(http.StatusOK, all)
	return nil
}

// uploadFile answers the calls of the device side about files: the lab's hubs
// have no storage account.
func (l *Lab) uploadFile(c *call) error {
	if _, _, err := l.receiver(c); err != nil {
		return err
	}
	return noStorage.refuse()
}
