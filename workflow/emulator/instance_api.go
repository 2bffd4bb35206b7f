package emulator

import (
	"maps"
	"net/http"
	"strings"

	"dpslab/workflow/dps"
)

// tag is the etag of the instance.
func (i *instance) tag() string { return counterTag(uint64(i.Created.Unix()) + i.Revision) }

// managementPolicy is an allocation policy as Resource Manager spells it.
func managementPolicy(policy string) string {
	switch policy {
	case dps.AllocationGeoLatency:
		return "GeoLatency"
	case dps.AllocationStatic:
		return "Static"
	}
	return "Hashed"
}

// instanceBody is the body of create or update of a DPS instance.
type instanceBody struct {
	Tags       map[string]string `json:"tags"`
	Properties struct {
		AllocationPolicy string    `json:"allocationPolicy"`
		IoTHubs          []hubLink `json:"iotHubs"`
	} `json:"properties"`
}

// hubLink is a linked hub of that body.
type hubLink struct {
	ConnectionString string  `json:"connectionString"`
	Weight           *uint64 `json:"allocationWeight"`
	Apply            *bool   `json:"applyAllocationPolicy"`
}

// putInstance answers PUT …/provisioningServices/{dps}: the hubs that are
// linked, the default allocation policy and the tags. It is done at once, so no
// operation is left to be polled.
func (l *Lab) putInstance(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	if !strings.EqualFold(c.args["dps"], l.instance().Name) {
		return oneInstance.refuse()
	}
	var body instanceBody
	if err := c.jsonBody(&body); err != nil {
		return err
	}
	ifMatch := c.r.Header.Get("If-Match")
	err := l.changeInstance(func(i *instance) error {
		if ifMatch != "" && !tagMatches(ifMatch, i.tag()) {
			return staleAuthority(ifMatch)
		}
		switch policy := body.Properties.AllocationPolicy; strings.ToLower(policy) {
		case "", "hashed":
			i.Allocation = dps.AllocationHashed
		case "geolatency":
			i.Allocation = dps.AllocationGeoLatency
		case "static":
			i.Allocation = dps.AllocationStatic
		default:
			return refuse(400000, "allocationPolicy %q is not Hashed, GeoLatency or Static.", policy)
		}
		i.Tags = maps.Clone(body.Tags)
		i.Revision++
		return i.relink(body.Properties.IoTHubs)
	})
	if err != nil {
		return err
	}
	c.json(http.StatusOK, l.instanceResource(c))
	return nil
}

// maskedKey is what answers show in place of a hub's key. Sent back it means
// the key that DPS has.
const maskedKey = "****"

// relink makes the given hubs the linked ones, in their order.
func (i *instance) relink(links []hubLink) error {
	var linked []linkedHub
	seen := map[string]bool{}
	for _, link := range links {
		text, kept := link.ConnectionString, "SharedAccessKey="+maskedKey
		masked := strings.Contains(text, kept)
		connection, err := dps.ParseConnectionString(strings.ReplaceAll(text, kept, "SharedAccessKey=AAAA"))
		if err != nil {
			return refuse(400000, "The connection string of an IoT hub cannot be read.")
		}
		h := i.hub(connection.HostName)
		if h == nil {
			return refuse(400000, "IoT hub %q does not exist.", connection.HostName)
		}
		next := *h
		next.Unlinked, next.Weight, next.Apply = false, 1, true
		if link.Weight != nil {
			next.Weight = *link.Weight
		}
		if next.Weight < 1 || next.Weight > 1000 {
			return refuse(400000, "allocationWeight is a number from 1 to 1000.")
		}
		if link.Apply != nil {
			next.Apply = *link.Apply
		}
		if !masked {
			next.LinkKey = connection.Key.Reveal()
		}
		if seen[h.Host] {
			return refuse(400000, "IoT hub %q is linked twice.", h.Host)
		}
		seen[h.Host] = true
		linked = append(linked, next)
	}
	for _, h := range i.Hubs {
		if !seen[h.Host] {
			h.Unlinked = true
			linked = append(linked, h)
		}
	}
	i.Hubs = linked
	return nil
}

// patchInstance answers PATCH …/provisioningServices/{dps}, which changes tags
// alone.
func (l *Lab) patchInstance(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	var body struct {
		Tags map[string]string `json:"tags"`
	}
	if err := c.jsonBody(&body); err != nil {
		return err
	}
	err := l.changeInstance(func(i *instance) error {
		i.Tags = maps.Clone(body.Tags)
		i.Revision++
		return nil
	})
	if err != nil {
		return err
	}
	c.json(http.StatusOK, l.instanceResource(c))
	return nil
}

// listSKUs answers GET …/{dps}/skus.
func (l *Lab) listSKUs(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{"value": []any{map[string]string{"name": "S1"}}})
	return nil
}

var instanceNameShape = pattern(`^[a-zA-Z0-9][a-zA-Z0-9-]{1,48}[a-zA-Z0-9]$`)

// checkName answers POST …/checkProvisioningServiceNameAvailability. A name of
// digits alone is not valid.
func (l *Lab) checkName(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	var body struct{ Name string }
	if err := c.jsonBody(&body); err != nil {
		return err
	}
	answer := map[string]any{"nameAvailable": true, "reason": "", "message": ""}
	switch {
	case !instanceNameShape().MatchString(body.Name) || strings.Trim(body.Name, "0123456789") == "":
		answer = map[string]any{"nameAvailable": false, "reason": "Invalid", "message": "The name is not valid."}
	case strings.EqualFold(body.Name, l.instance().Name):
		answer = map[string]any{"nameAvailable": false, "reason": "AlreadyExists", "message": "The name is taken."}
	}
	c.json(http.StatusOK, answer)
	return nil
}
