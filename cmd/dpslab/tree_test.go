package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// told is all that a command says of itself, without its siblings.
func told(c *cobra.Command) string {
	return c.CommandPath() + "\n" + c.Long + "\n" + c.Example + "\n" + c.UsageString()
}

// TestCommandForIsTheWholeTree: each command and all of its help are the same in
// the tree of its command line as in the whole tree.
func TestCommandForIsTheWholeTree(t *testing.T) {
	t.Parallel()
	every((&app{}).command(), func(want *cobra.Command) {
		words := strings.Fields(commandName(want))
		root := (&app{}).commandFor(words)
		if len(words) > 0 { // nobody reads the help of an empty command line
			got, rest, err := root.Find(words)
			if err != nil || len(rest) > 0 || told(got) != told(want) {
				t.Errorf("%q is another command in its own tree (%v):\n%s\nnot\n%s", words, err, told(got), told(want))
			}
		}
	})
}

// TestCommandForBuildsWhatIsNamed: where a word of the command line is taken for
// the name of a command that it is not, nothing is missing.
func TestCommandForBuildsWhatIsNamed(t *testing.T) {
	t.Parallel()
	branches := len((&app{}).command().Commands())
	for line, want := range map[string]int{
		"": 0, "version": 1, "run new": 2, "--home version version": 1, "new device-01 --yes": 1, "cert new x": 2,
		"--home cert": branches, "--help": branches, "help cert": branches, "nothing": branches, "versio": branches,
		"__complete cert ": branches, "completion bash": branches, "-q": branches, "--theme list nothing": branches,
	} {
		if got := len((&app{}).commandFor(strings.Fields(line)).Commands()); got != want {
			t.Errorf("%q builds %d commands, want %d", line, got, want)
		}
	}
	cert := func(words ...string) int {
		c, _, _ := (&app{}).commandFor(words).Find([]string{"cert"})
		return len(c.Commands())
	}
	if all := cert("cert"); all < 10 || cert("cert", "inspect", "x") != 1 || cert("cert", "--help", "x") != all || cert("cert", "--home", "new") != all {
		t.Errorf("cert has %d commands, one by name: %d", all, cert("cert", "inspect", "x"))
	}
}
