package workflow

import (
	"dpslab/profiles"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
)

// Right is the least that an account needs for one operation.
type Right = azure.Right

// LeastRights is what each operation of the services needs, in the order of a
// device's life.
func LeastRights() []Right { return azure.LeastRights() }

// CredentialKinds are the values of target.credential, the usual one first.
func CredentialKinds() []string {
	var kinds []string
	for _, c := range azure.CredentialChoices() {
		kinds = append(kinds, string(c.Kind))
	}
	return append(kinds, profiles.CredentialConnectionString, profiles.CredentialNone)
}

// RightsHelp is LeastRights as a text for help.
func RightsHelp() string { return azure.RightsHelp() }

// NewSecret keeps a text from being printed.
func NewSecret(text string) Secret { return dps.NewSecret(text) }
