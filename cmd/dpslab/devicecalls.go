package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

// deviceRights stands in the help of each call that a device makes by itself.
const deviceRights = `
Least rights: none of an account. The device proves itself with its own
certificate, key or TPM, and the enrollment admits it. Only a symmetric key that
the profile does not name is asked of DPS, which takes the role "Device
Provisioning Service Data Contributor" or a policy with EnrollmentWrite.`

// previewHelp says what a dry run of a device's call is.
const previewHelp = `
--dry-run prints the first request that would be made, with method, URL, headers
and body, and the same for curl, secrets masked, and sends nothing.`

// preview prints the request of a device's call and sends nothing.
func (a *app) preview(ctx context.Context, name string, call workflow.DeviceCall, o workflow.RunOptions, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := a.session(store, a.labOptions(store.Paths), func(workflow.Event) {})
	defer s.Close()
	x, err := s.Preview(ctx, name, call, o)
	if err != nil {
		return a.tellProblem(err, asJSON)
	}
	return a.printRequests([]*workflow.Exchange{x}, nil, asJSON)
}

// callFlags are those of each call of a device.
type callFlags struct{ asJSON, dryRun bool }

func (f *callFlags) add(c *cobra.Command, json string) {
	c.Flags().BoolVar(&f.asJSON, "json", false, json)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "print the request, as curl too, and send nothing")
	c.ValidArgsFunction = completeName
}

const eventLines = "print every event as a JSON object a line"

func (a *app) registerCommand() *cobra.Command {
	var (
		f callFlags
		o = workflow.RunOptions{Only: []workflow.StepID{workflow.StepRegistration}}
	)
	c := &cobra.Command{
		Use: "register NAME", Short: "Register a device with DPS and wait for its hub", Args: oneName,
		Long: `Register a device with DPS, poll as DPS asks for it, and say which hub it was
assigned to. A device that is registered already may register again: it is
assigned anew as its enrollment's reprovisioning policy says.
` + deviceRights + previewHelp,
		Example: `  dpslab register press-3
  dpslab register press-3 --dry-run
  dpslab register press-3 --resume --json`,
		RunE: func(c *cobra.Command, args []string) error {
			if f.dryRun {
				return a.preview(c.Context(), args[0], workflow.CallRegister, o, f.asJSON)
			}
			return a.runDevice(c.Context(), args[0], o, f.asJSON)
		},
	}
	f.add(c, eventLines)
	c.Flags().BoolVar(&o.Resume, "resume", false, "finish the registration that an earlier run began")
	return c
}

func (a *app) statusCommand() *cobra.Command {
	var f callFlags
	c := &cobra.Command{
		Use: "status NAME", Short: "Ask DPS how a device's registration stands, without registering", Args: oneName,
		Long: `Ask DPS, as the device, how its registration stands, without registering.
` + deviceRights + previewHelp,
		Example: `  dpslab status press-3
  dpslab status press-3 --json`,
		RunE: func(c *cobra.Command, args []string) error {
			if f.dryRun {
				return a.preview(c.Context(), args[0], workflow.CallStatus, workflow.RunOptions{}, f.asJSON)
			}
			return a.tellProblem(a.status(c.Context(), args[0], f.asJSON), f.asJSON)
		},
	}
	f.add(c, "print the answer as one JSON object")
	return c
}

func (a *app) status(ctx context.Context, name string, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := a.session(store, a.labOptions(store.Paths), a.besideJSON(asJSON))
	defer s.Close()
	r, err := s.Lookup(ctx, name)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(r)
	}
	fmt.Fprintf(a.out, "%s %s", r.RegistrationID, printable(r.Status))
	if r.AssignedHub != "" {
		fmt.Fprintf(a.out, " %s as %s (%s)", printable(r.AssignedHub), printable(r.DeviceID), printable(r.Substatus))
	}
	if r.ErrorMessage != "" {
		fmt.Fprintf(a.out, " %d %s", r.ErrorCode, printable(r.ErrorMessage))
	}
	fmt.Fprintln(a.out)
	return nil
}

// besideJSON tells progress where the result is a JSON object of its own: only
// when it was asked for.
func (a *app) besideJSON(asJSON bool) func(workflow.Event) {
	if asJSON && !a.verbose {
		return func(workflow.Event) {}
	}
	return a.face(false)
}

