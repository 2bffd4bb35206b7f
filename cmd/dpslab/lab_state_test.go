package main

import (
	"errors"
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
	for _, file := range []string{"/dev/null", filepath.Join(other, "nothing.gz")} {
		if r := dpslab(t, home, "lab", "import", file).want(t, 4); !strings.Contains(r.stderr, "that dpslab lab export wrote") {
			t.Errorf("%s", r.stderr)
		}
	}
}

// TestNoLabToExport writes no file that could not be imported.
func TestNoLabToExport(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(home, "lab.gz")
	for range 2 { // also where a reset has made a database
		if r := dpslab(t, home, "lab", "export", file).want(t, 4); !strings.Contains(r.stderr, "no lab was ever started") || !strings.Contains(r.stderr, "--state") {
			t.Errorf("%s", r.stderr)
		}
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", file, err)
		}
		dpslab(t, home, "lab", "reset").want(t, 0)
	}
}

// TestDamagedLab starts over a database that is cut short: it says what is wrong
// and what helps, and that does help.
func TestDamagedLab(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	file := filepath.Join(t.TempDir(), "lab.gz")
	p, ready := serve(t, home)
	dpslab(t, home, "lab", "export", file).want(t, 0)
	p.signal(syscall.SIGTERM)
	p.wait()
	db := filepath.Join(filepath.Dir(ready.CAFile), "lab.db")
	damage := func() {
		if err := os.Truncate(db, 8192); err != nil {
			t.Fatal(err)
		}
	}
	damage()
	r := dpslab(t, home, "lab", "--listen", "127.0.0.1:0").want(t, 4)
	for _, said := range []string{db, "cut short", "dpslab lab reset", "dpslab lab import"} {
		if !strings.Contains(r.stderr, said) {
			t.Errorf("%q is not said: %s", said, r.stderr)
		}
	}
	if r := dpslab(t, home, "lab", "import", file).want(t, 0); !strings.Contains(r.stderr, "lab.db.damaged-1") {
		t.Errorf("%s", r.stderr)
	}
	p, again := serve(t, home)
	if again.IDScope != ready.IDScope {
		t.Errorf("%s became %s", ready.IDScope, again.IDScope)
	}
	p.signal(syscall.SIGTERM)
	p.wait()
	damage()
	if r := dpslab(t, home, "lab", "reset").want(t, 0); !strings.Contains(r.stderr, "lab.db.damaged-2") {
		t.Errorf("%s", r.stderr)
	}
	serve(t, home)
}
