package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

func (a *app) runCommand() *cobra.Command {
	var (
		only   []string
		asJSON bool
		o      workflow.RunOptions
	)
	c := &cobra.Command{
		Use:   "run NAME",
		Short: "Run a device's steps: certificates, signing CA, enrollment, registration, telemetry",
		Example: `  dpslab run press-3
  dpslab run press-3 --only registration
  dpslab run press-3 --resume --json`,
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			steps, err := stepIDs(only)
			if err != nil {
				return err
			}
			o.Only = steps
			return a.runDevice(c.Context(), args[0], o, asJSON)
		},
	}
	c.Flags().StringSliceVar(&only, "only", nil, "run only these steps: certificates, signing-ca, enrollment, registration, telemetry")
	c.Flags().BoolVar(&o.Resume, "resume", false, "finish the registration that an earlier run began")
	c.Flags().BoolVar(&o.Force, "force", false, "make a new device certificate (with the same key)")
	c.Flags().BoolVar(&asJSON, "json", false, "print every event as a JSON object a line")
	return c
}

func oneName(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage(c.CommandPath()+" needs the name of one device", c.CommandPath()+" NAME; dpslab list shows the names that there are")
	}
	return nil
}

func stepIDs(names []string) ([]workflow.StepID, error) {
	var ids []workflow.StepID
	var legal []string
	for _, s := range workflow.Steps() {
		legal = append(legal, string(s.ID))
	}
	for _, n := range names {
		if !slices.Contains(legal, n) {
			return nil, usage(fmt.Sprintf("there is no step %q", n), "the steps are "+strings.Join(legal, ", "))
		}
		ids = append(ids, workflow.StepID(n))
	}
	return ids, nil
}

// runDevice runs steps of a stored profile and prints the result.
func (a *app) runDevice(ctx context.Context, name string, o workflow.RunOptions, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	status, err := a.runSteps(ctx, store, a.labOptions(store.Paths), name, o, asJSON)
	if err != nil {
		return err
	}
	if !asJSON {
		a.printResult(status)
	}
	return nil
}

// printResult is what a run gives to a pipe.
func (a *app) printResult(s *workflow.Status) {
	if r := s.Registration; r.AssignedHub != "" {
		fmt.Fprintf(a.out, "%s assigned to %s as %s\n", s.Device, printable(r.AssignedHub), printable(r.DeviceID))
	}
	if t := s.Telemetry; t.Sent > 0 {
		fmt.Fprintf(a.out, "%d of %d messages accepted", t.Sent, t.Of)
		if t.Received > 0 {
			fmt.Fprintf(a.out, ", %d in the hub's inbox", t.Received)
		}
		fmt.Fprintln(a.out)
	}
	if s.Registration.AssignedHub == "" && s.Telemetry.Sent == 0 {
		for _, step := range s.Steps {
			if step.State == workflow.StepDone {
				fmt.Fprintf(a.out, "%s: %s\n", step.ID, printable(step.Text))
			}
		}
	}
}

func (a *app) registerCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "register NAME", Short: "Register a device with DPS and wait for its hub", Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return a.runDevice(c.Context(), args[0], workflow.RunOptions{Only: []workflow.StepID{workflow.StepRegistration}}, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print every event as a JSON object a line")
	return c
}

func (a *app) sendCommand() *cobra.Command {
	var (
		asJSON   bool
		interval time.Duration
		o        workflow.RunOptions
	)
	c := &cobra.Command{
		Use: "send NAME", Short: "Send telemetry to the hub that a device is assigned to", Args: oneName,
		Example: `  dpslab send press-3 --count 100 --interval 200ms --property line=3
  dpslab send press-3 --count 1 --body '{"temperature": 30}'`,
		RunE: func(c *cobra.Command, args []string) error {
			o.Only = []workflow.StepID{workflow.StepTelemetry}
			if c.Flags().Changed("interval") {
				o.Interval = &interval
			}
			if err := workflow.CheckMessage(o); err != nil {
				return err
			}
			return a.runDevice(c.Context(), args[0], o, asJSON)
		},
	}
	c.Flags().IntVar(&o.Count, "count", 0, "how many messages (default: the profile's)")
	c.Flags().DurationVar(&interval, "interval", 0, "pause between messages (default: the profile's)")
	c.Flags().StringVar(&o.Body, "body", "", "the message, a template like the profile's")
	c.Flags().StringToStringVar(&o.Properties, "property", nil, "application property NAME=VALUE; may be repeated")
	c.Flags().BoolVar(&asJSON, "json", false, "print every event as a JSON object a line")
	return c
}

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "status NAME", Short: "Ask DPS how a device's registration stands, without registering", Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			store, err := a.store()
			if err != nil {
				return err
			}
			tell := a.face(false)
			if asJSON {
				tell = func(workflow.Event) {}
			}
			s := a.session(store, a.labOptions(store.Paths), tell)
			defer s.Close()
			r, err := s.Lookup(c.Context(), args[0])
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
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the answer as one JSON object")
	return c
}
