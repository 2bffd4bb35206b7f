package azure_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"dpslab/pki"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
	"dpslab/workflow/wire/wiretest"
)

const pfxPassword = "Correct-Horse-7!"

func (l *lab) gateway() azure.APIMService {
	return azure.APIMService{SubscriptionID: l.ready.SubscriptionID, ResourceGroup: l.ready.ResourceGroup, Name: l.ready.APIMName}
}

func (l *lab) apim(t *testing.T) *azure.APIMCertificates {
	t.Helper()
	a, err := l.APIM(l.gateway())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newPFX is a certificate with its key and its CA.
func newPFX(t *testing.T, name string) ([]byte, *x509.Certificate) {
	t.Helper()
	ca := newRoot(t, "root of "+name)
	key, err := pki.ECP256.GenerateKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.DeviceCertificate(key.Public(), name, pki.ValidFor(time.Now(), 30), ca)
	if err != nil {
		t.Fatal(err)
	}
	pfx, err := azure.PFX(key, []*x509.Certificate{leaf, ca.Certificate}, dps.NewSecret(pfxPassword))
	if err != nil {
		t.Fatal(err)
	}
	return pfx, leaf
}

func TestAPIMInTheLab(t *testing.T) {
	t.Parallel()
	l, ctx := startLab(t), t.Context()
	a, password := l.apim(t), dps.NewSecret(pfxPassword)
	if _, err := a.Get(ctx, "gateway"); !errors.Is(err, azure.ErrNotFound) {
		t.Fatalf("before uploading: %v", err)
	}
	if _, err := a.EntityTag(ctx, "gateway"); !errors.Is(err, azure.ErrNotFound) {
		t.Fatalf("before uploading: %v", err)
	}
	pfx, leaf := newPFX(t, "gateway-1")
	made, created, err := a.PutPFX(ctx, "gateway", pfx, password, "")
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	if made.ID != "gateway" || made.Subject != "CN=gateway-1" || made.Thumbprint != pki.Thumbprint1(leaf) || !made.Expires.Equal(leaf.NotAfter) || !strings.HasPrefix(made.ETag, `"`) || made.Vault != nil || made.ResourceID == "" {
		t.Errorf("made %+v", made)
	}
	tag, err := a.EntityTag(ctx, "gateway")
	if err != nil || tag != made.ETag {
		t.Errorf("etag %s, %v", tag, err)
	}
	second := fixedPFX(t)
	_, _, err = a.PutPFX(ctx, "gateway", second, password, "")
	wantRefusal(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
	_, _, err = a.PutPFX(ctx, "gateway", second, password, `"AAAAAAAAAAA="`)
	wantRefusal(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
	updated, created, err := a.PutPFX(ctx, "gateway", second, password, tag)
	if err != nil || created || updated.Subject != "CN=gateway-fixed" || updated.ETag == tag {
		t.Errorf("updated %+v, created %v, %v", updated, created, err)
	}
	if got, err := a.Get(ctx, "gateway"); err != nil || *got != *updated {
		t.Errorf("got %+v, %v; want %+v", got, err, updated)
	}
	_, err = a.Refresh(ctx, "gateway")
	wantRefusal(t, err, http.StatusBadRequest, "ValidationError")
	_, err = a.Delete(ctx, "gateway", tag)
	wantRefusal(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
	for _, want := range []bool{true, false} {
		if existed, err := a.Delete(ctx, "gateway", "*"); err != nil || existed != want {
			t.Errorf("deleted: existed %v, %v", existed, err)
		}
	}
}

func TestAPIMKeyVaultInTheLab(t *testing.T) {
	t.Parallel()
	l, ctx := startLab(t), t.Context()
	a := l.apim(t)
	for id, identity := range map[string]string{"own": "", "users": "ceaa6b06-c00f-43ef-99ac-f53d1fe876a0"} {
		v := azure.VaultReference{SecretID: "https://contoso.vault.azure.net/secrets/gateway", IdentityClientID: identity}
		made, created, err := a.PutVault(ctx, id, v, "")
		if err != nil || !created || made.Vault == nil || made.Vault.SecretID != v.SecretID || made.Vault.IdentityClientID != identity || made.Vault.Status != "Success" || made.Vault.CheckedAt.IsZero() {
			t.Fatalf("%s: %+v, created %v, %v", id, made, created, err)
		}
		fresh, err := a.Refresh(ctx, id)
		if err != nil || fresh.Thumbprint == made.Thumbprint || fresh.ETag == made.ETag || fresh.Vault.Status != "Success" {
			t.Errorf("%s: refreshed %+v, %v", id, fresh, err)
		}
	}
	if err := l.operator.SetFault(ctx, emulator.Fault{Scenario: "vault-failure", Count: 1}); err != nil {
		t.Fatal(err)
	}
	if failed, err := a.Refresh(ctx, "own"); err != nil || failed.Vault.Status == "Success" || failed.Vault.Message == "" {
		t.Errorf("refused by the vault: %+v, %v", failed, err)
	}
	for failed, want := range map[bool]string{true: "own", false: "own users"} {
		if got := listed(t, a, azure.APIMQuery{RefreshFailed: failed}); got != want {
			t.Errorf("only those that failed: %v: got %s", failed, got)
		}
	}
	_, err := a.Refresh(ctx, "nobody")
	if !errors.Is(err, azure.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func listed(t *testing.T, a *azure.APIMCertificates, q azure.APIMQuery) string {
	t.Helper()
	all, err := azure.Collect(a.List(t.Context(), q))
	if err != nil {
		return err.Error()
	}
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	return strings.Join(ids, " ")
}

func TestAPIMListInTheLab(t *testing.T) {
	t.Parallel()
	l := startLab(t)
	a := l.apim(t)
	for i := range 5 {
		if _, _, err := a.PutVault(t.Context(), fmt.Sprintf("c%d", i), azure.VaultReference{SecretID: fmt.Sprintf("https://v.vault.azure.net/secrets/s%d", i)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		query azure.APIMQuery
		want  string
	}{
		"all":             {azure.APIMQuery{}, "c0 c1 c2 c3 c4"},
		"pages of two":    {azure.APIMQuery{Top: 2}, "c0 c1 c2 c3 c4"},
		"without two":     {azure.APIMQuery{Skip: 2}, "c2 c3 c4"},
		"both":            {azure.APIMQuery{Skip: 1, Top: 1}, "c1 c2 c3 c4"},
		"by name":         {azure.APIMQuery{Filter: "name eq 'c3'"}, "c3"},
		"by subject":      {azure.APIMQuery{Filter: "contains(subject, 's4')"}, "c4"},
		"by subject, odd": {azure.APIMQuery{Filter: "substringof('s1', subject)"}, "c1"},
		"by date":         {azure.APIMQuery{Filter: "expirationDate lt '2020-01-01T00:00:00Z'"}, ""},
	} {
		if got := listed(t, a, tt.query); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	wantRefusal(t, last(a.List(t.Context(), azure.APIMQuery{Filter: "drop table"})), http.StatusBadRequest, "ValidationError")
}

func TestAPIMRefusalsInTheLab(t *testing.T) {
	t.Parallel()
	l, ctx := startLab(t), t.Context()
	elsewhere := l.gateway()
	elsewhere.Name = "another-apim"
	a, err := l.APIM(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Get(ctx, "gateway")
	wantRefusal(t, err, http.StatusNotFound, "ResourceNotFound")
	if a, err = l.as(t, "not.the.token").APIM(l.gateway()); err != nil {
		t.Fatal(err)
	}
	pfx := fixedPFX(t)
	calls := map[string]func() error{
		"put":     func() error { _, _, err := a.PutPFX(ctx, "x", pfx, dps.NewSecret(pfxPassword), ""); return err },
		"get":     func() error { _, err := a.Get(ctx, "x"); return err },
		"list":    func() error { return last(a.List(ctx, azure.APIMQuery{})) },
		"refresh": func() error { _, err := a.Refresh(ctx, "x"); return err },
		"delete":  func() error { _, err := a.Delete(ctx, "x", "*"); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) { wantRefusal(t, call(), http.StatusUnauthorized, "AuthenticationFailed") })
	}
}

// What is wrong with a PFX is found before it is sent.
func TestPFXThatIsNotSent(t *testing.T) {
	t.Parallel()
	s := wiretest.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	a, err := azure.NewManagement(s.Client(t), azure.ManagementHost, token()).APIM(azure.APIMService{SubscriptionID: subscriptionID, ResourceGroup: "rg", Name: "apim"})
	if err != nil {
		t.Fatal(err)
	}
	pfx, leaf := fixedPFX(t), fixedRoot(t)
	key, err := pki.EncodeKey(newRoot(t, "x").Key, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		id       string
		data     []byte
		password string
	}{
		"wrong password": {"x", pfx, "wrong-Password"},
		"no password":    {"x", pfx, ""},
		"a certificate":  {"x", leaf.Raw, pfxPassword},
		"a key":          {"x", key, pfxPassword},
		"cut off":        {"x", pfx[:len(pfx)/2], pfxPassword},
		"nothing":        {"x", nil, pfxPassword},
		"no ID":          {"", pfx, pfxPassword},
	} {
		_, _, err := a.PutPFX(t.Context(), tt.id, tt.data, dps.NewSecret(tt.password), "")
		if err == nil || strings.Contains(err.Error(), pfxPassword) || strings.Contains(err.Error(), "wrong-Password") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasSuffix(name, " password") != errors.Is(err, azure.ErrPFXPassword) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := a.PutVault(t.Context(), "x", azure.VaultReference{SecretID: "http://v/secrets/s"}, ""); err == nil {
		t.Error("a vault without TLS")
	}
	if _, err := a.Delete(t.Context(), "x", ""); err == nil {
		t.Error("deleted without an etag")
	}
}

const heldAPIM = `{"id":"/x","name":"gateway","type":"Microsoft.ApiManagement/service/certificates","properties":{"subject":"CN=contoso.com",
	"thumbprint":"0A1B","expirationDate":"2018-03-17T21:55:07+00:00","keyVault":{"secretIdentifier":"https://v.vault.azure.net/secrets/s",
	"identityClientId":"ceaa6b06-c00f-43ef-99ac-f53d1fe876a0","lastStatus":{"code":"Success","timeStampUtc":"2020-09-22T00:24:53.3191468Z"}}}}`

// apimCalls are all, with what they should make of the answer heldAPIM.
func apimCalls(t *testing.T) map[string]func(context.Context, *azure.APIMCertificates) error {
	t.Helper()
	pfx := fixedPFX(t)
	return map[string]func(context.Context, *azure.APIMCertificates) error{
		"apim-put-pfx": func(ctx context.Context, a *azure.APIMCertificates) error {
			held, created, err := a.PutPFX(ctx, "gateway", pfx, dps.NewSecret(pfxPassword), "")
			if err == nil && (!created || held.ETag != `"t1"` || held.Vault.Status != "Success" || held.Expires.Year() != 2018 || held.Vault.CheckedAt.Year() != 2020) {
				err = fmt.Errorf("got %+v, created %v", held, created)
			}
			return err
		},
		"apim-put-vault": func(ctx context.Context, a *azure.APIMCertificates) error {
			_, _, err := a.PutVault(ctx, "gateway", azure.VaultReference{SecretID: "https://v.vault.azure.net/secrets/s", IdentityClientID: "ceaa6b06-c00f-43ef-99ac-f53d1fe876a0"}, `"t0"`)
			return err
		},
		"apim-put-vault-own-identity": func(ctx context.Context, a *azure.APIMCertificates) error {
			_, _, err := a.PutVault(ctx, "gateway", azure.VaultReference{SecretID: "https://v.vault.azure.net/secrets/s"}, "")
			return err
		},
		"apim-get": func(ctx context.Context, a *azure.APIMCertificates) error { _, err := a.Get(ctx, "a b/ü"); return err },
		"apim-tag": func(ctx context.Context, a *azure.APIMCertificates) error {
			_, err := a.EntityTag(ctx, "gateway")
			return err
		},
		"apim-refresh": func(ctx context.Context, a *azure.APIMCertificates) error {
			_, err := a.Refresh(ctx, "gateway")
			return err
		},
		"apim-delete": func(ctx context.Context, a *azure.APIMCertificates) error {
			_, err := a.Delete(ctx, "gateway", `"t1"`)
			return err
		},
		"apim-list": func(ctx context.Context, a *azure.APIMCertificates) error {
			return last(a.List(ctx, azure.APIMQuery{Filter: "name eq 'x'", Top: 10, Skip: 20, RefreshFailed: true}))
		},
	}
}

func TestAPIMRequests(t *testing.T) {
	t.Parallel()
	for name, call := range apimCalls(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiretest.Serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"t1"`)
				w.Header().Set("Content-Type", "application/json")
				if r.Method == http.MethodPut {
					w.WriteHeader(http.StatusCreated)
				}
				if r.Method != http.MethodHead {
					fmt.Fprint(w, heldAPIM)
				}
			})
			if err := call(t.Context(), contosoAPIM(t, s)); err != nil {
				t.Fatal(err)
			}
			s.CompareGolden(t, name)
		})
	}
}

func contosoAPIM(t *testing.T, s *wiretest.Service) *azure.APIMCertificates {
	t.Helper()
	a, err := azure.NewManagement(s.Client(t), azure.ManagementHost, token()).APIM(azure.APIMService{SubscriptionID: subscriptionID, ResourceGroup: "rg-iot", Name: "contoso-apim"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fixedPFX is always the same, so that the requests are, and opened
// faster than one of ours. Its password is pfxPassword.
func fixedPFX(t *testing.T) []byte {
	t.Helper()
	pfx, err := os.ReadFile("testdata/gateway.pfx")
	if err != nil {
		t.Fatal(err)
	}
	return pfx
}
