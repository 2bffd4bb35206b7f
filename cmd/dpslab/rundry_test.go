package main

import (
	"strings"
	"testing"
)

func TestRunAndDemoShowTheirRequests(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes").want(t, 0)
	dpslab(t, home, "run", "press-3", "--only", "certificates").want(t, 0)
	for _, args := range [][]string{{"run", "press-3", "--dry-run"}, {"demo", "--dry-run"}, {"demo", "--dry-run", "--enrollment", "group"}} {
		r := dpslab(t, home, args...).want(t, 0)
		for _, want := range []string{"\nPUT https://", "/register?api-version=", "/operations/OPERATION_ID?", "https://ASSIGNED_HUB/devices/DEVICE_ID/messages/events", "# the same with curl"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("%v does not show %q", args, want)
			}
		}
		if !strings.Contains(r.stderr, "nothing was") {
			t.Errorf("%v says %s", args, r.stderr)
		}
		lines := dpslab(t, home, append(args, "--json")...).want(t, 0).stdout
		if !strings.Contains(lines, `"dry_run":true`) || strings.Contains(lines, "\n#") {
			t.Errorf("%v --json: %s", args, lines)
		}
	}
	if r := dpslab(t, home, "status", "press-3"); strings.Contains(r.stdout, "assigned ") {
		t.Errorf("a dry run registered: %s", r.stdout)
	}
}

// The upload to API Management is shown like the requests of the other steps,
// and what it carries is not.
func TestRunShowsTheUploadToAPIManagement(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes").want(t, 0)
	dpslab(t, home, "edit", "press-3", "--set", "api_management.service=dpslab-apim").want(t, 0)
	dpslab(t, home, "run", "press-3", "--only", "certificates").want(t, 0)
	r := dpslab(t, home, "run", "press-3", "--only", "api-management", "--dry-run").want(t, 0)
	for _, want := range []string{
		"# step api-management\n# get API Management certificate\nGET https://management.azure.com/",
		"/service/dpslab-apim/certificates/press-3?api-version=", `{"properties":{"data":"[secret]","password":"[secret]"}}`,
		`"$PFX_BASE64"`, "curl -i -X PUT", "az rest --method put",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("it does not show %q:\n%s", want, r.stdout)
		}
	}
	dpslab(t, home, "apim", "show", "press-3").want(t, 1) // nothing was uploaded
}

// Where the credential does not reach Azure Resource Manager the profile keeps
// its API Management service, and a dry run says what somebody else does there.
func TestRunSaysHowSomebodyElseUploadsToAPIManagement(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes", "--target", "azure", "--id-scope", "0ne00111111", "--service-endpoint", "contoso.azure-devices-provisioning.net", "--credential", "none").want(t, 0)
	dpslab(t, home, "edit", "press-3", "--set", "api_management.service=contoso-apim").want(t, 0)
	if r := dpslab(t, home, "show", "press-3").want(t, 0); !strings.Contains(r.stdout, "contoso-apim") {
		t.Errorf("the profile does not keep it:\n%s", r.stdout)
	}
	r := dpslab(t, home, "run", "press-3", "--dry-run").want(t, 0)
	for _, want := range []string{
		"# step api-management\n", "the profile's credential is none", "in the portal: contoso-apim › Security › Certificates",
		"az rest --method put --url 'https://management.azure.com/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.ApiManagement/service/contoso-apim/certificates/press-3?",
	} {
		if !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("it does not show %q:\n%s%s", want, r.stdout, r.stderr)
		}
	}
	dpslab(t, home, "run", "press-3", "--dry-run", "--json").want(t, 0)
}
