package azure_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dpslab/workflow/azure"
	"dpslab/workflow/wire/wiretest"
)

func TestEveryOperationHasItsRight(t *testing.T) {
	t.Parallel()
	all := azure.LeastRights()
	for _, operation := range azure.Operations {
		rows := slices.DeleteFunc(slices.Clone(all), func(r azure.Right) bool { return r.Operation != operation })
		if len(rows) != 1 || rows[0].Role == "" || rows[0].Scope == "" {
			t.Errorf("%s: %+v", operation, rows)
		}
	}
	for _, r := range all {
		reads := strings.HasSuffix(strings.ToLower(r.Action), "/read")
		if reader := strings.Contains(r.Role, "Reader"); r.Action != "" && reads != reader {
			t.Errorf("%s needs %s by %q: not the least", r.Operation, r.Action, r.Role)
		}
		if r.Data != (strings.Contains(r.Role, "Data") || strings.Contains(r.Role, "Registry")) || r.Data != (r.Policy != "") {
			t.Errorf("%s: %+v mixes data and management", r.Operation, r)
		}
	}
}

func TestRefusalNamesTheRight(t *testing.T) {
	t.Parallel()
	for status, want := range map[int][]string{
		http.StatusForbidden:    {"Microsoft.Devices/provisioningServices/certificates/Write", "the DPS instance", "Contributor"},
		http.StatusUnauthorized: {"az login --tenant"},
	} {
		s := wiretest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, `{"error":{"code":"AuthorizationFailed","message":"The client does not have authorization."}}`)
		})
		c := certificatesIn(t, s, azure.CertificateOptions{})
		_, err := c.Put(t.Context(), "my-root", fixedRoot(t), "", false)
		var access *azure.AccessError
		if !errors.As(err, &access) {
			t.Fatalf("%d: %v", status, err)
		}
		for _, w := range want {
			if !strings.Contains(access.Fix(), w) || !strings.Contains(err.Error(), w) {
				t.Errorf("%d: %q does not say %q", status, access.Fix(), w)
			}
		}
	}
}

func TestRightsHelp(t *testing.T) {
	t.Parallel()
	help := azure.RightsHelp()
	for _, r := range azure.LeastRights() {
		if !strings.Contains(help, "\n"+r.Operation+"\n") || !strings.Contains(help, r.Action) || !strings.Contains(help, r.Policy) {
			t.Errorf("%+v is not in the help", r)
		}
	}
	for line := range strings.Lines(help + azure.APIMHelp) {
		if len(line) > 132 {
			t.Errorf("a long line: %q", line)
		}
	}
}
