package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/pki"
	"dpslab/profiles"
	"dpslab/workflow"
)

// recordFlags are the members of a record that flags set.
type recordFlags struct {
	attestation                    string
	certificate, secondCertificate string
	caReference, secondCA          string
	primaryEnv, secondaryEnv       string
	endorsementKey, storageRootKey string
	deviceID                       string
	policy                         string
	hubs                           []string
	webhookURL, webhookVersion     string
	iotEdge                        bool
	reprovision                    string
	initialTwin, deviceInfo        string
	status                         string
}

func (r *recordFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&r.attestation, "attestation", "", "x509|symmetric-key|tpm (default: what the other flags mean)")
	flags.StringVar(&r.certificate, "certificate", "", "x509: file with the device's certificate, or with --group the CA's")
	flags.StringVar(&r.secondCertificate, "secondary-certificate", "", "x509: the one to roll over to")
	flags.StringVar(&r.caReference, "ca-reference", "", "x509: name of an uploaded CA instead of a certificate")
	flags.StringVar(&r.secondCA, "secondary-ca-reference", "", "x509: the one to roll over to")
	flags.StringVar(&r.primaryEnv, "primary-key-env", "", "symmetric-key: environment variable with the primary key (default: DPS makes the keys)")
	flags.StringVar(&r.secondaryEnv, "secondary-key-env", "", "symmetric-key: environment variable with the secondary key")
	flags.StringVar(&r.endorsementKey, "endorsement-key", "", "tpm: the TPM's public endorsement key, base64")
	flags.StringVar(&r.storageRootKey, "storage-root-key", "", "tpm: its public storage root key, base64")
	flags.StringVar(&r.deviceID, "device-id", "", "name at the hub (default: the registration ID)")
	flags.StringVar(&r.policy, "allocation-policy", "", "hashed|geoLatency|static|custom")
	flags.StringSliceVar(&r.hubs, "iot-hub", nil, "host name of a hub to assign to; may be repeated (default: all linked ones)")
	flags.StringVar(&r.webhookURL, "webhook-url", "", "policy custom: the function that chooses the hub")
	flags.StringVar(&r.webhookVersion, "webhook-api-version", "2021-10-01", "policy custom: the api-version that it is called with")
	flags.BoolVar(&r.iotEdge, "iot-edge", false, "the device is an IoT Edge device")
	flags.StringVar(&r.reprovision, "reprovision", "", "migrate|reset|never: what registering again does")
	flags.StringVar(&r.initialTwin, "initial-twin", "", `JSON such as {"tags":{"line":3},"properties":{"desired":{"interval":60}}}`)
	flags.StringVar(&r.deviceInfo, "device-information", "", "JSON object of optional device information")
	flags.StringVar(&r.status, "status", "", "enabled|disabled")
}

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
	if err := r.apply(c, s.app, m, f.group); err != nil {
		return err
	}
	if _, ok := m["attestation"]; !ok {
		return usage("there is no such "+f.kind()+", and nothing says how a new one attests", "--attestation symmetric-key, --certificate FILE, --ca-reference NAME or --endorsement-key KEY")
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

// apply puts in what the flags say.
func (r *recordFlags) apply(c *cobra.Command, a *app, m record, group bool) error {
	if group && (r.deviceID != "" || r.deviceInfo != "" || r.endorsementKey != "") {
		return usage("--device-id, --device-information and --endorsement-key are of one device; a group has none", "leave out --group, or the flag")
	}
	if err := r.applyAttestation(a, m, group); err != nil {
		return err
	}
	for _, choice := range []struct {
		flag, value, member string
		legal               []string
	}{
		{"allocation-policy", r.policy, "allocationPolicy", []string{"hashed", "geoLatency", "static", "custom"}},
		{"status", r.status, "provisioningStatus", []string{"enabled", "disabled"}},
		{"device-id", r.deviceID, "deviceId", nil},
	} {
		if choice.value == "" {
			continue
		}
		if choice.legal != nil && !slices.Contains(choice.legal, choice.value) {
			return usage(fmt.Sprintf("--%s %s is none that there is", choice.flag, choice.value), "choose one of "+strings.Join(choice.legal, ", "))
		}
		m[choice.member] = choice.value
	}
	if len(r.hubs) > 0 {
		m["iotHubs"] = r.hubs
	}
	if r.webhookURL != "" {
		m["customAllocationDefinition"] = record{"webhookUrl": r.webhookURL, "apiVersion": r.webhookVersion}
	}
	if c.Flags().Changed("iot-edge") {
		m["capabilities"] = record{"iotEdge": r.iotEdge}
	}
	return r.applyObjects(m)
}

// reprovisionPolicies are the choices of --reprovision: updateHubAssignment,
// migrateDeviceData.
var reprovisionPolicies = map[string][2]bool{"migrate": {true, true}, "reset": {true, false}, "never": {false, false}}

func (r *recordFlags) applyObjects(m record) error {
	if r.reprovision != "" {
		p, ok := reprovisionPolicies[r.reprovision]
		if !ok {
			return usage("--reprovision "+r.reprovision+" is none that there is", "choose one of migrate, reset, never")
		}
		m["reprovisionPolicy"] = record{"updateHubAssignment": p[0], "migrateDeviceData": p[1]}
	}
	for _, object := range []struct{ flag, text, member string }{
		{"initial-twin", r.initialTwin, "initialTwin"}, {"device-information", r.deviceInfo, "optionalDeviceInformation"},
	} {
		if object.text == "" {
			continue
		}
		var value map[string]any
		d := json.NewDecoder(strings.NewReader(object.text))
		d.UseNumber()
		if err := d.Decode(&value); err != nil || value == nil || d.More() {
			return usage("--"+object.flag+" is not a JSON object", `such as '{"tags":{"line":3}}'`)
		}
		m[object.member] = value
	}
	return nil
}

// applyAttestation puts in how the devices prove themselves, if a flag says so.
func (r *recordFlags) applyAttestation(a *app, m record, group bool) error {
	x509 := r.certificate + r.secondCertificate + r.caReference + r.secondCA
	keys, tpm := r.primaryEnv+r.secondaryEnv, r.endorsementKey+r.storageRootKey
	var kinds []string
	for _, k := range []struct{ given, kind string }{{x509, profiles.AttestationX509}, {keys, profiles.AttestationSymmetricKey}, {tpm, profiles.AttestationTPM}} {
		if k.given != "" {
			kinds = append(kinds, k.kind)
		}
	}
	if r.attestation != "" && !slices.Contains(kinds, r.attestation) {
		kinds = append(kinds, r.attestation)
	}
	switch {
	case len(kinds) > 1:
		return usage("flags name more than one attestation: "+strings.Join(kinds, ", "), "an enrollment has one")
	case len(kinds) == 0:
		return nil
	}
	var (
		attestation record
		err         error
	)
	switch kinds[0] {
	case profiles.AttestationX509:
		attestation, err = r.x509(group)
	case profiles.AttestationSymmetricKey:
		attestation, err = r.symmetricKey(a)
	case profiles.AttestationTPM:
		attestation, err = r.tpm()
	default:
		err = usage("--attestation "+r.attestation+" is none that there is", "choose one of x509, symmetric-key, tpm")
	}
	if err == nil {
		m["attestation"] = attestation
	}
	return err
}

func (r *recordFlags) x509(group bool) (record, error) {
	switch {
	case r.certificate != "" && r.caReference != "":
		return nil, usage("--certificate and --ca-reference exclude each other", "")
	case r.caReference != "":
		names := record{"primary": r.caReference}
		if r.secondCA != "" {
			names["secondary"] = r.secondCA
		}
		return record{"type": "x509", "x509": record{"caReferences": names}}, nil
	case r.certificate == "":
		return nil, usage("attestation x509 needs a certificate", "--certificate FILE, or --ca-reference NAME of an uploaded CA")
	}
	certificates, kind := record{}, "clientCertificates"
	if group {
		kind = "signingCertificates"
	}
	for _, c := range [][2]string{{"primary", r.certificate}, {"secondary", r.secondCertificate}} {
		if c[1] == "" {
			continue
		}
		held, err := pki.ReadCertificates(c[1])
		if err != nil {
			return nil, certError("read the certificate to enroll", err)
		}
		if group && !held[0].IsCA {
			return nil, &workflow.Problem{
				Kind: workflow.LocalFile, Op: "read the certificate to enroll", Rule: "F09", Summary: c[1] + " is no CA certificate, and a group needs one",
				Fix: "Name the CA that signs the devices' certificates.",
			}
		}
		certificates[c[0]] = record{"certificate": string(pki.EncodeCertificates(held[0]))}
	}
	return record{"type": "x509", "x509": record{kind: certificates}}, nil
}

func (r *recordFlags) symmetricKey(a *app) (record, error) {
	keys := record{}
	for _, k := range []struct{ flag, env, member string }{{"primary-key-env", r.primaryEnv, "primaryKey"}, {"secondary-key-env", r.secondaryEnv, "secondaryKey"}} {
		if k.env == "" {
			continue
		}
		key := ""
		if isVariable(k.env) {
			key = a.getenv(k.env)
		}
		if raw, err := base64.StdEncoding.DecodeString(key); key == "" || err != nil || len(raw) < 16 || len(raw) > 64 {
			return nil, usage("what --"+k.flag+" names holds no symmetric key", "it takes the name of an environment variable, whose value is base64 of 16 to 64 bytes")
		}
		keys[k.member] = key
	}
	attestation := record{"type": "symmetricKey"}
	switch len(keys) {
	case 1:
		return nil, usage("a symmetric key comes with a second one, to roll over to", "--primary-key-env and --secondary-key-env, or none of them: DPS makes both")
	case 2:
		attestation["symmetricKey"] = keys
	}
	return attestation, nil
}

func (r *recordFlags) tpm() (record, error) {
	if r.endorsementKey == "" {
		return nil, usage("attestation tpm needs --endorsement-key", "the public key that the TPM tells, base64")
	}
	keys := record{"endorsementKey": r.endorsementKey}
	if r.storageRootKey != "" {
		keys["storageRootKey"] = r.storageRootKey
	}
	return record{"type": "tpm", "tpm": keys}, nil
}
