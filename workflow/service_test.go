package workflow_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/pki"
	"dpslab/workflow"
)

// side is the service side of the bench's lab.
func (b *bench) side(o workflow.ServiceOptions) *workflow.Service {
	b.t.Helper()
	v, err := b.session.Service(b.t.Context(), workflow.TargetLab(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(v.Close)
	return v
}

const keyGroup = `{"enrollmentGroupId": "keys", "attestation": {"type": "symmetricKey"}}`

func TestServiceEnrollments(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v, ctx := b.side(workflow.ServiceOptions{}), t.Context()
	b.device("d", chainInGroup)
	b.mustRun("d")
	made, err := v.PutEnrollment(ctx, []byte(keyGroup), true, nil)
	if err != nil || !made.Created || strings.Contains(made.Enrollment.JSON, "primaryKey") {
		t.Fatalf("%+v, %v", made, err)
	}
	page, err := v.Enrollments(ctx, workflow.EnrollmentQuery{Group: true, PageSize: 1, Filter: "KEY"})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != "keys" || page.Items[0].Attestation != "symmetricKey" || !page.Items[0].Enabled {
		t.Errorf("%+v, %v", page, err)
	}
	facts, err := v.Attestation(ctx, true, "keys")
	if err != nil || facts.PrimaryKey.Empty() {
		t.Fatalf("no key: %v", err)
	}
	if _, err := workflow.DeriveKey(facts.PrimaryKey, "Device-1"); err != nil {
		t.Error(err)
	}
	off, err := v.SetEnabled(ctx, true, "keys", false)
	if err != nil || off.Enrollment.Enabled || len(off.Changes) != 1 || off.Changes[0].Field != "provisioningStatus" {
		t.Errorf("%+v, %v", off, err)
	}
	again, err := v.SetEnabled(ctx, true, "keys", false)
	if err != nil || len(again.Changes) != 0 {
		t.Errorf("disabled twice: %+v, %v", again, err)
	}
	registrations, err := v.Registrations(ctx, "dpslab-group", workflow.EnrollmentQuery{})
	if err != nil || len(registrations.Items) != 1 || registrations.Items[0].Status != "assigned" {
		t.Errorf("%+v, %v", registrations, err)
	}
	if record, err := v.Registration(ctx, "d"); err != nil || record.DeviceID != "d" {
		t.Errorf("%+v, %v", record, err)
	}
	if err := v.DeleteRegistration(ctx, "d", ""); err != nil {
		t.Error(err)
	}
	if err := v.DeleteEnrollment(ctx, true, "keys", again.Enrollment.ETag); err != nil {
		t.Error(err)
	}
	wantProblem(t, func() error { _, err := v.Enrollment(ctx, true, "keys"); return err }, workflow.Refused, http.StatusNotFound)
	wantProblem(t, func() error { _, err := v.SetEnabled(ctx, false, "nobody", true); return err }, workflow.Refused, http.StatusNotFound)
}

func wantProblem(t *testing.T, do func() error, kind workflow.ProblemKind, status int) {
	t.Helper()
	var p *workflow.Problem
	if err := do(); !errors.As(err, &p) || p.Kind != kind || p.Status != status {
		t.Errorf("%v, want a %s problem with status %d", err, kind, status)
	}
}

// Somebody edits a record while another changes it: the problem says what
// changed meanwhile, and nothing is overwritten.
func TestServiceEditMeetsChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v, ctx := b.side(workflow.ServiceOptions{}), t.Context()
	if _, err := v.PutEnrollment(ctx, []byte(keyGroup), true, nil); err != nil {
		t.Fatal(err)
	}
	read, err := v.Enrollment(ctx, true, "keys")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.SetEnabled(ctx, true, "keys", false); err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(read.JSON, `"hashed"`, `"geoLatency"`, 1)
	if edited == read.JSON {
		t.Fatalf("nothing to edit in %s", read.JSON)
	}
	_, err = v.PutEnrollment(ctx, []byte(edited), true, read)
	var p *workflow.Problem
	if !errors.As(err, &p) || p.Status != http.StatusPreconditionFailed || !strings.Contains(p.Summary, `provisioningStatus: "enabled" → "disabled"`) {
		t.Errorf("%v", err)
	}
	now, err := v.Enrollment(ctx, true, "keys")
	if err != nil || now.Enabled || now.Allocation != "hashed" {
		t.Errorf("%+v, %v", now, err)
	}
	if _, err := v.PutEnrollment(ctx, []byte(strings.Replace(now.JSON, `"hashed"`, `"geoLatency"`, 1)), true, now); err != nil {
		t.Error(err)
	}
}

func TestParseEnrollment(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{keyGroup, ""},
		{"{\n\"enrollmentGroupId\": \"x\",,}", "line 2"},
		{"[]", "cannot unmarshal"},
		{`{"enrollmentGroupId": "a b", "attestation": {"type": "symmetricKey"}}`, "the ID"},
		{`{"enrollmentGroupId": "a", "attestation": {"type": "x509"}}`, "attestation.x509 is missing"},
		{`{"enrollmentGroupId": "a", "attestation": {"type": "magic"}}`, "must be x509"},
		{`{"enrollmentGroupId": "a", "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "c2hvcnQ="}}}`, "16 to 64"},
	}
	for _, tt := range tests {
		_, err := workflow.ParseEnrollment(true, []byte(tt.text))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.want)
		}
	}
}

