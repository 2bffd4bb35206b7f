package azure

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"

	"dpslab/workflow/dps"
)

// subscriptionsVersion is the api-version of the subscriptions list.
const subscriptionsVersion = "2022-12-01"

// Subscription is one that the account may look into.
type Subscription struct {
	ID       string // a UUID
	Name     string
	TenantID string
	State    string // Enabled, Warned, PastDue, Disabled, Deleted
}

// subscriptionPage is one page of GET /subscriptions.
type subscriptionPage struct {
	Value []struct {
		SubscriptionID string `json:"subscriptionId"`
		DisplayName    string `json:"displayName"`
		TenantID       string `json:"tenantId"`
		State          string `json:"state"`
	} `json:"value"`
	NextLink string `json:"nextLink"`
}

// Subscriptions lists those that the account has any role in.
func (m *Management) Subscriptions(ctx context.Context) iter.Seq2[Subscription, error] {
	start := func() *runtime.Pager[subscriptionPage] {
		return runtime.NewPager(runtime.PagingHandler[subscriptionPage]{
			More:    func(p subscriptionPage) bool { return p.NextLink != "" },
			Fetcher: m.subscriptionPage,
		})
	}
	return each(ctx, m, opSubscriptions, start, func(p subscriptionPage) []Subscription {
		all := make([]Subscription, 0, len(p.Value))
		for _, s := range p.Value {
			all = append(all, Subscription{ID: s.SubscriptionID, Name: s.DisplayName, TenantID: s.TenantID, State: s.State})
		}
		return all
	})
}

func (m *Management) subscriptionPage(ctx context.Context, last *subscriptionPage) (page subscriptionPage, err error) {
	r := rest{method: http.MethodGet, path: []string{"subscriptions"}, query: url.Values{"api-version": {subscriptionsVersion}}, out: &page}
	if last != nil {
		r.link = last.NextLink
	}
	err = m.send(ctx, r)
	return page, err
}

// Service is a DPS instance as a resource.
type Service struct {
	Instance

	ResourceID          string
	Location            string // "westeurope"
	SKU                 string // "S1"
	State               string // Active, Transitioning, Suspended, FailingOver, …
	ProvisioningState   string // Succeeded, …
	IDScope             string // 0ne…
	ServiceHost         string // of the service API
	DeviceHost          string // of the device API
	AllocationPolicy    string // as enrollments spell it: hashed, geoLatency, static
	PublicNetworkAccess string // Enabled, Disabled
	Hubs                []LinkedHub
	Tags                map[string]string
	ETag                string
}

// LinkedHub is an IoT hub that a DPS instance assigns devices to. Its key is
// not part of it.
type LinkedHub struct {
	HostName string
	Location string
	Weight   int32 // 1 to 1000, for the policy hashed
	Applies  bool  // the allocation policy counts it in
}

// Services lists the DPS instances of a resource group, or with an empty
// group of the whole subscription.
func (m *Management) Services(ctx context.Context, subscriptionID, resourceGroup string) iter.Seq2[*Service, error] {
	client, err := m.services(subscriptionID)
	if err == nil && resourceGroup != "" {
		err = checkGroup(resourceGroup)
	}
	if err != nil {
		return func(yield func(*Service, error) bool) { yield(nil, fmt.Errorf("%s: %w", opServices, err)) }
	}
	type (
		ofAll   = armdeviceprovisioningservices.IotDpsResourceClientListBySubscriptionResponse
		ofGroup = armdeviceprovisioningservices.IotDpsResourceClientListByResourceGroupResponse
	)
	if resourceGroup == "" {
		start := func() *runtime.Pager[ofAll] { return client.NewListBySubscriptionPager(nil) }
		return each(ctx, m, opServices, start, func(p ofAll) []*Service { return servicesOf(p.Value) })
	}
	start := func() *runtime.Pager[ofGroup] { return client.NewListByResourceGroupPager(resourceGroup, nil) }
	return each(ctx, m, opServices, start, func(p ofGroup) []*Service { return servicesOf(p.Value) })
}

