package workflow

import (
	"slices"
	"testing"

	"dpslab/workflow/azure"
)

// Every way to sign in that the client knows can be chosen.
func TestCredentialOptions(t *testing.T) {
	t.Parallel()
	f, _ := FieldByKey(keyCredential)
	for _, c := range azure.CredentialChoices() {
		if !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == string(c.Kind) }) {
			t.Errorf("%s cannot be chosen", c.Kind)
		}
		if !isEntra(string(c.Kind)) {
			t.Errorf("%s does not count as Entra ID", c.Kind)
		}
	}
}
