package workflow

import (
	"errors"
	"net/http"

	"dpslab/workflow/azure"
)

// fillManagement is what to do about a call of Azure Resource Manager that was
// not made at all, or that would have changed what is somebody else's.
func fillManagement(p *Problem, err error) {
	var (
		value   *azure.ValueError
		taken   *azure.NameTakenError
		foreign *azure.ForeignLinkError
	)
	switch {
	case errors.As(err, &value):
		p.Kind = Usage
	case errors.As(err, &taken):
		p.Kind, p.Rule = Refused, "F14"
		p.Why = "The CA was made anew on this machine, or somebody else uses the name."
		p.Fix = "Choose another name, or delete the certificate at DPS."
	case errors.Is(err, azure.ErrNotFound):
		p.Kind, p.Status = Refused, http.StatusNotFound
	case errors.Is(err, azure.ErrWrongSigner):
		p.Kind, p.Rule, p.Fix = LocalFile, "F01", "Name the private key that belongs to the CA certificate."
	case errors.Is(err, azure.ErrPFXPassword):
		p.Kind, p.Rule, p.Fix = LocalFile, "F03", "Give the password with which the PFX was made."
	case errors.As(err, &foreign):
		p.Kind, p.Why = Refused, "Something between here and Azure changed the answer, or Azure moved the list."
		p.Fix = "Look at the answer in the transcript."
	}
}
