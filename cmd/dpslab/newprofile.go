package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
)

// newFlags maps the flags of `dpslab new` to the questions they answer. A test
// asks that no question lacks one.
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
	{"attestation", "identity.attestation"},
	{"symmetric-key-env", "identity.symmetric_key_env"},
	{"derived-key", "identity.derived_key"},
	{"tpm-device", "identity.tpm_device"},
	{"source", "identity.source"},
	{"algorithm", "identity.algorithm"},
	{"valid-days", "identity.valid_days"},
	{"authority", "identity.authority"},
	{"secondary-authority", "identity.secondary_authority"},
	{"intermediates", "identity.intermediates"},
	{"secondary", "identity.secondary"},
	{"pfx-password-env", "identity.pfx_password_env"},
	{"pfx-compatible", "identity.pfx_compatible"},
	{"certificate-file", "identity.certificate_file"},
	{"key-file", "identity.key_file"},
	{"signed-file", "identity.signed_file"},
	{"passphrase-env", "identity.passphrase_env"},
	{"passphrase-command", "identity.passphrase_command"},
	{"enrollment", "enrollment.kind"},
	{"enrollment-id", "enrollment.id"},
	{"device-id", "enrollment.device_id"},
	{"allocation-policy", "enrollment.allocation_policy"},
	{"iot-hub", "enrollment.iot_hubs"},
	{"webhook-url", "enrollment.webhook_url"},
	{"webhook-api-version", "enrollment.webhook_api_version"},
	{"ca-reference", "enrollment.ca_reference"},
	{"secondary-ca-reference", "enrollment.secondary_ca_reference"},
	{"reprovision", "enrollment.reprovision"},
	{"iot-edge", "enrollment.iot_edge"},
	{"initial-twin", "enrollment.initial_twin"},
	{"device-information", "enrollment.device_information"},
	{"payload", "identity.payload"},
	{"count", "telemetry.count"},
	{"batch", "telemetry.batch"},
	{"interval", "telemetry.interval"},
	{"body", "telemetry.body"},
	{"content-type", "telemetry.content_type"},
	{"apim-service", "api_management.service"},
	{"apim-certificate-id", "api_management.certificate_id"},
}

// behind are the questions that are asked only when more choices are wanted; a
// flag for one of them wants them.
var behind = map[string]string{
	"identity.secondary":                "advanced.certificates",
	"identity.secondary_authority":      "advanced.certificates",
	"identity.intermediates":            "advanced.certificates",
	"identity.pfx_password_env":         "advanced.certificates",
	"identity.pfx_compatible":           "advanced.certificates",
	"identity.derived_key":              "advanced.enrollment",
	"identity.payload":                  "advanced.enrollment",
	"enrollment.ca_reference":           "advanced.enrollment",
	"enrollment.secondary_ca_reference": "advanced.enrollment",
	"enrollment.reprovision":            "advanced.enrollment",
	"enrollment.iot_edge":               "advanced.enrollment",
	"enrollment.initial_twin":           "advanced.enrollment",
	"enrollment.device_information":     "advanced.enrollment",
}

// newOptions are the flags of `dpslab new` that answer no question.
type newOptions struct{ yes, run, dryRun, asJSON bool }

func (a *app) newCommand() *cobra.Command {
	answers := make(map[string]*string)
	var o newOptions
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a profile for a device",
		Long: `Make a profile for a device. Questions that no flag answers are asked on a
terminal; with --yes, and without a terminal, they have their defaults.

--attestation says how the device proves itself: by an X.509 certificate, which
--source self-signed makes alone, chain below a CA of this machine, csr for a CA
elsewhere to sign, and files takes as it is; by a symmetric key, which DPS makes
unless --symmetric-key-env names one; or by a TPM 2.0.

Without --run nothing is sent, and no rights are needed: dpslab run NAME does what
the profile says, and --run does it at once. --apim-service has the device's
certificate uploaded with its key to API Management as well, which is another
thing than a signing CA of DPS.`,
		Example: `  dpslab new my-x509-device --yes
  dpslab new press-4 --yes --run
  dpslab new device-01 --enrollment group --algorithm rsa-2048 --yes
  dpslab new meter-5 --attestation symmetric-key --enrollment group --enrollment-id meters --yes
  dpslab new gateway-1 --enrollment group --intermediates 2 --iot-edge yes --yes
  dpslab new press-9 --dry-run --yes`,
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			given := workflow.Answers{"name": args[0]}
			for _, f := range newFlags {
				if !c.Flags().Changed(f.flag) {
					continue
				}
				given[f.key] = *answers[f.key]
				if more := behind[f.key]; more != "" {
					given[more] = "yes"
				}
			}
			return a.tellProblem(a.makeProfile(c.Context(), given, o), o.asJSON)
		},
	}
	for _, f := range newFlags {
		field, _ := workflow.FieldByKey(f.key)
		answers[f.key] = c.Flags().String(f.flag, "", flagHelp(field))
	}
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "ask nothing")
	c.Flags().BoolVar(&o.run, "run", false, "run the steps of the new profile too, as dpslab run NAME does")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the profile and what its run will do, and write nothing")
	c.Flags().BoolVar(&o.asJSON, "json", false, "print the result as one JSON object, with --run each event after it as a line")
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

