package workflow

import (
	"context"
	"errors"
	"time"

	"dpslab/profiles"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// TargetRef names the services that a [Service] is for.
type TargetRef struct {
	profile string
	target  profiles.Target
}

// TargetOfProfile is the target of a device's profile.
func TargetOfProfile(name string) TargetRef { return TargetRef{profile: name} }

// TargetLab is the lab.
func TargetLab() TargetRef { return TargetRef{target: profiles.Target{Kind: profiles.TargetLab}} }

// TargetOf is any target, such as one made of flags.
func TargetOf(t profiles.Target) TargetRef { return TargetRef{target: t} }

// ServiceOptions choose how a [Service] works.
type ServiceOptions struct {
	// DryRun makes every request end before it is sent, also one that reads what
	// a write would change: see [DryRunOf]. The sink hears of each.
	DryRun bool
}

// Service is a target with the rights of a service: what DPS, Azure Resource
// Manager and the hubs hold, for browsing and changing. Its exchanges go to the
// session's sink as events without a run. Its methods may be called from any
// goroutine; their errors are *Problem, or in a dry run what DryRunOf takes.
type Service struct {
	session *Session
	target  *target
	device  string // profile that the events name
	profile profiles.Target
	dry     bool

	apiManagement APIM // that the profile names

	clients map[string]*wire.Client // made at once, closed by Close
}

// Service prepares the service side of a target; it opens the lab if it is for
// it, and asks Azure nothing yet. Close it after use. Its errors are *Problem.
func (s *Session) Service(ctx context.Context, ref TargetRef, o ServiceOptions) (*Service, error) {
	v := &Service{session: s, device: ref.profile, profile: ref.target, dry: o.DryRun, clients: make(map[string]*wire.Client)}
	if ref.profile != "" {
		p, err := s.load(ref.profile)
		if err != nil {
			return nil, err
		}
		v.profile = p.Target
		v.apiManagement = APIM{Service: p.APIManagement.Service, ResourceGroup: p.APIManagement.ResourceGroup}
	}
	t, err := s.target(ctx, v.profile)
	if err != nil {
		return nil, problemOf("prepare the target", err)
	}
	v.target = t
	for _, name := range []string{serviceEnrollment, serviceManagement, serviceHub} {
		v.clients[name] = wire.NewClient(t.wire(s, v.observe, name))
	}
	return v, nil
}

// Close ends kept connections.
func (v *Service) Close() {
	for _, c := range v.clients {
		c.Close()
	}
}

// Host is the host name of the DPS instance.
func (v *Service) Host() string { return v.target.serviceHost }

// Missing says why enrollments, or with management set Azure Resource Manager,
// cannot be reached with the target's credential; "" when they can.
func (v *Service) Missing(management bool) string {
	if !management && v.target.authorize != nil || management && v.target.account != nil {
		return ""
	}
	return v.target.why
}

// observe turns the recorder's calls into events that belong to no run.
func (v *Service) observe(x wire.Exchange, finished bool) {
	kind := ExchangeStarted
	if finished {
		kind = ExchangeFinished
	}
	v.emit(Event{Kind: kind, Exchange: &x})
}

func (v *Service) emit(e Event) {
	e.At, e.Device = time.Now(), v.device
	v.session.sink(e)
}

// try makes a call with retries and turns its error into a *Problem. A dry
// run's is left as it is.
func (v *Service) try(ctx context.Context, op string, idempotent bool, call func(ctx context.Context) error) error {
	err := retry(ctx, idempotent, v.emit, op, func() error { return call(ctx) })
	return v.problem(op, err)
}

func (v *Service) problem(op string, err error) error {
	var dry *wire.DryRunError
	if err == nil || errors.As(err, &dry) {
		return err
	}
	return problemOf(op, err)
}

// reading is the context of a call that only reads, writing that of one that
// writes: in a dry run neither is sent.
func (v *Service) writing(ctx context.Context) context.Context {
	if v.dry {
		return wire.WithDryRun(ctx)
	}
	return ctx
}

func (v *Service) reading(ctx context.Context) context.Context { return v.writing(ctx) }

// mayWrite refuses in a read-only session, unless nothing is sent.
func (v *Service) mayWrite(op string) error {
	if v.dry {
		return nil
	}
	return v.session.mayWrite(op)
}

// DryRunOf finds the request that a dry run did not send: method, URL, headers
// and body, secrets masked.
func DryRunOf(err error) (*Exchange, bool) {
	var dry *wire.DryRunError
	if !errors.As(err, &dry) {
		return nil, false
	}
	return &dry.Exchange, true
}

// dps is the service API, or a *Problem that says what is missing.
func (v *Service) dps(op string) (*dps.ServiceClient, error) {
	if v.target.authorize == nil {
		return nil, v.noRights(op)
	}
	return &dps.ServiceClient{
		Wire: v.clients[serviceEnrollment], Host: v.target.serviceHost, Authorize: v.target.authorize, APIVersion: v.profile.ServiceAPIVersion,
	}, nil
}

func (v *Service) noRights(op string) *Problem {
	return &Problem{
		Kind: Usage, Op: op, Summary: v.target.why,
		Fix: "Choose a credential that has the rights: target.credential entra for everything, connection-string for enrollments and registrations.",
	}
}

// management reaches Azure Resource Manager.
func (v *Service) management(op string) (*azure.Management, error) {
	if v.target.account == nil {
		return nil, v.noRights(op)
	}
	m := azure.NewManagement(v.clients[serviceManagement], v.target.managementHost, v.target.account)
	return m.WithRetry(func(ctx context.Context, idempotent bool, call func() error) error {
		return retry(ctx, idempotent, v.emit, op, call)
	}), nil
}

// hub is the service API of a hub.
func (v *Service) hub(op, host string) (*iothub.ServiceClient, error) {
	authorize, err := v.session.hubAuthorizer(v.target, v.profile, host)
	if err != nil {
		return nil, problemOf(op, err)
	}
	if authorize == nil {
		return nil, v.noRights(op)
	}
	return &iothub.ServiceClient{Wire: v.clients[serviceHub], Host: host, Authorize: authorize}, nil
}
