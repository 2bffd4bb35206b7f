package workflow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dpslab/profiles"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// RetireItem is one thing that runs of a device made at a service, and that
// retiring it deletes.
type RetireItem struct {
	Step   StepID    `json:"step"` // which made it
	Kind   string    `json:"kind"` // enrollment, enrollment-group, registration, hub-device, signing-certificate, api-management-certificate
	Name   string    `json:"name"`
	Host   string    `json:"host"`             // of the service
	Parent string    `json:"parent,omitempty"` // the DPS instance or API Management service of a certificate
	Made   time.Time `json:"made"`
	Shared []string  `json:"shared,omitempty"` // profiles here that use it too: it stays, unless forced
	What   string    `json:"what"`             // all of it in a few words
}

// madeBy is the step that makes a kind of thing.
var madeBy = map[string]StepID{
	profiles.CreatedSigningCA: StepSigningCA, profiles.CreatedEnrollment: StepEnrollment, profiles.CreatedGroup: StepEnrollment,
	profiles.CreatedRegistration: StepRegistration, profiles.CreatedHubDevice: StepRegistration,
	profiles.CreatedAPIManagement: StepAPIManagement,
}

// RetirePlan lists what runs of a device made at services and what is not known
// to be gone, in the order in which [Session.Retire] deletes it: the newest step
// first. It reads the state file and asks no service. Its errors are *Problem.
func (s *Session) RetirePlan(ctx context.Context, name string) ([]RetireItem, error) {
	p, err := s.load(name)
	if err != nil {
		return nil, err
	}
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return nil, localProblem("read the state of "+name, err)
	}
	var items []RetireItem
	for _, c := range retireOrder(state.Created) {
		if ctx.Err() != nil {
			return nil, problemOf("list what "+name+" made", context.Cause(ctx))
		}
		items = append(items, RetireItem{
			Step: madeBy[c.Kind], Kind: c.Kind, Name: c.Name, Host: c.Host, Parent: c.Parent, Made: c.At,
			Shared: s.sharers(name, p, c), What: described(c),
		})
	}
	return items, nil
}

// retireOrder puts what was made last first, and the hub's device before the
// registration that led to it.
func retireOrder(created []profiles.Creation) []profiles.Creation {
	order := slices.Clone(created)
	rank := func(c profiles.Creation) int {
		return slices.IndexFunc(steps, func(s step) bool { return s.id == madeBy[c.Kind] })
	}
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b profiles.Creation) int { return rank(b) - rank(a) })
	return order
}

func described(c profiles.Creation) string {
	switch c.Kind {
	case profiles.CreatedEnrollment:
		return "individual enrollment " + c.Name + " at " + c.Host
	case profiles.CreatedGroup:
		return "enrollment group " + c.Name + " at " + c.Host
	case profiles.CreatedRegistration:
		return "registration record " + c.Name + " at " + c.Host
	case profiles.CreatedHubDevice:
		return "device " + c.Name + " at " + c.Host
	case profiles.CreatedSigningCA:
		return "signing certificate " + c.Name + " of " + c.Parent
	case profiles.CreatedAPIManagement:
		return "certificate " + c.Name + " of API Management " + c.Parent
	}
	return c.Kind + " " + c.Name + " at " + c.Host
}

// sharers are the other profiles here that an enrollment group or a CA serves.
func (s *Session) sharers(name string, p *profiles.Profile, c profiles.Creation) []string {
	if c.Kind != profiles.CreatedGroup && c.Kind != profiles.CreatedSigningCA {
		return nil
	}
	names, err := s.Names()
	if err != nil {
		return nil
	}
	var found []string
	for _, other := range names {
		q, err := s.load(other)
		if other == name || err != nil || q.Target.Kind != p.Target.Kind || q.Target.ServiceEndpoint != p.Target.ServiceEndpoint {
			continue
		}
		group := q.Enrollment.Kind == profiles.EnrollmentGroup && strings.EqualFold(q.Enrollment.ID, c.Name)
		authority := q.Identity.Source == profiles.SourceChain && q.Identity.Authority == c.Name
		if c.Kind == profiles.CreatedGroup && group || c.Kind == profiles.CreatedSigningCA && authority {
			found = append(found, other)
		}
	}
	return found
}

// RetireOptions choose how a device is retired.
type RetireOptions struct {
	DryRun bool // make the requests and send none: the sink hears of them
	Force  bool // delete also what others here use, and what was changed since
}

