package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

// writers are the commands that write: a profile, a file of a device, the lab, or
// a service. --read-only refuses them, unless they send nothing by --dry-run. The
// engine refuses what writes by itself; this list covers what a command does
// without it. A test asks that each command stands here or in readers.
var writers = []string{
	"new", "run", "demo", "edit", "remove", "retire", "register", "send", "receive",
	"cert new", "cert renew", "cert csr", "cert sign", "cert pfx", "cert fullchain", "cert convert",
	"enrollment put", "enrollment enable", "enrollment disable", "enrollment delete", "registration delete",
	"ca upload", "ca verify", "ca delete", "apim put", "apim refresh", "apim delete",
	"lab", "lab reset", "lab import", "lab message", "lab fault set", "lab fault clear",
}

// readers only look.
var readers = []string{
	"", "list", "show", "status", "explain", "export", "doctor", "key", "key derive", "paths", "version", "rights", "help", "completion",
	"completion bash", "completion fish", "completion powershell", "completion zsh",
	"cert", "cert inspect", "cert verify", "cert issued",
	"enrollment", "enrollment list", "enrollment show", "registration", "registration list", "registration show",
	"ca", "ca list", "dps", "dps list", "dps show", "dps keys", "apim", "apim list", "apim show",
	"lab env", "lab export", "lab inbox", "lab fault", "lab fault list",
}

// commandName is a command's path without the program: "enrollment put".
func commandName(c *cobra.Command) string {
	_, name, _ := strings.Cut(c.CommandPath(), " ")
	return name
}

// mayRun refuses a command that writes in a read-only invocation.
func (a *app) mayRun(c *cobra.Command, _ []string) error {
	if !a.readOnly || !slices.Contains(writers, commandName(c)) {
		return nil
	}
	if dry := c.Flags().Lookup("dry-run"); dry != nil && dry.Value.String() == "true" {
		return nil
	}
	asJSON := c.Flags().Lookup("json")
	return a.tellProblem(readOnlyProblem(c.CommandPath()), asJSON != nil && asJSON.Value.String() == "true")
}

func readOnlyProblem(op string) error {
	return &workflow.Problem{
		Kind: workflow.Usage, Op: op, Summary: "it writes, and --read-only was given",
		Fix: "Give the command again without --read-only.",
	}
}
