package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/workflow"
)

// enrollmentFlags are those of the enrollment commands.
type enrollmentFlags struct {
	serviceFlags
	group bool
}

func (a *app) enrollmentCommand() *cobra.Command {
	f := &enrollmentFlags{}
	c := &cobra.Command{
		Use:   "enrollment",
		Short: "Look into and change the enrollments of a DPS instance",
		Long: `Look into and change the records that admit devices: individual enrollments, and
with --group enrollment groups.
` + targetHelp + "\n" + dryRunHelp,
		Example: `  dpslab enrollment list --group
  dpslab enrollment show press-3
  dpslab enrollment put press-3 --attestation symmetric-key
  dpslab enrollment disable press-3`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c)
	c.PersistentFlags().BoolVar(&f.group, "group", false, "enrollment groups instead of individual enrollments")
	turn := func(verb string, on bool) branch {
		return branch{verb, func() *cobra.Command { return a.enrollmentSwitchCommand(f, verb, on) }}
	}
	return a.serviceGroup(
		c, below("list", a.enrollmentListCommand, f), below("show", a.enrollmentShowCommand, f), below("put", a.enrollmentPutCommand, f),
		turn("enable", true), turn("disable", false), below("delete", a.enrollmentDeleteCommand, f),
	)
}

func (f *enrollmentFlags) kind() string {
	if f.group {
		return "enrollment group"
	}
	return "enrollment"
}

// oneID demands one argument.
func oneID(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return usage(c.CommandPath()+" needs "+what, c.CommandPath()+" --help shows an example")
		}
		return nil
	}
}

// pageFlags choose a part of a list.
type pageFlags struct {
	filter       string
	all          bool
	size         int
	continuation string
}

// pageSize is how many records one call of a list asks for.
const pageSize = 100

func (p *pageFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&p.filter, "filter", "", "only those whose ID contains this text (looked for here: DPS cannot filter)")
	flags.BoolVar(&p.all, "all", false, "all pages instead of the first")
	flags.IntVar(&p.size, "page-size", pageSize, "how many one request asks for, 1 to 1000")
	flags.StringVar(&p.continuation, "continuation", "", "begin where an earlier page ended")
}

func (p *pageFlags) query(group bool) (workflow.EnrollmentQuery, error) {
	if p.size < 1 || p.size > 1000 {
		return workflow.EnrollmentQuery{}, usage(fmt.Sprintf("--page-size %d: 1 to 1000 are possible", p.size), "")
	}
	return workflow.EnrollmentQuery{Group: group, Filter: p.filter, PageSize: p.size, Continuation: p.continuation}, nil
}

// pages goes through a list: one page, or with --all or a filter every one. Each
// is shown when it comes.
func (s *serviceCall) pages(p *pageFlags, q workflow.EnrollmentQuery, page func(workflow.EnrollmentQuery) (next string, err error)) error {
	for {
		next, err := page(q)
		if err != nil || next == "" || next == q.Continuation {
			return err
		}
		if !p.all && p.filter == "" {
			fmt.Fprintf(s.err, "there are more: --all, or --continuation %s\n", workflow.ShellWord(printable(next)))
			return nil
		}
		q.Continuation = next
	}
}

func (a *app) enrollmentListCommand(f *enrollmentFlags) *cobra.Command {
	p := &pageFlags{}
	c := &cobra.Command{
		Use: "list", Short: "List enrollments, or with --group enrollment groups",
		Long: `List individual enrollments with the state of their registration, or with --group
enrollment groups. The first page is shown; --all and --filter go on to the end.
With --json each line has id, group, attestation, allocation_policy, iot_hubs,
enabled, device_id, status, assigned_hub, etag, created and updated.`,
		Example: `  dpslab enrollment list
  dpslab enrollment list --group --all --json
  dpslab enrollment list --filter press`,
		Args: cobra.NoArgs,
	}
	p.add(c)
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, _ []string) error {
		q, err := p.query(f.group)
		if err != nil {
			return err
		}
		s.note("a page may name a continuation; the next request carries it in x-ms-continuation")
		list := s.list("ID\tATTESTATION\tENABLED\tALLOCATION\tREGISTRATION")
		err = s.pages(p, q, func(q workflow.EnrollmentQuery) (string, error) {
			page, err := s.Enrollments(ctx, q)
			if err != nil {
				return "", err
			}
			for _, e := range page.Items {
				if err := list.row(e, e.ID, e.Attestation, yesNo(e.Enabled), e.Allocation, strings.TrimSpace(e.Status+" "+e.AssignedHub)); err != nil {
					return "", err
				}
			}
			return page.Continuation, list.flush()
		})
		if err != nil {
			return err
		}
		return list.end("no " + f.kind())
	})
	return c
}