// Retire deletes what [Session.RetirePlan] lists, as a run like any other: it
// returns the run's ID at once, events go to the sink, the last one is
// RunFinished. What is gone already is fine, so it can be repeated. Files stay.
func (s *Session) Retire(name string, o RetireOptions) (string, error) {
	return s.Start(name, RunOptions{
		Only: []StepID{StepSigningCA, StepEnrollment, StepRegistration, StepAPIManagement}, Undo: true, DryRun: o.DryRun, Force: o.Force,
	})
}

// Undo is the inverse of one step: it deletes what the step made, and only that.
// Of the certificates it sets the device's files aside. Like [Session.Retire] it
// is a run.
func (s *Session) Undo(name string, step StepID, o RetireOptions) (string, error) {
	return s.Start(name, RunOptions{Only: []StepID{step}, Undo: true, DryRun: o.DryRun, Force: o.Force})
}

// undo is the inverse of a step.
func (r *run) undo(ctx context.Context, id StepID) (string, error) {
	switch id {
	case StepTelemetry:
		return "", skipped{"messages that were sent cannot be taken back"}
	case StepCertificates:
		return r.setAside()
	}
	var gone, kept []string
	for _, c := range retireOrder(r.state.Created) {
		if madeBy[c.Kind] != id {
			continue
		}
		if shared := r.session.sharers(r.name, r.profile, c); len(shared) > 0 && !r.options.Force {
			kept = append(kept, described(c)+" stays: "+strings.Join(shared, ", ")+" use it too")
			continue
		}
		if err := r.delete(ctx, c); err != nil {
			return "", err
		}
		gone = append(gone, described(c))
	}
	if len(gone) == 0 {
		if len(kept) == 0 {
			kept = []string{"runs of this device made nothing here that is not gone"}
		}
		return "", skipped{strings.Join(kept, "; ")}
	}
	for _, k := range kept {
		r.note("%s", k)
	}
	if r.options.DryRun {
		return "would delete " + strings.Join(gone, ", "), nil
	}
	r.forget(id)
	return "deleted " + strings.Join(gone, ", "), nil
}

// forget drops from the state what an undone step had learned.
func (r *run) forget(id StepID) {
	switch id {
	case StepSigningCA:
		r.state.SigningCertificate = profiles.SigningCertificate{}
	case StepEnrollment:
		r.state.Enrollment = profiles.EnrollmentState{}
	case StepRegistration:
		r.state.Registration = profiles.Registration{}
	case StepAPIManagement:
		r.state.APIManagement = profiles.APIManagementState{}
	}
}

// delete removes one thing; that it is gone already is fine.
func (r *run) delete(ctx context.Context, c profiles.Creation) error {
	tag := c.ETag
	if r.options.Force {
		tag = "*"
	}
	remove, err := r.remover(ctx, c)
	if err != nil {
		return err
	}
	err = r.retry(ctx, true, func() error { return remove(tag) })
	var (
		dry     *wire.DryRunError
		changed *deviceChangedError
	)
	switch {
	case errors.As(err, &changed):
		return changed.problem()
	case errors.As(err, &dry):
		r.note("would delete %s: %s %s", described(c), dry.Exchange.Method, dry.Exchange.URL)
		return nil
	case isStatus(err, http.StatusNotFound):
		r.note("%s is gone already", described(c))
	case isStatus(err, http.StatusPreconditionFailed):
		return r.changedMeanwhile(ctx, c, err)
	case err != nil:
		return err
	}
	r.state.Forgets(c)
	return r.save()
}

// remover finds out how to delete something; without the rights for it, somebody
// else does it.
func (r *run) remover(ctx context.Context, c profiles.Creation) (func(ifMatch string) error, error) {
	t, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	if r.options.DryRun {
		ctx = wire.WithDryRun(ctx)
	}
	switch c.Kind {
	case profiles.CreatedSigningCA, profiles.CreatedAPIManagement:
		return r.certificateRemover(ctx, t, c)
	case profiles.CreatedHubDevice:
		hub, err := r.hubService(t, c.Host)
		if err != nil || hub == nil {
			return r.removedByHand(ctx, c, []string{"az", "iot", "hub", "device-identity", "delete", "--hub-name", firstLabel(c.Host), "--device-id", c.Name}), err
		}
		return r.hubRemover(ctx, hub, c), nil
	}
	if !strings.EqualFold(c.Host, t.serviceHost) {
		return nil, &Problem{
			Kind: Usage, Op: "delete the " + described(c), Summary: "the profile's target is another one now: " + t.serviceHost,
			Fix: "Set target.service_endpoint back to " + c.Host + " to retire what was made there.",
		}
	}
	service := r.serviceClient(t)
	switch {
	case t.authorize == nil:
		return r.removedByHand(ctx, c, r.deleteCommand(c)), nil
	case c.Kind == profiles.CreatedGroup:
		return func(tag string) error { return service.DeleteGroup(ctx, c.Name, tag) }, nil
	case c.Kind == profiles.CreatedRegistration:
		return func(tag string) error { return service.DeleteRegistrationState(ctx, c.Name, tag) }, nil
	}
	return func(tag string) error { return service.DeleteEnrollment(ctx, c.Name, tag) }, nil
}