func (a *app) makeProfile(ctx context.Context, given workflow.Answers, o newOptions) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	if given["identity.registration_id"] == "" {
		given["identity.registration_id"] = given["name"]
	}
	if given["enrollment.kind"] == profiles.EnrollmentGroup && given["identity.source"] == "" && byCertificate(given) {
		given["identity.source"] = profiles.SourceChain // a group needs one
	}
	w := workflow.NewWizard(given)
	if _, err := os.Stat(store.Paths.Profile(given["name"])); err == nil { // before anything is asked
		return usage("there is a profile of the name "+given["name"]+" already", "choose another name, or remove that one first: dpslab remove "+given["name"])
	}
	if !o.yes && isTerminal(a.in) && isTerminal(a.err) {
		if w, err = a.interview(ctx, w, given); err != nil {
			return err
		}
	}
	if wrong := w.Errors(); len(wrong) > 0 {
		return usage(wrong[0].Error(), "dpslab new --help lists the flags")
	}
	if o.dryRun {
		return a.printPlan(w, store.Paths, o.asJSON)
	}
	t := a.attend(store, a.labOptions(store.Paths), w.Name(), o.asJSON)
	defer t.Close()
	if o.run && !a.readOnly && w.Profile().Target.Kind == profiles.TargetLab {
		t.OpenLabAhead()
	}
	if err := t.Save(w.Name(), w.Profile()); err != nil {
		return err
	}
	if err := a.printMade(w.Name(), store.Paths.Profile(w.Name()), o); err != nil || !o.run {
		return err
	}
	return t.runAndPrint(ctx, workflow.RunOptions{})
}

// printMade tells where the new profile is, and what to do with it.
func (a *app) printMade(name, path string, o newOptions) error {
	if o.asJSON {
		return a.printJSON(map[string]string{"name": name, "profile": path})
	}
	if _, err := fmt.Fprintln(a.out, path); err != nil {
		return err
	}
	if !a.quiet && !o.run {
		fmt.Fprintf(a.err, "next: dpslab run %s\n", name)
	}
	return nil
}

func byCertificate(given workflow.Answers) bool {
	return given["identity.attestation"] == "" || given["identity.attestation"] == profiles.AttestationX509
}

// plan is what a dry run of `dpslab new` and `dpslab run` prints as JSON.
type plan struct {
	Name    string         `json:"name"`
	Profile string         `json:"profile"` // its text
	Steps   []string       `json:"steps"`
	Writes  []plannedWrite `json:"writes"`
}

type plannedWrite struct {
	Step  workflow.StepID `json:"step,omitempty"`
	What  string          `json:"what"`
	Where string          `json:"where"`
	Local bool            `json:"local"`
}

// printPlan tells what saving and running a profile will do.
func (a *app) printPlan(w workflow.Wizard, paths profiles.Paths, asJSON bool) error {
	writes := w.Writes(paths)
	if asJSON {
		p := plan{Name: w.Name(), Profile: w.TOML(), Steps: w.Plan()}
		for _, x := range writes {
			p.Writes = append(p.Writes, plannedWrite(x))
		}
		return a.printJSON(p)
	}
	fmt.Fprintf(a.out, "# %s\n%s", paths.Profile(w.Name()), printable(w.TOML()))
	fmt.Fprintln(a.out, "\n# its steps")
	for i, step := range w.Plan() {
		fmt.Fprintf(a.out, "# %d %s\n", i+1, printable(step))
	}
	fmt.Fprintln(a.out, "\n# what they write, and where")
	for _, x := range writes {
		fmt.Fprintf(a.out, "# %s: %s\n", printable(x.What), printable(x.Where))
	}
	if !a.quiet {
		fmt.Fprintln(a.err, "a dry run: nothing was written and nothing was sent")
	}
	return nil
}
