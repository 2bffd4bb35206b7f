package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

func (a *app) runCommand() *cobra.Command {
	var (
		only           []string
		asJSON, dryRun bool
		o              workflow.RunOptions
	)
	c := &cobra.Command{
		Use:   "run NAME",
		Short: "Run a device's steps: certificates, signing CA, enrollment, registration, telemetry",
		Long: `Run a device's steps in their order. Each may be run again: what is there and
right stays, what differs is shown before it is written, with the etag that was
read. Progress goes to standard error, the result to standard output.

--dry-run prints the profile, the steps and what they will write, and does
nothing; dpslab register, send, ca and enrollment print their very requests.

Least rights, as far as the steps are needed:
  signing-ca       Contributor on the DPS instance
  enrollment       Device Provisioning Service Data Contributor, or a connection
                   string whose policy has EnrollmentWrite
  registration, telemetry   none: the device proves itself
  api-management   API Management Service Contributor; its certificates are what
                   it shows to a back end, DPS's signing CA is what admits devices`,
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
			if dryRun {
				return a.tellProblem(a.planRun(args[0], asJSON), asJSON)
			}
			return a.runDevice(c.Context(), args[0], o, asJSON)
		},
	}
	c.Flags().StringSliceVar(&only, "only", nil, "run only these steps: certificates, signing-ca, enrollment, registration, telemetry")
	c.Flags().BoolVar(&o.Resume, "resume", false, "finish the registration that an earlier run began")
	c.Flags().BoolVar(&o.Force, "force", false, "make a new device certificate (with the same key)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the steps and what they will write, and do nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print every event as a JSON object a line")
	c.ValidArgsFunction = completeName
	return c
}

// planRun tells what running a profile's steps will do.
func (a *app) planRun(name string, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := workflow.NewSession(workflow.Config{Store: store, ReadOnly: a.readOnly})
	defer s.Close()
	w, err := s.Edit(name)
	if err != nil {
		return err
	}
	return a.printPlan(w, store.Paths, asJSON)
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
