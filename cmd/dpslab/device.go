package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
)

func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// newFlags maps the flags of `dpslab new` to the questions they answer.
var newFlags = []struct{ flag, key string }{
	{"target", "target.kind"},
	{"id-scope", "target.id_scope"},
	{"service-endpoint", "target.service_endpoint"},
	{"credential", "target.credential"},
	{"connection-string-env", "target.connection_string_env"},
	{"subscription-id", "target.subscription_id"},
	{"resource-group", "target.resource_group"},
	{"dps-name", "target.dps_name"},
	{"registration-id", "identity.registration_id"},
	{"source", "identity.source"},
	{"algorithm", "identity.algorithm"},
	{"valid-days", "identity.valid_days"},
	{"authority", "identity.authority"},
	{"certificate-file", "identity.certificate_file"},
	{"key-file", "identity.key_file"},
	{"passphrase-env", "identity.passphrase_env"},
	{"enrollment", "enrollment.kind"},
	{"enrollment-id", "enrollment.id"},
	{"device-id", "enrollment.device_id"},
	{"allocation-policy", "enrollment.allocation_policy"},
	{"iot-hub", "enrollment.iot_hubs"},
	{"count", "telemetry.count"},
	{"interval", "telemetry.interval"},
	{"body", "telemetry.body"},
}

func (a *app) newCommand() *cobra.Command {
	answers := make(map[string]*string)
	var yes bool
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a profile for a device",
		Long: `Make a profile for a device. Questions that no flag answers are asked on a
terminal; with --yes, and without a terminal, they have their defaults.`,
		Example: `  dpslab new my-x509-device --yes
  dpslab new device-01 --enrollment group --algorithm rsa-2048 --yes`,
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			given := workflow.Answers{"name": args[0]}
			for _, f := range newFlags {
				if c.Flags().Changed(f.flag) {
					given[f.key] = *answers[f.key]
				}
			}
			return a.makeProfile(c.Context(), given, yes)
		},
	}
	for _, f := range newFlags {
		field, _ := workflow.FieldByKey(f.key)
		answers[f.key] = c.Flags().String(f.flag, "", flagHelp(field))
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "ask nothing")
	return c
}

func flagHelp(f workflow.Field) string {
	if len(f.Options) == 0 {
		return f.Label
	}
	var values []string
	for _, o := range f.Options {
		values = append(values, o.Value)
	}
	return f.Label + ": " + strings.Join(values, "|")
}

func (a *app) makeProfile(ctx context.Context, given workflow.Answers, yes bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	if given["identity.registration_id"] == "" {
		given["identity.registration_id"] = given["name"]
	}
	if given["enrollment.kind"] == profiles.EnrollmentGroup && given["identity.source"] == "" {
		given["identity.source"] = profiles.SourceChain // a group needs one
	}
	w := workflow.NewWizard(given)
	if _, err := os.Stat(store.Paths.Profile(given["name"])); err == nil { // before anything is asked
		return usage("there is a profile of the name "+given["name"]+" already", "choose another name, or remove that one first: dpslab remove "+given["name"])
	}
	if !yes && isTerminal(a.in) && isTerminal(a.err) {
		if w, err = a.interview(ctx, w, given); err != nil {
			return err
		}
	}
	if wrong := w.Errors(); len(wrong) > 0 {
		return usage(wrong[0].Error(), "dpslab new --help lists the flags")
	}
	s := workflow.NewSession(workflow.Config{Store: store})
	defer s.Close()
	if err := s.Save(w.Name(), w.Profile()); err != nil {
		return err
	}
	fmt.Fprintln(a.out, store.Paths.Profile(w.Name()))
	if !a.quiet {
		fmt.Fprintf(a.err, "next: dpslab run %s\n", w.Name())
	}
	return nil
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

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a device's profile and how far it is", Args: oneName,
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := a.store()
			if err != nil {
				return err
			}
			s := workflow.NewSession(workflow.Config{Store: store})
			defer s.Close()
			d := s.Device(args[0])
			if d.Err != nil {
				return d.Err
			}
			doc, err := store.Load(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "# %s\n%s", d.ProfilePath, printable(string(doc.Source)))
			status := s.History(args[0])
			fmt.Fprintln(a.out)
			for _, step := range status.Steps {
				fmt.Fprintf(a.out, "# %-13s %-9s %s\n", step.ID, step.State, printable(step.Text))
			}
			if workflow.Resumable(d.State) {
				fmt.Fprintf(a.out, "# a registration is under way: dpslab run %s --resume\n", d.Name)
			}
			return nil
		},
	}
}

func (a *app) removeCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "remove NAME", Short: "Delete a device's profile, state, keys and certificates from this machine",
		Long: `Delete a device's profile, state, keys and certificates from this machine.
CAs that other devices may share stay. Nothing is deleted at DPS or at a hub.`,
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			store, err := a.store()
			if err != nil {
				return err
			}
			if err := a.confirmRemoval(c.Context(), args[0], yes); err != nil {
				return err
			}
			s := workflow.NewSession(workflow.Config{Store: store})
			defer s.Close()
			removed, err := s.Remove(args[0])
			for _, path := range removed {
				fmt.Fprintln(a.out, path)
			}
			return err
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
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

func (a *app) pathsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "paths", Short: "Print where dpslab keeps its files", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.paths()
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "config  %s\nstate   %s\ndata    %s\nlab     %s\n", p.Config, p.State, p.Data, p.LabDir())
			return nil
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(*cobra.Command, []string) { fmt.Fprintln(a.out, "dpslab "+version) },
	}
}
