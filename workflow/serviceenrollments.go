package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dpslab/pki"
	"dpslab/workflow/dps"
)

// Enrollment is an individual enrollment or an enrollment group as DPS holds it.
type Enrollment struct {
	ID          string   `json:"id"`
	Group       bool     `json:"group"`
	Attestation string   `json:"attestation"` // x509, symmetricKey, tpm; in words
	Allocation  string   `json:"allocation_policy,omitempty"`
	Hubs        []string `json:"iot_hubs,omitempty"`
	Enabled     bool     `json:"enabled"`
	DeviceID    string   `json:"device_id,omitempty"`
	Status      string   `json:"status,omitempty"` // of an individual enrollment's registration
	AssignedHub string   `json:"assigned_hub,omitempty"`
	ETag        string   `json:"etag"`
	Created     string   `json:"created,omitempty"` // as DPS writes times
	Updated     string   `json:"updated,omitempty"`
	JSON        string   `json:"-"` // the whole record, indented, without keys

	individual *dps.IndividualEnrollment
	group      *dps.EnrollmentGroup
}

// EnrollmentQuery chooses enrollments or the registrations of a group.
type EnrollmentQuery struct {
	Group        bool   // groups instead of individual enrollments
	Filter       string // in the ID, without regard to case; DPS itself cannot filter
	PageSize     int    // about so many at once; 0: as DPS likes
	Continuation string // of the page before
}

// EnrollmentPage is a part of a list.
type EnrollmentPage struct {
	Items        []Enrollment
	Continuation string // where the next page begins; empty after the last
}

// Enrollments lists a page of enrollments. With a filter it reads on until
// something fits or the list ends.
func (v *Service) Enrollments(ctx context.Context, q EnrollmentQuery) (EnrollmentPage, error) {
	const op = "list enrollments"
	client, err := v.dps(op)
	if err != nil {
		return EnrollmentPage{}, err
	}
	page := EnrollmentPage{Continuation: q.Continuation}
	for {
		var found []Enrollment
		query := dps.Query{PageSize: q.PageSize, Continuation: page.Continuation}
		err := v.try(v.reading(ctx), op, true, func(ctx context.Context) (err error) {
			found, page.Continuation, err = list(ctx, client, q.Group, query)
			return err
		})
		if err != nil {
			return EnrollmentPage{}, err
		}
		for _, e := range found {
			if matches(e.ID, q.Filter) {
				page.Items = append(page.Items, e)
			}
		}
		if len(page.Items) > 0 || page.Continuation == "" || page.Continuation == query.Continuation {
			return page, nil
		}
	}
}

func matches(id, filter string) bool {
	return strings.Contains(strings.ToLower(id), strings.ToLower(filter))
}

func list(ctx context.Context, client *dps.ServiceClient, group bool, q dps.Query) ([]Enrollment, string, error) {
	var out []Enrollment
	if group {
		page, err := client.QueryGroups(ctx, q)
		for _, g := range page.Items {
			out = append(out, ofGroup(g))
		}
		return out, page.Continuation, err
	}
	page, err := client.QueryEnrollments(ctx, q)
	for _, e := range page.Items {
		out = append(out, ofIndividual(e))
	}
	return out, page.Continuation, err
}

func ofIndividual(e *dps.IndividualEnrollment) Enrollment {
	out := ofRecord(e.RegistrationID, &e.EnrollmentRecord, e)
	out.DeviceID, out.individual = e.DeviceID, e
	if s := e.RegistrationState; s != nil {
		out.Status, out.AssignedHub = s.Status, s.AssignedHub
	}
	return out
}

func ofGroup(g *dps.EnrollmentGroup) Enrollment {
	out := ofRecord(g.EnrollmentGroupID, &g.EnrollmentRecord, g)
	out.Group, out.group = true, g
	return out
}

func ofRecord(id string, r *dps.EnrollmentRecord, whole any) Enrollment {
	return Enrollment{
		ID: id, Attestation: attestationOf(r.Attestation), Allocation: r.AllocationPolicy, Hubs: r.IoTHubs,
		Enabled: r.ProvisioningStatus != dps.ProvisioningDisabled, ETag: r.ETag, Created: r.CreatedDateTimeUTC, Updated: r.LastUpdatedDateTimeUTC,
		JSON: withoutKeys(whole),
	}
}

