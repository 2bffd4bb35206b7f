package workflow

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"dpslab/workflow/dps"
	"dpslab/workflow/wire"
)

// managementScope is the Entra audience of Azure Resource Manager.
const managementScope = "https://management.azure.com/.default"

// Repeatable reports whether sending a request twice does no more than sending
// it once (RFC 9110 section 9.2.2) and destroys nothing: GET, HEAD and PUT.
func Repeatable(x *Exchange) bool {
	switch x.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut:
		return true
	}
	return false
}

// Resend sends a recorded request of a device again, once, with the identity or
// the rights with which the session would send it now. What comes of it is told
// by events that belong to no run; a refusal is an answer, not an error. The
// errors are *Problem: the request held a secret or a body that was not kept, it
// went to a host that is none of the profile's, or no answer came.
func (s *Session) Resend(ctx context.Context, name string, x *Exchange) error {
	op := "send " + x.Method + " " + pathOf(x.URL) + " again"
	if err := s.mayWrite(op); err != nil {
		return err
	}
	request, err := requestOf(x)
	if err != nil {
		return problemOf(op, err)
	}
	profile, err := s.load(name)
	if err != nil {
		return err
	}
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return problemOf("read the state of "+name, err)
	}
	r := makeRun(s, name, profile, state, RunOptions{})
	r.id = "" // its events are no run's
	defer r.close()
	defer context.AfterFunc(ctx, func() { r.cancel(context.Cause(ctx)) })()
	if err := r.resend(r.ctx, x, request); err != nil {
		return problemOf(op, err)
	}
	return nil
}

// requestOf is the request of an exchange, without its credential.
func requestOf(x *Exchange) (wire.Request, error) {
	q := wire.Request{Operation: x.Operation, Method: x.Method, URL: x.URL, Header: http.Header{}}
	secret := strings.Contains(x.URL, wire.Masked) || strings.Contains(x.RequestBody, wire.Masked)
	for name, values := range x.RequestHeader {
		switch name {
		case "Authorization", "Content-Length", "Host", "User-Agent":
			continue
		}
		q.Header[name] = values
		secret = secret || strings.Contains(strings.Join(values, ""), wire.Masked)
	}
	switch {
	case secret:
		return q, &Problem{Kind: Usage, Op: "repeat the request", Summary: "it held a secret, and secrets are not kept", Fix: "Run the step again: it makes the request anew."}
	case x.Truncated:
		return q, &Problem{Kind: Usage, Op: "repeat the request", Summary: "a body was longer than what is kept", Fix: "Run the step again: it makes the request anew."}
	}
	if x.RequestBody != "" {
		q.Body = []byte(x.RequestBody)
	}
	return q, nil
}

func (r *run) resend(ctx context.Context, x *Exchange, q wire.Request) error {
	t, err := r.resolve(ctx)
	if err != nil {
		return err
	}
	client, err := r.resendWire(ctx, t, x, &q)
	if err != nil {
		return err
	}
	_, err = client.Do(ctx, q)
	var refused *wire.ServiceError
	if errors.As(err, &refused) {
		return nil // the transcript shows what it said
	}
	return err
}

// resendWire is the connection of the identity that made an exchange, and adds
// the credential. A record may come from a file: credentials go to the profile's
// own hosts only.
func (r *run) resendWire(ctx context.Context, t *target, x *Exchange, q *wire.Request) (*wire.Client, error) {
	u, err := url.Parse(q.URL)
	if err != nil {
		return nil, &Problem{Kind: Usage, Op: "repeat the request", Summary: "its address cannot be read: " + err.Error()}
	}
	host := map[string]string{
		serviceDPS: t.deviceHost, serviceHub: r.state.Registration.AssignedHub,
		serviceEnrollment: t.serviceHost, serviceManagement: t.managementHost,
	}[x.Service]
	if u.Scheme != "https" || host == "" || !strings.EqualFold(u.Host, host) {
		return nil, &Problem{
			Kind: Usage, Op: "repeat the request", Summary: "it went to " + u.Host + ", which is not where this profile's " + x.Service + " is now",
			Fix: "Copy it as curl and send it yourself if you are sure.",
		}
	}
	switch x.Service {
	case serviceDPS:
		device, err := r.dpsClient(ctx)
		if err != nil {
			return nil, err
		}
		if device.TPM != nil {
			return nil, &Problem{Kind: Usage, Op: "repeat the request", Summary: "a TPM answers a challenge of its own each time", Fix: "Run the step again: it makes the request anew."}
		}
		return device.Wire, authorizeAs(ctx, device.Authorize, q)
	case serviceHub:
		device, err := r.hubClient(ctx, "repeat the request")
		if err != nil {
			return nil, err
		}
		return device.Wire, authorizeAs(ctx, device.Authorize, q)
	case serviceEnrollment:
		if t.authorize == nil {
			return nil, &Problem{Kind: Usage, Op: "repeat the request", Summary: "the profile's credential is none: nobody here may call the service API"}
		}
		return r.serviceWire(t, x.Service), authorizeAs(ctx, t.authorize, q)
	case serviceManagement:
		if t.management == nil {
			return nil, &Problem{Kind: Usage, Op: "repeat the request", Summary: t.why}
		}
		token, err := t.management.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{managementScope}})
		if err != nil {
			return nil, err
		}
		q.Header.Set("Authorization", "Bearer "+token.Token)
	}
	return r.serviceWire(t, x.Service), nil
}

// authorizeAs adds the credential; an authorizer of nil adds none.
func authorizeAs(ctx context.Context, authorize dps.Authorizer, q *wire.Request) error {
	if authorize == nil {
		return nil
	}
	token, err := authorize(ctx)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", token.Reveal())
	return nil
}
