package wholefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"dpslab/profiles/wholefile"
)

// want looks at all that is in a folder: one file, and nothing hidden.
func want(t *testing.T, path, content string, perm fs.FileMode) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 || entries[0].Name() != filepath.Base(path) {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != content {
		t.Errorf("it holds %q, %v", data, err)
	}
	if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != perm) {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func pending(t *testing.T, path, content string, perm fs.FileMode) *wholefile.File {
	t.Helper()
	w, err := wholefile.Create(path, perm)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPlaceAndReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	first := pending(t, path, "one", 0o600)
	first.Start()
	if err := errors.Join(first.Place(), first.Discard()); err != nil {
		t.Fatal(err)
	}
	want(t, path, "one", 0o600)
	second := pending(t, path, "two", 0o640)
	if err := second.Place(); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("a name that is taken: %v", err)
	}
	if err := errors.Join(second.Replace(), second.Discard(), second.Discard()); err != nil {
		t.Fatal(err)
	}
	want(t, path, "two", 0o640)
	third := pending(t, path, "three", 0o600)
	if err := third.Discard(); err != nil {
		t.Fatal(err)
	}
	third.Start() // there is nothing left to write
	want(t, path, "two", 0o640)
	if err := wholefile.Write(path, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, path, "four", 0o640)
	if err := wholefile.SyncDir(filepath.Dir(path)); err != nil {
		t.Error(err)
	}
}

func TestNoFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none", "key.pem")
	if w, err := wholefile.Create(path, 0o600); w != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, %v", w, err)
	}
	if err := wholefile.Write(path, nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := wholefile.SyncDir(filepath.Dir(path)); runtime.GOOS != "windows" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
