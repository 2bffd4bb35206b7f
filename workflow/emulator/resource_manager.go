package emulator

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// frontDoor makes a refusal of Resource Manager itself, not of a provider.
func frontDoor(status int, name, message string) *refusal {
	return &refusal{status: status, name: name, message: message}
}

// manage checks what every request to Resource Manager must have: the lab's
// bearer token, and the subscription and resource group of the lab.
func (l *Lab) manage(c *call) error {
	if !l.isManagementToken(bearer(c.r.Header.Get("Authorization"))) {
		c.set("WWW-Authenticate", `Bearer authorization_uri="https://login.microsoftonline.com/`+l.instance().TenantID+`", error="invalid_token"`)
		return frontDoor(http.StatusUnauthorized, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing or is not the lab's management token.")
	}
	if s, named := c.args["subscription"]; named && !strings.EqualFold(s, l.instance().SubscriptionID) {
		return frontDoor(http.StatusNotFound, "SubscriptionNotFound", "The subscription '"+s+"' could not be found.")
	}
	if g, named := c.args["group"]; named && !strings.EqualFold(g, l.instance().ResourceGroup) {
		return frontDoor(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '"+g+"' could not be found.")
	}
	c.set("x-ms-correlation-request-id", c.requestID)
	c.set("x-ms-routing-request-id", strings.ToUpper(location)+":"+c.now.UTC().Format("20060102T150405Z")+":"+c.requestID)
	l.management.count(c)
	c.set("Cache-Control", "no-cache")
	c.set("Pragma", "no-cache")
	c.set("Expires", "-1")
	return nil
}

// Requests to Resource Manager that a subscription may make in an hour, as its
// answers count them down. The lab refuses none.
const (
	managementReads  = 12000
	managementWrites = 1200
)

// managementCount counts the requests of this hour.
type managementCount struct {
	mu            sync.Mutex
	began         time.Time
	reads, writes int
}

// count takes a request into account and says in its answer what remains.
func (m *managementCount) count(c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.arrived.Sub(m.began) >= time.Hour {
		m.began, m.reads, m.writes = c.arrived, 0, 0
	}
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		m.reads++
		c.set("x-ms-ratelimit-remaining-subscription-reads", strconv.Itoa(max(0, managementReads-m.reads)))
		return
	}
	m.writes++
	c.set("x-ms-ratelimit-remaining-subscription-writes", strconv.Itoa(max(0, managementWrites-m.writes)))
}

// systemData says who made a resource and when, in versions that tell.
type systemData struct {
	CreatedBy          string `json:"createdBy"`
	CreatedByType      string `json:"createdByType"`
	CreatedAt          string `json:"createdAt"`
	LastModifiedBy     string `json:"lastModifiedBy"`
	LastModifiedByType string `json:"lastModifiedByType"`
	LastModifiedAt     string `json:"lastModifiedAt"`
}

// systemDataOf is about the one caller that the lab knows.
func systemDataOf(created, updated time.Time) *systemData {
	const who, kind = "dpslab lab", "Application"
	return &systemData{who, kind, dataPlaneTime(created), who, kind, dataPlaneTime(updated)}
}

// manageInstance checks besides that the path names the lab's DPS instance.
func (l *Lab) manageInstance(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	if name := c.args["dps"]; !strings.EqualFold(name, l.instance().Name) {
		return frontDoor(http.StatusNotFound, "ResourceNotFound", "The Resource 'Microsoft.Devices/ProvisioningServices/"+name+
			"' under resource group '"+l.instance().ResourceGroup+"' was not found.")
	}
	return nil
}

// instanceID is the resource ID of the lab's DPS instance.
func (l *Lab) instanceID() string {
	return "/subscriptions/" + l.instance().SubscriptionID + "/resourceGroups/" + l.instance().ResourceGroup +
		"/providers/Microsoft.Devices/ProvisioningServices/" + l.instance().Name
}

// instanceResource is the DPS instance as a resource. Keys are masked in it.
func (l *Lab) instanceResource(c *call) map[string]any {
	type hub struct {
		Name                  string `json:"name"`
		ConnectionString      string `json:"connectionString"`
		Location              string `json:"location"`
		AllocationWeight      uint64 `json:"allocationWeight"`
		ApplyAllocationPolicy bool   `json:"applyAllocationPolicy"`
	}
	hubs := make([]hub, 0, len(l.instance().Hubs))
	for _, h := range l.instance().linked() {
		masked := h.Policy
		masked.PrimaryKey = maskedKey
		hubs = append(hubs, hub{h.Host, connectionString(h.Host, masked), location, h.Weight, h.Apply})
	}
	tags := l.instance().Tags
	if tags == nil {
		tags = map[string]string{}
	}
	// Tools take the host from here and reach for it, so a caller that came by
	// another name is sent back to that.
	service, device := l.instance().serviceHost(), globalHost
	if hostName(c.r.Host) != managementHost {
		service, device = c.r.Host, c.r.Host
	}
	resource := map[string]any{
		"id": l.instanceID(), "name": l.instance().Name, "type": "Microsoft.Devices/provisioningServices",
		"location": location, "resourcegroup": l.instance().ResourceGroup, "subscriptionid": l.instance().SubscriptionID,
		"tags": tags, "etag": l.instance().tag(),
		"sku": map[string]any{"name": "S1", "tier": "Standard", "capacity": 1},
		"properties": map[string]any{
			"state": "Active", "provisioningState": "Succeeded", "iotHubs": hubs, "allocationPolicy": managementPolicy(l.instance().Allocation),
			"serviceOperationsHostName": service, "deviceProvisioningHostName": device,
			"idScope": l.instance().IDScope, "publicNetworkAccess": "Enabled", "authorizationPolicies": []any{},
		},
	}
	if c.version >= verifiedFlagVersion {
		resource["systemData"] = systemDataOf(l.instance().Created, cmp.Or(l.instance().Updated, l.instance().Created))
	}
	return resource
}

// listInstances answers GET …/provisioningServices of a subscription or a
// resource group.
func (l *Lab) listInstances(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{"value": []any{l.instanceResource(c)}})
	return nil
}

