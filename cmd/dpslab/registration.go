package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

func (a *app) registrationCommand() *cobra.Command {
	f := &serviceFlags{}
	c := &cobra.Command{
		Use:   "registration",
		Short: "Look into and delete the registration records of a DPS instance",
		Long: `Look into and delete registration records, from the side of the service: where
DPS assigned each device. (dpslab status NAME asks as the device itself.)
` + targetHelp + "\n" + dryRunHelp,
		Example: `  dpslab registration list line-3
  dpslab registration show press-3
  dpslab registration delete press-3 --yes`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c)
	return a.serviceGroup(
		c, below("show", a.registrationShowCommand, f), below("list", a.registrationListCommand, f), below("delete", a.registrationDeleteCommand, f),
	)
}

func (a *app) registrationShowCommand(f *serviceFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "show REGISTRATION_ID", Short: "Show the registration record of one device",
		Long: `Show the registration record of one device. There is one from its first attempt
on, also when that was refused. With --json: registration_id, status, substatus,
assigned_hub, device_id, etag, error_code, error_message, created, updated.`,
		Example: "  dpslab registration show press-3",
		Args:    oneID("a registration ID"),
	}
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, args []string) error {
		r, err := s.Registration(ctx, args[0])
		if err != nil {
			return err
		}
		if f.asJSON {
			return s.printJSON(r)
		}
		s.facts(15, [][2]string{
			{"registration ID", r.RegistrationID},
			{"status", r.Status},
			{"substatus", r.Substatus},
			{"assigned hub", r.AssignedHub},
			{"device ID", r.DeviceID},
			{"error", errorText(r)},
			{"created", r.Created},
			{"updated", r.Updated},
			{"etag", r.ETag},
		})
		return nil
	})
	return c
}

func errorText(r *workflow.RegistrationRecord) string {
	if r.ErrorCode == 0 && r.ErrorMessage == "" {
		return ""
	}
	return fmt.Sprintf("%d %s", r.ErrorCode, r.ErrorMessage)
}

func (a *app) registrationListCommand(f *serviceFlags) *cobra.Command {
	p := &pageFlags{}
	c := &cobra.Command{
		Use: "list GROUP", Short: "List the registration records of an enrollment group",
		Long: `List the registration records of an enrollment group. Those of individual
enrollments stand in dpslab enrollment list. The first page is shown; --all and
--filter go on to the end. Where there is none, the group is looked up: an empty
group is no error, one that is not there is.`,
		Example: `  dpslab registration list line-3
  dpslab registration list line-3 --all --json`,
		Args: oneID("the ID of an enrollment group"),
	}
	p.add(c)
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, args []string) error {
		q, err := p.query(true)
		if err != nil {
			return err
		}
		s.note("a page may name a continuation; the next request carries it in x-ms-continuation; after an empty list the group itself is read")
		list := s.list("REGISTRATION ID\tSTATUS\tHUB\tDEVICE ID\tERROR")
		err = s.pages(p, q, func(q workflow.EnrollmentQuery) (string, error) {
			page, err := s.Registrations(ctx, args[0], q)
			if err != nil {
				return "", err
			}
			for i := range page.Items {
				r := &page.Items[i]
				if err := list.row(r, r.RegistrationID, r.Status, r.AssignedHub, r.DeviceID, errorText(r)); err != nil {
					return "", err
				}
			}
			return page.Continuation, list.flush()
		})
		switch {
		case err != nil && !notFound(err):
			return err
		case err != nil || list.rows == 0:
			if err := s.haveGroup(ctx, args[0], err); err != nil {
				return err
			}
		}
		return list.end("no registrations")
	})
	return c
}

// haveGroup tells an empty group from one that is not there, which the query for
// its registrations need not. listed is the error of that query. Who may not
// read enrollments cannot know, and is not told that there is a group.
func (s *serviceCall) haveGroup(ctx context.Context, id string, listed error) error {
	_, err := s.Enrollment(ctx, true, id)
	if !notFound(err) {
		return listed
	}
	return &workflow.Problem{
		Kind: workflow.Refused, Op: "list the registrations of " + id, Status: http.StatusNotFound,
		Summary: "there is no enrollment group " + id,
		Fix:     "dpslab enrollment list --group shows those that there are; of a device with an enrollment of its own: dpslab registration show REGISTRATION_ID.",
	}
}

func (a *app) registrationDeleteCommand(f *serviceFlags) *cobra.Command {
	var (
		yes     bool
		ifMatch string
	)
	c := &cobra.Command{
		Use: "delete REGISTRATION_ID", Short: "Delete the registration record of one device",
		Long: `Delete the registration record of one device. DPS forgets where it assigned the
device, which stays at its hub and may register again; to keep it out, disable or
delete its enrollment as well. That there was none is no error.`,
		Example: "  dpslab registration delete press-3 --yes",
		Args:    oneID("a registration ID"),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().StringVar(&ifMatch, "if-match", "", "only if it has this etag (default: any)")
	c.RunE = a.withService(f, func(ctx context.Context, s *serviceCall, args []string) error {
		if err := s.confirm(ctx, yes, "registration "+args[0]); err != nil {
			return err
		}
		return s.deleted(s.DeleteRegistration(ctx, args[0], ifMatch), "registration", args[0])
	})
	return c
}