func (a *app) sendCommand() *cobra.Command {
	var (
		f        callFlags
		interval time.Duration
		o        = workflow.RunOptions{Only: []workflow.StepID{workflow.StepTelemetry}}
	)
	c := &cobra.Command{
		Use: "send NAME", Short: "Send telemetry to the hub that a device is assigned to", Args: oneName,
		Long: `Send telemetry to the hub that a device is assigned to. The body is a template:
{{ now }} is the time, {{ n }} the message's number, {{ wave 20 30 "20s" }} a
number that swings; --verbatim sends it as it stands. With --batch several
messages go in one request; the hub takes all of them or none.
` + deviceRights + previewHelp,
		Example: `  dpslab send press-3 --count 100 --interval 200ms --property line=3
  dpslab send press-3 --count 1 --body '{"temperature": 30}'
  dpslab send press-3 --count 500 --interval 0s --batch 100`,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("interval") {
				o.Interval = &interval
			}
			if c.Flags().Changed("batch") && o.Batch < 1 {
				return usage("--batch "+fmt.Sprint(o.Batch)+" is no number of messages", "1 or more")
			}
			if err := workflow.CheckMessage(o); err != nil {
				return a.tellProblem(err, f.asJSON)
			}
			if f.dryRun {
				return a.preview(c.Context(), args[0], workflow.CallSend, o, f.asJSON)
			}
			return a.runDevice(c.Context(), args[0], o, f.asJSON)
		},
	}
	f.add(c, eventLines)
	c.Flags().IntVar(&o.Count, "count", 0, "how many messages (default: the profile's)")
	c.Flags().DurationVar(&interval, "interval", 0, "pause between messages (default: the profile's)")
	c.Flags().StringVar(&o.Body, "body", "", "the message, a template like the profile's")
	c.Flags().BoolVar(&o.Verbatim, "verbatim", false, "the body is no template")
	c.Flags().IntVar(&o.Batch, "batch", 0, "messages in one request (default: the profile's)")
	c.Flags().StringToStringVar(&o.Properties, "property", nil, "application property NAME=VALUE; may be repeated")
	return c
}

// receiveFlags are those of `dpslab receive`.
type receiveFlags struct {
	callFlags
	complete, abandon, reject bool
	watch                     bool
	every                     time.Duration
}

func (a *app) receiveCommand() *cobra.Command {
	var f receiveFlags
	c := &cobra.Command{
		Use: "receive NAME", Short: "Receive messages from the cloud as a device", Args: oneName,
		Long: `Receive the oldest message that waits for a device at its hub, and settle it:
--complete deletes it, --abandon gives it back, --reject puts it among the dead
letters. Without one of them it stays locked for a minute and waits again then;
--json tells its lock token. When none waits, nothing is printed.

--watch goes on until interrupted. Over HTTPS IoT Hub recommends to ask no more
often than every 25 minutes; for a test shorter is fine.

In Azure, "az iot device c2d-message send" sends such a message.
` + deviceRights + previewHelp,
		Example: `  dpslab receive press-3 --complete
  dpslab receive press-3 --dry-run
  dpslab receive press-3 --watch --complete --every 10s --json`,
		RunE: func(c *cobra.Command, args []string) error {
			then, err := f.settlement()
			switch {
			case err != nil:
				return err
			case f.every < time.Second:
				return usage("--every "+f.every.String()+" is too often", "1s or more")
			case f.dryRun:
				return a.preview(c.Context(), args[0], workflow.CallReceive, workflow.RunOptions{}, f.asJSON)
			}
			return a.tellProblem(a.receive(c.Context(), args[0], then, f), f.asJSON)
		},
	}
	f.add(c, "print each message as one JSON object a line")
	c.Flags().BoolVar(&f.complete, "complete", false, "the message was dealt with: it is deleted")
	c.Flags().BoolVar(&f.abandon, "abandon", false, "the message is given back: it waits again")
	c.Flags().BoolVar(&f.reject, "reject", false, "the message cannot be dealt with: it goes to the dead letters")
	c.Flags().BoolVar(&f.watch, "watch", false, "go on until interrupted")
	c.Flags().DurationVar(&f.every, "every", 10*time.Second, "how often to ask with --watch")
	return c
}

func (f receiveFlags) settlement() (workflow.Settlement, error) {
	var chosen []workflow.Settlement
	for _, c := range []struct {
		on   bool
		then workflow.Settlement
	}{{f.complete, workflow.Complete}, {f.abandon, workflow.Abandon}, {f.reject, workflow.Reject}} {
		if c.on {
			chosen = append(chosen, c.then)
		}
	}
	switch len(chosen) {
	case 0:
		return workflow.LeaveLocked, nil
	case 1:
		return chosen[0], nil
	}
	return "", usage("a message can be settled in one way only", "one of --complete, --abandon and --reject")
}

func (a *app) receive(ctx context.Context, name string, then workflow.Settlement, f receiveFlags) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	tell, broken := a.besideJSON(f.asJSON), error(nil)
	s := a.session(store, a.labOptions(store.Paths), func(e workflow.Event) {
		if e.Kind == workflow.CloudMessageReceived {
			broken = errors.Join(broken, a.printMessage(e.Cloud, f.asJSON))
			return
		}
		tell(e)
	})
	defer s.Close()
	if f.watch {
		err = s.Listen(ctx, name, f.every, then)
		if ctx.Err() != nil { // the way in which watching ends
			err = context.Cause(ctx)
		}
		return errors.Join(err, broken)
	}
	got, err := s.ReceiveAndSettle(ctx, name, then)
	if err == nil && got == nil && !a.quiet && !f.asJSON {
		fmt.Fprintln(a.err, "no message waits for "+name)
	}
	return errors.Join(err, broken)
}

func (a *app) printMessage(m *workflow.CloudMessage, asJSON bool) error {
	if asJSON {
		return a.printJSON(m)
	}
	names := make([]string, 0, len(m.Properties))
	for n := range m.Properties {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(m.Body)
	for _, n := range names {
		fmt.Fprintf(&b, "\t%s=%s", n, m.Properties[n])
	}
	_, err := fmt.Fprintln(a.out, printable(b.String()))
	return err
}

// completeName offers the names of profiles to a shell.
func completeName(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	home, _ := c.Flags().GetString("home") // a flag of every command
	return profileNames(home), cobra.ShellCompDirectiveNoFileComp
}
