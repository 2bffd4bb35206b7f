package workflow

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow/azure"
	"dpslab/workflow/dps"
	"dpslab/workflow/iothub"
	"dpslab/workflow/wire"
)

// apimVersion is the API version of API Management's certificates, for commands
// that somebody else gives.
const apimVersion = "2024-05-01"

// apimService is the profile's API Management service as a resource.
func (r *run) apimService(t *target) azure.APIMService {
	p := r.profile.APIManagement
	return azure.APIMService{SubscriptionID: t.instance.SubscriptionID, ResourceGroup: cmp.Or(p.ResourceGroup, t.instance.ResourceGroup), Name: p.Service}
}

// apiManagement uploads the device's certificate with its key to an API
// Management service, unless it holds the same one.
func (r *run) apiManagement(ctx context.Context) (string, error) {
	p := r.profile.APIManagement
	switch {
	case p.Service == "":
		return "", skipped{"the profile names no API Management service"}
	case r.profile.Identity.Attestation != profiles.AttestationX509:
		return "", skipped{"not needed: the device has no certificate"}
	}
	t, err := r.resolve(ctx)
	if err != nil {
		return "", err
	}
	id, service := apimCertificate(r.profile), r.apimService(t)
	if t.account == nil {
		return r.apimByHand(ctx, t, service, id)
	}
	client, err := r.management(t).APIM(service)
	if err != nil {
		return "", err
	}
	chain, err := pki.ReadCertificates(r.files().chain)
	if err != nil {
		return "", err
	}
	held, err := client.Get(ctx, id)
	if err != nil && !errors.Is(err, azure.ErrNotFound) {
		return "", err
	}
	made := profiles.Creation{
		Kind: profiles.CreatedAPIManagement, Name: id, Host: t.managementHost,
		SubscriptionID: service.SubscriptionID, ResourceGroup: service.ResourceGroup, Parent: service.Name,
	}
	_, mine := r.state.Owns(made)
	tag := ""
	if held != nil && err == nil {
		if strings.EqualFold(held.Thumbprint, pki.Thumbprint1(chain[0])) {
			r.rememberAPIM(made, mine, held)
			return fmt.Sprintf("%s holds this certificate as %s already", service.Name, id), nil
		}
		if !mine && !r.options.Force {
			return "", &Problem{
				Kind: Refused, Op: "upload certificate " + id, Summary: fmt.Sprintf("%s holds another certificate of that name (SHA-1 %s, subject %s)", service.Name, held.Thumbprint, held.Subject),
				Fix: "Choose another api_management.certificate_id in the profile, or delete the certificate there.",
			}
		}
		r.emit(Event{Kind: ChangesFound, Text: "certificate " + id + " is to be changed", Changes: []Change{{Field: "thumbprint", Old: held.Thumbprint, New: pki.Thumbprint1(chain[0])}}})
		tag = held.ETag
	}
	written, err := r.uploadPFX(ctx, client, id, tag)
	if err != nil {
		return "", err
	}
	r.rememberAPIM(made, mine || tag == "", written)
	return fmt.Sprintf("%s holds the certificate as %s now", service.Name, id), nil
}

// uploadPFX makes a PFX in memory, with a password that nobody needs again.
func (r *run) uploadPFX(ctx context.Context, client *azure.APIMCertificates, id, tag string) (*azure.APIMCertificate, error) {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails since Go 1.24: the process ends instead
	password := dps.NewSecret(base64.RawURLEncoding.EncodeToString(raw))
	data, err := r.pfx(ctx, []byte(password.Reveal()), pki.PFXModern)
	if err != nil {
		return nil, err
	}
	written, _, err := client.PutPFX(ctx, id, data, password, tag)
	return written, err
}

func (r *run) rememberAPIM(made profiles.Creation, mine bool, held *azure.APIMCertificate) {
	made.ETag = held.ETag
	if mine {
		r.creates(made)
	}
	r.state.APIManagement = profiles.APIManagementState{Service: made.Parent, CertificateID: made.Name, ETag: held.ETag, SHA1: strings.ToUpper(held.Thumbprint)}
}

// apimByHand has somebody else upload the certificate. Where nobody is there it is
// a step to skip: nothing here could tell when it is done.
func (r *run) apimByHand(ctx context.Context, t *target, service azure.APIMService, id string) (string, error) {
	m := r.apimManual(t, service, id)
	if r.session.config.Ask == nil {
		r.emit(Event{Kind: HandNeeded, Text: m.String(), Manual: &m})
		return "", skipped{t.why + ": somebody who may do it uploads " + m.File + " to " + service.Name}
	}
	q := Question{Key: "step." + string(StepAPIManagement), Prompt: m.What + " (" + t.why + "). Press enter when it is done", Confirm: true}
	if err := r.hand(ctx, m, q, nil); err != nil {
		return "", err
	}
	return "uploaded, as somebody says", nil
}

