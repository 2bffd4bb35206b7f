package workflow

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/dps"
)

// enrollment makes sure that DPS has the record that admits the device: it
// reads what is there, shows the difference, and writes with the etag it read.
func (r *run) enrollment(ctx context.Context) (string, error) {
	certificate, err := r.enrolledCertificate()
	if err != nil {
		return "", err
	}
	t, err := r.resolve(ctx)
	if err != nil {
		return "", err
	}
	if t.authorize == nil {
		return "", skipped{r.byHand(t.why, r.enrollmentCommand())}
	}
	service := &dps.ServiceClient{Wire: r.serviceWire(t, serviceEnrollment), Host: t.serviceHost, Authorize: t.authorize}
	if r.profile.Enrollment.Kind == profiles.EnrollmentGroup {
		return r.enrollGroup(ctx, service, certificate)
	}
	return r.enrollIndividual(ctx, service, certificate)
}

// enrolledCertificate is the one that the record names: the device's own, or
// the intermediate CA of a group.
func (r *run) enrolledCertificate() (*x509.Certificate, error) {
	path := r.files().certificate
	if r.profile.Enrollment.Kind == profiles.EnrollmentGroup {
		path = r.authorityFiles().IntermediateCertificate()
	}
	certificates, err := pki.ReadCertificates(path)
	if err != nil {
		p := problemOf("read the certificate to enroll", err)
		p.Fix = "Run the step \"certificates\" first."
		return nil, p
	}
	return certificates[0], nil
}

func (r *run) enrollmentCommand() string {
	if r.profile.Enrollment.Kind == profiles.EnrollmentGroup {
		return fmt.Sprintf("az iot dps enrollment-group create --dps-name NAME --enrollment-id %s --certificate-path %s",
			r.profile.Enrollment.ID, r.authorityFiles().IntermediateCertificate())
	}
	return fmt.Sprintf("az iot dps enrollment create --dps-name NAME --enrollment-id %s --attestation-type x509 --certificate-path %s",
		r.profile.Identity.RegistrationID, r.files().certificate)
}

func (r *run) enrollIndividual(ctx context.Context, service *dps.ServiceClient, leaf *x509.Certificate) (string, error) {
	id := r.profile.Identity.RegistrationID
	there, found, err := read(ctx, r, func() (*dps.IndividualEnrollment, error) { return service.Enrollment(ctx, id) })
	if err != nil {
		return "", err
	}
	want := &dps.IndividualEnrollment{RegistrationID: id}
	if found {
		*want = *there
		want.RegistrationState = nil
	}
	want.DeviceID = r.profile.Enrollment.DeviceID
	want.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
		ClientCertificates: &dps.X509Certificates{Primary: certificateWithInfo(leaf)},
	}}
	r.fill(&want.EnrollmentRecord)

	changes := recordChanges(&there.EnrollmentRecord, &want.EnrollmentRecord)
	if want.DeviceID != "" && want.DeviceID != there.DeviceID {
		changes = append(changes, fmt.Sprintf("deviceId: %q → %q", there.DeviceID, want.DeviceID))
	}
	summary, tag, err := r.write(ctx, "individual enrollment "+id, found, there.ETag, changes, func(tag string) (string, error) {
		got, err := service.PutEnrollment(ctx, want, tag)
		if err != nil {
			return "", err
		}
		return got.ETag, nil
	})
	return r.enrolled(profiles.EnrollmentState{Kind: profiles.EnrollmentIndividual, ID: id, ETag: tag, SHA256: pki.Thumbprint256(leaf)}, found, there.ProvisioningStatus, summary, err)
}

func (r *run) enrollGroup(ctx context.Context, service *dps.ServiceClient, ca *x509.Certificate) (string, error) {
	id := r.profile.Enrollment.ID
	there, found, err := read(ctx, r, func() (*dps.EnrollmentGroup, error) { return service.Group(ctx, id) })
	if err != nil {
		return "", err
	}
	want := &dps.EnrollmentGroup{EnrollmentGroupID: id}
	if found {
		*want = *there
	}
	want.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
		SigningCertificates: &dps.X509Certificates{Primary: certificateWithInfo(ca)},
	}}
	r.fill(&want.EnrollmentRecord)

	changes := recordChanges(&there.EnrollmentRecord, &want.EnrollmentRecord)
	summary, tag, err := r.write(ctx, "enrollment group "+id, found, there.ETag, changes, func(tag string) (string, error) {
		got, err := service.PutGroup(ctx, want, tag)
		if err != nil {
			return "", err
		}
		return got.ETag, nil
	})
	return r.enrolled(profiles.EnrollmentState{Kind: profiles.EnrollmentGroup, ID: id, ETag: tag, SHA256: pki.Thumbprint256(ca)}, found, there.ProvisioningStatus, summary, err)
}

