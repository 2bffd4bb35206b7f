package workflow

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"dpslab/profiles"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// target is where the services of one profile are and how to be let in.
type target struct {
	idScope        string
	deviceHost     string
	serviceHost    string
	managementHost string
	instance       azure.Instance

	roots  *x509.CertPool // nil: the system's
	caFile string
	lab    *Lab // nil: Azure

	// authorize is nil when somebody else writes enrollments (credential none).
	authorize dps.Authorizer
	// account is what Azure Resource Manager and the hubs let in; nil when there
	// is none. management is the same, and nil too when the DPS instance is not
	// named in full. why says what is missing.
	account, management azcore.TokenCredential
	why                 string
}

// resolve finds the target of the profile, once in a run. It opens the lab when
// the profile is for it.
func (r *run) resolve(ctx context.Context) (*target, error) {
	if r.target != nil {
		return r.target, nil
	}
	t, err := r.session.target(ctx, r.profile.Target)
	if err != nil {
		return nil, err
	}
	r.target = t
	return t, nil
}

// target finds where the services of a profile are, and how to be let in.
func (s *Session) target(ctx context.Context, p profiles.Target) (*target, error) {
	if p.Kind == profiles.TargetLab {
		return s.labTarget(ctx)
	}
	cloud := azure.CloudOf(p.ServiceEndpoint)
	t := azurePlace(p, cloud)
	if p.CAFile != "" {
		roots, err := rootsWith(p.CAFile)
		if err != nil {
			return nil, err
		}
		t.roots = roots
	}
	return t, s.credential(t, p, cloud)
}

// azurePlace is where the services are, without the rights to call them.
func azurePlace(p profiles.Target, cloud azure.Cloud) *target {
	return &target{
		idScope: p.IDScope, serviceHost: p.ServiceEndpoint, managementHost: cloud.ManagementHost(),
		deviceHost: cmp.Or(p.DeviceEndpoint, cloud.DeviceEndpoint()),
		instance:   azure.Instance{SubscriptionID: p.SubscriptionID, ResourceGroup: p.ResourceGroup, DPSName: p.DPSName},
		caFile:     p.CAFile,
	}
}

// labPlace is where the lab's services are, without the rights to call them.
func labPlace(lab *Lab) *target {
	return &target{
		idScope: lab.IDScope, deviceHost: lab.DeviceHost, serviceHost: lab.ServiceHost, managementHost: lab.ManagementHost,
		instance: azure.Instance{SubscriptionID: lab.SubscriptionID, ResourceGroup: lab.ResourceGroup, DPSName: lab.DPSName},
		roots:    lab.Roots, caFile: lab.CAFile, lab: lab,
	}
}

func (s *Session) labTarget(ctx context.Context) (*target, error) {
	lab, err := s.OpenLab(ctx)
	if err != nil {
		return nil, err
	}
	t := labPlace(lab)
	if lab.ServiceConnectionString.Empty() {
		t.why = "this lab lets devices in and gives no rights of a service"
		return t, nil
	}
	connection, err := dps.ParseConnectionString(lab.ServiceConnectionString.Reveal())
	if err != nil {
		return nil, fmt.Errorf("the lab's service %w", err)
	}
	token := azure.StaticToken{Token: lab.ManagementToken}
	t.authorize, t.management, t.account = connection.Authorizer(), token, token
	return t, nil
}

// credential fills in how service and management calls are authorized.
func (s *Session) credential(t *target, p profiles.Target, cloud azure.Cloud) error {
	switch p.Credential {
	case profiles.CredentialNone:
		t.why = "the profile's credential is none"
		return nil
	case profiles.CredentialConnectionString:
		connection, err := s.connectionString(p)
		if err != nil {
			return err
		}
		t.authorize = connection.Authorizer()
		t.why = "a connection string does not reach Azure Resource Manager"
		return nil
	}
	account, err := s.account(azure.CredentialKind(p.Credential), cloud)
	if err != nil {
		return err
	}
	t.authorize, t.account = azure.ServiceAuthorizer(account), account
	if i := t.instance; i.SubscriptionID == "" || i.ResourceGroup == "" || i.DPSName == "" {
		t.why = "target.subscription_id, resource_group and dps_name are not all set"
		return nil
	}
	t.management = account
	return nil
}

// account signs in, once in a session: tokens stay in memory, and nobody types a
// device code twice.
func (s *Session) account(kind azure.CredentialKind, cloud azure.Cloud) (azcore.TokenCredential, error) {
	key := string(kind) + " " + string(cloud)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.accounts[key]; ok {
		return known, nil
	}
	account, err := azure.NewCredential(azure.CredentialOptions{Kind: kind, Cloud: cloud, Prompt: s.showDeviceCode})
	if err != nil {
		return nil, err
	}
	if s.accounts == nil {
		s.accounts = make(map[string]azcore.TokenCredential)
	}
	s.accounts[key] = account
	return account, nil
}

