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

--dry-run prints the profile, the steps, what they will write, and each request
that is known before any is answered, as curl and az too, and sends nothing. What
only an answer tells stands in it in capitals, such as OPERATION_ID.

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
				return a.tellProblem(a.planRun(c.Context(), args[0], o, asJSON), asJSON)
			}
			return a.runDevice(c.Context(), args[0], o, asJSON)
		},
	}
	c.Flags().StringSliceVar(&only, "only", nil, "run only these steps: certificates, signing-ca, enrollment, registration, telemetry, api-management")
	c.Flags().BoolVar(&o.Resume, "resume", false, "finish the registration that an earlier run began")
	c.Flags().BoolVar(&o.Force, "force", false, "make a new device certificate (with the same key)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the steps, what they will write and the requests, and send nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print every event as a JSON object a line")
	c.ValidArgsFunction = completeName
	return c
}

// planRun tells what running a profile's steps will do.
func (a *app) planRun(ctx context.Context, name string, o workflow.RunOptions, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := a.session(store, a.labOptions(store.Paths), func(workflow.Event) {})
	defer s.Close()
	w, err := s.Edit(name)
	if err != nil {
		return err
	}
	if err := a.printPlan(w, store.Paths, asJSON); err != nil {
		return err
	}
	if !asJSON {
		fmt.Fprintln(a.out)
	}
	return a.printRun(ctx, s, name, o, asJSON)
}

// printRun prints the requests of a profile's steps. What they leave open stands
// with the last request of a step; with --json a step without requests is a line
// of its own.
func (a *app) printRun(ctx context.Context, s *workflow.Session, name string, o workflow.RunOptions, asJSON bool) error {
	previews, err := s.PreviewRun(ctx, name, o)
	if err != nil {
		return err
	}
	for i, p := range previews {
		switch {
		case !asJSON && i == 0:
			fmt.Fprintf(a.out, "# step %s\n", p.Step)
		case !asJSON:
			fmt.Fprintf(a.out, "\n# step %s\n", p.Step)
		case len(p.Requests) == 0:
			if err := a.printJSON(stepLine{DryRun: true, Step: p.Step, Notes: p.Notes}); err != nil {
				return err
			}
			continue
		}
		if len(p.Requests) == 0 {
			for _, n := range p.Notes {
				fmt.Fprintf(a.out, "# %s\n", printable(n))
			}
			continue
		}
		if err := a.writeRequests(p.Requests, p.Notes, asJSON); err != nil {
			return err
		}
	}
	return nil
}

// stepLine is one line of a dry run of steps with --json.
type stepLine struct {
	DryRun bool            `json:"dry_run"` // always true
	Step   workflow.StepID `json:"step"`
	Notes  []string        `json:"notes"`
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
	for _, s := range workflow.AllSteps() {
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
	t := a.attend(store, a.labOptions(store.Paths), name, asJSON)
	defer t.Close()
	return t.runAndPrint(ctx, o)
}

func (t *attended) runAndPrint(ctx context.Context, o workflow.RunOptions) error {
	status, err := t.run(ctx, o)
	if err != nil {
		return err
	}
	if !t.asJSON {
		t.app.printResult(status)
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