func FuzzParseEnrollment(f *testing.F) {
	f.Add(keyGroup, true)
	f.Add(`{"registrationId": "d", "attestation": {"type": "tpm", "tpm": {"endorsementKey": "AAAA"}}}`, false)
	f.Add(`{"registrationId": "d", "attestation": {"type": "x509", "x509": null}, "initialTwin": {"tags": {"a": 1e999}}}`, false)
	f.Add("{", true)
	f.Fuzz(func(t *testing.T, text string, group bool) {
		e, err := workflow.ParseEnrollment(group, []byte(text))
		if err == nil && e.ID == "" {
			t.Errorf("an enrollment without a name in %q", text)
		}
	})
}

// A dry run makes the request and sends nothing that changes something.
func TestServiceDryRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v, ctx := b.side(workflow.ServiceOptions{DryRun: true}), t.Context()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	authority, err := pki.CreateAuthority(ctx, pki.AuthorityFiles{Dir: t.TempDir()}, pki.ECP256, "x", pki.ValidFor(b.now(), 10), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.WriteCertificates(ca, authority.Root.Certificate); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"PUT /enrollmentGroups/keys":            func() error { _, err := v.PutEnrollment(ctx, []byte(keyGroup), true, nil); return err },
		"DELETE /enrollments/d":                 func() error { return v.DeleteEnrollment(ctx, false, "d", `"tag"`) },
		"DELETE /registrations/d":               func() error { return v.DeleteRegistration(ctx, "d", "") },
		"POST /enrollments/query":               func() error { _, err := v.Enrollments(ctx, workflow.EnrollmentQuery{}); return err },
		"DELETE /devices/d":                     func() error { return v.DeleteHubDevice(ctx, b.lab.HubHosts[0], "d", "") },
		"GET /certificates":                     func() error { _, err := v.SigningCertificates(ctx); return err },
		"PUT /certificates/ca":                  func() error { _, err := v.UploadSigningCertificate(ctx, "ca", ca, true, ""); return err },
		"DELETE /certificates/ca":               func() error { _, err := v.DeleteSigningCertificate(ctx, "ca", ""); return err },
		"POST /certificates/c/refreshSecret":    func() error { _, err := v.RefreshAPIM(ctx, workflow.APIM{}, "c"); return err },
		"DELETE /certificates/c of the service": func() error { _, err := v.DeleteAPIM(ctx, workflow.APIM{}, "c", ""); return err },
	}
	for what, call := range calls {
		err := call()
		x, dry := workflow.DryRunOf(err)
		if !dry {
			t.Errorf("%s: %v", what, err)
			continue
		}
		method, path, _ := strings.Cut(strings.TrimSuffix(what, " of the service"), " ")
		if x.Method != method || !strings.Contains(x.URL, path+"?") || workflow.Curl(x) == "" {
			t.Errorf("%s: %s %s", what, x.Method, x.URL)
		}
	}
	if b.enrollments() != 0 {
		t.Error("a dry run wrote something")
	}
}

