package workflow

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/azure"
	"dpslab/workflow/doctor"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// problemOf turns any error into something a person can act on. It keeps one
// that is a Problem already.
func problemOf(op string, err error) *Problem {
	var known *Problem
	if errors.As(err, &known) {
		return known
	}
	p := &Problem{Kind: Internal, Op: op, Summary: err.Error()}
	if errors.Is(err, ErrByUser) || errors.Is(err, context.Canceled) {
		p.Kind, p.Summary = Interrupted, "cancelled"
		return p
	}
	advice := doctor.Explain(err)
	p.Rule, p.Why, p.Fix = advice.Rule, advice.Why, advice.Fix
	var (
		refused *wire.ServiceError
		connect *wire.ConnectError
		answer  *wire.AnswerError
		signIn  *azure.SignInError
		access  *azure.AccessError
		changed *dps.ChangedError
	)
	switch {
	case errors.As(err, &changed):
		fillChanged(p, changed)
	case errors.As(err, &access):
		fillRefused(p, access.Err)
		p.Fix = access.Fix()
	case errors.As(err, &refused):
		fillRefused(p, refused)
		if p.Fix == "" && refused.Status == http.StatusForbidden {
			p.Why = "A limit of the service is reached, such as 25 signing certificates or 100 enrollment groups an instance, a right is missing, or its network rules keep this machine out: the message says which."
			p.Fix = "For a limit, delete what is no longer needed: dpslab ca list and dpslab enrollment list --group show what is there. For a right: dpslab help rights. For the network: Networking of the DPS instance in the portal."
		}
	case errors.As(err, &connect):
		p.Kind, p.Summary = Unreachable, wire.RedactText(connect.Summary())
	case errors.As(err, &answer):
		p.Kind = Refused
		p.Why = "Something between here and the service answered in its place, such as a proxy or a sign-in page."
		p.Fix = "Look at the answer in the transcript; set HTTPS_PROXY if this network needs a proxy."
	case errors.As(err, &signIn):
		p.Kind, p.Summary, p.Detail = Refused, "no Entra ID token could be had for this account", wire.RedactText(signIn.Err.Error())
		p.Fix = signIn.Fix()
	default:
		fillLocal(p, err)
	}
	return p
}

// Absent reports whether a service answered that there is no such thing in it,
// and with which problem. The services that hold it do so with a code of digits;
// one in words is of Azure's front door, and says that the service itself is not
// there.
func Absent(err error) (*Problem, bool) {
	var p *Problem
	if !errors.As(err, &p) || p.Status != http.StatusNotFound {
		return nil, false
	}
	_, number := strconv.Atoi(p.Code)
	return p, number == nil
}

// fillChanged says that somebody else was faster, and what they changed.
func fillChanged(p *Problem, e *dps.ChangedError) {
	if e.Refused != nil {
		fillRefused(p, e.Refused)
	}
	p.Summary = e.What + " was changed by somebody else since it was read"
	if e.Gone {
		p.Summary = e.What + " was deleted by somebody else since it was read"
	}
	for _, c := range e.Changes {
		p.Summary += "; " + c.String()
	}
	p.Why = "Nothing was overwritten: the etag that was sent is of the record as it was read."
	p.Fix = "Run the step again: it reads what is there now and shows the difference."
}

func fillRefused(p *Problem, e *wire.ServiceError) {
	p.Kind, p.Status, p.Code, p.TrackingID, p.Detail = Refused, e.Status, e.Code, e.TrackingID, e.Body
	p.Summary = "HTTP " + strconv.Itoa(e.Status)
	if e.Code != "" {
		p.Summary += " " + e.Code
	}
	if e.Message != "" {
		p.Summary += ": " + strings.TrimSpace(e.Message)
	}
}

func fillLocal(p *Problem, err error) {
	var (
		format   *pki.FormatError
		file     *pki.FileError
		mismatch *pki.MismatchError
		locked   *profiles.LockedError
		path     *fs.PathError
	)
	switch {
	case errors.As(err, &locked):
		p.Kind, p.Fix = LocalFile, "Wait for it to end, or end it."
	case errors.Is(err, pki.ErrWrongPassphrase):
		p.Kind, p.Rule = LocalFile, "F03"
		p.Why = "The key was encrypted with another pass phrase."
		p.Fix = "Set the variable that identity.passphrase_env names to the pass phrase with which the key was made."
	case errors.Is(err, pki.ErrPassphraseNeeded):
		p.Kind, p.Rule = LocalFile, "F03"
		p.Why = "The private key is encrypted."
		p.Fix = "Name an environment variable that holds its pass phrase in identity.passphrase_env."
	case errors.As(err, &mismatch):
		p.Kind, p.Rule = LocalFile, "F01"
		p.Fix = "Put the matching key beside the certificate, or move both away and run the step \"certificates\" again."
	case errors.As(err, &format):
		p.Kind, p.Rule, p.Fix = LocalFile, "F02", format.Fix
	case errors.As(err, &file), errors.As(err, &path):
		p.Kind, p.Fix = LocalFile, cmp.Or(p.Fix, fileFix(err))
	default:
		fillManagement(p, err)
	}
}
