package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
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
	return checkValue(f, w.Value(key), w.Answers)
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
	return w, true
}

// Jump goes to a page that has been reached, when every page before it is in
// order.
func (w Wizard) Jump(p Page) (Wizard, error) {
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
	var plan []string
	switch p.Identity.Source {
	case profiles.SourceFiles:
		plan = append(plan,
			fmt.Sprintf("certificates: import %s for %s", p.Identity.CertificateFile, p.Identity.RegistrationID),
			fmt.Sprintf("signing CA: upload the topmost CA in the file to %s, if there is one", where))
	case profiles.SourceChain:
		plan = append(plan,
			fmt.Sprintf("certificates: root and intermediate CA %q (made when missing) and a device certificate for %s, as files here", p.Identity.Authority, p.Identity.RegistrationID),
			fmt.Sprintf("signing CA: upload the root to %s and prove possession of its key", where))
	default:
		plan = append(plan,
			fmt.Sprintf("certificates: a key and a self-signed certificate for %s, as files here", p.Identity.RegistrationID),
			"signing CA: nothing to do for a self-signed certificate")
	}
	record := "individual enrollment " + p.Identity.RegistrationID
	if p.Enrollment.Kind == profiles.EnrollmentGroup {
		record = "enrollment group " + p.Enrollment.ID
	}
	return append(plan,
		fmt.Sprintf("enrollment: %s at %s", record, where),
		"registration: register with the device certificate and wait for a hub",
		fmt.Sprintf("telemetry: %d messages to the assigned hub, every %s", p.Telemetry.Count, p.Telemetry.Interval))
}

// ProfileOf makes a profile of answers and defaults.
func ProfileOf(a Answers) *profiles.Profile {
	v := func(key string) string { return strings.TrimSpace(value(a, key)) }
	asked := func(key string) string {
		if f, ok := FieldByKey(key); ok && f.Hidden != nil && f.Hidden(a) {
			return ""
		}
		return v(key)
	}
	number := func(key string) int {
		n, _ := strconv.Atoi(asked(key)) // a bad number is reported by the field's check
		return n
	}
	return &profiles.Profile{
		Version: profiles.Version,
		Target: profiles.Target{
			Kind: v(keyTarget), IDScope: asked("target.id_scope"), ServiceEndpoint: asked("target.service_endpoint"),
			Credential: asked(keyCredential), ConnectionStringEnv: asked("target.connection_string_env"),
			SubscriptionID: asked("target.subscription_id"), ResourceGroup: asked("target.resource_group"), DPSName: asked("target.dps_name"),
		},
		Identity: profiles.Identity{
			Attestation: profiles.AttestationX509, RegistrationID: v(keyRegistrationID), Source: v(keySource),
			Algorithm: asked(keyAlgorithm), ValidDays: number(keyValidDays), CertificateFile: asked(keyCertificate), KeyFile: asked(keyKeyFile), Authority: asked(keyAuthority), PassphraseEnv: v(keyPassphraseEnv),
		},
		Enrollment: profiles.Enrollment{
			Kind: v(keyEnrollment), ID: asked(keyEnrollmentID), DeviceID: asked(keyDeviceID),
			AllocationPolicy: v(keyAllocation), IoTHubs: splitList(asked(keyHubs)),
		},
		Telemetry: profiles.Telemetry{
			Body: value(a, keyBody), ContentType: v(keyContentType), Count: number(keyCount), Interval: v(keyInterval),
		},
	}
}

