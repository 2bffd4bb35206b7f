package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"dpslab/profiles/wholefile"
	"dpslab/workflow"
	"dpslab/workflow/emulator"
)

// eitherLab does something with the lab that is running, or else with its
// folder.
func (a *app) eitherLab(ctx context.Context, state string, running func(*emulator.Operator) error, resting func(dir string) error) error {
	dir, err := a.labDir(state)
	if err != nil {
		return err
	}
	_, operator, err := emulator.Join(ctx, dir)
	if errors.Is(err, emulator.ErrNoLab) {
		if err := resting(dir); err != nil {
			return labProblem(err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer operator.Close()
	return running(operator)
}

func (a *app) labResetCommand(f *labFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Empty the lab; its ID scope, keys and root stay",
		Long: `Empty the lab; its ID scope, keys and root stay.
A database that is damaged is put aside, and the next start makes a new lab.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.eitherLab(c.Context(), f.state,
				func(o *emulator.Operator) error { return o.Reset(c.Context()) },
				func(dir string) error {
					if err := a.putLabAside(dir); err != nil {
						return err
					}
					return emulator.ResetDir(dir)
				})
		},
	}
}

// putLabAside makes room where a damaged database or log lies, and says so: with
// a database go the lab's ID scope and keys.
func (a *app) putLabAside(dir string) error {
	aside, err := emulator.PutAside(dir)
	if aside != "" {
		fmt.Fprintf(a.err, "a file of the lab could not be used; it is now %s\n", printable(aside))
	}
	return err
}

func (a *app) labExportCommand(f *labFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write everything the lab holds into one file, keys included",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			// It holds keys: for the owner's eyes, and whole or not at all.
			file, err := wholefile.Create(args[0], 0o600)
			if err != nil {
				return &workflow.Problem{Kind: workflow.LocalFile, Op: "export the lab", Summary: err.Error()}
			}
			defer func() { _ = file.Discard() }()
			err = a.eitherLab(c.Context(), f.state,
				func(o *emulator.Operator) error { return o.Export(c.Context(), file) },
				func(dir string) error { return emulator.ExportDir(dir, io.Writer(file)) })
			if err != nil {
				return err
			}
			if err := file.Replace(); err != nil {
				return &workflow.Problem{Kind: workflow.LocalFile, Op: "export the lab", Summary: err.Error()}
			}
			fmt.Fprintf(a.err, "%s holds the lab's keys\n", args[0])
			return nil
		},
	}
}

func (a *app) labImportCommand(f *labFlags) *cobra.Command {
	var replace bool
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Replace what the lab holds by an export; the lab must not be running",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := a.labDir(f.state)
			if err != nil {
				return err
			}
			file, err := os.Open(args[0])
			if err != nil {
				return importProblem(err)
			}
			defer file.Close()
			if err := a.putLabAside(dir); err != nil {
				return importProblem(err)
			}
			return importProblem(emulator.Import(dir, file, replace))
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "even if the lab holds enrollments or devices")
	return c
}

// importProblem says what a person can do when an import is refused.
func importProblem(err error) error {
	if err == nil {
		return nil
	}
	p := &workflow.Problem{Kind: workflow.LocalFile, Op: "import a lab", Summary: err.Error()}
	var held *emulator.HeldError
	switch {
	case errors.As(err, &held):
		p.Fix = "stop that lab first"
	case errors.Is(err, emulator.ErrNotEmpty):
		p.Fix = "give this one another folder with --state, or drop what is there with --replace"
	case errors.Is(err, emulator.ErrNotExport), errors.Is(err, fs.ErrNotExist):
		p.Fix = "name a file that dpslab lab export wrote"
	}
	return p
}