func (a *app) enrollmentShowCommand(f *enrollmentFlags) *cobra.Command {
	var (
		attestation, secondary bool
		keyFile                string
		force                  bool
	)
	c := &cobra.Command{
		Use: "show ID", Short: "Show one enrollment as DPS holds it",
		Long: `Show one enrollment as DPS holds it: its JSON, with the member names of the REST
reference and its etag. What is printed can be edited and given to put --file.

--attestation reads the attestation mechanism instead, the only call that shows
symmetric keys. They are masked; --key-file writes the primary key (with
--secondary the other one) to a file of mode 0600.`,
		Example: `  dpslab enrollment show press-3 > press-3.json
  dpslab enrollment show press-3 --attestation --key-file press-3.key`,
		Args: oneID("the ID of one enrollment"),
	}
	c.Flags().BoolVar(&attestation, "attestation", false, "read how it attests, symmetric keys masked")
	c.Flags().StringVar(&keyFile, "key-file", "", "write the symmetric key to this file, mode 0600")
	c.Flags().BoolVar(&secondary, "secondary", false, "with --key-file, the secondary key")
	c.Flags().BoolVar(&force, "force", false, "replace an existing key file, and keep a copy")
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		switch {
		case (keyFile != "" || secondary || force) && !attestation:
			return usage("--key-file, --secondary and --force belong to --attestation", "add --attestation")
		case (secondary || force) && keyFile == "":
			return usage("--secondary and --force say how --key-file is written", "add --key-file FILE")
		case keyFile != "" && s.readOnly && !f.dryRun:
			return readOnlyProblem("write " + keyFile)
		case attestation:
			return s.showAttestation(ctx, f.group, args[0], keyFile, secondary, force)
		}
		e, err := s.Enrollment(ctx, f.group, args[0])
		if err != nil {
			return err
		}
		return s.showRecord(e)
	})
	return c
}

// showRecord prints the record itself: one line with --json.
func (s *serviceCall) showRecord(e *workflow.Enrollment) error {
	if !s.flags.asJSON {
		fmt.Fprint(s.out, printable(e.JSON))
		return nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, []byte(e.JSON)); err != nil {
		return fmt.Errorf("print the enrollment: %w", err)
	}
	fmt.Fprintln(s.out, line.String())
	return nil
}

// shownAttestation is the result of show --attestation.
type shownAttestation struct {
	ID                string `json:"id"`
	Group             bool   `json:"group"`
	Type              string `json:"type"`
	PrimaryKey        string `json:"primary_key,omitempty"` // masked
	SecondaryKey      string `json:"secondary_key,omitempty"`
	KeyFile           string `json:"key_file,omitempty"` // where the key was written
	EndorsementKey    string `json:"endorsement_key,omitempty"`
	StorageRootKey    string `json:"storage_root_key,omitempty"`
	SHA256            string `json:"certificate_sha256,omitempty"`
	SecondarySHA256   string `json:"secondary_certificate_sha256,omitempty"`
	CAReference       string `json:"ca_reference,omitempty"`
	SecondCAReference string `json:"secondary_ca_reference,omitempty"`
}