// Service reads one DPS instance.
func (m *Management) Service(ctx context.Context, i Instance) (*Service, error) {
	client, err := m.instanceClient(i)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opService, err)
	}
	var r armdeviceprovisioningservices.IotDpsResourceClientGetResponse
	_, err = m.do(ctx, opService, true, func(ctx context.Context) (err error) {
		r, err = client.Get(ctx, i.DPSName, i.ResourceGroup, nil)
		if err == nil && value(r.Name) == "" {
			err = errNothing
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return serviceOf(&r.ProvisioningServiceDescription), nil
}

// SharedAccessKey is a shared access policy of a DPS instance with its keys.
type SharedAccessKey struct {
	Name               string
	Rights             []string // EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, …, ServiceConfig
	Primary, Secondary dps.Secret
}

// ConnectionString is the service connection string with the primary key, for
// a service API at serviceHost.
func (k SharedAccessKey) ConnectionString(serviceHost string) dps.ConnectionString {
	return dps.ConnectionString{HostName: serviceHost, KeyName: k.Name, Key: k.Primary}
}

// Keys reads the shared access policies of an instance.
func (m *Management) Keys(ctx context.Context, i Instance) ([]SharedAccessKey, error) {
	client, err := m.instanceClient(i)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", opKeys, err)
	}
	type page = armdeviceprovisioningservices.IotDpsResourceClientListKeysResponse
	start := func() *runtime.Pager[page] { return client.NewListKeysPager(i.DPSName, i.ResourceGroup, nil) }
	return Collect(each(ctx, m, opKeys, start, func(p page) []SharedAccessKey {
		var all []SharedAccessKey
		for _, k := range p.Value {
			if k != nil {
				all = append(all, keyOf(*k))
			}
		}
		return all
	}))
}

// Key reads one shared access policy, such as provisioningserviceowner.
func (m *Management) Key(ctx context.Context, i Instance, name string) (SharedAccessKey, error) {
	client, err := m.instanceClient(i)
	if err != nil {
		return SharedAccessKey{}, fmt.Errorf("%s: %w", opKey, err)
	}
	var r armdeviceprovisioningservices.IotDpsResourceClientListKeysForKeyNameResponse
	_, err = m.do(ctx, opKey, true, func(ctx context.Context) (err error) {
		r, err = client.ListKeysForKeyName(ctx, i.DPSName, name, i.ResourceGroup, nil)
		if err == nil && value(r.KeyName) == "" {
			err = errNothing
		}
		return err
	})
	if err != nil {
		return SharedAccessKey{}, err
	}
	return keyOf(r.SharedAccessSignatureAuthorizationRuleAccessRightsDescription), nil
}

// keyOf takes the rights apart: the service joins them by commas, although its
// description knows single ones only.
func keyOf(k armdeviceprovisioningservices.SharedAccessSignatureAuthorizationRuleAccessRightsDescription) SharedAccessKey {
	var rights []string
	for r := range strings.SplitSeq(string(value(k.Rights)), ",") {
		if r = strings.TrimSpace(r); r != "" {
			rights = append(rights, r)
		}
	}
	return SharedAccessKey{
		Name: value(k.KeyName), Rights: rights,
		Primary: dps.NewSecret(value(k.PrimaryKey)), Secondary: dps.NewSecret(value(k.SecondaryKey)),
	}
}

func (m *Management) services(subscriptionID string) (*armdeviceprovisioningservices.IotDpsResourceClient, error) {
	if err := checkSubscription(subscriptionID); err != nil {
		return nil, err
	}
	return armdeviceprovisioningservices.NewIotDpsResourceClient(subscriptionID, m.credential, m.options(""))
}

func (m *Management) instanceClient(i Instance) (*armdeviceprovisioningservices.IotDpsResourceClient, error) {
	if err := i.Check(); err != nil {
		return nil, err
	}
	return m.services(i.SubscriptionID)
}

func servicesOf(page []*armdeviceprovisioningservices.ProvisioningServiceDescription) []*Service {
	all := make([]*Service, 0, len(page))
	for _, d := range page {
		if d != nil {
			all = append(all, serviceOf(d))
		}
	}
	return all
}

func serviceOf(d *armdeviceprovisioningservices.ProvisioningServiceDescription) *Service {
	s := &Service{
		Instance: instanceOf(value(d.ID)), ResourceID: value(d.ID), Location: value(d.Location), ETag: value(d.Etag),
		Tags: make(map[string]string, len(d.Tags)),
	}
	if name := value(d.Name); name != "" {
		s.DPSName = name
	}
	for k, v := range d.Tags {
		s.Tags[k] = value(v)
	}
	if d.SKU != nil {
		s.SKU = string(value(d.SKU.Name))
	}
	p := d.Properties
	if p == nil {
		return s
	}
	s.State, s.ProvisioningState = string(value(p.State)), value(p.ProvisioningState)
	s.IDScope, s.ServiceHost, s.DeviceHost = value(p.IDScope), value(p.ServiceOperationsHostName), value(p.DeviceProvisioningHostName)
	s.AllocationPolicy = allocationOf(string(value(p.AllocationPolicy)))
	s.PublicNetworkAccess = string(value(p.PublicNetworkAccess))
	for _, h := range p.IotHubs {
		if h != nil {
			s.Hubs = append(s.Hubs, hubOf(*h))
		}
	}
	return s
}

// hubOf fills in what an answer may leave out: the weight is 1, the policy
// applies, and the host stands in the connection string, too.
func hubOf(h armdeviceprovisioningservices.IotHubDefinitionDescription) LinkedHub {
	l := LinkedHub{HostName: value(h.Name), Location: value(h.Location), Weight: 1, Applies: true}
	if h.AllocationWeight != nil {
		l.Weight = *h.AllocationWeight
	}
	if h.ApplyAllocationPolicy != nil {
		l.Applies = *h.ApplyAllocationPolicy
	}
	if l.HostName == "" {
		// The key in it is masked, which is an error, and not of interest.
		c, _ := dps.ParseConnectionString(value(h.ConnectionString))
		l.HostName = c.HostName
	}
	return l
}

// allocationOf spells a policy as enrollments do. Resource Manager begins with
// a capital.
func allocationOf(policy string) string {
	known := []string{dps.AllocationHashed, dps.AllocationGeoLatency, dps.AllocationStatic}
	if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, policy) }); i >= 0 {
		return known[i]
	}
	return policy
}

// instanceOf takes a resource ID apart. Its words come in any case.
func instanceOf(id string) (i Instance) {
	parts := strings.Split(strings.Trim(id, "/"), "/")
	for n := 0; n+1 < len(parts); n += 2 {
		switch strings.ToLower(parts[n]) {
		case "subscriptions":
			i.SubscriptionID = parts[n+1]
		case "resourcegroups":
			i.ResourceGroup = parts[n+1]
		}
	}
	if len(parts) > 0 {
		i.DPSName = parts[len(parts)-1]
	}
	return i
}
