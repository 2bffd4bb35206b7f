package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"dpslab/workflow"
	"dpslab/workflow/dps"
	"dpslab/workflow/emulator"
)

// labFlags are the flags of `dpslab lab`.
type labFlags struct {
	options emulator.Options
	state   string
	hubs    []string
	asJSON  bool
}

func (a *app) labCommand() *cobra.Command {
	var f labFlags
	c := &cobra.Command{
		Use:   "lab",
		Short: "Serve the emulator of DPS, IoT Hub, API Management and Azure Resource Manager until interrupted",
		Long: `Serve the emulator of DPS, IoT Hub, API Management certificates and Azure
Resource Manager until interrupted. It answers under the real host names (curl
--connect-to) and under localhost, and keeps its state; a workbench or run on
the same state joins it.`,
		Example: `  dpslab lab
  dpslab lab --listen 127.0.0.1:443 --json
  eval "$(dpslab lab env)"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("assign-delay") && f.options.AssignDelay == 0 {
				f.options.AssignDelay = -1 // none; 0 would be the default
			}
			return a.serveLab(c.Context(), f)
		},
	}
	c.PersistentFlags().StringVar(&f.state, "state", "", "the lab's folder (default: below dpslab's state folder)")
	flags := c.Flags()
	flags.StringVar(&f.options.Listen, "listen", "", "address to serve (default 127.0.0.1:8443, or a free port)")
	flags.BoolVar(&f.options.InMemory, "in-memory", false, "keep nothing")
	flags.BoolVar(&f.options.Strict, "strict", false, "refuse what the real services may refuse: unknown api-versions, bodies of another version, …")
	flags.IntVar(&f.options.RetryAfter, "retry-after", 3, "seconds that the lab asks devices to wait; 0 for no waiting")
	flags.DurationVar(&f.options.AssignDelay, "assign-delay", 0, "how long assigning takes (default 240ms, and none with --retry-after 0)")
	flags.StringSliceVar(&f.hubs, "hub", nil, "one more IoT hub, by its name; made and linked when it is not there")
	flags.BoolVar(&f.options.Insecure, "i-know-this-is-insecure", false, "allow an address that other machines can reach")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object when ready; it holds the lab's keys")
	labTuning(c, &f.options)
	a.tree.add(
		c, below("env", a.labEnvCommand, &f), below("fault", a.labFaultCommand, &f), below("reset", a.labResetCommand, &f),
		below("export", a.labExportCommand, &f), below("import", a.labImportCommand, &f), below("message", a.labMessageCommand, &f),
		below("inbox", a.labInboxCommand, &f),
	)
	return c
}

// hubName is the grammar of an IoT hub's name (Azure naming rules).
var hubName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]$`)

func (a *app) labDir(state string) (string, error) {
	if state != "" {
		return state, nil
	}
	p, err := a.paths()
	return p.LabDir(), err
}

func (a *app) serveLab(ctx context.Context, f labFlags) error {
	dir, err := a.labDir(f.state)
	if err != nil {
		return err
	}
	o := f.options
	o.Dir, o.Version = dir, version
	for _, name := range f.hubs {
		if len(name) > 50 || !hubName.MatchString(name) {
			return usage(fmt.Sprintf("--hub %q is not the name of an IoT hub", name), "3 to 50 letters, digits and '-', the first and last no '-'")
		}
	}
	if o.RetryAfter < 0 {
		return usage(fmt.Sprintf("--retry-after %d is no time to wait", o.RetryAfter), "a number of seconds; 0 for no waiting")
	}
	if !(o.Chaos >= 0 && o.Chaos <= 1) {
		return usage(fmt.Sprintf("--chaos %v is no share of the requests", o.Chaos), "a number from 0 (nothing) to 1 (every request)")
	}
	if len(f.hubs) > 0 {
		o.Hubs = append([]string{emulator.DefaultHub}, f.hubs...)
	}
	if o.RetryAfter == 0 {
		o.RetryAfter = -1
	}
	if !a.quiet {
		o.Log = a.logRequest
	}
	lab, err := emulator.Start(ctx, o)
	if err != nil {
		return labProblem(err)
	}
	ready := lab.Ready()
	if f.asJSON {
		err = a.printJSON(ready)
	} else {
		a.printReady(ready, f.options.Listen, a.labEnvHint(f, ready))
	}
	if err == nil {
		<-ctx.Done() // how a lab ends: by a signal, which is no error
	}
	if closeErr := lab.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (a *app) logRequest(r emulator.Request) {
	verdict := r.Verdict
	if verdict != "" {
		verdict = "  " + verdict
	}
	fmt.Fprintf(a.err, "%s  %-22s %-6s %s → %d%s\n", r.Time.Format(time.TimeOnly), r.Service, r.Method, printable(r.Path), r.Status, printable(verdict))
}

// labEnvHint is the command that finds this very lab.
func (a *app) labEnvHint(f labFlags, r emulator.Ready) string {
	if f.state == "" && !f.options.InMemory && a.home == "" {
		return "dpslab lab env"
	}
	return "dpslab lab env --state " + workflow.ShellWord(filepath.Dir(r.CAFile))
}

func (a *app) printReady(r emulator.Ready, listen, env string) {
	where := r.Address
	if host, _, _ := net.SplitHostPort(listen); host == "" && listen != "" || net.ParseIP(host).IsUnspecified() {
		where += " and on every other address of this machine"
	}
	fmt.Fprintf(a.out, `the lab is ready on %s
  ID scope         %s
  device API       https://%s
  service API      https://%s
  IoT hubs         %s
  CA file          %s
with curl add:  --connect-to ::%s --cacert %s
keys and tokens for curl and az:  %s
`, where, r.IDScope, r.DeviceHost, r.ServiceHost, strings.Join(r.HubHosts, ", "), r.CAFile, workflow.ShellWord(r.Address), workflow.ShellWord(r.CAFile), env)
}

// labTokenLife is how long the SAS tokens of `dpslab lab env` are good for: a
// day's workshop.
const labTokenLife = 12 * time.Hour

func (a *app) labEnvCommand(f *labFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print shell variables for the lab that is running, keys included",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := a.labDir(f.state)
			if err != nil {
				return err
			}
			ready, operator, err := awaitLab(c.Context(), dir)
			if err != nil {
				return noLab(err, f.state)
			}
			defer operator.Close()
			return a.printLabEnv(ready)
		},
	}
}