// showDeviceCode tells the person how to sign in. The event belongs to no run,
// so that the code is in no journal.
func (s *Session) showDeviceCode(_ context.Context, c azure.DeviceCode) error {
	m := Manual{What: "Sign in to Azure: open " + c.URL + " in any browser and type the code " + c.Code}
	e := Event{At: time.Now(), Kind: HandNeeded, Text: m.What, Manual: &m}
	if r := s.current(); r != nil {
		e.Device = r.name
	}
	s.sink(e)
	return nil
}

func (s *Session) connectionString(p profiles.Target) (dps.ConnectionString, error) {
	op := "read the connection string"
	text := s.config.Getenv(p.ConnectionStringEnv)
	if text == "" {
		return dps.ConnectionString{}, &Problem{
			Kind: Usage, Op: op, Summary: "environment variable " + p.ConnectionStringEnv + " is not set",
			Fix: "Set it before dpslab starts: export " + p.ConnectionStringEnv + "='HostName=…;SharedAccessKeyName=…;SharedAccessKey=…'",
		}
	}
	c, err := dps.ParseConnectionString(text)
	if err != nil {
		return c, &Problem{Kind: Usage, Op: op, Summary: p.ConnectionStringEnv + ": " + err.Error(), Fix: "Copy it again from Shared access policies of the DPS instance."}
	}
	if p.ServiceEndpoint != "" && !strings.EqualFold(c.HostName, p.ServiceEndpoint) {
		return c, &Problem{
			Kind: Usage, Op: op, Rule: "M08", Summary: p.ConnectionStringEnv + " is for " + c.HostName + ", the target is " + p.ServiceEndpoint,
			Fix: "Take the connection string of that DPS instance (not of an IoT hub), from its Shared access policies.",
		}
	}
	return c, nil
}

func rootsWith(file string) (*x509.CertPool, error) {
	op := "read target.ca_file"
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, localProblem(op, err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(data) {
		return nil, &Problem{Kind: LocalFile, Op: op, Summary: file + " holds no PEM certificate", Fix: "Export the CA as PEM (Base-64)."}
	}
	return roots, nil
}

// serviceClient is the service API of the target's DPS instance.
func (r *run) serviceClient(t *target) *dps.ServiceClient {
	return &dps.ServiceClient{Wire: r.serviceWire(t, serviceEnrollment), Host: t.serviceHost, Authorize: t.authorize, APIVersion: r.profile.Target.ServiceAPIVersion}
}

// creates notes in the state file that this run made something, so that retiring
// the device may delete it.
func (r *run) creates(c profiles.Creation) {
	c.At = time.Now().UTC()
	r.state.Creates(c)
	r.made = true
}

// wire is the connection set-up towards this target, without an identity.
func (t *target) wire(s *Session, observe func(wire.Exchange, bool), service string) wire.Options {
	o := wire.Options{Service: service, Roots: t.roots, CAFile: t.caFile, Observe: observe}
	if t.lab != nil {
		o.ConnectTo = t.lab.Address
		o.Dial = s.dialLab
	}
	return o
}

// DialContext connects to the lab whatever host is asked for: SNI, Host and URL
// keep the real name.
func (l *Lab) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	if l.Dial != nil {
		return l.Dial(ctx)
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	return d.DialContext(ctx, network, l.Address)
}

// dialLab connects to the lab. When the process whose lab was joined has gone
// meanwhile, the lab is opened anew and connected to: on the same store it is
// the same lab.
func (s *Session) dialLab(ctx context.Context, network, address string) (net.Conn, error) {
	lab, err := s.openedLab(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := lab.DialContext(ctx, network, address)
	if err == nil || !lab.Joined {
		return conn, err
	}
	if lab, err = s.OpenLab(ctx); err != nil {
		return nil, err
	}
	return lab.DialContext(ctx, network, address)
}

// serviceWire is the run's connection to a service that needs no client
// certificate: the service API, Azure Resource Manager.
func (r *run) serviceWire(t *target, service string) *wire.Client {
	if c, ok := r.services[service]; ok {
		return c
	}
	if r.services == nil {
		r.services = make(map[string]*wire.Client)
	}
	o := t.wire(r.session, r.observe, service)
	o.Ahead = r.ahead
	r.services[service] = wire.NewClient(o)
	return r.services[service]
}
