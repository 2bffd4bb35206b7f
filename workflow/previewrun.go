package workflow

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"dpslab/profiles"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// StepPreview is what a step will ask of services: its requests, as far as they
// are known before any is answered.
type StepPreview struct {
	Step     StepID
	Requests []*Exchange
	Notes    []string // what stands for a part of an answer, or why a request is not shown
}

// What stands in a previewed request for something that an earlier answer tells.
const (
	laterOperation = "OPERATION_ID"
	laterHub       = "ASSIGNED_HUB"
	laterDevice    = "DEVICE_ID"
	laterETag      = "ETAG"
)

// PreviewRun makes the requests of a profile's steps and sends none of them, nor
// writes anything. Where a request needs a part of an answer before it, a word in
// capitals stands for that; one that needs files which an earlier step makes is
// left out, and a note says so. Its errors are *Problem.
func (s *Session) PreviewRun(ctx context.Context, name string, o RunOptions) ([]StepPreview, error) {
	r, err := s.aside(name, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	defer context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })()
	var all []StepPreview
	for _, id := range r.plan {
		p := &stepPreview{run: r, ctx: wire.WithDryRun(r.ctx), StepPreview: StepPreview{Step: id}}
		p.collect()
		if ctx.Err() != nil {
			return nil, problemOf("preview "+name, context.Cause(ctx))
		}
		all = append(all, p.StepPreview)
	}
	return all, nil
}

// stepPreview collects the requests of one step.
type stepPreview struct {
	*run
	StepPreview
	ctx context.Context
}

// call makes a request that is not sent. It reports whether there is one.
func (p *stepPreview) call(do func(context.Context) error) bool {
	err := do(p.ctx)
	var dry *wire.DryRunError
	switch {
	case errors.As(err, &dry):
		p.Requests = append(p.Requests, &dry.Exchange)
		return true
	case err != nil && p.lacksFiles():
		p.say("not shown: the step certificates makes the files that it needs")
	case err != nil:
		p.say("not shown: " + problemOf(string(p.Step), err).Summary)
	}
	return false
}

// lacksFiles says whether the step certificates has still to make the device's.
func (p *stepPreview) lacksFiles() bool {
	if p.profile.Identity.Attestation != profiles.AttestationX509 {
		return false
	}
	_, err := os.Stat(p.files().chain)
	return errors.Is(err, fs.ErrNotExist)
}

func (p *stepPreview) say(note string) { p.Notes = append(p.Notes, note) }

func (p *stepPreview) collect() {
	switch p.Step {
	case StepCertificates:
		p.say("no request: keys and certificates are made on this machine")
	case StepSigningCA:
		p.signingCA()
	case StepEnrollment:
		p.enrollment()
	case StepRegistration:
		p.registration()
	case StepTelemetry:
		p.telemetry()
	case StepAPIManagement:
		p.apiManagement()
	}
}

func (p *stepPreview) signingCA() {
	if i := p.profile.Identity; i.Attestation != profiles.AttestationX509 || i.Source == profiles.SourceSelfSigned || p.imports() {
		p.say("no request: the device has no signing CA of this program's")
		return
	}
	t, err := p.resolve(p.ctx)
	if err != nil || t.management == nil {
		p.say("not shown: somebody else uploads the CA, or Azure Resource Manager is not reached with this credential")
		return
	}
	root, err := p.rootCertificate()
	if err != nil {
		p.say("not shown: the step before makes the CA")
		return
	}
	client, err := p.management(t).Certificates(t.instance, azure.CertificateOptions{})
	if err == nil {
		err = rehearse(p.ctx, client, p.caName(), root, func(x *Exchange) { p.Requests = append(p.Requests, x) })
	}
	if err != nil {
		p.say("not shown: " + problemOf(string(p.Step), err).Summary)
		return
	}
	p.say("If-Match carries the etag of the answer before, and the last certificate the code that DPS gives, signed by the CA; a CA that DPS holds as verified needs the first request alone")
}

func (p *stepPreview) enrollment() {
	t, err := p.resolve(p.ctx)
	if err != nil || t.authorize == nil {
		p.say("not shown: somebody else enrolls the device")
		return
	}
	service := p.serviceClient(t)
	if p.profile.Enrollment.Kind == profiles.EnrollmentGroup {
		previewRecord(p, service, p.groupRecords(p.ctx, service))
	} else {
		previewRecord(p, service, p.individualRecords(p.ctx, service))
	}
	p.say("what the first request finds goes along in the second, with its etag as If-Match; a record that is as wanted is not written")
}

func previewRecord[T any](p *stepPreview, service *dps.ServiceClient, k records[T]) {
	p.call(func(context.Context) error { _, err := k.get(); return err })
	p.call(func(ctx context.Context) error {
		want, err := wanted(ctx, p.run, service, k, new(T))
		if err == nil {
			_, err = k.save(nil, want)
		}
		return err
	})
}

func (p *stepPreview) registration() {
	if !p.call(func(ctx context.Context) error { return p.preview(ctx, CallRegister) }) {
		return
	}
	p.call(func(ctx context.Context) error {
		device, err := p.dpsClient(ctx)
		if err == nil {
			_, err = device.OperationStatus(ctx, p.registrationID(), laterOperation)
		}
		return err
	})
	p.say(laterOperation + " is the operationId of the answer before; it is asked again, as Retry-After says, until DPS has decided")
}

func (p *stepPreview) telemetry() {
	if s := &p.state.Registration; s.Status != dps.StatusAssigned || s.AssignedHub == "" {
		s.Status, s.AssignedHub, s.DeviceID = dps.StatusAssigned, laterHub, laterDevice // of this preview alone
		p.say(laterHub + " and " + laterDevice + " are the assignedHub and deviceId of the registration")
	}
	if p.call(func(ctx context.Context) error { return p.preview(ctx, CallSend) }) {
		p.say("the first message; the others differ by what the body's template makes")
	}
}

func (p *stepPreview) apiManagement() {
	if p.profile.APIManagement.Service == "" {
		p.say("no request: the profile names no API Management service")
		return
	}
	t, err := p.resolve(p.ctx)
	if err != nil {
		p.say("not shown: " + problemOf(string(p.Step), err).Summary)
		return
	}
	if t.account == nil {
		m := p.apimManual(t, p.apimService(t), apimCertificate(p.profile))
		p.say("no request: " + t.why + ", so somebody else does this")
		for _, line := range strings.Split(m.String(), "\n") {
			p.say(line)
		}
		return
	}
	client, err := p.management(t).APIM(p.apimService(t))
	if err != nil {
		p.say("not shown: " + problemOf(string(p.Step), err).Summary)
		return
	}
	id := apimCertificate(p.profile)
	p.call(func(ctx context.Context) error { _, err := client.Get(ctx, id); return err })
	if !p.call(func(ctx context.Context) error { _, err := p.uploadPFX(ctx, client, id, ""); return err }) {
		return
	}
	p.say("the second request carries the certificate with its key as a PFX, and a password made for it alone; with the etag of the first as If-Match where these runs put one there before, and not at all where it is this one already")
}
