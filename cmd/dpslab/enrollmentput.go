package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

func (a *app) enrollmentPutCommand(f *enrollmentFlags) *cobra.Command {
	var (
		r             recordFlags
		file, ifMatch string
		force         bool
	)
	c := &cobra.Command{
		Use: "put [ID]", Short: "Create or change an enrollment, by flags or from a file",
		Long: `Create an enrollment, or change the one that is there: it is read, the difference
is shown, and it is written with the etag that was read. Somebody who was faster
is not overwritten: what they changed is shown instead.

Flags change the members that they name and leave the rest. So does --file FILE
(or - for standard input): a record as JSON or TOML, with the member names of the
REST reference; null takes a member away, and flags go on top. A record that
carries an etag, as show prints it, is the whole record, and it is written only if
DPS still has that etag (--force: whatever it has). A file with a list writes all
of them, ten in a request.

Keys are read from environment variables and never from the command line; without
any, DPS makes them.`,
		Example: `  dpslab enrollment put press-4 --attestation symmetric-key --status disabled
  dpslab enrollment put line-4 --group --attestation symmetric-key --allocation-policy geoLatency
  dpslab enrollment show press-3 | dpslab enrollment put --file - --iot-edge
  dpslab enrollment put --file devices.toml --dry-run`,
		Args: cobra.MaximumNArgs(1),
	}
	r.add(c)
	c.Flags().StringVar(&file, "file", "", "the record, or a list of them, as JSON or TOML; - is standard input")
	c.Flags().StringVar(&ifMatch, "if-match", "", "write only if it has this etag")
	c.Flags().BoolVar(&force, "force", false, "the etag in the file does not count")
	c.RunE = a.withService(&f.serviceFlags, func(ctx context.Context, s *serviceCall, args []string) error {
		id := strings.Join(args, "")
		if file == "" {
			if id == "" || force {
				return usage(c.CommandPath()+" needs the ID of an enrollment, or --file", "--force belongs to --file; "+c.CommandPath()+" --help shows an example")
			}
			return s.putByFlags(ctx, c, f, &r, id, ifMatch)
		}
		if force && ifMatch != "" {
			return usage("--force and --if-match exclude each other", "")
		}
		records, list, err := s.readRecords(file)
		if err != nil {
			return err
		}
		if list {
			return s.putList(ctx, c, f, &r, records, id+ifMatch, force)
		}
		return s.putFile(ctx, c, f, &r, records[0], id, ifMatch, force)
	})
	return c
}

// readRecords reads a file of enrollments, or standard input for "-".
func (s *serviceCall) readRecords(file string) ([]json.RawMessage, bool, error) {
	var (
		data []byte
		err  error
	)
	name := file
	if file == stdio {
		name = "standard input"
		data, err = io.ReadAll(io.LimitReader(s.in, maxRecords+1))
	} else {
		data, err = os.ReadFile(file)
	}
	switch {
	case err != nil:
		return nil, false, &workflow.Problem{Kind: workflow.LocalFile, Op: "read the enrollments", Summary: err.Error()}
	case len(data) > maxRecords:
		return nil, false, &workflow.Problem{Kind: workflow.LocalFile, Op: "read the enrollments", Summary: fmt.Sprintf("%s is longer than %d MiB", name, maxRecords>>20)}
	}
	return workflow.ReadEnrollmentFile(name, data)
}

// maxRecords bounds a file of enrollments: some ten thousand of them.
const maxRecords = 64 << 20

// record is an enrollment as the members of its JSON.
type record map[string]any

func decodeRecord(text []byte) (record, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var m record
	if err := d.Decode(&m); err != nil || m == nil {
		return nil, usage("a record of an enrollment is a JSON object", "dpslab enrollment show ID prints one")
	}
	return m, nil
}