func (r *run) deleteCommand(c profiles.Creation) []string {
	base := []string{"az", "iot", "dps"}
	switch c.Kind {
	case profiles.CreatedGroup:
		return append(base, "enrollment-group", "delete", "--dps-name", firstLabel(c.Host), "--enrollment-id", c.Name)
	case profiles.CreatedRegistration:
		return append(base, "enrollment", "registration", "delete", "--dps-name", firstLabel(c.Host), "--enrollment-id", c.Name)
	case profiles.CreatedSigningCA:
		return append(base, "certificate", "delete", "--dps-name", c.Parent, "--certificate-name", c.Name, "--etag", c.ETag)
	case profiles.CreatedAPIManagement:
		return []string{"az", "rest", "--method", "delete", "--url", "https://" + c.Host + "/subscriptions/" + c.SubscriptionID + "/resourceGroups/" + c.ResourceGroup +
			"/providers/Microsoft.ApiManagement/service/" + c.Parent + "/certificates/" + c.Name + "?api-version=" + apimVersion, "--headers", "If-Match=*"}
	}
	return append(base, "enrollment", "delete", "--dps-name", firstLabel(c.Host), "--enrollment-id", c.Name)
}

// removedByHand has somebody else delete something.
func (r *run) removedByHand(ctx context.Context, c profiles.Creation, command []string) func(string) error {
	m := Manual{What: "Delete the " + described(c), Command: shellLine(command)}
	return func(string) error {
		if r.options.DryRun {
			r.emit(Event{Kind: HandNeeded, Text: m.String(), Manual: &m})
			return nil
		}
		return r.hand(ctx, m, Question{Key: "retire." + c.Kind, Prompt: m.What + ". Press enter when it is done", Confirm: true}, nil)
	}
}

func firstLabel(host string) string {
	name, _, _ := strings.Cut(host, ".")
	return name
}

// HasFiles reports whether a device has a folder with a key and certificates
// here, which undoing the certificates sets aside.
func (s *Session) HasFiles(name string) bool {
	_, err := os.Stat(s.config.Store.Paths.DeviceDir(name))
	return err == nil
}

// setAside renames the folder of the device's files. A key is never deleted.
func (r *run) setAside() (string, error) {
	dir := r.session.config.Store.Paths.DeviceDir(r.name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "", skipped{"the device has no files here"}
	}
	to := dir + ".aside-" + time.Now().UTC().Format("20060102T150405Z")
	if r.options.DryRun {
		return fmt.Sprintf("would move %s to %s", dir, filepath.Base(to)), nil
	}
	r.forgetIdentity()
	if err := os.Rename(dir, to); err != nil {
		return "", fmt.Errorf("set the device's files aside: %w", err)
	}
	r.state.Certificate = profiles.Certificate{}
	return fmt.Sprintf("the device's files are kept in %s; CAs stay where they are", to), nil
}

// assigned notes what a registration made: the record, and the device at the
// hub. Both are this device's runs' own when the record is not older than the
// first of their registrations.
func (r *run) assigned(result *dps.DeviceRegistrationResult) {
	record := profiles.Creation{Kind: profiles.CreatedRegistration, Name: result.RegistrationID, Host: r.target.serviceHost, ETag: result.ETag}
	_, mine := r.state.Owns(record)
	made, err := time.Parse(time.RFC3339Nano, result.CreatedDateTimeUTC)
	fresh := err == nil && !made.Before(r.state.Registration.Submitted.Add(-clockSkew))
	if !mine && !fresh || result.RegistrationID == "" {
		return
	}
	r.creates(record)
	if result.AssignedHub != "" && result.DeviceID != "" {
		r.creates(profiles.Creation{Kind: profiles.CreatedHubDevice, Name: result.DeviceID, Host: result.AssignedHub})
	}
}

// registeredAgain keeps the etag of a record that these runs made and that is not
// assigned any more.
func (r *run) registeredAgain(result *dps.DeviceRegistrationResult) {
	record := profiles.Creation{Kind: profiles.CreatedRegistration, Name: result.RegistrationID, Host: r.target.serviceHost, ETag: result.ETag}
	if _, mine := r.state.Owns(record); mine {
		r.creates(record)
	}
}

// clockSkew is how far the clocks of a service and of this machine may be apart.
const clockSkew = 5 * time.Minute