func (s *serviceCall) showAttestation(ctx context.Context, group bool, id, keyFile string, secondary, force bool) error {
	facts, err := s.Attestation(ctx, group, id)
	if err != nil {
		return err
	}
	shown := shownAttestation{
		ID: id, Group: group, Type: facts.Type, EndorsementKey: facts.EndorsementKey, StorageRootKey: facts.StorageRootKey,
		SHA256: facts.CertificateSHA256, SecondarySHA256: facts.SecondSHA256, CAReference: facts.CAReference, SecondCAReference: facts.SecondCAReference,
	}
	shown.PrimaryKey, shown.SecondaryKey = masked(facts.PrimaryKey), masked(facts.SecondaryKey)
	if keyFile != "" {
		key := facts.PrimaryKey
		if secondary {
			key = facts.SecondaryKey
		}
		if key.Empty() {
			return usage("it attests by "+facts.Type+" and has no such key", "leave out --key-file")
		}
		if _, err := pki.WriteOutput(keyFile, []byte(key.Reveal()+"\n"), pki.WriteOptions{Secret: true, Force: force}); err != nil {
			return certError("write the key", err)
		}
		shown.KeyFile = keyFile
	}
	if s.flags.asJSON {
		return s.printJSON(shown)
	}
	s.facts(22, [][2]string{
		{"type", shown.Type},
		{"primary key", shown.PrimaryKey},
		{"secondary key", shown.SecondaryKey},
		{"endorsement key", shown.EndorsementKey},
		{"storage root key", shown.StorageRootKey},
		{"certificate SHA-256", shown.SHA256},
		{"secondary SHA-256", shown.SecondarySHA256},
		{"CA reference", shown.CAReference},
		{"secondary CA reference", shown.SecondCAReference},
		{"written to", shown.KeyFile},
	})
	return nil
}

// masked stands for a key that is there.
func masked(key workflow.Secret) string {
	if key.Empty() {
		return ""
	}
	return key.String()
}

func (a *app) enrollmentSwitchCommand(f *enrollmentFlags, verb string, on bool) *cobra.Command {
	effect := "its devices may register again"
	if !on {
		effect = "DPS answers its devices with status disabled; those that a hub knows stay there"
	}
	c := &cobra.Command{
		Use: verb + " ID", Short: strings.ToUpper(verb[:1]) + verb[1:] + " an enrollment: " + effect,
		Long:    "Read an enrollment, set provisioningStatus, and write it with the etag that was\nread: " + effect + ".",
		Example: "  dpslab enrollment " + verb + " press-3\n  dpslab enrollment " + verb + " line-3 --group",
		Args:    oneID("the ID of one enrollment"),
	}
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		s.note("the second request carries the whole record that the first one reads, with provisioningStatus changed, and its etag as If-Match")
		r, err := s.SetEnabled(ctx, f.group, args[0], on)
		if err != nil {
			return err
		}
		return s.written(r, verb+"d")
	})
	return c
}

// writtenLine is the result of a write.
type writtenLine struct {
	ID      string            `json:"id"`
	Group   bool              `json:"group"`
	Outcome string            `json:"outcome"` // created, updated, unchanged
	Enabled bool              `json:"enabled"`
	ETag    string            `json:"etag"`
	Changes []workflow.Change `json:"changes,omitempty"`
}

// written tells what became of a write. verb is what an update is called.
func (s *serviceCall) written(r *workflow.PutResult, verb string) error {
	e := r.Enrollment
	line := writtenLine{ID: e.ID, Group: e.Group, Outcome: workflow.BulkUpdated, Enabled: e.Enabled, ETag: e.ETag, Changes: r.Changes}
	switch {
	case r.Created:
		line.Outcome, verb = workflow.BulkCreated, workflow.BulkCreated
	case r.Unchanged():
		line.Outcome, verb = workflow.BulkUnchanged, workflow.BulkUnchanged
	}
	if s.flags.asJSON {
		return s.printJSON(line)
	}
	fmt.Fprintf(s.out, "%s %s\n", verb, printable(e.ID))
	return nil
}
