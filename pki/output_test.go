package pki

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWriteOutput(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(dir, "k.pem")
	if backup, err := WriteOutput(path, []byte("first"), WriteOptions{Secret: true}); backup != "" || err != nil {
		t.Fatalf("%q, %v", backup, err)
	}
	if _, err := WriteOutput(path, []byte("second"), WriteOptions{Secret: true}); !errors.Is(err, ErrExists) {
		t.Errorf("over a file: %v", err)
	}
	backup, err := WriteOutput(path, []byte("second"), WriteOptions{Secret: true, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{path: "second", backup: "first"} {
		if got := must[[]byte](t)(os.ReadFile(file)); string(got) != want {
			t.Errorf("%s holds %q", file, got)
		}
		checkMode(t, file, 0o600)
	}
	now := time.Now()
	a, b := must[string](t)(keep(path, now)), must[string](t)(keep(path, now))
	if a == b {
		t.Error("two copies of the same moment have one name")
	}
	open := filepath.Join(dir, "c.pem")
	if _, err := WriteOutput(open, nil, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	checkMode(t, open, 0o644)
}

// childWrites is set in the environment of the child of TestKilledWriter.
const childWrites = "DPSLAB_TEST_CHILD_WRITES"

// TestKilledWriter kills a process that replaces a key over and over, at any
// moment: the file is always a whole one, old or new, and mode 0600.
func TestKilledWriter(t *testing.T) {
	if dir := os.Getenv(childWrites); dir != "" {
		writeForever(t, dir)
		return
	}
	t.Parallel()
	for range 5 {
		dir := t.TempDir()
		path := filepath.Join(dir, "k.pem")
		must[string](t)(WriteOutput(path, quick(t, newKey(t, ECP256), ""), WriteOptions{Secret: true}))
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
		cmd.Env = append(os.Environ(), childWrites+"="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitForFiles(t, dir, 40)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if _, err := ReadKey(path, nil); err != nil {
			t.Error(err)
		}
		for _, e := range must[[]fs.DirEntry](t)(os.ReadDir(dir)) {
			checkMode(t, filepath.Join(dir, e.Name()), 0o600)
			if !strings.HasSuffix(e.Name(), ".bak") {
				continue
			}
			if _, err := ReadKey(filepath.Join(dir, e.Name()), nil); err != nil {
				t.Errorf("a copy is not whole: %v", err)
			}
		}
	}
}

func writeForever(t *testing.T, dir string) {
	t.Helper()
	data := quick(t, newKey(t, ECP256), "")
	for {
		if _, err := WriteOutput(filepath.Join(dir, "k.pem"), data, WriteOptions{Secret: true, Force: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// waitForFiles waits until the child is at work.
func waitForFiles(t *testing.T, dir string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the child writes nothing")
		}
	}
}
