package workflow

import (
	"context"
	"fmt"
	"strings"

	"dpslab/profiles"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// changedMeanwhile is the problem of something that a run made and that is not
// as the run left it: what has changed, as far as that can be told.
func (r *run) changedMeanwhile(ctx context.Context, c profiles.Creation, err error) *Problem {
	p := problemOf("delete the "+described(c), err)
	p.Summary = "the " + described(c) + " was changed since runs of this device wrote it"
	changes, readErr := r.changesOf(ctx, c)
	switch {
	case readErr != nil:
		p.Summary += "; what has changed could not be read: " + wire.RedactText(readErr.Error())
	case len(changes) > 0:
		p.Summary += ": " + strings.Join(changes, "; ")
	}
	p.Why = "Somebody changed it after runs of this device wrote it the last time; nothing was deleted."
	p.Fix = "Look at it first, among the enrollments and CAs of its target; it can be deleted there, or all the same with dpslab retire " + r.name + " --force."
	return p
}

// comparison is one thing that the state file knows, and what it is now.
type comparison struct{ what, was, is string }

// differing are the comparisons that differ, as lines. What the state file does
// not know is not told, but for the last: a sign that something differs.
func differing(all []comparison) []string {
	var lines []string
	for _, c := range all {
		if c.was != "" && !strings.EqualFold(c.was, c.is) {
			lines = append(lines, fmt.Sprintf("%s: %s → %s", c.what, c.was, c.is))
		}
	}
	return lines
}

// changesOf reads what a service holds now and tells how it differs from what
// the runs knew.
func (r *run) changesOf(ctx context.Context, c profiles.Creation) ([]string, error) {
	t, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	switch c.Kind {
	case profiles.CreatedEnrollment:
		e, err := r.serviceClient(t).Enrollment(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		return r.enrollmentChanges(c, &e.EnrollmentRecord), nil
	case profiles.CreatedGroup:
		g, err := r.serviceClient(t).Group(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		return r.enrollmentChanges(c, &g.EnrollmentRecord), nil
	case profiles.CreatedRegistration:
		return r.registrationChanges(ctx, t, c)
	}
	return r.certificateChanges(ctx, t, c)
}

// enrollmentChanges compares a record with the profile that it was made of. How
// it attests is compared as far as the state file knows it.
func (r *run) enrollmentChanges(c profiles.Creation, there *dps.EnrollmentRecord) []string {
	enabled := dps.ProvisioningEnabled
	is := there.ProvisioningStatus
	if is == "" {
		is = enabled
	}
	lines := differing([]comparison{
		{"provisioningStatus", enabled, is},
		{"certificate SHA-256", r.state.Enrollment.SHA256, enrolledThumbprint(there.Attestation)},
	})
	want := *there
	r.fill(&want)
	for _, change := range dps.Diff(&dps.EnrollmentGroup{EnrollmentRecord: want}, &dps.EnrollmentGroup{EnrollmentRecord: *there}) {
		lines = append(lines, change.String())
	}
	return append(lines, differing([]comparison{{"etag", c.ETag, there.ETag}})...)
}

func (r *run) registrationChanges(ctx context.Context, t *target, c profiles.Creation) ([]string, error) {
	s, err := r.serviceClient(t).RegistrationState(ctx, c.Name)
	if err != nil {
		return nil, err
	}
	was := r.state.Registration
	return differing([]comparison{
		{"status", was.Status, s.Status},
		{"assignedHub", was.AssignedHub, s.AssignedHub},
		{"deviceId", was.DeviceID, s.DeviceID},
		{"etag", c.ETag, s.ETag},
	}), nil
}

func (r *run) certificateChanges(ctx context.Context, t *target, c profiles.Creation) ([]string, error) {
	m := azure.NewManagement(r.serviceWire(t, serviceManagement), t.managementHost, t.account)
	if c.Kind == profiles.CreatedAPIManagement {
		client, err := m.APIM(azure.APIMService{SubscriptionID: c.SubscriptionID, ResourceGroup: c.ResourceGroup, Name: c.Parent})
		if err != nil {
			return nil, err
		}
		held, err := client.Get(ctx, c.Name)
		if err != nil {
			return nil, err
		}
		return differing([]comparison{{"SHA-1", r.state.APIManagement.SHA1, held.Thumbprint}, {"etag", c.ETag, held.ETag}}), nil
	}
	client, err := m.Certificates(azure.Instance{SubscriptionID: c.SubscriptionID, ResourceGroup: c.ResourceGroup, DPSName: c.Parent}, azure.CertificateOptions{})
	if err != nil {
		return nil, err
	}
	held, err := client.Get(ctx, c.Name)
	if err != nil {
		return nil, err
	}
	verified := map[bool]string{true: "yes", false: "no"}
	was := r.state.SigningCertificate
	return differing([]comparison{
		{"SHA-1", was.SHA1, held.Thumbprint}, {"verified", verified[was.Verified], verified[held.Verified]}, {"etag", c.ETag, held.ETag},
	}), nil
}