// AnswersOf turns a profile back into answers, to check or edit it. What a
// profile leaves out has the field's default.
func AnswersOf(p *profiles.Profile) Answers {
	a := Answers{}
	set := func(key, v string) {
		if v != "" {
			a[key] = v
		}
	}
	number := func(key string, n int) {
		if n != 0 {
			a[key] = strconv.Itoa(n)
		}
	}
	set(keyTarget, p.Target.Kind)
	set("target.id_scope", p.Target.IDScope)
	set("target.service_endpoint", p.Target.ServiceEndpoint)
	set(keyCredential, p.Target.Credential)
	set("target.connection_string_env", p.Target.ConnectionStringEnv)
	set("target.subscription_id", p.Target.SubscriptionID)
	set("target.resource_group", p.Target.ResourceGroup)
	set("target.dps_name", p.Target.DPSName)
	set(keyRegistrationID, p.Identity.RegistrationID)
	set(keySource, p.Identity.Source)
	set(keyAlgorithm, p.Identity.Algorithm)
	number(keyValidDays, p.Identity.ValidDays)
	set(keyAuthority, p.Identity.Authority)
	set(keyCertificate, p.Identity.CertificateFile)
	set(keyKeyFile, p.Identity.KeyFile)
	set(keyPassphraseEnv, p.Identity.PassphraseEnv)
	set(keyEnrollment, p.Enrollment.Kind)
	set(keyEnrollmentID, p.Enrollment.ID)
	set(keyDeviceID, p.Enrollment.DeviceID)
	set(keyAllocation, p.Enrollment.AllocationPolicy)
	set(keyHubs, strings.Join(p.Enrollment.IoTHubs, ", "))
	number(keyCount, p.Telemetry.Count)
	set(keyInterval, p.Telemetry.Interval)
	set(keyBody, p.Telemetry.Body)
	set(keyContentType, p.Telemetry.ContentType)
	return a
}

// CheckProfile checks every value of a profile by the fields' own rules, and
// the few that no field asks for.
func CheckProfile(p *profiles.Profile) []FieldError {
	return append(checkAnswers(AnswersOf(p)), checkUnasked(p)...)
}

// checkDocument is CheckProfile for a profile that was read from a file: a
// value that stands there counts even when it is zero.
func checkDocument(doc *profiles.Document) []FieldError {
	a := AnswersOf(doc.Profile)
	for _, f := range fields {
		if _, given := a[f.Key]; given || !doc.Has(f.Key) {
			continue
		}
		a[f.Key] = ""
		if f.Key == keyCount || f.Key == keyValidDays {
			a[f.Key] = "0"
		}
	}
	return append(checkAnswers(a), checkUnasked(doc.Profile)...)
}

// checkAnswers checks what is asked, and what is given although it is not
// asked.
func checkAnswers(a Answers) []FieldError {
	var out []FieldError
	for _, f := range fields {
		v, given := a[f.Key]
		hidden := f.Hidden != nil && f.Hidden(a)
		if f.Key == keyName || hidden && (!given || v == "") {
			continue
		}
		if !hidden {
			v = value(a, f.Key)
		}
		if err := checkValue(f, v, a); err != nil {
			out = append(out, FieldError{f.Key, f.Label, err})
		}
	}
	return out
}

// checkUnasked checks what a profile may hold although the wizard does not ask.
func checkUnasked(p *profiles.Profile) []FieldError {
	var out []FieldError
	wrong := func(key, label, format string, args ...any) {
		out = append(out, FieldError{key, label, fmt.Errorf(format, args...)})
	}
	if p.Identity.Attestation != "" && p.Identity.Attestation != profiles.AttestationX509 {
		wrong("identity.attestation", "attestation", "must be %s", profiles.AttestationX509)
	}
	if p.Identity.PassphraseEnv != "" && p.Identity.PassphraseCommand != "" {
		wrong("identity.passphrase_command", "pass phrase command", "stands beside passphrase_env: keep one of the two")
	}
	if h := p.Target.DeviceEndpoint; h != "" {
		if err := checkHost(h, nil); err != nil {
			wrong("target.device_endpoint", "device endpoint", "%w", err)
		}
	}
	for name := range p.Enrollment.InitialTwin {
		if name != "tags" && name != "properties" {
			wrong("enrollment.initial_twin", "initial twin", "has %q; it may have tags and properties.desired", name)
		}
	}
	for name, v := range p.Telemetry.Properties {
		if !propertyText(name, false) || !propertyText(v, true) {
			wrong("telemetry.properties", "property "+strconv.Quote(name), "must be ASCII without control characters, so that it can travel as an HTTP header")
		}
	}
	return out
}

func propertyText(s string, blanks bool) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r > '~' || !blanks && strings.ContainsRune(" \"(),/:;<=>?@[\\]{}", r)
	})
}