// putByFlags changes what flags name of the record that is there, or makes one.
func (s *serviceCall) putByFlags(ctx context.Context, c *cobra.Command, f *enrollmentFlags, r *recordFlags, id, ifMatch string) error {
	named, err := r.members(c, s.app, f.group)
	if err != nil {
		return err
	}
	s.note("the first request reads what is there; what it holds and no flag changes goes along in the second, with its etag as If-Match")
	base, err := s.Enrollment(ctx, f.group, id)
	_, dry := workflow.DryRunOf(err)
	if err != nil && !dry && !notFound(err) {
		return err
	}
	m := record{idMember(f.group): id}
	if err == nil {
		if m, err = decodeRecord([]byte(base.JSON)); err != nil {
			return err
		}
	}
	maps.Copy(m, named)
	if _, ok := m["attestation"]; !ok {
		const how = "--attestation symmetric-key, --certificate FILE, --ca-reference NAME or --endorsement-key KEY"
		if dry {
			return usage("a dry run reads nothing, so it does not know how "+id+" attests", "add "+how+"; without --dry-run a record that is there keeps what it has")
		}
		return usage("there is no such "+f.kind()+", and nothing says how a new one attests", how)
	}
	return s.put(ctx, m, f.group, base, ifMatch, base == nil)
}

func (s *serviceCall) putFile(ctx context.Context, c *cobra.Command, f *enrollmentFlags, r *recordFlags, text json.RawMessage, id, ifMatch string, force bool) error {
	m, err := s.prepared(c, f, r, text, id)
	if err != nil {
		return err
	}
	if tag, ok := m["etag"].(string); ok && ifMatch == "" && !force {
		ifMatch = tag
	}
	if ifMatch != "" {
		return s.put(ctx, m, f.group, nil, ifMatch, false)
	}
	delete(m, "etag")
	return s.merge(ctx, f.group, m)
}

// merge puts a record over the one that is there.
func (s *serviceCall) merge(ctx context.Context, group bool, m record) error {
	s.note("the first request reads what is there; what the file leaves out goes along in the second, with its etag as If-Match")
	id, _ := m[idMember(group)].(string)
	base, err := s.Enrollment(ctx, group, id)
	_, dry := workflow.DryRunOf(err)
	if err != nil && !dry && !notFound(err) {
		return err
	}
	if base == nil {
		return s.put(ctx, m, group, nil, "", true)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write the enrollment: %w", err)
	}
	if m, err = decodeRecord(workflow.MergeEnrollment(base, text)); err != nil {
		return err
	}
	return s.put(ctx, m, group, base, "", false)
}

// prepared is a record of a file with flags on top.
func (s *serviceCall) prepared(c *cobra.Command, f *enrollmentFlags, r *recordFlags, text json.RawMessage, id string) (record, error) {
	m, err := decodeRecord(text)
	if err != nil {
		return nil, err
	}
	member := idMember(f.group)
	switch named, _ := m[member].(string); {
	case named == "" && id == "":
		fix := "add it, or name the ID on the command line"
		if m[idMember(!f.group)] != nil {
			fix = "it is a record of the other kind: --group is for enrollment groups"
		}
		return nil, usage("the record has no "+member, fix)
	case named != "" && id != "" && named != id:
		return nil, usage(fmt.Sprintf("the record is of %s, not of %s", named, id), "leave out the ID")
	case named == "":
		m[member] = id
	}
	return m, r.apply(c, s.app, m, f.group)
}

// put writes a record. With an etag to match it is of the file's own time; base
// is what was read just now, and absent says that there was nothing.
func (s *serviceCall) put(ctx context.Context, m record, group bool, base *workflow.Enrollment, ifMatch string, absent bool) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write the enrollment: %w", err)
	}
	var result *workflow.PutResult
	if ifMatch != "" || absent {
		result, err = s.PutEnrollmentIf(ctx, group, text, ifMatch)
	} else {
		result, err = s.PutEnrollment(ctx, text, group, base)
	}
	if err != nil {
		return err
	}
	return s.written(result, workflow.BulkUpdated)
}

func (s *serviceCall) putList(ctx context.Context, c *cobra.Command, f *enrollmentFlags, r *recordFlags, records []json.RawMessage, single string, force bool) error {
	if single != "" || force {
		return usage("an ID, --if-match and --force are for a single record, and the file holds a list", "each is written with the etag that is read")
	}
	texts := make([]json.RawMessage, 0, len(records))
	for i, text := range records {
		m, err := s.prepared(c, f, r, text, "")
		if err != nil {
			return fmt.Errorf("record %d: %w", i+1, err)
		}
		delete(m, "etag")
		if text, err = json.Marshal(m); err != nil {
			return fmt.Errorf("record %d: %w", i+1, err)
		}
		texts = append(texts, text)
	}
	s.note("each record is read first: those that are there are updated with their etag, those that are as wanted are left out")
	items, err := s.PutEnrollments(ctx, f.group, texts)
	return s.bulkDone(items, err)
}