// One call brings a CA from a file here to verified at DPS.
func TestServiceCertificates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v, ctx := b.side(workflow.ServiceOptions{}), t.Context()
	if _, err := pki.CreateAuthority(ctx, pki.AuthorityFiles{Dir: b.store.Paths.AuthorityDir("line")}, pki.ECP256, "line", pki.ValidFor(b.now(), 10), nil); err != nil {
		t.Fatal(err)
	}
	var stages []string
	for range 2 { // the second time there is nothing to do
		held, err := v.ProveSigningCertificate(ctx, "line", workflow.CAFiles{Authority: "line"}, func(p workflow.ProofProgress) { stages = append(stages, string(p.Stage)) })
		if err != nil || !held.Verified {
			t.Fatalf("%+v, %v", held, err)
		}
	}
	if len(stages) == 0 || stages[len(stages)-1] != "verified" {
		t.Errorf("stages %v", stages)
	}
	all, err := v.SigningCertificates(ctx)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	if existed, err := v.DeleteSigningCertificate(ctx, "line", all[0].ETag); err != nil || !existed {
		t.Error(err)
	}
	wantProblem(t, func() error { _, err := v.SigningCertificate(ctx, "line"); return err }, workflow.Refused, http.StatusNotFound)
	none := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(none, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.UploadSigningCertificate(ctx, "x", none, false, ""); err == nil {
		t.Error("a file without a certificate was uploaded")
	}
	instances, err := v.Instances(ctx, "", "")
	if err != nil || len(instances) == 0 || instances[0].IDScope != b.lab.IDScope {
		t.Errorf("%+v, %v", instances, err)
	}
	if subscriptions, err := v.Subscriptions(ctx); err != nil || len(subscriptions) == 0 {
		t.Errorf("%+v, %v", subscriptions, err)
	}
	if list, err := v.APIMCertificates(ctx, workflow.APIM{}, workflow.APIMQuery{}); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// The exchanges of the service side reach the sink and a status for the
// transcript.
func TestServiceTells(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	v := b.side(workflow.ServiceOptions{})
	if _, err := v.Enrollments(t.Context(), workflow.EnrollmentQuery{}); err != nil {
		t.Fatal(err)
	}
	if n := b.status("").Exchanges.Len(); n != 1 {
		t.Errorf("%d exchanges in the transcript", n)
	}
}

func TestServiceWithoutRights(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := workflow.NewWizard(workflow.Answers{"identity.registration_id": "d"}).Profile()
	p.Target.Kind, p.Target.IDScope, p.Target.ServiceEndpoint, p.Target.Credential = "azure", "0ne00111111", "contoso.azure-devices-provisioning.net", "none"
	if err := b.session.Save("d", p); err != nil {
		t.Fatal(err)
	}
	v, err := b.session.Service(t.Context(), workflow.TargetOfProfile("d"), workflow.ServiceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Missing(false) == "" || v.Missing(true) == "" {
		t.Error("nothing is missing")
	}
	wantProblem(t, func() error { _, err := v.Enrollments(t.Context(), workflow.EnrollmentQuery{}); return err }, workflow.Usage, 0)
	wantProblem(t, func() error { _, err := v.SigningCertificates(t.Context()); return err }, workflow.Usage, 0)
}

func TestReceiveAndListen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.device("d", workflow.Answers{"identity.attestation": "symmetric-key"})
	b.mustRun("d")
	send := func(body string) {
		t.Helper()
		if err := b.session.SendToDevice(t.Context(), "d", workflow.ToDevice{Body: body, Properties: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := b.session.ReceiveAndSettle(t.Context(), "d", workflow.Complete); err != nil || got != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	send("first")
	got, err := b.session.Receive(t.Context(), "d")
	if err != nil || got.Body != "first" || got.Properties["a"] != "b" || got.LockToken == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := b.session.Settle(t.Context(), "d", got.LockToken, workflow.Abandon); err != nil {
		t.Fatal(err)
	}
	got, err = b.session.ReceiveAndSettle(t.Context(), "d", workflow.Reject)
	if err != nil || got.Deliveries != 1 || got.Settled != workflow.Reject {
		t.Fatalf("%+v, %v", got, err)
	}
	send("second")
	send("third")
	ctx, stop := context.WithCancel(t.Context())
	b.onEvent = func(e workflow.Event) {
		if e.Kind == workflow.CloudMessageReceived && e.Cloud.Body == "third" {
			stop()
		}
	}
	if err := b.session.Listen(ctx, "d", 0, workflow.Complete); err != nil {
		t.Error(err)
	}
	if status := b.status("d"); len(status.Cloud) < 2 {
		t.Errorf("the status has %d messages", len(status.Cloud))
	}
	if _, err := workflow.ParseSettlement("burn"); err == nil {
		t.Error("burn is a settlement")
	}
}
