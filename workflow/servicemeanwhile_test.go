package workflow_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow"
)

// A write that came too late says what is there by now, and that it was not
// touched; who asked for no particular state is told nothing of it.
func TestWritesThatCameTooLateTellWhatIsThere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	answers := workflow.Answers{"api_management.service": b.lab.APIMName}
	for k, v := range chainInGroup {
		answers[k] = v
	}
	b.device("d", answers)
	b.mustRun("d")
	v, ctx := b.side(workflow.ServiceOptions{}), t.Context()
	root := pki.AuthorityFiles{Dir: b.store.Paths.AuthorityDir("dpslab-ca")}.RootCertificate()
	ca, err := v.SigningCertificate(ctx, "dpslab-ca")
	if err != nil {
		t.Fatal(err)
	}
	held, err := v.APIMCertificate(ctx, workflow.APIM{}, "d")
	if err != nil {
		t.Fatal(err)
	}
	const staleCA, stale = "AAAAAAAAAAA=", `"AAAAAAAAAAA="`
	vault := workflow.VaultReference{SecretID: "https://contoso.vault.azure.net/secrets/gateway"}
	for name, tt := range map[string]struct {
		call func() error
		want []string
	}{
		"upload CA": {func() error { _, err := v.UploadSigningCertificate(ctx, "dpslab-ca", root, false, staleCA); return err }, []string{ca.Subject, ca.Thumbprint, ", verified", "etag " + ca.ETag, staleCA}},
		"delete CA": {func() error { _, err := v.DeleteSigningCertificate(ctx, "dpslab-ca", staleCA); return err }, []string{ca.Thumbprint, ", verified", ca.ETag, staleCA}},
		"put":       {func() error { _, _, err := v.PutAPIMVault(ctx, workflow.APIM{}, "d", vault, stale); return err }, []string{held.Subject, held.Thumbprint, held.ETag, stale}},
		"delete":    {func() error { _, err := v.DeleteAPIM(ctx, workflow.APIM{}, "d", stale); return err }, []string{held.Thumbprint, held.ETag, stale}},
	} {
		var p *workflow.Problem
		if err := tt.call(); !errors.As(err, &p) || p.Status != http.StatusPreconditionFailed || p.TrackingID == "" {
			t.Fatalf("%s: %v", name, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(p.Summary, want) {
				t.Errorf("%s: %q is not in %q", name, want, p.Summary)
			}
		}
	}
	var p *workflow.Problem
	if _, err := v.DeleteAPIM(ctx, workflow.APIM{}, "d", ""); err != nil {
		t.Error(err)
	}
	if _, _, err := v.PutAPIMVault(ctx, workflow.APIM{}, "d", vault, stale); !errors.As(err, &p) || !strings.Contains(p.Summary, "not there any more") {
		t.Errorf("gone: %v", err)
	}
}
