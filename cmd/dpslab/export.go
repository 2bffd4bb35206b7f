package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

func (a *app) exportCommand() *cobra.Command {
	var (
		out           string
		force, asJSON bool
	)
	c := &cobra.Command{
		Use:   "export NAME curl|az|env|iotedge|har|bundle",
		Short: "Write a device in a form for another tool",
		Long: `Write a device in a form for another tool:

  curl      the requests of the last run as a shell script
  az        the same with the Azure CLI, as far as it has them
  env       shell variables of the samples of Microsoft's SDKs for Python and Node
  iotedge   the provisioning part of /etc/aziot/config.toml
  har       the exchanges of the last run as an HTTP archive
  bundle    a ZIP with profile, state, journal, exchanges and certificates, for a
            support ticket

Secrets are masked or named by where they come from, and private keys are never
in it. Nothing is sent, and no rights are needed. It goes to the standard output;
a bundle goes to NAME-bundle.zip unless --out says otherwise.`,
		Example: `  dpslab export press-3 curl
  dpslab export press-3 env --out press-3.env
  dpslab export press-3 bundle`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 || !slices.Contains(workflow.ExportForms(), workflow.ExportForm(args[1])) {
				return usage(c.CommandPath()+" needs the name of a device and a form", "the forms are "+forms()+": dpslab export NAME curl")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.tellProblem(a.export(c.Context(), args[0], workflow.ExportForm(args[1]), out, force, asJSON), asJSON)
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write, mode 0600; - is the standard output")
	c.Flags().BoolVar(&force, "force", false, "write over a file; the old one is kept beside it")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object: the file, or the text")
	c.ValidArgsFunction = func(c *cobra.Command, args []string, given string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return strings.Split(forms(), ", "), cobra.ShellCompDirectiveNoFileComp
		}
		return completeName(c, args, given)
	}
	return c
}

func forms() string {
	var all []string
	for _, f := range workflow.ExportForms() {
		all = append(all, string(f))
	}
	return strings.Join(all, ", ")
}

// exported is what `dpslab export --json` prints.
type exported struct {
	Form workflow.ExportForm `json:"form"`
	File string              `json:"file,omitempty"`
	Text string              `json:"text,omitempty"`
}

func (a *app) export(ctx context.Context, name string, form workflow.ExportForm, out string, force, asJSON bool) error {
	store, err := a.store()
	if err != nil {
		return err
	}
	s := a.session(store, a.labOptions(store.Paths), func(workflow.Event) {})
	defer s.Close()
	data, err := s.Export(ctx, name, form)
	if err != nil {
		return err
	}
	switch {
	case out == "" && form == workflow.ExportBundle:
		out = name + "-bundle.zip"
	case out == "-" && asJSON && form == workflow.ExportBundle:
		return usage("a ZIP is no text for JSON", "leave out --json, or give --out a file")
	}
	switch {
	case out != "" && out != "-":
		return a.exportFile(exported{Form: form, File: out}, data, force, asJSON)
	case asJSON:
		return a.printJSON(exported{Form: form, Text: string(data)})
	case form == workflow.ExportBundle:
		_, err = a.out.Write(data)
	default:
		_, err = a.out.WriteString(printable(string(data)))
	}
	return err
}

func (a *app) exportFile(told exported, data []byte, force, asJSON bool) error {
	if err := a.writeSecretFile(told.File, data, force); err != nil {
		return &workflow.Problem{Kind: workflow.LocalFile, Op: "write the export", Summary: err.Error(), Fix: "choose another file with --out, or add --force to keep the old one beside it"}
	}
	if asJSON {
		return a.printJSON(told)
	}
	fmt.Fprintln(a.out, told.File)
	return nil
}
