package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A result that cannot be written is not a success: a full disk behind a
// redirection must not look like an empty answer.
func TestResultThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"version", "paths", "demo --fast", "demo --fast --json"} {
		t.Run(strings.ReplaceAll(args, " ", "-"), func(t *testing.T) {
			t.Parallel()
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer full.Close()
			c := exec.Command(binary, append([]string{"--home", t.TempDir()}, strings.Fields(args)...)...)
			c.Stdout = full
			var told strings.Builder
			c.Stderr = &told
			_ = c.Run() // the exit code says it
			if c.ProcessState.ExitCode() != 4 || !strings.Contains(told.String(), "write the result") {
				t.Errorf("exit code %d:\n%s", c.ProcessState.ExitCode(), told.String())
			}
		})
	}
}
