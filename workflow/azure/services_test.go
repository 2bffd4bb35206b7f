package azure_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dpslab/workflow/azure"
	"dpslab/workflow/wire"
	"dpslab/workflow/wire/wiretest"
)

func TestServicesInTheLab(t *testing.T) {
	t.Parallel()
	l, ctx := startLab(t), t.Context()
	subscriptions, err := azure.Collect(l.Subscriptions(ctx))
	if err != nil || len(subscriptions) != 1 || subscriptions[0].ID != l.ready.SubscriptionID || subscriptions[0].State != "Enabled" || subscriptions[0].TenantID == "" || subscriptions[0].Name == "" {
		t.Fatalf("subscriptions %+v, %v", subscriptions, err)
	}
	for _, group := range []string{"", l.ready.ResourceGroup} {
		services, err := azure.Collect(l.Services(ctx, l.ready.SubscriptionID, group))
		if err != nil || len(services) != 1 {
			t.Fatalf("services of %q: %v, %v", group, services, err)
		}
		checkService(t, l, services[0])
	}
	service, err := l.Service(ctx, l.instance())
	if err != nil {
		t.Fatal(err)
	}
	checkService(t, l, service)

	keys, err := l.Keys(ctx, l.instance())
	if err != nil || len(keys) == 0 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	for _, want := range keys {
		got, err := l.Key(ctx, l.instance(), want.Name)
		if err != nil || got.Primary.Reveal() != want.Primary.Reveal() || got.Secondary.Reveal() != want.Secondary.Reveal() || !slices.Equal(got.Rights, want.Rights) {
			t.Errorf("key %s: %+v, %v", want.Name, got, err)
		}
	}
	owner := keys[slices.IndexFunc(keys, func(k azure.SharedAccessKey) bool { return slices.Contains(k.Rights, "EnrollmentWrite") })]
	c := owner.ConnectionString(service.ServiceHost)
	if text := "HostName=" + c.HostName + ";SharedAccessKeyName=" + c.KeyName + ";SharedAccessKey=" + c.Key.Reveal(); text != l.ready.ServiceConnectionString {
		t.Error("the keys do not make the lab's connection string")
	}
	if text := fmt.Sprintf("%v %+v %#v", keys, keys, keys); strings.Contains(text, owner.Primary.Reveal()) {
		t.Error("a key is printed")
	}
}

func checkService(t *testing.T, l *lab, s *azure.Service) {
	t.Helper()
	if s.Instance != l.instance() || s.IDScope != l.ready.IDScope || s.ServiceHost != l.ready.ServiceHost || s.DeviceHost != l.ready.DeviceHost {
		t.Errorf("got %+v of %+v", s, l.ready)
	}
	if s.State != "Active" || s.ProvisioningState != "Succeeded" || s.AllocationPolicy != "hashed" || s.SKU != "S1" || s.Location == "" || s.ETag == "" || s.PublicNetworkAccess != "Enabled" {
		t.Errorf("got %+v", s)
	}
	if len(s.Hubs) != 1 || s.Hubs[0].HostName != l.ready.HubHosts[0] || s.Hubs[0].Weight != 1 || !s.Hubs[0].Applies || s.Hubs[0].Location == "" {
		t.Errorf("hubs %+v", s.Hubs)
	}
}

func TestRefusalsOfServicesInTheLab(t *testing.T) {
	t.Parallel()
	l, ctx := startLab(t), t.Context()
	absent, elsewhere := l.instance(), l.instance()
	absent.DPSName, elsewhere.ResourceGroup = "no-such-dps", "no-such-group"
	stranger := l.as(t, "not.the.token")
	for name, tt := range map[string]struct {
		call   func() error
		status int
		code   string
	}{
		"no such instance":          {func() error { _, err := l.Service(ctx, absent); return err }, 404, "ResourceNotFound"},
		"no such group":             {func() error { _, err := l.Keys(ctx, elsewhere); return err }, 404, "ResourceGroupNotFound"},
		"no such key":               {func() error { _, err := l.Key(ctx, l.instance(), "nobody"); return err }, 404, "404001"},
		"no such subscription":      {func() error { return last(l.Services(ctx, contoso.SubscriptionID, "")) }, 404, "SubscriptionNotFound"},
		"subscriptions, no account": {func() error { return last(stranger.Subscriptions(ctx)) }, 401, "AuthenticationFailed"},
		"services, no account":      {func() error { return last(stranger.Services(ctx, l.ready.SubscriptionID, "")) }, 401, "AuthenticationFailed"},
		"service, no account":       {func() error { _, err := stranger.Service(ctx, l.instance()); return err }, 401, "AuthenticationFailed"},
		"keys, no account":          {func() error { _, err := stranger.Keys(ctx, l.instance()); return err }, 401, "AuthenticationFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.call()
			wantRefusal(t, err, tt.status, tt.code)
			var access *azure.AccessError
			if errors.As(err, &access) != (tt.status == http.StatusUnauthorized) {
				t.Errorf("%v", err)
			}
		})
	}
}

