package noprobe

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain is also the child process of the test below: what it prints is what
// a program sees before and after Restore.
func TestMain(m *testing.M) {
	if os.Getenv("NOPROBE_CHILD") == "" {
		os.Exit(m.Run())
	}
	hidden := os.Getenv("TERM")
	Restore()
	back, had := os.LookupEnv("TERM")
	if !had {
		back = "unset"
	}
	_, _ = os.Stdout.WriteString(hidden + " " + back)
}

func TestTermIsHiddenUntilRestored(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ term, want string }{
		{"xterm-256color", "dumb xterm-256color"},
		{"", "dumb "},
		{"unset", "dumb unset"},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{"NOPROBE_CHILD=1"}
		if c.term != "unset" {
			cmd.Env = append(cmd.Env, "TERM="+c.term)
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("TERM=%q: %v", c.term, err)
		}
		if got := string(out); got != c.want {
			t.Errorf("TERM=%q: %q, want %q", c.term, got, c.want)
		}
	}
}

// A single further import could make this package wait for the very packages
// it must run before.
func TestImportsOnlyOS(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", "{{join .Imports \" \"}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "os" {
		t.Errorf("imports %q, want only os", got)
	}
}