// getInstance answers GET …/provisioningServices/{dps}.
func (l *Lab) getInstance(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	c.json(http.StatusOK, l.instanceResource(c))
	return nil
}

// accessRule is a shared access policy as Resource Manager shows it. The live
// service joins the rights in one string.
type accessRule struct {
	KeyName      string `json:"keyName"`
	PrimaryKey   string `json:"primaryKey"`
	SecondaryKey string `json:"secondaryKey"`
	Rights       string `json:"rights"`
}

func (p *policy) rule() accessRule {
	return accessRule{p.Name, p.PrimaryKey, p.SecondaryKey, strings.Join(p.Rights, ", ")}
}

// listKeys answers POST …/{dps}/listkeys.
func (l *Lab) listKeys(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	rules := make([]accessRule, 0, len(l.instance().Policies))
	for i := range l.instance().Policies {
		rules = append(rules, l.instance().Policies[i].rule())
	}
	c.json(http.StatusOK, map[string]any{"value": rules})
	return nil
}

// listKey answers POST …/{dps}/keys/{keyName}/listkeys.
func (l *Lab) listKey(c *call) error {
	if err := l.manageInstance(c); err != nil {
		return err
	}
	for i := range l.instance().Policies {
		if p := &l.instance().Policies[i]; strings.EqualFold(p.Name, c.args["key"]) {
			c.json(http.StatusOK, p.rule())
			return nil
		}
	}
	return refuse(404001, "The shared access policy was not found.")
}

// validCertificateName checks the name of an uploaded certificate: letters,
// digits, '-', '.' and '_', at most 256.
func validCertificateName(name string) bool {
	allowed := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-._", r))
	}
	return len(name) <= 256 && !strings.ContainsFunc(name, func(r rune) bool { return !allowed(r) })
}
