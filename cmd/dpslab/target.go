package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/dps"
)

// serviceFlags are those of every command of a service: where it is, how to be
// let in, and in which form to answer. They are the same everywhere.
type serviceFlags struct {
	device         string
	endpoint       string
	credential     string
	connectionEnv  string
	subscriptionID string
	resourceGroup  string
	dpsName        string
	caFile         string
	apiVersion     string

	dryRun bool
	asJSON bool
}

// targetHelp stands in the help of each group of commands.
const targetHelp = `
Which DPS instance: without flags the lab; --device NAME takes the target of that
profile; --service-endpoint HOST with --credential or --connection-string-env
names any other. Certificates and instances are reached through Azure Resource
Manager, which also wants --subscription-id, --resource-group and --dps-name, and
an Entra account: a connection string does not reach it.`

// dryRunHelp says what a dry run is.
const dryRunHelp = `
--dry-run prints each request that would be made, with method, URL, headers and
body, secrets masked, and sends nothing; and the same for curl and az, which take
each secret from a variable of the shell.`

func (f *serviceFlags) add(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.StringVar(&f.device, "device", "", "take the target of this device's profile")
	flags.StringVar(&f.endpoint, "service-endpoint", "", "host name of the DPS instance, {dps}.azure-devices-provisioning.net")
	flags.StringVar(&f.credential, "credential", "", strings.Join(credentials(), "|"))
	flags.StringVar(&f.connectionEnv, "connection-string-env", "", "environment variable with a service connection string")
	flags.StringVar(&f.subscriptionID, "subscription-id", "", "subscription of the DPS instance")
	flags.StringVar(&f.resourceGroup, "resource-group", "", "its resource group")
	flags.StringVar(&f.dpsName, "dps-name", "", "its name as a resource")
	flags.StringVar(&f.caFile, "ca-file", "", "PEM roots to trust beside the system's, behind a proxy that opens TLS")
	flags.StringVar(&f.apiVersion, "service-api-version", "", "api-version of enrollments and registrations")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the requests, as curl and az too, and send nothing")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object a line")
}

