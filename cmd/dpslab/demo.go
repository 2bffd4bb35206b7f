package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// demoMessages is how many messages the demo sends.
const demoMessages = 3

// demoOptions are the flags of `dpslab demo`.
type demoOptions struct {
	enrollment    string
	algorithm     string
	passphraseEnv string
	fast, dryRun  bool
	asJSON        bool
}

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Take a throw-away device through the whole flow in the lab",
		Long: `Take a throw-away device through the whole flow in a lab of its own: make
certificates, enroll, register over mutual TLS, poll, send telemetry. Nothing
is kept.`,
		Example: `  dpslab demo
  dpslab demo --enrollment group --algorithm rsa-2048
  dpslab demo --fast --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.enrollment, "enrollment", profiles.EnrollmentIndividual, "individual (self-signed certificate) or group (certificate chain)")
	f.StringVar(&o.algorithm, "algorithm", "ec-p256", "key: ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, rsa-4096")
	f.StringVar(&o.passphraseEnv, "passphrase-env", "", "environment variable that holds a pass phrase for the keys")
	f.BoolVar(&o.fast, "fast", false, "the lab asks for no waiting (Retry-After: 0)")
	f.BoolVar(&o.dryRun, "dry-run", false, "make the certificates, print the requests that would be made with them, and send nothing")
	f.BoolVar(&o.asJSON, "json", false, "print every event as a JSON object a line")
	return c
}

func (a *app) demo(ctx context.Context, o demoOptions) error {
	name, profile, err := demoProfile(o)
	if err != nil {
		return err
	}
	home, err := os.MkdirTemp("", "dpslab-demo-")
	if err != nil {
		return &workflow.Problem{Kind: workflow.LocalFile, Op: "make a folder for the demo", Summary: err.Error()}
	}
	defer os.RemoveAll(home)
	paths, err := profiles.DefaultPaths(home, a.getenv)
	if err != nil {
		return err
	}
	store := profiles.NewStore(paths)
	if err := store.Save(name, profile); err != nil {
		return &workflow.Problem{Kind: workflow.LocalFile, Op: "save the demo's profile", Summary: err.Error()}
	}
	lab := emulator.Options{InMemory: true, Listen: "127.0.0.1:0", Version: version}
	if o.fast {
		lab.RetryAfter = -1
	}
	if o.dryRun {
		return a.planDemo(ctx, store, lab, name, o.asJSON)
	}
	status, err := a.runSteps(ctx, store, lab, name, workflow.RunOptions{Count: demoMessages, Interval: new(time.Duration)}, o.asJSON)
	if err != nil {
		return err
	}
	if !o.asJSON {
		a.printResult(status)
		a.demoNext()
	}
	return nil
}

// planDemo makes the throw-away certificates, which the requests are made of, and
// prints those.
func (a *app) planDemo(ctx context.Context, store *profiles.Store, lab emulator.Options, name string, asJSON bool) error {
	silent := *a
	silent.quiet = true
	if _, err := silent.runSteps(ctx, store, lab, name, workflow.RunOptions{Only: []workflow.StepID{workflow.StepCertificates}}, false); err != nil {
		return err
	}
	s := a.session(store, lab, func(workflow.Event) {})
	defer s.Close()
	if err := a.printRun(ctx, s, name, workflow.RunOptions{Count: demoMessages}, asJSON); err != nil {
		return err
	}
	if !a.quiet {
		fmt.Fprintln(a.err, "a dry run: nothing was sent, and the certificates are gone")
	}
	return nil
}

func demoProfile(o demoOptions) (string, *profiles.Profile, error) {
	name := "my-x509-device"
	if o.enrollment == profiles.EnrollmentGroup {
		name = "device-01"
	}
	w := workflow.NewWizard(workflow.Answers{
		"identity.registration_id": name, "identity.algorithm": o.algorithm,
		"identity.passphrase_env": o.passphraseEnv, "enrollment.kind": o.enrollment,
	})
	if o.enrollment == profiles.EnrollmentGroup {
		w = w.Set("identity.source", profiles.SourceChain)
	}
	if wrong := workflow.CheckProfile(w.Profile()); len(wrong) > 0 {
		return "", nil, usage(wrong[0].Error(), "dpslab demo --help lists the flags")
	}
	if o.enrollment != profiles.EnrollmentGroup && o.enrollment != profiles.EnrollmentIndividual {
		return "", nil, usage(fmt.Sprintf("--enrollment %s is not known", o.enrollment), "individual or group")
	}
	return name, w.Profile(), nil
}

func (a *app) demoNext() {
	if !a.quiet {
		fmt.Fprintln(a.err, "nothing of this was kept; dpslab opens the workbench, dpslab new NAME makes a device that stays")
	}
}
