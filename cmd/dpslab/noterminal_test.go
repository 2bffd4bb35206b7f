package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorkbenchWithoutATerminal(t *testing.T) {
	t.Parallel()
	r := dpslab(t, t.TempDir()).want(t, 2)
	if r.stdout != "" {
		t.Errorf("stdout: %q", r.stdout)
	}
	golden(t, "no-terminal", r.stderr)
}

func TestMakeRunWithoutATerminal(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	cmd := exec.Command("make", "run", "BIN="+filepath.Join(t.TempDir(), "dpslab"))
	cmd.Dir = filepath.Join("..", "..")
	for _, v := range os.Environ() {
		// A make above this test would hand down its own targets and jobs.
		if !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "DPSLAB_HOME="+home)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 2 {
		t.Fatalf("exit code %d (%v), want 2:\n%s", code, err, out)
	}
	for _, text := range []string{"the workbench needs a terminal", "dpslab demo runs the whole flow without one", "Error 2"} {
		if !strings.Contains(string(out), text) {
			t.Errorf("make does not say %q:\n%s", text, out)
		}
	}
	wantEmpty(t, home)
}
