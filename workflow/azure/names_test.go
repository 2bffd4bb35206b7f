package azure_test

import (
	"errors"
	"strings"
	"testing"

	"dpslab/workflow/azure"
)

func TestNames(t *testing.T) {
	t.Parallel()
	with := func(change func(*azure.Instance)) error { i := contoso; change(&i); return i.Check() }
	gateway := func(name string) error {
		return azure.APIMService{SubscriptionID: contoso.SubscriptionID, ResourceGroup: contoso.ResourceGroup, Name: name}.Check()
	}
	group := func(name string) error { return with(func(i *azure.Instance) { i.ResourceGroup = name }) }
	dps := func(name string) error { return with(func(i *azure.Instance) { i.DPSName = name }) }
	subscription := func(id string) error { return with(func(i *azure.Instance) { i.SubscriptionID = id }) }
	vault := func(secret, identity string) error {
		return azure.VaultReference{SecretID: secret, IdentityClientID: identity}.Check()
	}
	const id = "ceaa6b06-c00f-43ef-99ac-f53d1fe876a0"
	for name, tt := range map[string]struct {
		err error
		ok  bool
	}{
		"subscription":            {subscription(id), true},
		"no subscription":         {subscription(""), false},
		"subscription in braces":  {subscription("{" + id + "}"), false},
		"subscription's name":     {subscription("Pay as you go"), false},
		"group":                   {group("RG_(test).1-ü"), true},
		"group of 90":             {group(strings.Repeat("g", 90)), true},
		"group of 91":             {group(strings.Repeat("g", 91)), false},
		"group that ends in dot":  {group("rg."), false},
		"group with a slash":      {group("rg/x"), false},
		"no group":                {group(""), false},
		"dps":                     {dps("a-1"), true},
		"dps of 50":               {dps(strings.Repeat("d", 50)), true},
		"dps of 51":               {dps(strings.Repeat("d", 51)), false},
		"dps of digits":           {dps("12345"), false},
		"dps that begins with -":  {dps("-abc"), false},
		"dps that ends with -":    {dps("abc-"), false},
		"dps with a dot":          {dps("a.b"), false},
		"certificate":             {azure.CheckCertificateName("My_root-1.2"), true},
		"certificate of 256":      {azure.CheckCertificateName(strings.Repeat("c", 256)), true},
		"certificate of 257":      {azure.CheckCertificateName(strings.Repeat("c", 257)), false},
		"certificate with blank":  {azure.CheckCertificateName("my root"), false},
		"certificate up":          {azure.CheckCertificateName(".."), false},
		"no certificate":          {azure.CheckCertificateName(""), false},
		"apim":                    {gateway("contoso-apim"), true},
		"apim of one":             {gateway("c"), true},
		"apim of 51":              {gateway(strings.Repeat("a", 51)), false},
		"apim that begins with 1": {gateway("1a"), false},
		"apim that ends with -":   {gateway("a-"), false},
		"no apim":                 {gateway(""), false},
		"ID":                      {azure.CheckAPIMCertificateID("my cert/ü.1"), true},
		"ID of 80":                {azure.CheckAPIMCertificateID(strings.Repeat("ü", 80)), true},
		"ID of 81":                {azure.CheckAPIMCertificateID(strings.Repeat("i", 81)), false},
		"ID with #":               {azure.CheckAPIMCertificateID("a#b"), false},
		"ID with ?":               {azure.CheckAPIMCertificateID("a?b"), false},
		"ID that is no text":      {azure.CheckAPIMCertificateID("\xff"), false},
		"ID up":                   {azure.CheckAPIMCertificateID(".."), false},
		"no ID":                   {azure.CheckAPIMCertificateID(""), false},
		"vault":                   {vault("https://v.vault.azure.net/secrets/s", id), true},
		"vault with version":      {vault("https://v.vault.azure.net/secrets/s/0123456789abcdef", ""), true},
		"vault's key":             {vault("https://v.vault.azure.net/keys/s", ""), false},
		"vault without TLS":       {vault("http://v.vault.azure.net/secrets/s", ""), false},
		"vault with a query":      {vault("https://v.vault.azure.net/secrets/s?x=y", ""), false},
		"vault with a password":   {vault("https://a:b@v.vault.azure.net/secrets/s", ""), false},
		"vault and no secret":     {vault("https://v.vault.azure.net/secrets/", ""), false},
		"vault's identity":        {vault("https://v.vault.azure.net/secrets/s", "me"), false},
	} {
		var rule *azure.ValueError
		if tt.ok != (tt.err == nil) || !tt.ok && !errors.As(tt.err, &rule) {
			t.Errorf("%s: %v", name, tt.err)
		}
	}
}
