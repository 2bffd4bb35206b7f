package azure_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// TestNothingSecretIsRecorded makes every call of the package, granted and
// refused, and looks for each secret in all that is recorded, copied as curl and
// told in errors.
func TestNothingSecretIsRecorded(t *testing.T) {
	t.Parallel()
	l, ctx, ca := startLab(t), t.Context(), newRoot(t, "my root")
	password := dps.NewSecret(pfxPassword)
	pfx := fixedPFX(t)
	var told []error
	say := func(err error) { told = append(told, err) }

	keys, err := l.Keys(ctx, l.instance())
	say(err)
	for _, m := range []*azure.Management{l.Management, l.as(t, "wrong-token-0123456789")} {
		say(last(m.Subscriptions(ctx)))
		say(last(m.Services(ctx, l.ready.SubscriptionID, "")))
		for _, k := range keys {
			_, err := m.Key(ctx, l.instance(), k.Name)
			say(err)
		}
		for _, o := range versions {
			c, err := m.Certificates(l.instance(), o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = azure.ProvePossession(ctx, c, azure.Proof{Name: "my-root", CA: ca.Certificate, Signer: signer(ca.Key)}, nil)
			say(err)
			_, err = c.Delete(ctx, "my-root", "*")
			say(err)
		}
		a, err := m.APIM(l.gateway())
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range []string{"", "*", `"AAAAAAAAAAA="`} {
			_, _, err = a.PutPFX(ctx, "gateway", pfx, password, tag)
			say(err)
		}
		_, _, err = a.PutPFX(ctx, "gateway", pfx, dps.NewSecret("another-Secret-8!"), "")
		say(err)
		_, _, err = a.PutPFX(wire.WithDryRun(ctx), "gateway", pfx, password, "")
		say(err)
	}

	secrets := map[string]string{
		"token": l.ready.ManagementToken, "refused token": "wrong-token-0123456789", "password": pfxPassword, "wrong password": "another-Secret-8!",
		"PFX": base64.StdEncoding.EncodeToString(pfx)[100:180], "service connection string": l.ready.ServiceConnectionString,
	}
	for _, k := range keys {
		secrets["primary of "+k.Name], secrets["secondary of "+k.Name] = k.Primary.Reveal(), k.Secondary.Reveal()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	output := outputs(t, l.exchanges, told)
	if !strings.Contains(output, "primaryKey") || !strings.Contains(output, `\"password\"`) || !strings.Contains(output, "Bearer ["+"secret]") {
		t.Error("the calls with secrets are not among what was recorded")
	}
	for name, secret := range secrets {
		if strings.Contains(output, secret) {
			t.Errorf("the %s is in what was recorded", name)
		}
	}
}

func outputs(t *testing.T, exchanges []wire.Exchange, told []error) string {
	t.Helper()
	var all strings.Builder
	for _, x := range exchanges {
		line, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%+v\n%s\n", line, x, wire.Curl(&x))
	}
	for _, err := range told {
		var refused *wire.ServiceError
		errors.As(err, &refused)
		fmt.Fprintf(&all, "%v %+v %+v\n", err, err, refused)
	}
	return all.String()
}
