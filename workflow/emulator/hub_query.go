package emulator

import (
	"net/http"
	"strconv"
	"strings"
)

// listDevices answers GET /devices?top=N.
func (l *Lab) listDevices(c *call) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	top := maxPage
	if text := c.r.URL.Query().Get("top"); text != "" {
		if top, err = strconv.Atoi(text); err != nil || top < 1 {
			return hubInvalid("top is a number from 1")
		}
	}
	prefix := deviceKey(hub, "")
	all, err := readSettled(l.store, func(t *tx) ([]*deviceBody, error) {
		all := []*deviceBody{}
		keys, _ := walk(t, bucketDevices, prefix, page{size: min(top, maxPage)})
		for _, id := range keys {
			d, err := getHubDevice(t, hub, id)
			if err != nil {
				return nil, err
			}
			body, err := d.identity(t, c.now)
			if err != nil {
				return nil, err
			}
			all = append(all, body)
		}
		return all, nil
	})
	if err != nil {
		return err
	}
	c.json(http.StatusOK, all)
	return nil
}

// devicesQuery is as much of the hub's query language as the lab understands.
var devicesQuery = pattern(`(?i)^\s*select\s+\*\s+from\s+devices(?:\s+where\s+deviceId\s*=\s*'([^']*)')?\s*;?\s*$`)

// queryDevices answers POST /devices/query with twins.
func (l *Lab) queryDevices(c *call) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	var body struct{ Query string }
	if err := c.jsonBody(&body); err != nil {
		return err
	}
	m := devicesQuery().FindStringSubmatch(body.Query)
	if m == nil {
		return hubQuery.refuse()
	}
	if m[1] != "" {
		return l.answerOne(c, hub, m[1])
	}
	return l.answerPage(c, "twin", bucketDevices, deviceKey(hub, ""), func(t *tx, id string) (any, error) {
		d, err := getHubDevice(t, hub, id)
		if err != nil || d == nil {
			return nil, err
		}
		return d.twin(t, c.now)
	})
}

// answerOne answers a query for one device: it is on the first page, however many
// devices come before it.
func (l *Lab) answerOne(c *call, hub, id string) error {
	found, err := readSettled(l.store, func(t *tx) ([]any, error) {
		d, err := getHubDevice(t, hub, id)
		if err != nil || d == nil {
			return []any{}, err
		}
		twin, err := d.twin(t, c.now)
		return []any{twin}, err
	})
	if err != nil {
		return err
	}
	c.set("x-ms-item-type", "twin")
	c.json(http.StatusOK, found)
	return nil
}

// countDevices answers GET /statistics/devices.
func (l *Lab) countDevices(c *call) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	total, disabled := 0, 0
	err = l.store.view(func(t *tx) error {
		keys, _ := walk(t, bucketDevices, deviceKey(hub, ""), page{size: wholeBucket})
		for _, id := range keys {
			d, err := getHubDevice(t, hub, id)
			if err != nil {
				return err
			}
			total, disabled = total+1, disabled+number(d.Disabled)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]int{"totalDeviceCount": total, "enabledDeviceCount": total - disabled, "disabledDeviceCount": disabled})
	return nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// countConnected answers GET /statistics/service: over HTTPS nobody stays
// connected.
func (l *Lab) countConnected(c *call) error {
	if _, err := l.registryHub(c); err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]int{"connectedDeviceCount": 0})
	return nil
}

// bulkDevice is one item of POST /devices.
type bulkDevice struct {
	deviceBody
	ID         string `json:"id"`
	ETag       string `json:"eTag"`
	ImportMode string `json:"importMode"`
}

// maxBulkDevices is how many identities one bulk operation takes.
const maxBulkDevices = 100

// bulkDevices answers POST /devices: 200 when all went well, else 400 with what
// did not. Items stand for themselves.
func (l *Lab) bulkDevices(c *call) error {
	hub, err := l.registryHub(c)
	if err != nil {
		return err
	}
	var items []bulkDevice
	if err := c.jsonBody(&items); err != nil {
		return err
	}
	if len(items) == 0 || len(items) > maxBulkDevices {
		return hubInvalid("a bulk operation takes 1 to %d devices", maxBulkDevices)
	}
	type itemError struct {
		DeviceID    string `json:"deviceId"`
		ErrorCode   int    `json:"errorCode"`
		ErrorStatus string `json:"errorStatus"`
	}
	failed := []itemError{}
	for i := range items {
		item := &items[i]
		item.DeviceID = item.ID
		err := l.store.update(func(t *tx) error { return item.importInto(t, hub, c) })
		if err != nil {
			r := asRefusal(err)
			failed = append(failed, itemError{item.ID, r.code, r.name})
		}
	}
	status := http.StatusOK
	if len(failed) > 0 {
		status = http.StatusBadRequest
	}
	c.json(status, map[string]any{"isSuccessful": len(failed) == 0, "errors": failed, "warnings": []any{}})
	return nil
}

// importInto does what the item's mode says.
func (b *bulkDevice) importInto(t *tx, hub string, c *call) error {
	mode, tag := strings.ToLower(b.ImportMode), ""
	if strings.HasSuffix(mode, "ifmatchetag") {
		mode, tag = strings.TrimSuffix(mode, "ifmatchetag"), b.ETag
		if tag == "" {
			return staleDevice()
		}
	}
	var err error
	switch mode {
	case "create":
		_, err = writeDevice(t, hub, &b.deviceBody, deviceMode{create: true}, c.now)
	case "update":
		_, err = writeDevice(t, hub, &b.deviceBody, deviceMode{update: true, tag: tag}, c.now)
	case "createorupdate":
		_, err = writeDevice(t, hub, &b.deviceBody, deviceMode{create: true, update: true, tag: tag}, c.now)
	case "delete":
		err = removeDevice(t, hub, b.ID, b.ModuleID, tag)
	default:
		err = hubInvalid("importMode %q is unknown", b.ImportMode)
	}
	return err
}
