package workflow

import (
	"context"
	"slices"

	"dpslab/pki"
	"dpslab/profiles"
)

// Connecting costs a run more than most of its requests. What needs no answer to
// be opened is therefore opened ahead: the lab and the connections to its
// services beside the certificates, the device's own to DPS beside the requests
// that prepare its registration. A failure is told by the request that would have
// met it.

// beginAhead opens what the steps after the certificates begin with.
func (r *run) beginAhead() {
	if r.options.Undo || r.options.DryRun || len(r.plan) < 2 || r.plan[0] != StepCertificates {
		return
	}
	if r.profile.Target.Kind == profiles.TargetLab {
		r.session.openLabAhead(r.ctx, func(l *Lab) {
			t := labPlace(l)
			o := t.wire(r.session, nil, "")
			o.Dial = l.DialContext // the session's would open the lab as if a step had come to it
			r.ahead.Open(r.ctx, o, r.serviceHosts(t)...)
		})
		return
	}
	if r.profile.Target.CAFile != "" {
		return // there is a file to read first
	}
	t, err := r.resolve(r.ctx)
	if err != nil || t.authorize == nil {
		return // nobody will be called: the step that would tells why
	}
	r.ahead.Open(r.ctx, t.wire(r.session, nil, ""), r.serviceHosts(t)...)
}

// serviceHosts are those of the services that the plan will call, in its order.
func (r *run) serviceHosts(t *target) []string {
	var hosts []string
	i := r.profile.Identity
	chain := i.Attestation == profiles.AttestationX509 && i.Source == profiles.SourceChain
	managed := t.lab != nil || t.management != nil
	if chain && managed && slices.Contains(r.plan, StepSigningCA) {
		hosts = append(hosts, t.managementHost)
	}
	if slices.Contains(r.plan, StepEnrollment) && t.serviceHost != "" {
		hosts = append(hosts, t.serviceHost)
	}
	return hosts
}

// connectDevice opens the device's connection to DPS, when it is to register in
// this run and its key can be read without asking for anything.
func (r *run) connectDevice(ctx context.Context, t *target) {
	i := r.profile.Identity
	if i.Attestation != profiles.AttestationX509 || i.PassphraseEnv != "" || i.PassphraseCommand != "" || r.options.DryRun ||
		!slices.Contains(r.plan, StepRegistration) {
		return
	}
	if encrypted, err := pki.KeyEncrypted(r.files().key); err != nil || encrypted {
		return
	}
	o, err := r.deviceOptions(ctx, t, serviceDPS, false)
	if err != nil {
		return // the registration tells it
	}
	r.identity.ahead.Open(r.ctx, o, t.deviceHost)
}
