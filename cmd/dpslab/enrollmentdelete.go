package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

func (a *app) enrollmentDeleteCommand(f *enrollmentFlags) *cobra.Command {
	var (
		yes           bool
		ifMatch, file string
	)
	c := &cobra.Command{
		Use: "delete [ID]", Short: "Delete an enrollment, or a list of them",
		Long: `Delete an enrollment. Devices that registered by it stay registered and stay at
their hub; what they lose is the right to register again. That there was none is no
error. --file FILE (or - for standard input) deletes all enrollments of a list,
ten in a request: records as show prints them, or bare IDs as a JSON array.`,
		Example: `  dpslab enrollment delete press-3 --yes
  dpslab enrollment delete line-3 --group --yes
  dpslab enrollment delete --file old.json --yes`,
		Args: cobra.MaximumNArgs(1),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().StringVar(&ifMatch, "if-match", "", "only if it has this etag (default: any)")
	c.Flags().StringVar(&file, "file", "", "delete all of this list")
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		switch {
		case len(args) == 0 && file == "":
			return usage(c.CommandPath()+" needs the ID of one enrollment, or --file", c.CommandPath()+" --help shows an example")
		case len(args) == 1 && file != "":
			return usage("an ID and --file exclude each other", "")
		case file != "" && ifMatch != "":
			return usage("--if-match is for one enrollment", "those of a list are deleted with the etag that is read")
		case file != "":
			return s.deleteList(ctx, f, file, yes)
		}
		if err := s.confirm(ctx, yes, f.kind()+" "+args[0]); err != nil {
			return err
		}
		return s.deleted(s.DeleteEnrollment(ctx, f.group, args[0], ifMatch), f.kind(), args[0])
	})
	return c
}

func (s *serviceCall) deleteList(ctx context.Context, f *enrollmentFlags, file string, yes bool) error {
	records, _, err := s.readRecords(file)
	if err != nil {
		return err
	}
	ids := make([]string, 0, len(records))
	for i, r := range records {
		id := workflow.EnrollmentIDOf(f.group, r)
		if id == "" {
			return usage(fmt.Sprintf("%s: record %d has no %s", file, i+1, idMember(f.group)), "")
		}
		ids = append(ids, id)
	}
	if err := s.confirm(ctx, yes, fmt.Sprintf("%d %ss", len(ids), f.kind())); err != nil {
		return err
	}
	s.note("each record is read first and sent whole, with its etag")
	items, err := s.DeleteEnrollments(ctx, f.group, ids)
	return s.bulkDone(items, err)
}

// bulkDone tells what became of each record of a list. One that failed makes
// the command fail.
func (s *serviceCall) bulkDone(items []workflow.BulkItem, err error) error {
	if _, dry := workflow.DryRunOf(err); dry {
		return err
	}
	failed := 0
	for _, i := range items {
		if i.Outcome == workflow.BulkFailed {
			failed++
		}
		if s.flags.asJSON {
			if err := s.printJSON(i); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(s.out, "%s %s\n", i.Outcome, printable(i.ID))
		if i.Error != "" {
			fmt.Fprintf(s.err, "  %s: %d %s\n", printable(i.ID), i.Code, printable(i.Error))
		}
	}
	if err != nil || failed == 0 {
		return err
	}
	return &workflow.Problem{
		Kind: workflow.Refused, Op: "change a list of enrollments", Summary: fmt.Sprintf("%d of %d were refused", failed, len(items)),
		Fix: "The line of each says why; the others are done.",
	}
}

func idMember(group bool) string {
	if group {
		return "enrollmentGroupId"
	}
	return "registrationId"
}
