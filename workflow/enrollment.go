package workflow

import (
	"cmp"
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
	if r.profile.Enrollment.Kind == profiles.EnrollmentGroup && r.profile.Identity.Source == profiles.SourceFiles {
		return r.importedSigner()
	}
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

// records is how one kind of enrollment is read, changed and written.
type records[T any] struct {
	kind, id string
	what     string // "enrollment group line-3"
	get      func() (*T, error)
	put      func(record *T, ifMatch string) (*T, error)
	common   func(*T) *dps.EnrollmentRecord
	// wanted is a copy of the record with what the profile says.
	wanted func(there *T) *T
	// differ lists what is not in the common part.
	differ func(there, want *T) []string
}

func (r *run) enrollIndividual(ctx context.Context, service *dps.ServiceClient, leaf *x509.Certificate) (string, error) {
	id := r.profile.Identity.RegistrationID
	return enroll(ctx, r, leaf, records[dps.IndividualEnrollment]{
		kind: profiles.EnrollmentIndividual, id: id, what: "individual enrollment " + id,
		get: func() (*dps.IndividualEnrollment, error) { return service.Enrollment(ctx, id) },
		put: func(e *dps.IndividualEnrollment, tag string) (*dps.IndividualEnrollment, error) {
			return service.PutEnrollment(ctx, e, tag)
		},
		common: func(e *dps.IndividualEnrollment) *dps.EnrollmentRecord { return &e.EnrollmentRecord },
		wanted: func(there *dps.IndividualEnrollment) *dps.IndividualEnrollment {
			want := *there
			want.RegistrationID, want.RegistrationState = id, nil
			if d := r.profile.Enrollment.DeviceID; d != "" {
				want.DeviceID = d
			}
			want.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
				ClientCertificates: certificates(there.Attestation, clientCertificates, leaf),
			}}
			return &want
		},
		differ: func(there, want *dps.IndividualEnrollment) []string {
			if there.DeviceID == want.DeviceID {
				return nil
			}
			return []string{fmt.Sprintf("deviceId: %q → %q", there.DeviceID, want.DeviceID)}
		},
	})
}

func (r *run) enrollGroup(ctx context.Context, service *dps.ServiceClient, ca *x509.Certificate) (string, error) {
	id := r.profile.Enrollment.ID
	return enroll(ctx, r, ca, records[dps.EnrollmentGroup]{
		kind: profiles.EnrollmentGroup, id: id, what: "enrollment group " + id,
		get: func() (*dps.EnrollmentGroup, error) { return service.Group(ctx, id) },
		put: func(g *dps.EnrollmentGroup, tag string) (*dps.EnrollmentGroup, error) {
			return service.PutGroup(ctx, g, tag)
		},
		common: func(g *dps.EnrollmentGroup) *dps.EnrollmentRecord { return &g.EnrollmentRecord },
		wanted: func(there *dps.EnrollmentGroup) *dps.EnrollmentGroup {
			want := *there
			want.EnrollmentGroupID = id
			want.Attestation = dps.AttestationMechanism{Type: dps.AttestationX509, X509: &dps.X509Attestation{
				SigningCertificates: certificates(there.Attestation, signingCertificates, ca),
			}}
			return &want
		},
		differ: func(*dps.EnrollmentGroup, *dps.EnrollmentGroup) []string { return nil },
	})
}

// enroll reads the record, shows the difference and writes it with the etag it
// read. When a write met a conflict after an attempt without an answer, that
// attempt may have been the writer: the record is read once more.
func enroll[T any](ctx context.Context, r *run, named *x509.Certificate, k records[T]) (string, error) {
	there, found, err := read(ctx, r, k.get)
	if err != nil {
		return "", err
	}
	existed := found
	for again := false; ; again = true {
		want := k.wanted(there)
		r.fill(k.common(want))
		changes := append(recordChanges(k.common(there), k.common(want)), k.differ(there, want)...)
		if found && len(changes) == 0 {
			r.enrolled(k.kind, k.id, k.common(there), existed, named)
			return k.what + " is there and as wanted", nil
		}
		written, lost, err := put(ctx, r, k, found, there, want, changes)
		if lost && !again && isConflict(err) {
			r.note("the attempt without an answer may have written it: reading again")
			if there, found, err = read(ctx, r, k.get); err != nil {
				return "", err
			}
			continue
		}
		if err != nil {
			return "", err
		}
		r.enrolled(k.kind, k.id, k.common(written), existed, named)
		if existed {
			return "updated " + k.what, nil
		}
		return "created " + k.what, nil
	}
}

// put writes a record. lost says that an attempt may have been carried out
// although its answer did not come.
func put[T any](ctx context.Context, r *run, k records[T], found bool, there, want *T, changes []string) (written *T, lost bool, err error) {
	tag := ""
	if found {
		tag = k.common(there).ETag
		for _, c := range changes {
			r.note("change %s", c)
		}
	}
	err = r.retry(ctx, true, func() error {
		written, err = k.put(want, tag)
		lost = lost || unanswered(err)
		return err
	})
	return written, lost, err
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

// enrolled notes what DPS holds.
func (r *run) enrolled(kind, id string, record *dps.EnrollmentRecord, existed bool, named *x509.Certificate) {
	e := &r.state.Enrollment
	created := !existed || e.Created && e.Kind == kind && e.ID == id
	*e = profiles.EnrollmentState{Kind: kind, ID: id, ETag: record.ETag, Created: created, SHA256: pki.Thumbprint256(named)}
	if record.ProvisioningStatus == dps.ProvisioningDisabled {
		r.warn("the enrollment is disabled at DPS: registering will end with status disabled")
	}
}

func clientCertificates(x *dps.X509Attestation) *dps.X509Certificates { return x.ClientCertificates }

func signingCertificates(x *dps.X509Attestation) *dps.X509Certificates { return x.SigningCertificates }

// certificates names c as the primary certificate and keeps a secondary one
// that is there: somebody may be rolling over to it.
func certificates(there dps.AttestationMechanism, of func(*dps.X509Attestation) *dps.X509Certificates, c *x509.Certificate) *dps.X509Certificates {
	named := &dps.X509Certificates{Primary: certificateWithInfo(c)}
	if there.X509 != nil {
		if held := of(there.X509); held != nil {
			named.Secondary = held.Secondary
		}
	}
	return named
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
	if a, b := attestationOf(there.Attestation), attestationOf(want.Attestation); a != b {
		out = append(out, fmt.Sprintf("attestation: %s → %s", cmp.Or(a, "none"), b))
	}
	if a, b := enrolledThumbprint(there.Attestation), enrolledThumbprint(want.Attestation); a != b {
		out = append(out, fmt.Sprintf("certificate SHA-256: %s → %s", cmp.Or(a, "none"), cmp.Or(b, "none")))
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
