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

// The temporary file has its permissions before it holds anything, whatever the
// umask takes away, and no name but a hidden one.
func TestPermissionsFromTheFirstByte(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("permission bits say nothing there")
	}
	for _, perm := range []fs.FileMode{0o600, 0o640, 0o666} {
		path := filepath.Join(t.TempDir(), "key.pem")
		w, err := wholefile.Create(path, perm)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 1 || entries[0].Name()[0] != '.' {
			t.Fatalf("%v, %v", entries, err)
		}
		if info, err := entries[0].Info(); err != nil || info.Mode() != perm || info.Size() != 0 {
			t.Errorf("an empty file of mode %v, %v; want %v", info.Mode(), err, perm)
		}
		if err := w.Discard(); err != nil {
			t.Error(err)
		}
	}
}

// A symbolic link in the file's place is not followed: a name that is taken is
// taken, and replacing it leaves alone what it led to.
func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights of their own there")
	}
	for _, target := range []string{"there", "nowhere"} {
		dir, other := t.TempDir(), t.TempDir()
		if err := os.WriteFile(filepath.Join(other, "there"), []byte("theirs"), 0o644); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "key.pem")
		if err := os.Symlink(filepath.Join(other, target), path); err != nil {
			t.Fatal(err)
		}
		w := pending(t, path, "secret", 0o600)
		if err := w.Place(); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a link to %s: %v", target, err)
		}
		if err := errors.Join(w.Replace(), w.Discard()); err != nil {
			t.Fatal(err)
		}
		want(t, path, "secret", 0o600)
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		want(t, filepath.Join(other, "there"), "theirs", 0o644)
	}
}
