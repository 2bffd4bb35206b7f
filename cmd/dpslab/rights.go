package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

// commandRights are the operations of each command of a service, by the names of
// the table of least rights.
var commandRights = map[string][]string{
	"enrollment list":     {"read and query enrollments", "read and query enrollment groups"},
	"enrollment show":     {"read and query enrollments", "read and query enrollment groups", "read the keys of an enrollment or a group"},
	"enrollment put":      {"read and query enrollments", "write enrollments", "read and query enrollment groups", "write enrollment groups"},
	"enrollment enable":   {"read and query enrollments", "write enrollments", "read and query enrollment groups", "write enrollment groups"},
	"enrollment disable":  {"read and query enrollments", "write enrollments", "read and query enrollment groups", "write enrollment groups"},
	"enrollment delete":   {"delete enrollments", "delete enrollment groups"},
	"registration show":   {"read and query registration records"},
	"registration list":   {"read and query registration records"},
	"registration delete": {"delete registration records"},
	"ca list":             {"list signing certificates"},
	"ca upload":           {"get signing certificate", "upload signing certificate"},
	"ca verify":           {"get signing certificate", "upload signing certificate", "generate verification code", "verify signing certificate"},
	"ca delete":           {"delete signing certificate"},
	"dps list":            {"list subscriptions", "list provisioning services"},
	"dps show":            {"list subscriptions", "list provisioning services", "get provisioning service"},
	"dps keys":            {"list shared access keys", "get provisioning service"},
	"apim list":           {"list API Management certificates"},
	"apim show":           {"get API Management certificate"},
	"apim put":            {"get API Management certificate", "put API Management certificate"},
	"apim refresh":        {"refresh API Management certificate"},
	"apim delete":         {"delete API Management certificate"},
}

// serviceGroup puts the commands of a service together: each tells the least
// rights that it needs, and which certificates it is about.
func (a *app) serviceGroup(c *cobra.Command, branches ...branch) *cobra.Command {
	c.Long += "\n" + rightsPointer
	a.tree.add(c, branches...)
	about := map[string]string{"ca": notAPIM, "apim": notDPS}[c.Name()]
	for _, sub := range c.Commands() {
		if sub.Long == "" {
			sub.Long = sub.Short + "."
		}
		sub.Long += "\n" + about
		if about != "" {
			sub.Long += "\n"
		}
		sub.Long += rights(commandRights[c.Name()+" "+sub.Name()])
	}
	return c
}

const (
	rightsPointer = `
The help of each command tells the least rights that it needs; dpslab help rights
tells all of them.`
	notAPIM = `
A signing certificate of DPS is a CA certificate without its key: DPS admits the
devices whose chain ends in it. It is not a certificate of API Management, which
has the same title in Microsoft's reference; dpslab apim --help compares them.`
	notDPS = `
A certificate of API Management comes with its private key, and API Management
shows it to back ends. It is not a signing certificate of DPS, which has the same
title in Microsoft's reference; dpslab apim --help compares them.`
)

// rights is the part of the least rights that is about some operations.
func rights(operations []string) string {
	var b strings.Builder
	b.WriteString("\nLeast rights:\n")
	for _, r := range workflow.LeastRights() {
		if slices.Contains(operations, r.Operation) {
			fmt.Fprintf(&b, "  %s\n      %s on %s", r.Operation, r.Role, r.Scope)
			if r.Action != "" {
				fmt.Fprintf(&b, "\n      action %s", r.Action)
			}
			if r.Policy != "" {
				fmt.Fprintf(&b, "\n      or a shared access policy with %s", r.Policy)
			}
			b.WriteByte('\n')
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// rightsTopic is a help topic: what each operation needs.
func rightsTopic() *cobra.Command {
	return &cobra.Command{
		Use: "rights", Short: "What an account needs at least for each operation",
		Long: strings.TrimRight(workflow.RightsHelp(), "\n"),
	}
}