// labPatience is how long `dpslab lab env` waits for a lab that was started in
// the same breath: dpslab lab & eval "$(dpslab lab env)".
const labPatience = 3 * time.Second

func awaitLab(ctx context.Context, dir string) (emulator.Ready, *emulator.Operator, error) {
	for deadline := time.Now().Add(labPatience); ; {
		ready, operator, err := emulator.Join(ctx, dir)
		if err == nil || !errors.Is(err, emulator.ErrNoLab) || time.Now().After(deadline) {
			return ready, operator, err
		}
		select {
		case <-ctx.Done():
			return emulator.Ready{}, nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// labToken is a SAS token for the service API that a connection string is of.
func labToken(connection string) (dps.Secret, error) {
	c, err := dps.ParseConnectionString(connection)
	if err != nil {
		return dps.Secret{}, err
	}
	return dps.Token(c.HostName, c.KeyName, c.Key, time.Now().Add(labTokenLife))
}

func (a *app) printLabEnv(r emulator.Ready) error {
	service, err := labToken(r.ServiceConnectionString)
	if err != nil {
		return err
	}
	hub, err := labToken(r.HubConnectionString)
	if err != nil {
		return err
	}
	for _, v := range [][2]string{
		{"DPSLAB_ADDRESS", r.Address},
		{"DPSLAB_CA_FILE", r.CAFile},
		{"DPSLAB_ID_SCOPE", r.IDScope},
		{"DPSLAB_SERVICE_HOST", r.ServiceHost},
		{"DPSLAB_HUB_HOST", r.HubHosts[0]},
		{"DPSLAB_SERVICE_AUTHORIZATION", service.Reveal()},
		{"DPSLAB_HUB_AUTHORIZATION", hub.Reveal()},
		{"DPSLAB_MANAGEMENT_URL", "https://" + r.ManagementHost + "/subscriptions/" + r.SubscriptionID + "/resourceGroups/" + r.ResourceGroup +
			"/providers/Microsoft.Devices/provisioningServices/" + r.DPSName},
		{"DPSLAB_MANAGEMENT_AUTHORIZATION", "Bearer " + r.ManagementToken},
		{"DPS_CONNECTION_STRING", r.ServiceConnectionString},
	} {
		fmt.Fprintf(a.out, "export %s=%s\n", v[0], workflow.ShellWord(v[1]))
	}
	// A function, because the CA file's path may hold blanks.
	fmt.Fprintln(a.out, `labcurl() { curl --connect-to "::$DPSLAB_ADDRESS" --cacert "$DPSLAB_CA_FILE" "$@"; }`)
	return nil
}

// labProblem says what a person can do when the lab does not start.
func labProblem(err error) error {
	p := &workflow.Problem{Kind: workflow.LocalFile, Op: "start the lab", Summary: err.Error()}
	var path *fs.PathError
	var held *emulator.HeldError
	var damaged *emulator.DamagedError
	var address *emulator.AddressError
	switch {
	case errors.Is(err, emulator.ErrNeverRan):
		p.Op, p.Fix = "export the lab", "start one there with dpslab lab, or name the folder of another with --state"
	case errors.As(err, &damaged):
		p.Fix = "go on with an empty lab: dpslab lab reset; or with one that was exported: dpslab lab import FILE (both keep the damaged file beside it, and take --state where the lab did)"
	case errors.As(err, &address):
		p.Kind, p.Fix = workflow.Usage, addressFix(address)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		p.Fix = "give the lab a folder that you may write to with --state, or none with --in-memory"
	case errors.Is(err, emulator.ErrNotLoopback):
		p.Kind, p.Fix = workflow.Usage, "serve 127.0.0.1; or, on a network where nobody else is, add --i-know-this-is-insecure"
	case errors.As(err, &held):
		p.Fix = "use that one (runs and the workbench join it by themselves), or give this one another folder with --state"
	case errors.As(err, &path):
		p.Fix = "give the lab another folder with --state, or none with --in-memory"
	}
	return p
}

// addressFix says what to do about an address that cannot be served. Each of its
// reasons could be taken for one about the lab's folder.
func addressFix(e *emulator.AddressError) string {
	switch {
	case errors.Is(e, syscall.EADDRINUSE):
		return "end what serves there, or take another port; --listen 127.0.0.1:0 takes a free one"
	case errors.Is(e, fs.ErrPermission):
		return "the system keeps ports below 1024 to itself: take another one, or give this program the right (Linux: sudo setcap cap_net_bind_service=+ep, on the binary)"
	}
	return "--listen takes an address of this machine and a port, as 127.0.0.1:8443"
}
