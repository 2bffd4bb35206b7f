package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"dpslab/profiles"
)

// TestReadmeCertificates runs the commands of the README's part on certificates
// as they stand, one after the other, without the one that needs a network.
func TestReadmeCertificates(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "\n## Certificates\n")
	part, _, _ = strings.Cut(part, "\n## ")
	b := newCertBench(t)
	script, commands := "set -e\n", map[string]bool{}
	for line := range strings.Lines(part) {
		command, ok := strings.CutPrefix(line, "    ")
		if !ok || strings.Contains(line, ":443") {
			continue
		}
		if words := strings.Fields(command); words[0] == "dpslab" {
			commands[words[2]] = true
			command = binary + strings.TrimPrefix(command, "dpslab")
		}
		script += command
	}
	shell(t, b.env, b.dir, script).want(t, 0)
	for _, name := range []string{"new", "inspect", "verify", "renew", "csr", "sign", "pfx", "fullchain", "convert", "issued"} {
		if !commands[name] {
			t.Errorf("the README has no example of dpslab cert %s", name)
		}
	}
}

// readmePart is a part of the README, by its heading.
func readmePart(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the README has no part %q", heading)
	}
	part, _, _ = strings.Cut(part, "\n## ")
	return part
}

// TestReadmeCommands runs the commands of the README's part on commands as they
// stand, one after the other. They need only the lab.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	serve(t, home)
	script := "set -e\ndpslab() { '" + binary + "' \"$@\" || { echo \"failed: $*\" >&2; return 1; }; }\n"
	commands := 0
	for line := range strings.Lines(readmePart(t, "Commands")) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			script += command
			commands++
		}
	}
	if commands < 20 {
		t.Fatalf("the README shows %d commands only", commands)
	}
	shell(t, environ(t, home), t.TempDir(), script).want(t, 0)
}

// TestReadmeAzureCommands: what needs Azure is at least a command of the tree,
// with flags that there are.
func TestReadmeAzureCommands(t *testing.T) {
	t.Parallel()
	root := (&app{}).command()
	for line := range strings.Lines(readmePart(t, "With Azure")) {
		if command, ok := strings.CutPrefix(line, "    dpslab "); ok {
			checkFlags(t, root, command)
		}
	}
}

// TestReadmeNamesEveryKey of a profile, and every command.
func TestReadmeNamesEveryKey(t *testing.T) {
	t.Parallel()
	part := readmePart(t, "Profiles")
	profile := reflect.TypeFor[profiles.Profile]()
	for i := range profile.NumField() {
		section := profile.Field(i).Type
		if section.Kind() != reflect.Struct {
			continue
		}
		for j := range section.NumField() {
			key, _, _ := strings.Cut(section.Field(j).Tag.Get("toml"), ",")
			if !strings.Contains(part, key) {
				t.Errorf("the README does not name %s of %s", key, section.Name())
			}
		}
	}
	commands := readmePart(t, "Commands")
	for _, c := range (&app{}).command().Commands() {
		if c.Name() != "help" && c.Runnable() && !strings.Contains(commands, "`"+c.Name()) && !strings.Contains(commands, c.Name()+"`") {
			t.Errorf("the README does not name dpslab %s", c.Name())
		}
	}
}
