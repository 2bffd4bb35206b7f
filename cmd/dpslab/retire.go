package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
)

// retireFlags are those of `dpslab retire`.
type retireFlags struct{ dryRun, yes, force, asJSON bool }

func (a *app) retireCommand() *cobra.Command {
	var f retireFlags
	c := &cobra.Command{
		Use: "retire NAME", Short: "Delete what runs of a device made at services", Args: oneName,
		Long: `Delete what runs of a device made at services, the newest first: its device at
the hub, registration record, enrollment, signing CA, API Management certificate.
All of it is listed before anything goes. Only what the state file says that
these runs made is deleted, and with the etag they know: what somebody changed
since stays, and is told, as does what other devices here use, unless --force is
given. The device at the hub was made by DPS: it is read, compared with what DPS
made, and deleted with the etag that was read. What is gone already is fine.
Profile, keys and certificates on this machine stay: "dpslab remove" deletes them.

--dry-run prints the list and each request, as curl and az too, and sends nothing.

Least rights, for what there is to delete:
  enrollments, groups, records   Device Provisioning Service Data Contributor, or a
                                 policy with EnrollmentWrite and RegistrationStatusWrite
  device at the hub              IoT Hub Registry Contributor, or a policy with
                                 RegistryReadWrite
  signing CA                     Contributor on the DPS instance
  API Management certificate     API Management Service Contributor

A signing CA of DPS admits devices; a certificate of API Management is what it
shows to a back end. They have nothing to do with each other.`,
		Example: `  dpslab retire press-3 --dry-run
  dpslab retire press-3 --yes
  dpslab retire press-3 --yes --json`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.tellProblem(a.retire(c.Context(), args[0], f), f.asJSON)
		},
	}
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "list it, print the requests, and send nothing")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&f.force, "force", false, "delete also what other devices here use, and what was changed since")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print the list, then every event or request, as JSON objects a line")
	c.ValidArgsFunction = completeName
	return c
}

// retireLine is one line of the list with --json.
type retireLine struct {
	Item workflow.RetireItem `json:"item"`
}

func (a *app) retire(ctx context.Context, name string, f retireFlags) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	status := workflow.NewStatus(name)
	var planned []*workflow.Exchange
	tell := a.face(f.asJSON)
	s := a.session(store, a.labOptions(store.Paths), func(e workflow.Event) {
		status.Apply(e)
		switch {
		case !f.dryRun:
			tell(e)
		case e.Kind == workflow.ExchangeFinished && e.Exchange.DryRun:
			planned = append(planned, e.Exchange)
		}
	})
	defer s.Close()
	items, err := s.RetirePlan(ctx, name)
	if err != nil {
		return err
	}
	if err := a.printRetirement(items, f); err != nil || len(items) == 0 {
		return err
	}
	if !f.dryRun {
		if err := a.confirmRetirement(ctx, name, len(items), f); err != nil {
			return err
		}
	}
	if _, err := s.Retire(name, workflow.RetireOptions{DryRun: f.dryRun, Force: f.force}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, s.Cancel)
	defer stop()
	s.Wait()
	if p := status.Problem; p != nil && (f.dryRun || !f.asJSON) {
		return p
	} else if p != nil {
		return &reported{p.Kind.ExitCode()} // the last event told it
	}
	if f.dryRun {
		return a.printRequests(planned, retireNotes(items, f), f.asJSON)
	}
	return nil
}

// retireNotes say what stands for a part of an answer in the requests of a dry
// run.
func retireNotes(items []workflow.RetireItem, f retireFlags) []string {
	hub := slices.ContainsFunc(items, func(i workflow.RetireItem) bool { return i.Kind == profiles.CreatedHubDevice })
	if !hub || f.force {
		return nil
	}
	return []string{"ETAG is the etag that reading the device tells; what differs from what DPS made is not deleted"}
}

// printRetirement lists what will go: the result of a dry run, and what a person
// is asked about otherwise.
func (a *app) printRetirement(items []workflow.RetireItem, f retireFlags) error {
	if len(items) == 0 && !a.quiet && !f.asJSON {
		fmt.Fprintln(a.err, "runs of this device made nothing that is not gone")
	}
	for _, i := range items {
		if f.asJSON {
			if err := a.printJSON(retireLine{i}); err != nil {
				return err
			}
			continue
		}
		line := i.What
		if len(i.Shared) > 0 && !f.force {
			line += " (stays: " + strings.Join(i.Shared, ", ") + " use it too)"
		}
		fmt.Fprintln(a.out, printable(line))
	}
	if f.dryRun && len(items) > 0 && !f.asJSON {
		fmt.Fprintln(a.out)
	}
	return nil
}

func (a *app) confirmRetirement(ctx context.Context, name string, n int, f retireFlags) error {
	if f.yes || a.readOnly { // a session that may only look refuses by itself
		return nil
	}
	if !isTerminal(a.in) || !isTerminal(a.err) {
		return usage("retire needs --yes when there is no terminal to ask on", "dpslab retire "+name+" --dry-run shows the requests, --yes sends them")
	}
	answer, err := a.prompt(ctx, fmt.Sprintf("Delete these %d at their services? [y/N] ", n))
	if err != nil {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return workflow.ErrByUser
	}
	return nil
}