// last is the error that a list ends with.
func last[T any](items iter.Seq2[T, error]) error {
	_, err := azure.Collect(items)
	return err
}

const subscriptionID = "11111111-2222-3333-4444-555555555555"

// pages answers a list in pages of one. The last has no link.
func pages(bodies ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page := 0
		if _, err := fmt.Sscan(r.URL.Query().Get("$skiptoken"), &page); err != nil {
			page = 0
		}
		link := ""
		if page+1 < len(bodies) {
			link = fmt.Sprintf(`,"nextLink":"https://%s%s?api-version=%s&$skiptoken=%d"`, r.Host, r.URL.Path, r.URL.Query().Get("api-version"), page+1)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"value":[%s]%s}`, bodies[page], link)
	}
}

func service(name string) string {
	return `{"id":"/subscriptions/` + subscriptionID + `/RESOURCEGROUPS/rg-iot/providers/Microsoft.Devices/provisioningServices/` + name +
		`","name":"` + name + `","location":"westeurope","tags":{"env":"test"},"properties":{"state":"Active","idScope":"0ne001","allocationPolicy":"GeoLatency",
		"iotHubs":[{"connectionString":"HostName=hub.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=****","location":"westeurope"},
		{"name":"other.azure-devices.net","location":"westeurope","connectionString":"x","allocationWeight":7,"applyAllocationPolicy":false}]}}`
}

func TestListsOverPages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		bodies []string
		list   func(context.Context, *azure.Management) (string, error)
		want   string
	}{
		"subscriptions": {
			[]string{`{"subscriptionId":"a","displayName":"A","tenantId":"t","state":"Enabled"}`, ``, `{"subscriptionId":"b","displayName":"B"}`},
			func(ctx context.Context, m *azure.Management) (string, error) {
				all, err := azure.Collect(m.Subscriptions(ctx))
				return fmt.Sprint(all), err
			}, "[{a A t Enabled} {b B  }]",
		},
		"services-of-a-subscription": {
			[]string{service("one"), service("two")},
			func(ctx context.Context, m *azure.Management) (string, error) {
				all, err := azure.Collect(m.Services(ctx, subscriptionID, ""))
				return names(all), err
			}, "one two",
		},
		"services-of-a-group": {
			[]string{service("one"), service("two"), service("three")},
			func(ctx context.Context, m *azure.Management) (string, error) {
				all, err := azure.Collect(m.Services(ctx, subscriptionID, "rg-iot"))
				return names(all), err
			}, "one two three",
		},
		"keys": {
			[]string{`{"keyName":"owner","primaryKey":"cHJpbWFyeQ==","secondaryKey":"c2Vjb25k","rights":"ServiceConfig, DeviceConnect,EnrollmentWrite"}`},
			func(ctx context.Context, m *azure.Management) (string, error) {
				all, err := m.Keys(ctx, contoso)
				return fmt.Sprint(all), err
			}, "[{owner [ServiceConfig DeviceConnect EnrollmentWrite] [secret] [secret]}]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, pages(tt.bodies...))
			got, err := tt.list(t.Context(), azure.NewManagement(s.Client(t), azure.ManagementHost, token()))
			if err != nil || got != tt.want {
				t.Errorf("got %s, %v; want %s", got, err, tt.want)
			}
			s.CompareGolden(t, name)
		})
	}
}

func names(all []*azure.Service) string {
	var n []string
	for _, s := range all {
		n = append(n, s.DPSName)
	}
	return strings.Join(n, " ")
}

func TestService(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, service("contoso-dps")) })
	got, err := azure.NewManagement(s.Client(t), azure.ManagementHost, token()).Service(t.Context(), contoso)
	if err != nil {
		t.Fatal(err)
	}
	if got.Instance != contoso || got.AllocationPolicy != "geoLatency" || got.Tags["env"] != "test" {
		t.Errorf("got %+v", got)
	}
	if want := []azure.LinkedHub{{"hub.azure-devices.net", "westeurope", 1, true}, {"other.azure-devices.net", "westeurope", 7, false}}; !slices.Equal(got.Hubs, want) {
		t.Errorf("hubs %+v", got.Hubs)
	}
	s.CompareGolden(t, "service")
}

