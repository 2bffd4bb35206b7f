package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed lists, for each package of the module, which others of it may be
// imported. A package below one of these paths follows its rule, and may import
// the package at that path, as one that serves its tests does. "wire types"
// of the emulator are those of dps.
var allowed = map[string][]string{
	"dpslab/cmd":                       {"dpslab/cmd/embeddedlab", "dpslab/tui", "dpslab/workflow", "dpslab/pki", "dpslab/workflow/dps", "dpslab/workflow/dps/tpm", "dpslab/workflow/emulator", "dpslab/profiles"},
	"dpslab/tui":                       {"dpslab/tui", "dpslab/workflow", "dpslab/profiles"},
	"dpslab/workflow":                  {"dpslab/workflow/dps", "dpslab/workflow/iothub", "dpslab/workflow/azure", "dpslab/workflow/doctor", "dpslab/workflow/wire", "dpslab/pki", "dpslab/profiles"},
	"dpslab/workflow/dps":              {"dpslab/workflow/wire", "dpslab/pki"},
	"dpslab/workflow/iothub":           {"dpslab/workflow/dps", "dpslab/workflow/wire", "dpslab/pki"},
	"dpslab/workflow/azure":            {"dpslab/workflow/dps", "dpslab/workflow/wire", "dpslab/pki"},
	"dpslab/workflow/doctor":           {"dpslab/workflow/wire", "dpslab/pki", "dpslab/profiles"},
	"dpslab/workflow/goldentest":       {},
	"dpslab/workflow/wire":             {"dpslab/pki"},
	"dpslab/workflow/wire/wiretest":    {"dpslab/workflow/goldentest", "dpslab/workflow/wire", "dpslab/pki"},
	"dpslab/workflow/emulator":         {"dpslab/workflow/dps", "dpslab/pki"},
	"dpslab/workflow/emulator/labtest": {"dpslab/workflow/dps", "dpslab/workflow/emulator", "dpslab/workflow/wire", "dpslab/pki"},
	"dpslab/profiles":                  {},
	"dpslab/pki":                       {},
}

// only says who alone may import a family of libraries.
var only = map[string]string{
	"github.com/charmbracelet/":  "dpslab/tui",
	"github.com/Azure/":          "dpslab/workflow",
	"go.etcd.io/bbolt":           "dpslab/workflow/emulator",
	"github.com/BurntSushi/toml": "dpslab/profiles",
	"github.com/spf13/cobra":     "dpslab/cmd",
	"github.com/tidwall/":        "dpslab/workflow",
	"github.com/youmark/pkcs8":   "dpslab/pki",
	"software.sslmate.com/src/":  "dpslab/pki",
	"github.com/aymanbagabas/":   "dpslab/tui",
	"github.com/google/go-tpm/":  "dpslab/workflow/dps/tpm",
}

func TestImportArrows(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "dpslab/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 10 {
		t.Fatalf("go list found %d packages only:\n%s", len(lines), out)
	}
	for _, line := range lines {
		words := strings.Fields(line)
		from := words[0]
		rule, ok := ruleOf(from)
		if !ok {
			t.Errorf("%s is in none of the folders of the design", from)
		}
		for _, to := range words[1:] {
			if strings.HasPrefix(to, "dpslab/") && !mayImport(from, to, rule) {
				t.Errorf("%s imports %s, against the arrows", from, to)
			}
			for family, owner := range only {
				if strings.HasPrefix(to, family) && !within(from, owner) {
					t.Errorf("%s imports %s, which is for %s", from, to, owner)
				}
			}
		}
	}
}

// ruleOf finds the longest path in allowed that from is within.
func ruleOf(from string) (rule string, ok bool) {
	for path := range allowed {
		if within(from, path) && len(path) > len(rule) {
			rule, ok = path, true
		}
	}
	return rule, ok
}

// leaf imports nothing of the module, and every package may import it.
const leaf = "dpslab/profiles/wholefile"

func mayImport(from, to, rule string) bool {
	if to == leaf {
		return from != leaf
	}
	if rule == "dpslab/tui" || rule == "dpslab/cmd" {
		// Their sub-packages count as the package itself.
		return slices.ContainsFunc(allowed[rule], func(a string) bool {
			return to == a || a == "dpslab/tui" && within(to, a)
		})
	}
	return to == rule || slices.Contains(allowed[rule], to)
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
