package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"dpslab/profiles"
)

// Wizard is the state of the questions about one profile. It is a value: every
// method that changes something returns the changed wizard. It does no I/O.
type Wizard struct {
	Page    Page
	Reached Page // the farthest page that may be jumped to
	Answers Answers
	// Taken reports whether a profile of that name exists; nil: none does.
	Taken func(name string) bool
	// Authorities are the CAs that are there already, for [Wizard.Offers].
	Authorities []string
	// Missing reports whether something that an answer names is known not to be
	// there, for [Wizard.Warning]; nil: nobody has looked. [Session.Missing] looks.
	Missing func(Lookup) bool
	// Base is the profile that is edited; nil: a new one is described.
	Base *profiles.Profile
}

// FieldError is one answer that cannot be accepted.
type FieldError struct {
	Key   string
	Label string
	Err   error
}

func (e FieldError) Error() string { return e.Label + " " + e.Err.Error() }

// NewWizard begins with answers that are there already, or with none.
func NewWizard(a Answers) Wizard {
	return Wizard{Answers: maps.Clone(a)}
}

// Fields are the questions of the current page that matter for the answers so
// far.
func (w Wizard) Fields() []Field { return w.fieldsOf(w.Page) }

func (w Wizard) fieldsOf(p Page) []Field {
	var out []Field
	for _, f := range fields {
		if w.Base != nil && f.Key == keyName {
			continue // the name of a profile that exists is fixed
		}
		if f.Page == p && (f.Hidden == nil || !f.Hidden(w.Answers)) {
			out = append(out, f)
		}
	}
	return out
}

// Value is the answer to a question, or its default.
func (w Wizard) Value(key string) string { return value(w.Answers, key) }

// Offers are answers to pick from for a question that takes any text: what this
// machine has already, and first the question's default where that is new. None
// where there is nothing to pick.
func (w Wizard) Offers(key string) []Option {
	if key != keyAuthority || len(w.Authorities) == 0 {
		return nil
	}
	var offers []Option
	if f, _ := FieldByKey(key); f.Default != nil {
		if usual := f.Default(w.Answers); !slices.Contains(w.Authorities, usual) {
			offers = append(offers, Option{Value: usual, Label: usual, Help: "a new one"})
		}
	}
	for _, name := range w.Authorities {
		offers = append(offers, Option{Value: name, Label: name, Help: "here already: it signs this device too"})
	}
	return offers
}

// Set answers a question.
func (w Wizard) Set(key, v string) Wizard {
	a := maps.Clone(w.Answers)
	if a == nil {
		a = Answers{}
	}
	a[key] = v
	w.Answers = a
	return w
}

// Error checks one answer, as the person types it.
func (w Wizard) Error(key string) error {
	f, ok := FieldByKey(key)
	if !ok || (f.Hidden != nil && f.Hidden(w.Answers)) {
		return nil
	}
	if key == keyName && w.Base == nil && w.Taken != nil && w.Taken(w.Value(key)) {
		return fmt.Errorf("is the name of a device that you already have: choose another")
	}
	if err := checkValue(f, w.Value(key), w.Answers); err != nil || key != keyBody {
		return err
	}
	return w.bodyFits()
}

func checkValue(f Field, v string, a Answers) error {
	if len(f.Options) > 0 && !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Value == v }) {
		var legal []string
		for _, o := range f.Options {
			legal = append(legal, o.Value)
		}
		return fmt.Errorf("must be one of %s", strings.Join(legal, ", "))
	}
	if f.Check == nil {
		return nil
	}
	return f.Check(v, a)
}

func (w Wizard) pageErrors(p Page) []FieldError {
	var out []FieldError
	for _, f := range w.fieldsOf(p) {
		if err := w.Error(f.Key); err != nil {
			out = append(out, FieldError{f.Key, f.Label, err})
		}
	}
	return out
}

// Errors lists what is wrong on any page.
func (w Wizard) Errors() []FieldError {
	var out []FieldError
	for _, p := range Pages() {
		out = append(out, w.pageErrors(p)...)
	}
	return out
}

// Submit goes to the next page, or names what is wrong on this one. On the
// review page it stays, and names what is wrong anywhere.
func (w Wizard) Submit() (Wizard, []FieldError) {
	if w.Page == PageReview {
		return w, w.Errors()
	}
	if wrong := w.pageErrors(w.Page); len(wrong) > 0 {
		return w, wrong
	}
	w.Page++
	for w.Empty(w.Page) {
		w.Page++
	}
	w.Reached = max(w.Reached, w.Page)
	return w, nil
}

