package workflow

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/dps"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// TPM is a device's TPM as the engine uses it. The command line opens it: see
// [Config].
type TPM interface {
	dps.TPM
	io.Closer
}

// identity is the device towards the services: what it proves itself with, and
// one client for each service, because a connection must never carry another's
// certificate.
type identity struct {
	certificate *tls.Certificate // X.509
	key         dps.Secret       // symmetric key: the device's own
	tpm         TPM
	clients     map[string]*wire.Client
	ahead       *wire.Ahead // to DPS
}

func (i *identity) close() {
	i.ahead.Close()
	for _, c := range i.clients {
		c.Close()
	}
	if i.tpm != nil {
		_ = i.tpm.Close() // nothing is lost with it
	}
}

func (r *run) forgetIdentity() {
	if r.identity != nil {
		r.identity.close()
		r.identity = nil
	}
}

// loadIdentity reads what the device proves itself with, once in a run.
func (r *run) loadIdentity(ctx context.Context) (*identity, error) {
	if r.identity != nil {
		return r.identity, nil
	}
	i := &identity{clients: make(map[string]*wire.Client), ahead: wire.NewAhead()}
	var err error
	switch r.profile.Identity.Attestation {
	case profiles.AttestationSymmetricKey:
		i.key, err = r.deviceKey(ctx)
	case profiles.AttestationTPM:
		i.tpm, err = r.openTPM()
	default:
		i.certificate, err = r.loadCertificate(ctx)
	}
	if err != nil {
		return nil, err
	}
	r.identity = i
	return i, nil
}

func (r *run) loadCertificate(ctx context.Context) (*tls.Certificate, error) {
	f := r.files()
	if _, err := os.Stat(f.chain); errors.Is(err, fs.ErrNotExist) {
		return nil, &Problem{
			Kind: LocalFile, Op: "load the device certificate", Summary: f.chain + " is not there",
			Fix: "Run the step \"certificates\" first.",
		}
	}
	passphrase, err := r.openPassphrase(ctx, f.key, nil)
	if err != nil {
		return nil, err
	}
	certificate, err := pki.LoadIdentity(f.chain, f.key, passphrase)
	return &certificate, err
}

func (r *run) openTPM() (TPM, error) {
	path := r.profile.Identity.TPMDevice
	if r.session.config.OpenTPM == nil {
		return nil, &Problem{Kind: Usage, Op: "open the TPM " + path, Summary: "this session has none"}
	}
	t, err := r.session.config.OpenTPM(path)
	if err != nil {
		return nil, &Problem{
			Kind: LocalFile, Op: "open the TPM " + path, Summary: err.Error(),
			Fix: "Check identity.tpm_device; on Linux the account must be in the group tss to use " + usualTPM("linux") + ".",
		}
	}
	return t, nil
}

// registrationID is the name under which the device registers. A key of a group
// is derived from it in lower case, so there it is the lower case that counts.
func (r *run) registrationID() string {
	i := r.profile.Identity
	if i.Attestation == profiles.AttestationSymmetricKey && r.profile.Enrollment.Kind == profiles.EnrollmentGroup {
		return strings.ToLower(i.RegistrationID)
	}
	return i.RegistrationID
}

// deviceWire is the device's own connection to a service, with its certificate
// if it has one.
func (r *run) deviceWire(ctx context.Context, t *target, service string, renegotiate bool) (*wire.Client, error) {
	i, err := r.loadIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if c, ok := i.clients[service]; ok {
		return c, nil
	}
	o, err := r.deviceOptions(ctx, t, service, renegotiate)
	if err != nil {
		return nil, err
	}
	i.clients[service] = wire.NewClient(o)
	return i.clients[service], nil
}

func (r *run) deviceOptions(ctx context.Context, t *target, service string, renegotiate bool) (wire.Options, error) {
	i, err := r.loadIdentity(ctx)
	if err != nil {
		return wire.Options{}, err
	}
	o := t.wire(r.session, r.observe, service)
	if i.certificate != nil {
		f := r.files()
		o.Certificate, o.CertificateFile, o.KeyFile, o.Renegotiate = i.certificate, f.chain, f.key, renegotiate
	}
	if service == serviceDPS {
		o.Ahead = i.ahead
	}
	return o, nil
}

// dpsClient is the device at DPS.
func (r *run) dpsClient(ctx context.Context) (*dps.DeviceClient, error) {
	t, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	w, err := r.deviceWire(ctx, t, serviceDPS, false)
	if err != nil {
		return nil, err
	}
	c := &dps.DeviceClient{Wire: w, Host: t.deviceHost, IDScope: t.idScope, APIVersion: r.profile.Target.DeviceAPIVersion}
	switch i := r.identity; {
	case i.tpm != nil:
		c.TPM = i.tpm
	case i.certificate == nil:
		c.Authorize = dps.DeviceKeyAuthorizer(t.idScope, r.registrationID(), i.key)
	}
	return c, nil
}

// hubClient is the device at the hub that it was assigned to.
func (r *run) hubClient(ctx context.Context, op string) (*iothub.DeviceClient, error) {
	s := r.state.Registration
	if s.Status != dps.StatusAssigned || s.AssignedHub == "" {
		return nil, &Problem{
			Kind: ByHand, Op: op, Summary: r.name + " is not assigned to a hub",
			Fix: "Run the step \"registration\" first: dpslab run " + r.name,
		}
	}
	t, err := r.resolve(ctx)
	if err != nil {
		return nil, err
	}
	w, err := r.deviceWire(ctx, t, serviceHub, true)
	if err != nil {
		return nil, err
	}
	c := &iothub.DeviceClient{Wire: w, Host: s.AssignedHub, DeviceID: s.DeviceID}
	switch i := r.identity; {
	case i.tpm != nil:
		c.Authorize = iothub.TPMAuthorizer(s.AssignedHub, s.DeviceID, i.tpm)
	case i.certificate == nil:
		c.Authorize = iothub.DeviceKeyAuthorizer(s.AssignedHub, s.DeviceID, i.key)
	}
	return c, nil
}
