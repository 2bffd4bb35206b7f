package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dpslab/workflow"
)

// misused says what is wrong with a command line that cobra refused: a command
// that there is not, or words that a command does not take. cobra's own text
// counts arguments; this names what the command takes.
func misused(c *cobra.Command, err error) *workflow.Problem {
	words := c.Flags().Args()
	c.SuggestionsMinimumDistance = 2 // letters; cobra sets it for its own texts only
	p := &workflow.Problem{Summary: err.Error(), Fix: "it is used as: " + c.UseLine()}
	_, takes, _ := strings.Cut(c.Use, " ")
	switch {
	case c.ValidateArgs(words) == nil: // something else, such as flags that exclude each other
	case c.HasAvailableSubCommands():
		p.Summary = fmt.Sprintf("unknown command %q for %q", words[0], c.CommandPath())
		p.Fix = c.CommandPath() + " --help lists the commands"
		if near := c.SuggestionsFor(words[0]); len(near) > 0 {
			p.Fix = "did you mean " + c.CommandPath() + " " + strings.Join(near, " or ") + "? " + p.Fix
		}
	case takes == "":
		p.Summary = fmt.Sprintf("%s takes flags only: %q is too much", c.CommandPath(), words[0])
	case len(words) == 0:
		p.Summary = c.CommandPath() + " needs " + takes
	default:
		p.Summary = fmt.Sprintf("%s takes %s, and %d words are given", c.CommandPath(), takes, len(words))
	}
	return p
}