func TestKeyRequest(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"keyName":"owner","primaryKey":"a","secondaryKey":"b","rights":"EnrollmentRead"}`)
	})
	if _, err := azure.NewManagement(s.Client(t), azure.ManagementHost, token()).Key(t.Context(), contoso, "owner"); err != nil {
		t.Fatal(err)
	}
	s.CompareGolden(t, "key")
}

// A token must not go where a list points to.
func TestListThatGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"https://evil.azure-devices.net/more", "http://management.azure.com/more", "https://management.azure.com.evil.net/", "https://management.azure.com@evil.net/"} {
		s := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/subscriptions" {
				t.Errorf("%s was followed", r.URL)
			}
			fmt.Fprintf(w, `{"value":[{"subscriptionId":"a"}],"nextLink":%q}`, link)
		})
		n, m := 0, azure.NewManagement(s.Client(t), azure.ManagementHost, token())
		var foreign *azure.ForeignLinkError
		for _, err := range m.Subscriptions(t.Context()) {
			if n++; n == 2 && !errors.As(err, &foreign) {
				t.Errorf("%s: %v", link, err)
			}
		}
		if n != 2 {
			t.Errorf("%s: %d items", link, n)
		}
	}
}

func TestListWithoutAnEnd(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"value":[],"nextLink":"https://%s/subscriptions?again"}`, r.Host)
	})
	if err := last(azure.NewManagement(s.Client(t), azure.ManagementHost, token()).Subscriptions(t.Context())); err == nil || !strings.Contains(err.Error(), "1000 pages") {
		t.Errorf("got %v", err)
	}
}

// A page that failed is asked for again by itself; nothing else repeats.
func TestRetryOfAPage(t *testing.T) {
	t.Parallel()
	asked := 0
	answer := pages(service("one"), service("two"))
	s := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked == 2 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		answer(w, r)
	})
	var waits []bool
	m := azure.NewManagement(s.Client(t), azure.ManagementHost, token()).WithRetry(func(_ context.Context, idempotent bool, call func() error) error {
		err := call()
		var refused *wire.ServiceError
		if errors.As(err, &refused) && refused.HasRetryAfter {
			waits = append(waits, idempotent)
			err = call()
		}
		return err
	})
	all, err := azure.Collect(m.Services(t.Context(), subscriptionID, ""))
	if err != nil || names(all) != "one two" || asked != 3 || !slices.Equal(waits, []bool{true}) {
		t.Errorf("got %s, %v after %d requests, waits %v", names(all), err, asked, waits)
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	m := azure.NewManagement(s.Client(t), azure.ManagementHost, signedOut{})
	c, err := m.Certificates(contoso, azure.CertificateOptions{APIVersion: "2018-01-22"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := wire.WithDryRun(t.Context())
	_, put := c.Put(ctx, "my-root", fixedRoot(t), "", false)
	_, read := m.Service(ctx, contoso)
	for want, err := range map[string]error{
		"PUT": put, "GET": read, "POST": last(keyLists(ctx, m)),
	} {
		var dry *wire.DryRunError
		if !errors.As(err, &dry) || dry.Exchange.Method != want || !strings.Contains(dry.Exchange.URL, "/provisioningServices/contoso-dps") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func keyLists(ctx context.Context, m *azure.Management) iter.Seq2[[]azure.SharedAccessKey, error] {
	return func(yield func([]azure.SharedAccessKey, error) bool) { yield(m.Keys(ctx, contoso)) }
}

// In another cloud the token is for that cloud's Resource Manager.
func TestAnotherCloud(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "management.chinacloudapi.cn" {
			t.Errorf("asked %s", r.Host)
		}
		fmt.Fprint(w, service("contoso-dps"))
	})
	var scopes []string
	cloud := azure.CloudOf("contoso-dps.azure-devices-provisioning.cn")
	if _, err := azure.NewManagement(s.Client(t), cloud.ManagementHost(), scopeSeen{&scopes}).Service(t.Context(), contoso); err != nil {
		t.Fatal(err)
	}
	if len(scopes) != 1 || !strings.HasPrefix(scopes[0], "https://management.core.chinacloudapi.cn/") {
		t.Errorf("a token for %v", scopes)
	}
}
