package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// listed is one line of `dpslab list --json`.
type listed struct {
	Name        string     `json:"name"`
	Target      string     `json:"target,omitempty"`
	Enrollment  string     `json:"enrollment,omitempty"`
	Status      string     `json:"status,omitempty"`
	AssignedHub string     `json:"assigned_hub,omitempty"`
	DeviceID    string     `json:"device_id,omitempty"`
	NotAfter    *time.Time `json:"certificate_not_after,omitempty"`
	Error       string     `json:"error,omitempty"`
}

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the devices", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			store, err := a.store()
			if err != nil {
				return err
			}
			s := workflow.NewSession(workflow.Config{Store: store})
			defer s.Close()
			names, err := s.Names()
			if err != nil {
				return &workflow.Problem{Kind: workflow.LocalFile, Op: "list the profiles", Summary: err.Error()}
			}
			if asJSON {
				for _, name := range names {
					if err := a.printJSON(listedOf(s.Device(name))); err != nil {
						return err
					}
				}
				return nil
			}
			return a.printList(s, names)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	return c
}

func (a *app) printList(s *workflow.Session, names []string) error {
	if len(names) == 0 {
		fmt.Fprintln(a.err, "no devices yet: dpslab new NAME makes one")
		return nil
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tTARGET\tENROLLMENT\tSTATUS\tCERTIFICATE")
	for _, name := range names {
		d := s.Device(name)
		l := listedOf(d)
		certificate := "none"
		if days, ok := workflow.DaysLeft(d.State, time.Now()); ok {
			certificate = fmt.Sprintf("%d days left", days)
			if days < 0 {
				certificate = fmt.Sprintf("expired %d days ago", -days)
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", l.Name, l.Target, l.Enrollment, printable(strings.TrimSpace(l.Status+" "+l.AssignedHub)), certificate)
	}
	return table.Flush()
}

func listedOf(d workflow.Device) listed {
	l := listed{Name: d.Name, Status: "not registered"}
	if d.Err != nil {
		l.Status, l.Error = "unusable profile", d.Err.Error()
		return l
	}
	l.Target, l.Enrollment = d.Profile.Target.Kind, d.Profile.Enrollment.Kind
	if r := d.State.Registration; r.Status != "" {
		l.Status, l.AssignedHub, l.DeviceID = r.Status, r.AssignedHub, r.DeviceID
	}
	if e := d.State.LastError; e != nil {
		l.Error = e.Summary
		if l.Status == "not registered" {
			l.Status = e.Step + " failed"
		}
	}
	if end := d.State.Certificate.NotAfter; !end.IsZero() {
		l.NotAfter = &end
	}
	return l
}

func (a *app) removeCommand() *cobra.Command {
	var yes, dryRun, asJSON bool
	c := &cobra.Command{
		Use: "remove NAME", Short: "Delete a device's profile, state, keys and certificates from this machine",
		Long: `Delete a device's profile, state, keys and certificates from this machine.
CAs that other devices may share stay. Nothing is deleted at DPS or at a hub.`,
		Example: `  dpslab remove press-3 --dry-run
  dpslab remove press-3 --yes`,
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return a.tellProblem(a.remove(c.Context(), args[0], yes, dryRun, asJSON), asJSON)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be deleted, and delete nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print each path as a JSON object a line")
	c.ValidArgsFunction = completeName
	return c
}

// removedPath is one line of `dpslab remove --json`.
type removedPath struct {
	Path   string `json:"path"`
	DryRun bool   `json:"dry_run,omitempty"` // it is still there
}

func (a *app) remove(ctx context.Context, name string, yes, dryRun, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := workflow.NewSession(workflow.Config{Store: store, ReadOnly: a.readOnly})
	defer s.Close()
	var paths []string
	if dryRun {
		paths, err = s.Removal(name)
	} else if err = a.confirmRemoval(ctx, name, yes); err == nil {
		paths, err = s.Remove(name)
	}
	for _, path := range paths {
		if !asJSON {
			fmt.Fprintln(a.out, path)
		} else if err := a.printJSON(removedPath{path, dryRun}); err != nil {
			return err
		}
	}
	return err
}

func (a *app) confirmRemoval(ctx context.Context, name string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(a.in) {
		return usage("remove needs --yes when there is no terminal to ask on", "dpslab remove "+name+" --yes")
	}
	answer, err := a.prompt(ctx, fmt.Sprintf("Delete profile, keys and certificates of %s? [y/N] ", name))
	if err != nil {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return workflow.ErrByUser
	}
	return nil
}
