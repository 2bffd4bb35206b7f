package emulator

import (
	"net/http"
	"strings"
)

// What tools read of a subscription on their way to DPS: az login the tenants
// and subscriptions, az iot the hubs and their keys.

// listTenants answers GET /tenants.
func (l *Lab) listTenants(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	tenant := l.instance().TenantID
	c.json(http.StatusOK, map[string]any{"value": []any{map[string]string{
		"id": "/tenants/" + tenant, "tenantId": tenant, "displayName": "dpslab", "tenantCategory": "Home",
	}}})
	return nil
}

func (l *Lab) subscriptionResource() map[string]any {
	i := l.instance()
	return map[string]any{
		"id": "/subscriptions/" + i.SubscriptionID, "subscriptionId": i.SubscriptionID, "tenantId": i.TenantID,
		"displayName": "dpslab lab", "state": "Enabled", "authorizationSource": "RoleBased",
		"subscriptionPolicies": map[string]string{"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"},
		"managedByTenants":     []any{},
	}
}

// listSubscriptions answers GET /subscriptions.
func (l *Lab) listSubscriptions(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{"value": []any{l.subscriptionResource()}, "count": map[string]any{"type": "Total", "value": 1}})
	return nil
}

// getSubscription answers GET /subscriptions/{subscription}.
func (l *Lab) getSubscription(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	c.json(http.StatusOK, l.subscriptionResource())
	return nil
}

func (l *Lab) groupResource() map[string]any {
	i := l.instance()
	return map[string]any{
		"id": "/subscriptions/" + i.SubscriptionID + "/resourceGroups/" + i.ResourceGroup, "name": i.ResourceGroup,
		"type": "Microsoft.Resources/resourceGroups", "location": location, "tags": map[string]string{},
		"properties": map[string]string{"provisioningState": "Succeeded"},
	}
}

// listGroups answers GET …/resourceGroups.
func (l *Lab) listGroups(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{"value": []any{l.groupResource()}})
	return nil
}

// getGroup answers GET …/resourceGroups/{group}.
func (l *Lab) getGroup(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	c.json(http.StatusOK, l.groupResource())
	return nil
}

// headGroup answers HEAD …/resourceGroups/{group}, the question whether it
// exists.
func (l *Lab) headGroup(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// hubResource is an IoT hub as a resource.
func (l *Lab) hubResource(c *call, h *linkedHub) map[string]any {
	host := h.Host
	if hostName(c.r.Host) != managementHost {
		host = c.r.Host // see instanceResource
	}
	i, name := l.instance(), strings.TrimSuffix(h.Host, hubSuffix)
	return map[string]any{
		"id":   "/subscriptions/" + i.SubscriptionID + "/resourceGroups/" + i.ResourceGroup + "/providers/Microsoft.Devices/IotHubs/" + name,
		"name": name, "type": "Microsoft.Devices/IotHubs", "location": location, "tags": map[string]string{},
		"resourcegroup": i.ResourceGroup, "subscriptionid": i.SubscriptionID, "etag": counterTag(uint64(i.Created.Unix())),
		"sku": map[string]any{"name": "S1", "tier": "Standard", "capacity": 1},
		"properties": map[string]any{
			"state": "Active", "provisioningState": "Succeeded", "hostName": host, "ipFilterRules": []any{},
			"eventHubEndpoints": map[string]any{}, "locations": []any{map[string]string{"location": location, "role": "primary"}},
		},
	}
}

// listHubs answers GET …/IotHubs of a subscription or a resource group.
func (l *Lab) listHubs(c *call) error {
	if err := l.manage(c); err != nil {
		return err
	}
	all := []any{}
	for n := range l.instance().Hubs {
		all = append(all, l.hubResource(c, &l.instance().Hubs[n]))
	}
	c.json(http.StatusOK, map[string]any{"value": all})
	return nil
}

// managedHub finds the hub that the path names.
func (l *Lab) managedHub(c *call) (*linkedHub, error) {
	if err := l.manage(c); err != nil {
		return nil, err
	}
	h := l.instance().hub(c.args["hub"] + hubSuffix)
	if h == nil {
		return nil, frontDoor(http.StatusNotFound, "ResourceNotFound", "The Resource 'Microsoft.Devices/IotHubs/"+c.args["hub"]+
			"' under resource group '"+l.instance().ResourceGroup+"' was not found.")
	}
	return h, nil
}

// getHub answers GET …/IotHubs/{hub}.
func (l *Lab) getHub(c *call) error {
	h, err := l.managedHub(c)
	if err != nil {
		return err
	}
	c.json(http.StatusOK, l.hubResource(c, h))
	return nil
}

// listHubKeys answers POST …/IotHubs/{hub}/listkeys.
func (l *Lab) listHubKeys(c *call) error {
	h, err := l.managedHub(c)
	if err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{"value": []accessRule{h.Policy.rule()}})
	return nil
}

// listHubKey answers POST …/IotHubs/{hub}/IotHubKeys/{key}/listkeys.
func (l *Lab) listHubKey(c *call) error {
	h, err := l.managedHub(c)
	if err != nil {
		return err
	}
	if !strings.EqualFold(h.Policy.Name, c.args["key"]) {
		return refuse(404001, "The shared access policy was not found.")
	}
	c.json(http.StatusOK, h.Policy.rule())
	return nil
}

// getAPIMService answers GET …/Microsoft.ApiManagement/service/{service}.
func (l *Lab) getAPIMService(c *call) error {
	if err := l.manageAPIM(c); err != nil {
		return err
	}
	c.json(http.StatusOK, map[string]any{
		"id": l.apimServiceID(), "name": apimName, "type": "Microsoft.ApiManagement/service", "location": location,
		"tags": map[string]string{}, "etag": counterTag(uint64(l.instance().Created.Unix())),
		"sku": map[string]any{"name": "Developer", "capacity": 1},
		"properties": map[string]any{
			"provisioningState": "Succeeded", "publisherName": "dpslab", "publisherEmail": "lab@example.com",
			"gatewayUrl": "https://" + apimName + ".azure-api.net", "createdAtUtc": dataPlaneTime(l.instance().Created),
		},
	})
	return nil
}