// read fetches a record and reports whether there is one; an empty one stands
// for none.
func read[T any](ctx context.Context, r *run, get func() (*T, error)) (record *T, found bool, err error) {
	err = r.retry(ctx, true, func() error { record, err = get(); return err })
	if err == nil {
		return record, true, nil
	}
	if isStatus(err, http.StatusNotFound) {
		r.note("DPS has no such enrollment yet")
		return new(T), false, nil
	}
	return nil, false, err
}

// write puts a record unless nothing would change, and says what it did.
func (r *run) write(ctx context.Context, what string, found bool, tag string, changes []string, put func(tag string) (string, error)) (summary, newTag string, err error) {
	switch {
	case found && len(changes) == 0:
		return what + " is there and as wanted", tag, nil
	case found:
		for _, c := range changes {
			r.note("change %s", c)
		}
		summary = "updated " + what
	default:
		tag, summary = "", "created "+what
	}
	err = r.retry(ctx, true, func() error { newTag, err = put(tag); return err })
	return summary, newTag, err
}

func (r *run) enrolled(record profiles.EnrollmentState, found bool, provisioning, summary string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	e := &r.state.Enrollment
	record.Created = !found || e.Created && e.Kind == record.Kind && e.ID == record.ID
	*e = record
	if found && provisioning == dps.ProvisioningDisabled {
		r.warn("the enrollment is disabled at DPS: registering will end with status disabled")
	}
	return summary, nil
}

// fill puts what the profile says into a record and leaves the rest alone.
func (r *run) fill(e *dps.EnrollmentRecord) {
	p := r.profile.Enrollment
	e.AllocationPolicy = p.AllocationPolicy
	if len(p.IoTHubs) > 0 {
		e.IoTHubs = p.IoTHubs
	}
	if p.IoTEdge {
		e.Capabilities = &dps.DeviceCapabilities{IoTEdge: true}
	}
	if p.Reprovision != nil {
		e.ReprovisionPolicy = &dps.ReprovisionPolicy{
			UpdateHubAssignment: p.Reprovision.UpdateHubAssignment,
			MigrateDeviceData:   p.Reprovision.MigrateDeviceData,
		}
	}
	if p.InitialTwin != nil {
		twin := &dps.InitialTwin{}
		twin.Tags, _ = p.InitialTwin["tags"].(map[string]any)
		if properties, ok := p.InitialTwin["properties"].(map[string]any); ok {
			desired, _ := properties["desired"].(map[string]any)
			twin.Properties = &dps.InitialTwinProperties{Desired: desired}
		}
		e.InitialTwin = twin
	}
}

// recordChanges lists, a line each, what an update would change. Certificates
// are compared by thumbprint.
func recordChanges(there, want *dps.EnrollmentRecord) []string {
	var out []string
	differ := func(name string, a, b any) {
		if was, is := plain(a), plain(b); !reflect.DeepEqual(was, is) && is != nil {
			out = append(out, fmt.Sprintf("%s: %s → %s", name, text(was), text(is)))
		}
	}
	if a, b := enrolledThumbprint(there.Attestation), enrolledThumbprint(want.Attestation); a != b {
		out = append(out, fmt.Sprintf("certificate SHA-256: %s → %s", orNone(a), orNone(b)))
	}
	differ("allocationPolicy", there.AllocationPolicy, want.AllocationPolicy)
	differ("iotHubs", there.IoTHubs, want.IoTHubs)
	differ("capabilities", there.Capabilities, want.Capabilities)
	differ("reprovisionPolicy", there.ReprovisionPolicy, want.ReprovisionPolicy)
	differ("initialTwin", there.InitialTwin, want.InitialTwin)
	return out
}

// plain takes a value through JSON, so that an int from TOML and a float64 from
// an answer compare equal.
func plain(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	if m, ok := out.(map[string]any); ok {
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	}
	return out
}

func text(v any) string {
	if v == nil || v == "" {
		return "none"
	}
	raw, _ := json.Marshal(v) // it came out of JSON
	return string(raw)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// enrolledThumbprint is the SHA-256 of the primary certificate of a record,
// upper-case hex; "" when it names none.
func enrolledThumbprint(a dps.AttestationMechanism) string {
	if a.X509 == nil {
		return ""
	}
	for _, set := range []*dps.X509Certificates{a.X509.ClientCertificates, a.X509.SigningCertificates} {
		if set != nil && set.Primary != nil && set.Primary.Info != nil {
			return strings.ToUpper(set.Primary.Info.SHA256Thumbprint)
		}
	}
	return ""
}

func certificateWithInfo(c *x509.Certificate) *dps.X509CertificateWithInfo {
	return &dps.X509CertificateWithInfo{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})),
		Info:        &dps.X509CertificateInfo{SHA256Thumbprint: pki.Thumbprint256(c)},
	}
}