// Back goes to the page before; no answer is lost. It reports false on the
// first page.
func (w Wizard) Back() (Wizard, bool) {
	if w.Page == PageWhere {
		return w, false
	}
	w.Page--
	for w.Empty(w.Page) {
		w.Page--
	}
	return w, true
}

// Empty reports whether nothing is asked on a page: a device without
// certificates needs no page about them. The first page and the review always
// count.
func (w Wizard) Empty(p Page) bool {
	return p > PageWhere && p < PageReview && len(w.fieldsOf(p)) == 0
}

// Jump goes to a page that has been reached, when every page before it is in
// order.
func (w Wizard) Jump(p Page) (Wizard, error) {
	if w.Empty(p) {
		return w, fmt.Errorf("%s asks nothing for this device", p.Title())
	}
	if p < PageWhere || p > w.Reached {
		return w, fmt.Errorf("%s comes after %s: finish that first", p.Title(), w.Reached.Title())
	}
	for q := PageWhere; q < p; q++ {
		if wrong := w.pageErrors(q); len(wrong) > 0 {
			return w, fmt.Errorf("page %s: %w", q.Title(), wrong[0])
		}
	}
	w.Page = p
	return w, nil
}

// Name is the profile's name.
func (w Wizard) Name() string { return w.Value(keyName) }

// Profile is what the answers make. It is only good when Errors is empty.
func (w Wizard) Profile() *profiles.Profile {
	if w.Base != nil {
		return merged(w.Base, w.Answers)
	}
	return ProfileOf(w.Answers)
}

// TOML is the profile as it will be saved.
func (w Wizard) TOML() string {
	text, err := profiles.Encode(w.Profile())
	if err != nil {
		return "# " + err.Error()
	}
	return string(text)
}

// Plan says, a sentence each, what the steps will do.
func (w Wizard) Plan() []string {
	p := w.Profile()
	where := "the lab"
	if p.Target.Kind == profiles.TargetAzure {
		where = p.Target.ServiceEndpoint
	}
	plan := certificatePlan(p, where)
	record := "individual enrollment " + p.Identity.RegistrationID
	if p.Enrollment.Kind == profiles.EnrollmentGroup {
		record = "enrollment group " + p.Enrollment.ID
	}
	plan = append(plan,
		fmt.Sprintf("enrollment: %s at %s", record, where),
		"registration: "+registrationPlan(p)+" and wait for a hub",
		fmt.Sprintf("telemetry: %d messages to the assigned hub, every %s", p.Telemetry.Count, p.Telemetry.Interval))
	if service := p.APIManagement.Service; service != "" {
		plan = append(plan, fmt.Sprintf("API Management: upload certificate and key as %s to %s", apimCertificate(p), service))
	}
	return plan
}

func registrationPlan(p *profiles.Profile) string {
	switch p.Identity.Attestation {
	case profiles.AttestationSymmetricKey:
		return "register with a token signed by the device's key"
	case profiles.AttestationTPM:
		return "register with the TPM at " + p.Identity.TPMDevice
	}
	return "register with the device certificate"
}

func certificatePlan(p *profiles.Profile, where string) []string {
	i := p.Identity
	if i.Attestation != profiles.AttestationX509 {
		return []string{"certificates: none are needed", "signing CA: none is needed"}
	}
	switch i.Source {
	case profiles.SourceFiles:
		return []string{
			fmt.Sprintf("certificates: import %s for %s", i.CertificateFile, i.RegistrationID),
			fmt.Sprintf("signing CA: upload the topmost CA in the file to %s, if there is one", where),
		}
	case profiles.SourceCSR:
		return []string{
			fmt.Sprintf("certificates: a key and a signing request for %s, as files here; then wait for the signed certificate", i.RegistrationID),
			fmt.Sprintf("signing CA: upload the topmost CA above the certificate to %s, if there is one", where),
		}
	case profiles.SourceChain:
		return []string{
			fmt.Sprintf("certificates: root and intermediate CA %q (made when missing) and a device certificate for %s, as files here", i.Authority, i.RegistrationID),
			fmt.Sprintf("signing CA: upload the root to %s and prove possession of its key", where),
		}
	}
	return []string{
		fmt.Sprintf("certificates: a key and a self-signed certificate for %s, as files here", i.RegistrationID),
		"signing CA: nothing to do for a self-signed certificate",
	}
}
