package workflow_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/profiles"
	"dpslab/workflow"
)

// byHand makes a device at Azure whose credential does not reach Resource
// Manager, and whose certificate goes to an API Management service too.
func (b *bench) byHand(credential string) {
	b.t.Helper()
	p := workflow.NewWizard(workflow.Answers{"identity.registration_id": "d"}).Profile()
	p.Target = profiles.Target{
		Kind: profiles.TargetAzure, IDScope: "0ne00111111", ServiceEndpoint: "contoso.azure-devices-provisioning.net", DeviceEndpoint: "dps.invalid",
		Credential: credential, SubscriptionID: "11111111-2222-3333-4444-555555555555", ResourceGroup: "rg-iot",
	}
	if credential == profiles.CredentialConnectionString {
		p.Target.ConnectionStringEnv = "DPS_CONNECTION_STRING"
		b.env["DPS_CONNECTION_STRING"] = "HostName=contoso.azure-devices-provisioning.net;SharedAccessKeyName=b;SharedAccessKey=AAECAwQFBgc="
	}
	p.APIManagement = profiles.APIManagement{Service: "contoso-apim", ResourceGroup: "rg-gw"}
	if err := b.session.Save("d", p); err != nil {
		b.t.Fatal(err)
	}
}

// Where the credential does not reach Resource Manager the step says how
// somebody else uploads the certificate: in a run, and in a preview of it.
func TestUploadToAPIManagementByHand(t *testing.T) {
	t.Parallel()
	for _, credential := range []string{profiles.CredentialNone, profiles.CredentialConnectionString} {
		t.Run(credential, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.byHand(credential)
			only := workflow.RunOptions{Only: []workflow.StepID{workflow.StepCertificates, workflow.StepAPIManagement}}
			s := b.run(b.session, "d", only)
			step := s.Step(workflow.StepAPIManagement)
			if s.Outcome != workflow.Done || step == nil || step.State != workflow.StepSkip || !strings.Contains(step.Text, "d.pfx to contoso-apim") {
				t.Fatalf("with nobody there: %s, %+v", s.Outcome, step)
			}
			wants := []string{
				"contoso-apim › Security › Certificates", "dpslab cert pfx ", "--out-passphrase-env PFX_PASSWORD", "az rest --method put --url 'https://management.azure.com/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-gw/providers/Microsoft.ApiManagement/service/contoso-apim/certificates/d?api-version=",
			}
			told := b.told(workflow.StepAPIManagement)
			all, err := b.session.PreviewRun(t.Context(), "d", only)
			if err != nil || len(all) != 2 || len(all[1].Requests) != 0 {
				t.Fatalf("%+v, %v", all, err)
			}
			for _, want := range wants {
				if !strings.Contains(told, want) {
					t.Errorf("the run does not say %q:\n%s", want, told)
				}
				if !strings.Contains(strings.Join(all[1].Notes, "\n"), want) {
					t.Errorf("the preview does not say %q: %q", want, all[1].Notes)
				}
			}
		})
	}
}

// told is what the steps said that somebody has to do elsewhere.
func (b *bench) told(id workflow.StepID) string {
	var all []string
	for _, e := range b.seen() {
		if e.Kind == workflow.HandNeeded && e.Step == id {
			all = append(all, e.Text)
		}
	}
	return strings.Join(all, "\n")
}

// quotedPassword has to be escaped in JSON.
const quotedPassword = `a "pass\word" of mine`

// A person who is there is waited for; what is told then is the profile's own
// PFX, which the step certificates has written.
func TestUploadToAPIManagementWaitsForAPerson(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.byHand(profiles.CredentialNone)
	b.env["GATEWAY_PASSWORD"] = quotedPassword
	before, err := b.session.ProfileText("d")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.session.RewriteText("d", before, strings.Replace(before, "[identity]\n", "[identity]\npfx_password_env = \"GATEWAY_PASSWORD\"\n", 1)); err != nil {
		t.Fatal(err)
	}
	asked := ""
	b.ask = func(_ context.Context, q workflow.Question) (string, error) {
		asked = q.Prompt
		return "", nil
	}
	s := b.run(b.again(), "d", workflow.RunOptions{Only: []workflow.StepID{workflow.StepCertificates, workflow.StepAPIManagement}})
	step := s.Step(workflow.StepAPIManagement)
	if s.Outcome != workflow.Done || step.State != workflow.StepDone || !strings.Contains(asked, "contoso-apim") {
		t.Fatalf("%s, %+v, asked %q", s.Outcome, step, asked)
	}
	told := b.told(workflow.StepAPIManagement)
	if strings.Contains(told, "cert pfx") || !strings.Contains(told, `"${GATEWAY_PASSWORD:?}"`) || strings.Contains(told, b.env["GATEWAY_PASSWORD"]) {
		t.Errorf("%s", told)
	}
	b.runsInAShell(told)
}

// runsInAShell gives the command that was told to a shell with an az that prints
// what it would send.
func (b *bench) runsInAShell(told string) {
	b.t.Helper()
	_, line, ok := strings.Cut(told, "or run: ")
	if !ok {
		b.t.Fatalf("no command in %s", told)
	}
	for _, tool := range []string{"sh", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			b.t.Skip(err)
		}
	}
	dir := b.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte("#!/bin/sh\nfor a; do printf '%s\\n' \"$a\"; done; cat\n"), 0o700); err != nil {
		b.t.Fatal(err)
	}
	c := exec.Command("sh", "-c", line)
	c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "GATEWAY_PASSWORD="+quotedPassword)
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `","password":"a \"pass\\word\" of mine"}}`) || !strings.Contains(string(out), `{"properties":{"data":"MII`) {
		b.t.Errorf("%v\n%s", err, out)
	}
}
