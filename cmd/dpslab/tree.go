package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// The tree of commands has some fifty, with their flags and texts; building all
// of it costs a third of the start of the process, and an invocation runs one.
// So a branch is built only when a word of the command line names it.

// branch is one command below another: its name, and what builds it.
type branch struct {
	name  string
	build func() *cobra.Command
}

// below is a branch whose command shares the flags of the one above.
func below[F any](name string, build func(F) *cobra.Command, flags F) branch {
	return branch{name, func() *cobra.Command { return build(flags) }}
}

// tree builds commands for one command line.
type tree struct {
	words  []string
	whole  bool
	pruned map[*cobra.Command]bool // commands that lack branches
}

// add puts branches below a command: those that the command line names; with
// none of them named, all. A word is taken for a name wherever it stands, so that
// nothing here needs to know which flags take a value.
func (t *tree) add(c *cobra.Command, branches ...branch) {
	for _, b := range t.wanted(branches) {
		c.AddCommand(b.build())
	}
	if len(c.Commands()) < len(branches) {
		t.pruned[c] = true
	}
}

func (t *tree) wanted(branches []branch) []branch {
	if t.whole {
		return branches
	}
	var named []branch
	for _, b := range branches {
		if slices.Contains(t.words, b.name) {
			named = append(named, b)
		}
	}
	if len(named) == 0 && len(t.words) > 0 {
		return branches
	}
	return named
}

// command is the whole tree.
func (a *app) command() *cobra.Command {
	a.tree = tree{whole: true}
	return a.root()
}

// commandFor is as much of the tree as a command line needs: the branch that it
// runs, or all when it turns out to be about a command that lacks branches, whose
// help, errors and completions name them.
func (a *app) commandFor(args []string) *cobra.Command {
	a.tree = tree{words: args, pruned: map[*cobra.Command]bool{}}
	root := a.root()
	found, _, err := root.Find(args)
	if err != nil || len(args) > 0 && a.tree.pruned[found] {
		return a.command()
	}
	root.CompletionOptions.DisableDefaultCmd = a.tree.pruned[root] // it would be in the help of the whole alone
	return root
}
