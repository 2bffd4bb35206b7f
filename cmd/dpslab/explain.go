package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

// maxExplained bounds what is read to be explained, in bytes.
const maxExplained = 1 << 20

func (a *app) explainCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "explain 'TEXT or CODE'", Short: "Say what usually lies behind an answer, a code or an error text",
		Long: `Say what usually lies behind an answer of DPS, IoT Hub or Azure Resource Manager,
and what to do about it. It takes an error message, an answer's JSON, a line of a
log, a code, an HTTP status or the ID of a diagnostic rule; - reads the standard
input. The likeliest cause comes first. Nothing is sent.

Exit code 1 says that nothing is known of it.`,
		Example: `  dpslab explain 401002
  dpslab explain 'CA certificate not found'
  dpslab explain 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  dpslab explain R12 --json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(c.CommandPath()+" needs a text or a code", c.CommandPath()+" 401002")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return a.tellProblem(a.explain(strings.Join(args, " "), asJSON), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a cause")
	return c
}

func (a *app) explain(text string, asJSON bool) error {
	if text == "-" {
		read, err := io.ReadAll(io.LimitReader(a.in, maxExplained))
		if err != nil {
			return &workflow.Problem{Kind: workflow.LocalFile, Op: "read the text", Summary: err.Error()}
		}
		text = string(read)
	}
	causes := workflow.Explain(text)
	if len(causes) == 0 {
		return &workflow.Problem{
			Kind: workflow.Refused, Op: "explain it", Summary: "nothing is known of this text",
			Fix: "give the whole answer, with its errorCode and message; dpslab run -v shows every answer",
		}
	}
	for i, c := range causes {
		if asJSON {
			if err := a.printJSON(c); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		head := c.Sign
		if c.Place != "" {
			head += ", from " + c.Place
		}
		if c.Rule != "" {
			head += " (rule " + c.Rule + ")"
		}
		fmt.Fprintf(a.out, "%s\n  why   %s\n  fix   %s\n", printable(head), printable(c.Why), printable(c.Fix))
	}
	return nil
}