func credentials() []string {
	var kinds []string
	for _, k := range workflow.CredentialKinds() {
		if k != profiles.CredentialNone {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// ref is the target that the flags name.
func (f *serviceFlags) ref(getenv func(string) string) (workflow.TargetRef, error) {
	named := cmp.Or(f.endpoint, f.credential, f.connectionEnv, f.subscriptionID, f.dpsName, f.caFile)
	switch {
	case f.device != "" && named != "":
		return workflow.TargetRef{}, usage("--device takes the whole target of a profile, and other flags name one too", "leave out one of them")
	case f.device != "":
		return workflow.TargetOfProfile(f.device), nil
	case named == "" && f.apiVersion == "":
		return workflow.TargetLab(), nil
	}
	if v := f.apiVersion; v != "" {
		if err := dps.CheckAPIVersion(v); err != nil {
			return workflow.TargetRef{}, usage("--service-api-version: "+err.Error(), "")
		}
	}
	if named == "" {
		return workflow.TargetOf(profiles.Target{Kind: profiles.TargetLab, ServiceAPIVersion: f.apiVersion}), nil
	}
	t, err := f.azure(getenv)
	return workflow.TargetOf(t), err
}

// azure is a target in Azure. What one flag says of another is not asked for: a
// connection string names its host, and so does the name of the instance.
func (f *serviceFlags) azure(getenv func(string) string) (profiles.Target, error) {
	t := profiles.Target{
		Kind: profiles.TargetAzure, ServiceEndpoint: f.endpoint, Credential: f.credential, ConnectionStringEnv: f.connectionEnv,
		SubscriptionID: f.subscriptionID, ResourceGroup: f.resourceGroup, DPSName: f.dpsName, CAFile: f.caFile, ServiceAPIVersion: f.apiVersion,
	}
	if t.Credential == "" {
		t.Credential = profiles.CredentialEntra
		if t.ConnectionStringEnv != "" {
			t.Credential = profiles.CredentialConnectionString
		}
	}
	switch {
	case !slices.Contains(credentials(), t.Credential):
		return t, usage(fmt.Sprintf("--credential %s is none that there is", t.Credential), "choose one of "+strings.Join(credentials(), ", "))
	case t.Credential == profiles.CredentialConnectionString && t.ConnectionStringEnv == "":
		return t, usage("--credential connection-string needs --connection-string-env VAR", "VAR is the name of the environment variable that holds it; it is never given on the command line")
	case t.Credential != profiles.CredentialConnectionString && t.ConnectionStringEnv != "":
		return t, usage("--connection-string-env is for --credential connection-string", "leave out one of them")
	case t.ConnectionStringEnv != "" && !isVariable(t.ConnectionStringEnv):
		return t, usage("what --connection-string-env was given is not the name of an environment variable", "it takes a name such as DPS_CONNECTION_STRING, not the connection string")
	}
	if t.ServiceEndpoint != "" {
		return t, checkHost(t.ServiceEndpoint)
	}
	if t.ConnectionStringEnv != "" {
		if connection, err := dps.ParseConnectionString(getenv(t.ConnectionStringEnv)); err == nil {
			t.ServiceEndpoint = connection.HostName
		}
	} else if t.DPSName != "" {
		t.ServiceEndpoint = t.DPSName + dps.PublicCloud.ServiceSuffix
	}
	return t, nil
}

// checkHost refuses what is more than a host name.
func checkHost(host string) error {
	if strings.ContainsAny(host, "/@?# ") || strings.Contains(host, "://") {
		return usage("--service-endpoint "+host+" is not a host name", "give the name alone, such as contoso-dps.azure-devices-provisioning.net")
	}
	return nil
}

// serviceCall is one call of a command: the target, and where the answer goes.
type serviceCall struct {
	*app
	*workflow.Service

	store *profiles.Store
	flags *serviceFlags
	notes []string // what the requests of a dry run leave open
}

// withService makes a command of a service: it opens the target, does the work,
// and tells its error in the form that was asked for.
func (a *app) withService(f *serviceFlags, do func(ctx context.Context, s *serviceCall, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		return a.tellProblem(a.serve(c.Context(), f, args, do), f.asJSON)
	}
}

// tellProblem prints a problem as a JSON line where JSON was asked for.
func (a *app) tellProblem(err error, asJSON bool) error {
	var problem *workflow.Problem
	if err == nil || !asJSON || !errors.As(err, &problem) {
		return err
	}
	if err := a.printJSON(map[string]any{"problem": problem}); err != nil {
		return err
	}
	return &reported{problem.Kind.ExitCode()}
}

func (a *app) serve(ctx context.Context, f *serviceFlags, args []string, do func(context.Context, *serviceCall, []string) error) error {
	ref, err := f.ref(a.getenv)
	if err != nil {
		return err
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	var planned []*workflow.Exchange
	tell := a.serviceFace()
	session := a.session(store, a.labOptions(store.Paths), func(e workflow.Event) {
		if e.Kind == workflow.ExchangeFinished && e.Exchange.DryRun {
			planned = append(planned, e.Exchange)
			return
		}
		tell(e)
	})
	defer session.Close()
	v, err := session.Service(ctx, ref, workflow.ServiceOptions{DryRun: f.dryRun})
	if err != nil {
		return err
	}
	defer v.Close()
	s := &serviceCall{app: a, Service: v, store: store, flags: f}
	err = do(ctx, s, args)
	if _, dry := workflow.DryRunOf(err); dry || f.dryRun && err == nil {
		return a.printRequests(planned, s.notes, f.asJSON)
	}
	return err
}

// serviceFace tells events on standard error; standard output is the result's.
// What only a person can do is told even with --quiet: a device code, say.
func (a *app) serviceFace() func(workflow.Event) {
	plain := &plainFace{out: a.err, verbose: a.verbose}
	return func(e workflow.Event) {
		if !a.quiet || e.Kind == workflow.HandNeeded {
			plain.event(e)
		}
	}
}

// plannedRequest is one line of a dry run with --json.
type plannedRequest struct {
	DryRun    bool                `json:"dry_run"` // always true: it was not sent
	Operation string              `json:"operation"`
	Method    string              `json:"method"`
	URL       string              `json:"url"`
	Headers   map[string][]string `json:"headers,omitempty"`
	Body      string              `json:"body,omitempty"`
	Curl      string              `json:"curl"`
	Az        string              `json:"az,omitempty"`
	NoAz      string              `json:"no_az,omitempty"` // why az has no such command
	Notes     []string            `json:"notes,omitempty"` // with the last one
}

// printRequests is the result of a dry run.
func (a *app) printRequests(planned []*workflow.Exchange, notes []string, asJSON bool) error {
	if err := a.writeRequests(planned, notes, asJSON); err != nil {
		return err
	}
	if !a.quiet {
		fmt.Fprintln(a.err, "a dry run: nothing was sent")
	}
	return nil
}

func (a *app) writeRequests(planned []*workflow.Exchange, notes []string, asJSON bool) error {
	for i, x := range planned {
		p := plannedRequest{
			DryRun: true, Operation: x.Operation, Method: x.Method, URL: x.URL, Headers: x.RequestHeader, Body: x.RequestBody,
			Curl: workflow.Curl(x),
		}
		for _, same := range workflow.Copies(x) {
			if same.Name == "az" {
				p.Az, p.NoAz = same.Text, same.Why
			}
		}
		if i == len(planned)-1 {
			p.Notes = notes
		}
		if asJSON {
			if err := a.printJSON(p); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		a.printRequest(p)
	}
	return nil
}

func (a *app) printRequest(p plannedRequest) {
	fmt.Fprintf(a.out, "# %s\n%s %s\n", p.Operation, p.Method, printable(p.URL))
	names := make([]string, 0, len(p.Headers))
	for name := range p.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range p.Headers[name] {
			fmt.Fprintf(a.out, "%s: %s\n", printable(name), printable(v))
		}
	}
	if p.Body != "" {
		fmt.Fprintf(a.out, "\n%s\n", printable(strings.TrimRight(p.Body, "\n")))
	}
	fmt.Fprintf(a.out, "\n# the same with curl\n%s\n", printable(strings.TrimRight(p.Curl, "\n")))
	if p.Az != "" {
		fmt.Fprintf(a.out, "\n# the same with az\n%s\n", printable(strings.TrimRight(p.Az, "\n")))
	} else {
		fmt.Fprintf(a.out, "\n# %s\n", printable(p.NoAz))
	}
	for _, n := range p.Notes {
		fmt.Fprintf(a.out, "\n# %s\n", n)
	}
}

// note says what a dry run cannot know.
func (s *serviceCall) note(format string, args ...any) {
	if s.flags.dryRun {
		s.notes = append(s.notes, fmt.Sprintf(format, args...))
	}
}

// confirm asks before something is destroyed. A dry run destroys nothing.
func (s *serviceCall) confirm(ctx context.Context, yes bool, what string) error {
	if yes || s.flags.dryRun {
		return nil
	}
	if s.readOnly { // refused by the engine, without a question
		return nil
	}
	if !isTerminal(s.in) || !isTerminal(s.err) {
		return usage("this deletes "+what+": it needs --yes when there is no terminal to ask on", "--yes deletes without asking, --dry-run shows the request")
	}
	answer, err := s.prompt(ctx, "Delete "+what+"? [y/N] ")
	if err != nil {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return workflow.ErrByUser
	}
	return nil
}

// doneLine tells the result of a command that has no record to show.
type doneLine struct {
	Done string `json:"done"` // "deleted", or "absent": there was none
	Kind string `json:"kind"` // "enrollment"
	ID   string `json:"id"`
}

func (s *serviceCall) done(d doneLine) error {
	if s.flags.asJSON {
		return s.printJSON(d)
	}
	fmt.Fprintf(s.out, "%s %s\n", d.Done, printable(d.ID))
	return nil
}

// deleted tells what came of deleting a thing. That there was none is no error,
// so that a script may delete twice; why stands on standard error, in case the
// ID is misspelt.
func (s *serviceCall) deleted(err error, kind, id string) error {
	p, absent := workflow.Absent(err)
	switch {
	case err == nil:
		return s.done(doneLine{"deleted", kind, id})
	case !absent:
		return err
	}
	return s.absent(strings.TrimSpace(p.Why+" "+p.Fix), kind, id)
}

// absent tells that there was nothing to delete, and on standard error what may
// be behind it.
func (s *serviceCall) absent(why, kind, id string) error {
	if why != "" && !s.quiet {
		fmt.Fprintln(s.err, printable(why))
	}
	return s.done(doneLine{workflow.BulkAbsent, kind, id})
}

// notFound reports whether a service answered that there is no such thing.
func notFound(err error) bool {
	var p *workflow.Problem
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}
