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
	p := &workflow.Problem{Summary: err.Error(), Fix: "it is used as: " + c.UseLine()}
	_, takes, _ := strings.Cut(c.Use, " ")
	switch {
	case c.ValidateArgs(words) == nil: // something else, such as flags that exclude each other
	case c.HasAvailableSubCommands():
		return unknownCommand(c, words[0])
	case takes == "":
		p.Summary = fmt.Sprintf("%s takes flags only: %q is too much", c.CommandPath(), words[0])
	case len(words) == 0:
		p.Summary = c.CommandPath() + " needs " + takes
	default:
		p.Summary = fmt.Sprintf("%s takes %s, and %d words are given", c.CommandPath(), takes, len(words))
	}
	return p
}

// strictHelp has "help" refuse a command that there is not; cobra shows the help
// of the one above it instead.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			continue
		}
		show := c.Run
		c.RunE = func(c *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 && found.HasAvailableSubCommands() {
				return unknownCommand(found, rest[0])
			}
			show(c, args)
			return nil
		}
	}
}

func unknownCommand(c *cobra.Command, word string) *workflow.Problem {
	c.SuggestionsMinimumDistance = 2 // letters; cobra sets it for its own texts only
	p := &workflow.Problem{Kind: workflow.Usage, Summary: fmt.Sprintf("unknown command %q for %q", word, c.CommandPath())}
	p.Fix = c.CommandPath() + " --help lists the commands"
	if near := c.SuggestionsFor(word); len(near) > 0 {
		p.Fix = "did you mean " + c.CommandPath() + " " + strings.Join(near, " or ") + "? " + p.Fix
	}
	return p
}