// withoutKeys is a record for people and files: an answer to a write carries
// symmetric keys, and they are left out.
func withoutKeys(record any) string {
	raw, err := json.Marshal(record)
	if err != nil {
		return ""
	}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return ""
	}
	if a, ok := m["attestation"].(map[string]any); ok {
		delete(a, "symmetricKey")
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return ""
	}
	return string(text) + "\n"
}

// attestationOf says in words how a record's devices prove themselves.
func attestationOf(a dps.AttestationMechanism) string {
	if a.Type != dps.AttestationX509 || a.X509 == nil {
		return a.Type
	}
	switch x := a.X509; {
	case x.CAReferences != nil:
		return "x509 by CA " + x.CAReferences.Primary
	case x.SigningCertificates != nil:
		return "x509 by signing certificate"
	}
	return "x509 by client certificate"
}

// Enrollment reads one enrollment.
func (v *Service) Enrollment(ctx context.Context, group bool, id string) (*Enrollment, error) {
	op := "read " + kindOf(group) + " " + id
	client, err := v.dps(op)
	if err != nil {
		return nil, err
	}
	var found Enrollment
	err = v.try(v.reading(ctx), op, true, func(ctx context.Context) (err error) {
		found, err = get(ctx, client, group, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &found, nil
}

func kindOf(group bool) string {
	if group {
		return "enrollment group"
	}
	return "individual enrollment"
}

func get(ctx context.Context, client *dps.ServiceClient, group bool, id string) (Enrollment, error) {
	if group {
		g, err := client.Group(ctx, id)
		if err != nil {
			return Enrollment{}, err
		}
		return ofGroup(g), nil
	}
	e, err := client.Enrollment(ctx, id)
	if err != nil {
		return Enrollment{}, err
	}
	return ofIndividual(e), nil
}

// ParseEnrollment reads and checks the JSON of an enrollment: the ID, the
// attestation, one of its siblings. Its error is a *Problem that says what is
// wrong and, for JSON that is none, on which line.
func ParseEnrollment(group bool, text []byte) (*Enrollment, error) {
	op := "read the JSON of the " + kindOf(group)
	if err := checkJSONText(text); err != nil {
		return nil, &Problem{Kind: Usage, Op: op, Summary: err.Error(), Fix: "Correct it there or in the line above: names and texts stand in double quotes, a comma stands between members and none behind the last one."}
	}
	var out Enrollment
	var record *dps.EnrollmentRecord
	if group {
		g := new(dps.EnrollmentGroup)
		if err := json.Unmarshal(text, g); err != nil {
			return nil, &Problem{Kind: Usage, Op: op, Summary: err.Error(), Fix: "Its form is that of the REST reference \"Enrollment Group - Create Or Update\"."}
		}
		out, record = ofGroup(g), &g.EnrollmentRecord
	} else {
		e := new(dps.IndividualEnrollment)
		if err := json.Unmarshal(text, e); err != nil {
			return nil, &Problem{Kind: Usage, Op: op, Summary: err.Error(), Fix: "Its form is that of the REST reference \"Individual Enrollment - Create Or Update\"."}
		}
		out, record = ofIndividual(e), &e.EnrollmentRecord
	}
	if err := checkRecord(out.ID, record); err != nil {
		return nil, &Problem{Kind: Usage, Op: op, Summary: err.Error(), Fix: "Correct that member and send it again."}
	}
	return &out, nil
}

// checkJSONText finds the line of a mistake.
func checkJSONText(text []byte) error {
	var any json.RawMessage
	err := json.Unmarshal(text, &any)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

func checkRecord(id string, r *dps.EnrollmentRecord) error {
	if err := checkID(pki.CheckRegistrationID)(id, nil); err != nil {
		return fmt.Errorf("the ID %w", err)
	}
	a := r.Attestation
	switch {
	case a.Type == dps.AttestationX509 && a.X509 == nil:
		return errors.New("attestation.type is x509, and attestation.x509 is missing")
	case a.Type == dps.AttestationTPM && a.TPM == nil:
		return errors.New("attestation.type is tpm, and attestation.tpm is missing")
	case a.Type != dps.AttestationX509 && a.Type != dps.AttestationTPM && a.Type != dps.AttestationSymmetricKey:
		return errors.New("attestation.type must be x509, symmetricKey or tpm")
	case a.Type == dps.AttestationSymmetricKey && a.SymmetricKey != nil:
		for _, k := range []string{a.SymmetricKey.PrimaryKey, a.SymmetricKey.SecondaryKey} {
			if err := dps.CheckKey(dps.NewSecret(k)); k != "" && err != nil {
				return err
			}
		}
	}
	return nil
}

// PutResult is what became of a write.
type PutResult struct {
	Enrollment Enrollment
	Changes    []Change // empty: nothing was written, it is as wanted
	Created    bool

	sent bool // something was written, also where no difference can be seen
}

// PutEnrollment writes an enrollment given as JSON: it creates one, or changes
// the one that is there. base is the record as it was read before somebody
// edited it; nil reads it now. The sink hears of the difference before it is
// written; with nothing to change nothing is written. The etag of base goes
// along, and when somebody else was faster, the *Problem lists what they changed.
func (v *Service) PutEnrollment(ctx context.Context, text []byte, group bool, base *Enrollment) (*PutResult, error) {
	want, err := ParseEnrollment(group, text)
	if err != nil {
		return nil, err
	}
	op := "write " + kindOf(group) + " " + want.ID
	if err := v.mayWrite(op); err != nil {
		return nil, err
	}
	client, err := v.dps(op)
	if err != nil {
		return nil, err
	}
	if base == nil {
		if base, err = v.there(ctx, op, client, group, want.ID); err != nil {
			return nil, err
		}
	}
	return v.write(ctx, op, client, base, want)
}

// there reads what is to be changed; nil when there is none. A dry run does not
// send this request either, and takes it that there is none.
func (v *Service) there(ctx context.Context, op string, client *dps.ServiceClient, group bool, id string) (*Enrollment, error) {
	var found Enrollment
	err := v.try(v.reading(ctx), op, true, func(ctx context.Context) (err error) { found, err = get(ctx, client, group, id); return err })
	if _, dry := DryRunOf(err); dry {
		return nil, nil
	}
	var p *Problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// write shows the difference and sends it.
func (v *Service) write(ctx context.Context, op string, client *dps.ServiceClient, base, want *Enrollment) (*PutResult, error) {
	result := &PutResult{Created: base == nil}
	if base != nil {
		result.Changes = differences(base, want)
		if len(result.Changes) == 0 && !carriesKeys(want) {
			result.Enrollment = *base
			return result, nil
		}
		v.emit(Event{Kind: ChangesFound, Text: kindOf(want.Group) + " " + want.ID + " is to be changed", Changes: result.Changes})
	}
	err := v.try(v.writing(ctx), op, true, func(ctx context.Context) (err error) {
		result.Enrollment, err = save(ctx, client, base, want)
		return err
	})
	if err != nil {
		return nil, err
	}
	result.sent = true
	return result, nil
}

func differences(base, want *Enrollment) []Change {
	if want.Group {
		return dps.Diff(base.group, want.group)
	}
	return dps.Diff(base.individual, want.individual)
}

// carriesKeys reports whether a record brings symmetric keys, which a comparison
// with what DPS shows cannot see.
func carriesKeys(e *Enrollment) bool {
	if e.Group {
		return e.group.Attestation.SymmetricKey != nil
	}
	return e.individual.Attestation.SymmetricKey != nil
}

func save(ctx context.Context, client *dps.ServiceClient, base, want *Enrollment) (Enrollment, error) {
	if want.Group {
		var from *dps.EnrollmentGroup
		if base != nil {
			from = base.group
		}
		g, err := client.SaveGroup(ctx, from, want.group)
		if err != nil {
			return Enrollment{}, err
		}
		return ofGroup(g), nil
	}
	var from *dps.IndividualEnrollment
	if base != nil {
		from = base.individual
	}
	e, err := client.SaveEnrollment(ctx, from, want.individual)
	if err != nil {
		return Enrollment{}, err
	}
	return ofIndividual(e), nil
}
