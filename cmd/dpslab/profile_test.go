package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dpslab/workflow"
)

// badProfiles are the files testdata/profiles/NAME.toml; each is refused with
// file, line, column and the fix, which testdata/profile-NAME.golden holds.
var badProfiles = []string{"unknown-key", "wrong-type", "bad-registration-id", "secret", "private-key", "bad-syntax"}

// planted is the secret in those of them that hold one.
const planted = "cGxhbnRlZCBzZWNyZXQgb2YgdGhlIHRlc3Q="

func TestBadProfile(t *testing.T) {
	t.Parallel()
	for _, name := range badProfiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			path := paths(t, home).Profile(name)
			place(t, filepath.Join("testdata", "profiles", name+".toml"), path)
			r := dpslab(t, home, "run", name).want(t, 2)
			if r.stdout != "" {
				t.Errorf("stdout: %s", r.stdout)
			}
			wantPlainLines(t, r.stderr)
			golden(t, "profile-"+name, strings.ReplaceAll(r.stderr, path, "FILE"))

			told := dpslab(t, home, "run", name, "--json").want(t, 2)
			last := finished(t, eventsOf(t, told.stdout))
			if last.Outcome != workflow.Failed || last.Problem == nil || !strings.Contains(last.Problem.Summary+last.Problem.Detail, path+":") {
				t.Errorf("as JSON: %s", told.stdout)
			}
			listed := dpslab(t, home, "list", "--json").want(t, 0)
			shown := dpslab(t, home, "show", name).want(t, 2)
			for _, text := range []string{r.stderr, told.stdout, told.stderr, listed.stdout, shown.stdout, shown.stderr} {
				if strings.Contains(text, planted) {
					t.Errorf("the secret is repeated: %s", text)
				}
			}
		})
	}
}

// place copies a file to where the program looks for it.
func place(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
