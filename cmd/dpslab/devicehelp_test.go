package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDeviceHelp: each command says which rights it needs, or that it needs none,
// and its examples are commands of the tree with flags that there are.
func TestDeviceHelp(t *testing.T) {
	t.Parallel()
	root := (&app{}).command()
	for _, name := range []string{"run", "register", "status", "send", "receive", "key derive", "retire", "edit", "show", "explain", "export", "new"} {
		c, _, err := root.Find(strings.Fields(name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(c.Long, "rights") && !strings.Contains(c.Long, "Nothing is sent") {
			t.Errorf("the help of %s says nothing of rights", name)
		}
		if c.Flags().Lookup("json") == nil || c.Example == "" {
			t.Errorf("%s lacks --json or an example", name)
		}
		for line := range strings.Lines(c.Example) {
			_, command, found := strings.Cut(strings.TrimSpace(line), "dpslab ")
			if !found {
				t.Errorf("%q is no example", line)
				continue
			}
			checkFlags(t, root, command)
		}
	}
}

func checkFlags(t *testing.T, root *cobra.Command, command string) {
	t.Helper()
	words := strings.Fields(command)
	c, rest, err := root.Find(words)
	if err != nil || c == root {
		t.Errorf("%q is no command: %v", command, err)
		return
	}
	for _, word := range rest {
		if flag, ok := strings.CutPrefix(word, "--"); ok && c.Flags().Lookup(flag) == nil && c.InheritedFlags().Lookup(flag) == nil {
			t.Errorf("%q: there is no --%s", command, flag)
		}
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dpslab(t, home, "new", "press-3", "--yes", "-q").want(t, 0)
	for _, args := range []string{"show", "register", "retire", "export"} {
		if r := dpslab(t, home, "__complete", args, "").want(t, 0); !strings.HasPrefix(r.stdout, "press-3\n") {
			t.Errorf("%s: %s", args, r.stdout)
		}
	}
	if r := dpslab(t, home, "__complete", "export", "press-3", "").want(t, 0); !strings.Contains(r.stdout, "iotedge\n") {
		t.Errorf("forms: %s", r.stdout)
	}
	if r := dpslab(t, home, "completion", "bash").want(t, 0); !strings.Contains(r.stdout, "__start_dpslab") {
		t.Error("no script for bash")
	}
}
