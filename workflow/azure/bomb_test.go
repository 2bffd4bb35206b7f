package azure_test

import (
	"context"
	"testing"

	"dpslab/workflow/azure"
	"dpslab/workflow/wire/wiretest"
)

// managementCalls are all that are not about certificates.
var managementCalls = map[string]func(context.Context, *azure.Management) error{
	"subscriptions": func(ctx context.Context, m *azure.Management) error { return last(m.Subscriptions(ctx)) },
	"services":      func(ctx context.Context, m *azure.Management) error { return last(m.Services(ctx, subscriptionID, "")) },
	"services of a group": func(ctx context.Context, m *azure.Management) error {
		return last(m.Services(ctx, subscriptionID, "rg-iot"))
	},
	"service": func(ctx context.Context, m *azure.Management) error { _, err := m.Service(ctx, contoso); return err },
	"keys":    func(ctx context.Context, m *azure.Management) error { _, err := m.Keys(ctx, contoso); return err },
	"key": func(ctx context.Context, m *azure.Management) error {
		_, err := m.Key(ctx, contoso, "owner")
		return err
	},
}

// Not parallel: it looks at the memory of the process.
func TestGzipBombs(t *testing.T) {
	root, bombs := fixedRoot(t), make(map[string]func(*testing.T, *wiretest.Service) error)
	for name, call := range managementCalls {
		bombs[name] = func(t *testing.T, s *wiretest.Service) error {
			return call(t.Context(), azure.NewManagement(s.Client(t), azure.ManagementHost, token()))
		}
	}
	for prefix, o := range map[string]azure.CertificateOptions{"certificate ": {}, "2018 certificate ": {APIVersion: "2018-01-22"}} {
		for name, call := range certificateCalls {
			bombs[prefix+name] = func(t *testing.T, s *wiretest.Service) error {
				return call(t.Context(), certificatesIn(t, s, o), root)
			}
		}
	}
	for name, call := range apimCalls(t) {
		if name == "apim-tag" {
			continue // a HEAD has no body
		}
		bombs[name] = func(t *testing.T, s *wiretest.Service) error { return call(t.Context(), contosoAPIM(t, s)) }
	}
	wiretest.Defuse(t, bombs)
}
