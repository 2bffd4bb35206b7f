package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"dpslab/profiles"
	"dpslab/workflow"
)

// profileNames are the names of the profiles below a home, none when they cannot
// be read.
func profileNames(home string) []string {
	p, err := profiles.DefaultPaths(home, os.Getenv)
	if err != nil {
		return nil
	}
	names, err := profiles.NewStore(p).Names()
	if err != nil {
		return nil
	}
	return names
}

// shownDevice is what `dpslab show --json` prints.
type shownDevice struct {
	listed
	ProfilePath string                 `json:"profile_path"`
	Profile     string                 `json:"profile"` // its text, comments and all
	Steps       []shownStep            `json:"steps"`
	Registered  *workflow.Registration `json:"registration,omitempty"`
	Created     []shownCreation        `json:"created,omitempty"` // what runs made at services
	Resumable   bool                   `json:"resumable"`         // a registration is under way
	Problem     *workflow.Problem      `json:"problem,omitempty"` // of the last run
}

type shownStep struct {
	ID    workflow.StepID    `json:"step"`
	State workflow.StepState `json:"state"`
	Text  string             `json:"text,omitempty"`
	Ended *time.Time         `json:"ended,omitempty"`
}

type shownCreation struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Host string `json:"host"`
}

func (a *app) showCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "show NAME", Short: "Show a device's profile and how far it is", Args: oneName,
		Long: `Show a device's profile and how far it is, from files of this machine alone:
nothing is sent, and no rights are needed.`,
		Example: `  dpslab show press-3
  dpslab show press-3 --json`,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.tellProblem(a.show(args[0], asJSON), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as one JSON object")
	c.ValidArgsFunction = completeName
	return c
}

func (a *app) show(name string, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := workflow.NewSession(workflow.Config{Store: store})
	defer s.Close()
	d := s.Device(name)
	if d.Err != nil {
		return d.Err
	}
	text, err := s.ProfileText(name)
	if err != nil {
		return err
	}
	status := s.History(name)
	defer status.Exchanges.Close()
	if asJSON {
		return a.printJSON(shownOf(d, text, status))
	}
	fmt.Fprintf(a.out, "# %s\n%s", d.ProfilePath, printable(text))
	fmt.Fprintln(a.out)
	for _, step := range status.Steps {
		fmt.Fprintf(a.out, "# %-13s %-9s %s\n", step.ID, step.State, printable(step.Text))
	}
	if workflow.Resumable(d.State) {
		fmt.Fprintf(a.out, "# a registration is under way: dpslab run %s --resume\n", d.Name)
	}
	return nil
}

func shownOf(d workflow.Device, text string, status *workflow.Status) shownDevice {
	v := shownDevice{
		listed: listedOf(d), ProfilePath: d.ProfilePath, Profile: text,
		Resumable: workflow.Resumable(d.State), Problem: status.Problem,
	}
	for _, step := range status.Steps {
		line := shownStep{ID: step.ID, State: step.State, Text: step.Text}
		if !step.Ended.IsZero() {
			line.Ended = &step.Ended
		}
		v.Steps = append(v.Steps, line)
	}
	if status.Registration.Status != "" {
		v.Registered = &status.Registration
	}
	for _, c := range d.State.Created {
		v.Created = append(v.Created, shownCreation{c.Kind, c.Name, c.Host})
	}
	return v
}

func (a *app) pathsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "paths", Short: "Print where dpslab keeps its files", Args: cobra.NoArgs,
		Long: `Print the folders in which dpslab keeps its files: XDG base directories, or all
under the one folder of --home or DPSLAB_HOME. None of them needs to exist.`,
		Example: `  dpslab paths
  dpslab paths --json`,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.paths()
			if err != nil {
				return a.tellProblem(err, asJSON)
			}
			if asJSON {
				return a.printJSON(map[string]string{"config": p.Config, "state": p.State, "data": p.Data, "lab": p.LabDir()})
			}
			fmt.Fprintf(a.out, "config  %s\nstate   %s\ndata    %s\nlab     %s\n", p.Config, p.State, p.Data, p.LabDir())
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print them as one JSON object")
	return c
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Example: `  dpslab version
  dpslab version --json`,
		RunE: func(*cobra.Command, []string) error {
			if !asJSON {
				fmt.Fprintln(a.out, "dpslab "+version)
				return nil
			}
			told := map[string]string{"version": version, "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						told["revision"] = s.Value
					}
				}
			}
			return a.printJSON(told)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as one JSON object, with what it was built with")
	return c
}
