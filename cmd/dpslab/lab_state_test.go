package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLabState(t *testing.T) {
	t.Parallel()
	home, other := t.TempDir(), t.TempDir()
	file := filepath.Join(t.TempDir(), "lab.gz")
	p, ready := serve(t, home)
	dpslab(t, home, "lab", "export", file).want(t, 0)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	dpslab(t, home, "lab", "reset").want(t, 0)
	if r := dpslab(t, home, "lab", "import", file).want(t, 4); !strings.Contains(r.stderr, "stop that lab first") {
		t.Errorf("%s", r.stderr)
	}
	p.signal(syscall.SIGTERM)
	p.wait()
	dpslab(t, home, "lab", "reset").want(t, 0)
	dpslab(t, home, "lab", "export", file).want(t, 0)
	dpslab(t, other, "lab", "import", file).want(t, 0)
	if _, moved := serve(t, other); moved.IDScope != ready.IDScope {
		t.Errorf("%s became %s", ready.IDScope, moved.IDScope)
	}
	dpslab(t, home, "lab", "import", "/dev/null").want(t, 4)
}
