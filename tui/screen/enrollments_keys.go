package screen

import (
	"encoding/json"

	"dpslab/tui/keymap"
	"dpslab/workflow"
)

// The intents of the screen of enrollments.
type (
	// ShowEnrollments opens what the target of a device holds, or with no name
	// what the lab holds.
	ShowEnrollments struct{ Device string }
	// PrepareTarget tries again to reach the target.
	PrepareTarget struct{}
	// ReadHeld reads one thing again.
	ReadHeld struct {
		List workflow.Listing
		ID   string
	}
	// EditHeld opens an enrollment in the person's editor.
	EditHeld struct {
		List workflow.Listing
		Held Held
	}
	// SwitchHeld enables or disables an enrollment.
	SwitchHeld struct {
		List workflow.Listing
		Held Held
		On   bool
	}
	// DeriveKey derives the key of a device from that of a group.
	DeriveKey struct{ Group string }
	// DeleteHeld deletes one thing, after its name was typed.
	DeleteHeld struct {
		List workflow.Listing
		Held Held
	}
	// ProveHeld proves possession of a CA's key.
	ProveHeld struct{ CA workflow.SigningCertificate }
	// RefreshHeld has API Management read Key Vault again.
	RefreshHeld struct{ ID string }
	// UploadHeld asks what to upload to a list: a CA, or a certificate with its key.
	UploadHeld struct{ List workflow.Listing }
	// NameService asks for the name of the API Management service.
	NameService struct{ Now string }
)

func (ShowEnrollments) intent() {}
func (PrepareTarget) intent()   {}
func (ReadHeld) intent()        {}
func (EditHeld) intent()        {}
func (SwitchHeld) intent()      {}
func (DeleteHeld) intent()      {}
func (DeriveKey) intent()       {}
func (ProveHeld) intent()       {}
func (RefreshHeld) intent()     {}
func (UploadHeld) intent()      {}
func (NameService) intent()     {}

// Bindings implements Screen.
func (e *Enrollments) Bindings() []keymap.Binding {
	if e.filter.typing {
		return e.filterBindings()
	}
	bs := keymap.For(keymap.InEnrollments)
	for _, b := range bs {
		if why := e.why(b.Action); why != "" {
			keymap.Disable(bs, b.Action, why)
		}
	}
	for i := range bs {
		e.reword(&bs[i])
	}
	return bs
}

func (e *Enrollments) filterBindings() []keymap.Binding {
	bs := keymap.For(keymap.InFilter)
	about := map[keymap.Action]string{keymap.Back: "drop the filter", keymap.Up: "previous row", keymap.Down: "next row"}
	for i := range bs {
		if text := about[bs[i].Action]; text != "" {
			bs[i].About = text
		}
		if bs[i].Action == keymap.Back {
			bs[i].Help = "all rows"
		}
	}
	return bs
}

// why says why a key cannot act now; empty: it can.
func (e *Enrollments) why(a keymap.Action) string {
	switch a {
	case keymap.Edit, keymap.Switch, keymap.Remove, keymap.Prove, keymap.Refresh:
		if e.Locked != "" {
			return e.Locked
		}
		if why := e.none(); why != "" {
			return why
		}
		if e.working != "" {
			return "something is being written: " + e.working
		}
		return e.unfit(a)
	case keymap.Upload:
		return e.whyNotUpload()
	case keymap.Open, keymap.Copy:
		return e.none()
	case keymap.Records:
		if e.at != workflow.ListGroups {
			return "choose a group in the list of groups first"
		}
		return e.none()
	case keymap.DeriveKey:
		return e.whyNotDerive()
	case keymap.Service:
		if e.at != workflow.ListAPIM {
			return "only the list of API Management certificates has a service"
		}
	case keymap.Filter:
		if len(e.lists[e.at].rows) == 0 {
			return "there is nothing to filter"
		}
	}
	return ""
}

// whyNotUpload says why nothing can be uploaded to the list; empty: it can.
func (e *Enrollments) whyNotUpload() string {
	switch {
	case e.Locked != "":
		return e.Locked
	case e.at < workflow.ListCAs:
		return "only CAs and API Management certificates are uploaded; the enrollment step writes enrollments"
	case e.target == "":
		return "the target is not reached"
	case e.at == workflow.ListAPIM && e.apim == "":
		return "name the API Management service first"
	case e.working != "":
		return "something is being written: " + e.working
	}
	return ""
}

// whyNotDerive says why no key can be derived; empty: it can. Deriving writes
// nothing at the service.
func (e *Enrollments) whyNotDerive() string {
	h := e.selected()
	switch {
	case e.at != workflow.ListGroups:
		return "only a group has a key that those of its devices are derived from: choose one in the list of groups"
	case h == nil:
		return e.none()
	case !h.Enrollment.DerivesKeys():
		return "the group does not attest by symmetric key"
	}
	return ""
}

func (e *Enrollments) none() string {
	if e.selected() == nil {
		return "there is nothing in this list"
	}
	return ""
}

// unfit says why a key that writes does not fit the chosen row.
func (e *Enrollments) unfit(a keymap.Action) string {
	h := e.selected()
	switch {
	case a == keymap.Edit && h.Enrollment == nil:
		return map[workflow.Listing]string{
			workflow.ListRegistrations: "DPS alone writes a registration record; it can be deleted",
			workflow.ListCAs:           "a CA cannot be edited: u uploads another",
			workflow.ListAPIM:          "a certificate cannot be edited: u uploads another",
		}[e.at]
	case a == keymap.Switch && h.Enrollment == nil:
		return "only an enrollment can be enabled or disabled"
	case a == keymap.Prove && h.CA == nil:
		return "only a CA has a key whose possession is proved"
	case a == keymap.Prove && h.CA.Verified:
		return "the CA is verified already"
	case a == keymap.Refresh && h.APIM == nil:
		return "only a certificate of API Management can come from Key Vault"
	case a == keymap.Refresh && h.APIM.Vault == nil:
		return "the certificate was uploaded; it does not come from Key Vault"
	}
	return ""
}

// reword says what a key does in the state at hand.
func (e *Enrollments) reword(b *keymap.Binding) {
	switch b.Action {
	case keymap.Switch:
		if h := e.selected(); h != nil && h.Enrollment != nil && !h.Enrollment.Enabled {
			b.Help, b.About = "enable", "let its devices register again"
		} else {
			b.About = "refuse its devices until it is enabled again"
		}
	case keymap.Open:
		if e.inside {
			b.Help, b.About = "list", "back to the list"
		}
	case keymap.Back:
		switch {
		case e.inside:
			b.Help, b.About = "list", "back to the list"
		case e.filter.Value() != "":
			b.Help, b.About = "all rows", "drop the filter"
		}
	}
}

// CopyOf is a row as a text for other programs: a [CopyText], or a [Say] where
// that cannot be.
func CopyOf(h Held) Intent {
	switch {
	case h.Enrollment != nil:
		return CopyText{What: "enrollment", Text: h.Enrollment.JSON, File: "copied-enrollment.json"}
	case h.CA != nil:
		if c, err := workflow.DescribeCertificate(h.CA.DER); err == nil {
			return CopyText{What: "certificate", Text: c.PEM, File: "copied-certificate.pem"}
		}
		return copyJSON("CA", h.CA)
	case h.Registration != nil:
		return copyJSON("registration record", h.Registration)
	}
	return copyJSON("certificate", h.APIM)
}

func copyJSON(what string, v any) Intent {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return Say{Text: "The " + what + " could not be copied: " + err.Error()}
	}
	return CopyText{What: what, Text: string(text), File: "copied-record.json"}
}