// apimManual says how somebody else uploads the certificate: az has no command of
// its own for it. No secret is an argument of a process, printf being a part of
// the shell.
func (r *run) apimManual(t *target, service azure.APIMService, id string) Manual {
	file, variable, command := r.pfxFile(), cmp.Or(r.profile.Identity.PFXPasswordEnv, "PFX_PASSWORD"), ""
	if _, err := os.Stat(file); err != nil {
		command = shellLine([]string{"dpslab", "cert", "pfx", r.files().chain, "--key", r.files().key, "--out-passphrase-env", variable, "--out", file}) + " && "
	}
	address := fmt.Sprintf("https://%s/subscriptions/%s/resourceGroups/%s/providers/Microsoft.ApiManagement/service/%s/certificates/%s?api-version=%s",
		t.managementHost, cmp.Or(service.SubscriptionID, "SUBSCRIPTION"), cmp.Or(service.ResourceGroup, "GROUP"), service.Name, id, apimVersion)
	command += `printf %s '{"properties":{"data":"' "$(openssl base64 -A -in ` + wire.ShellWord(file) + `)" '","password":"' "$(printf %s "${` + variable + `:?}" | sed 's/[\\"]/\\&/g')" '"}}' | ` +
		shellLine([]string{"az", "rest", "--method", "put", "--url", address, "--headers", "Content-Type=application/json", "--body", "@-"})
	return Manual{
		What:   "Upload the certificate " + id + " to the API Management service " + service.Name,
		Portal: service.Name + " › Security › Certificates › Certificates › Add › Custom", File: file, Command: command,
	}
}

// management reaches Azure Resource Manager with the run's retries.
func (r *run) management(t *target) *azure.Management {
	return azure.NewManagement(r.serviceWire(t, serviceManagement), t.managementHost, t.account).
		WithRetry(func(ctx context.Context, idempotent bool, call func() error) error {
			return r.retry(ctx, idempotent, call)
		})
}

// certificateRemover deletes a certificate through Azure Resource Manager.
func (r *run) certificateRemover(ctx context.Context, t *target, c profiles.Creation) (func(string) error, error) {
	if t.account == nil {
		return r.removedByHand(ctx, c, r.deleteCommand(c)), nil
	}
	// Its own retries would hide behind ours.
	m := azure.NewManagement(r.serviceWire(t, serviceManagement), t.managementHost, t.account)
	// Both take a tag, and say whether there was one.
	remover := func(remove func(ctx context.Context, name, tag string) (bool, error)) func(string) error {
		return func(tag string) error {
			existed, err := remove(ctx, c.Name, cmp.Or(tag, "*"))
			if err == nil && !existed {
				r.note("it was gone already")
			}
			return err
		}
	}
	if c.Kind == profiles.CreatedAPIManagement {
		client, err := m.APIM(azure.APIMService{SubscriptionID: c.SubscriptionID, ResourceGroup: c.ResourceGroup, Name: c.Parent})
		if err != nil {
			return nil, err
		}
		return remover(client.Delete), nil
	}
	client, err := m.Certificates(azure.Instance{SubscriptionID: c.SubscriptionID, ResourceGroup: c.ResourceGroup, DPSName: c.Parent}, azure.CertificateOptions{})
	if err != nil {
		return nil, err
	}
	return remover(client.Delete), nil
}

// hubService is the service API of a hub, nil when there are no rights for it.
func (r *run) hubService(t *target, host string) (*iothub.ServiceClient, error) {
	authorize, err := r.session.hubAuthorizer(t, r.profile.Target, host)
	if err != nil || authorize == nil {
		return nil, err
	}
	return &iothub.ServiceClient{Wire: r.serviceWire(t, serviceHub), Host: host, Authorize: authorize}, nil
}

// hubAuthorizer lets service calls into a hub; nil when there are no rights.
func (s *Session) hubAuthorizer(t *target, p profiles.Target, host string) (dps.Authorizer, error) {
	switch env := p.HubConnectionStringEnv; {
	case t.lab != nil:
		key, ok := t.lab.HubConnectionStrings[host]
		if !ok {
			return nil, nil
		}
		connection, err := dps.ParseConnectionString(key.Reveal())
		if err != nil {
			return nil, fmt.Errorf("the lab's hub %w", err)
		}
		return connection.Authorizer(), nil
	case env != "":
		connection, err := dps.ParseConnectionString(s.config.Getenv(env))
		if err != nil {
			return nil, &Problem{Kind: Usage, Op: "read the hub's connection string", Summary: env + ": " + err.Error(), Fix: "Copy it again from Shared access policies of the IoT hub."}
		}
		if !strings.EqualFold(connection.HostName, host) {
			return nil, &Problem{Kind: Usage, Op: "read the hub's connection string", Summary: env + " is for " + connection.HostName + ", the device is at " + host}
		}
		return connection.Authorizer(), nil
	case t.account != nil:
		return azure.HubAuthorizer(t.account, host), nil
	}
	return nil, nil
}
