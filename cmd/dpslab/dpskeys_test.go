package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/workflow/dps"
)

// TestDPSKeys: the policies of an instance are listed without their keys, and a
// connection string goes into a file of the user's alone, where it works.
func TestDPSKeys(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	_, ready := serve(t, home)
	owner, err := dps.ParseConnectionString(ready.ServiceConnectionString)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	list := dpslab(t, home, "dps", "keys", "-v").want(t, 0)
	if said += list.stdout + list.stderr; !strings.Contains(list.stdout, owner.KeyName) || !strings.Contains(list.stdout, "EnrollmentWrite") {
		t.Errorf("%s", list.stdout)
	}
	file := filepath.Join(home, "connection-string")
	r := dpslab(t, home, "dps", "keys", "--policy", owner.KeyName, "--key-file", file, "--json", "-v").want(t, 0)
	said += r.stdout + r.stderr
	if line := jsonLines(t, r.stdout); len(line) != 1 || line[0]["policy"] != owner.KeyName || line[0]["key_file"] != file || line[0]["rights"] == nil {
		t.Errorf("%s", r.stdout)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(text)) != ready.ServiceConnectionString {
		t.Errorf("the file is not the connection string (%v)", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	said += dpslab(t, home, "dps", "keys", "--policy", owner.KeyName, "--key-file", file).want(t, 4).stderr
	dry := dpslab(t, home, "dps", "keys", "--dry-run").want(t, 0)
	if said += dry.stdout + dry.stderr; !strings.Contains(dry.stdout, "\nPOST https://management.azure.com/") || !strings.Contains(dry.stdout, "/listkeys?api-version=") {
		t.Errorf("%s", dry.stdout)
	}
	said += dpslab(t, home, "dps", "keys", "--policy", "nobody").want(t, 1).stderr
	dpslab(t, home, "dps", "keys", "--key-file", file).want(t, 2)
	dpslab(t, home, "dps", "keys", "--policy", owner.KeyName, "--key-file", "-").want(t, 2)
	if strings.Contains(said, owner.Key.Reveal()) {
		t.Error("a key is printed")
	}
}
