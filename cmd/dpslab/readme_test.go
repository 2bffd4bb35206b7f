package main

import (
	"os"
	"strings"
	"testing"
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
