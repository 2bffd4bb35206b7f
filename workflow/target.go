package workflow

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
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
	// management is nil when Azure Resource Manager cannot be reached with the
	// profile's credential; why says so.
	management azcore.TokenCredential
	why        string
}

// resolve finds the target of the profile, once in a run. It opens the lab when
// the profile is for it.
func (r *run) resolve(ctx context.Context) (*target, error) {
	if r.target != nil {
		return r.target, nil
	}
	var (
		t   *target
		err error
	)
	if r.profile.Target.Kind == profiles.TargetLab {
		t, err = r.labTarget(ctx)
	} else {
		t, err = r.azureTarget()
	}
	if err != nil {
		return nil, err
	}
	r.target = t
	return t, nil
}

func (r *run) labTarget(ctx context.Context) (*target, error) {
	lab, err := r.session.OpenLab(ctx)
	if err != nil {
		return nil, err
	}
	connection, err := dps.ParseConnectionString(lab.ServiceConnectionString.Reveal())
	if err != nil {
		return nil, fmt.Errorf("the lab's service %w", err)
	}
	return &target{
		idScope: lab.IDScope, deviceHost: lab.DeviceHost, serviceHost: lab.ServiceHost, managementHost: lab.ManagementHost,
		instance: azure.Instance{SubscriptionID: lab.SubscriptionID, ResourceGroup: lab.ResourceGroup, DPSName: lab.DPSName},
		roots:    lab.Roots, caFile: lab.CAFile, lab: lab,
		authorize:  connection.Authorizer(),
		management: azure.StaticToken{Token: lab.ManagementToken},
	}, nil
}

func (r *run) azureTarget() (*target, error) {
	p := r.profile.Target
	t := &target{
		idScope: p.IDScope, deviceHost: p.DeviceEndpoint, serviceHost: p.ServiceEndpoint, managementHost: azure.ManagementHost,
		instance: azure.Instance{SubscriptionID: p.SubscriptionID, ResourceGroup: p.ResourceGroup, DPSName: p.DPSName},
		caFile:   p.CAFile,
	}
	if t.deviceHost == "" {
		t.deviceHost = dps.GlobalDeviceEndpoint
	}
	if p.CAFile != "" {
		roots, err := rootsWith(p.CAFile)
		if err != nil {
			return nil, err
		}
		t.roots = roots
	}
	return t, r.credential(t)
}

// credential fills in how service and management calls are authorized.
func (r *run) credential(t *target) error {
	p := r.profile.Target
	switch p.Credential {
	case profiles.CredentialNone:
		t.why = "the profile's credential is none"
	case profiles.CredentialConnectionString:
		connection, err := r.connectionString(p)
		if err != nil {
			return err
		}
		t.authorize = connection.Authorizer()
		t.why = "a connection string does not reach Azure Resource Manager"
	default:
		entra, err := azure.EntraCredential()
		if err != nil {
			return err
		}
		t.authorize = azure.ServiceAuthorizer(entra)
		t.management = entra
		if i := t.instance; i.SubscriptionID == "" || i.ResourceGroup == "" || i.DPSName == "" {
			t.management, t.why = nil, "target.subscription_id, resource_group and dps_name are not all set"
		}
	}
	return nil
}

func (r *run) connectionString(p profiles.Target) (dps.ConnectionString, error) {
	op := "read the connection string"
	text := r.session.config.Getenv(p.ConnectionStringEnv)
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
	return c, nil
}

func rootsWith(file string) (*x509.CertPool, error) {
	op := "read target.ca_file"
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, &Problem{Kind: LocalFile, Op: op, Summary: err.Error()}
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
}

// wire is the connection set-up towards this target, without an identity.
func (t *target) wire(r *run, service string) wire.Options {
	o := wire.Options{Service: service, Roots: t.roots, CAFile: t.caFile, Observe: r.observe}
	if t.lab != nil {
		o.ConnectTo = t.lab.Address
		o.Dial = r.session.dialLab
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
	r.services[service] = wire.NewClient(t.wire(r, service))
	return r.services[service]
}
