//go:build unix

package wholefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"dpslab/profiles/wholefile"
)

// What root writes over somebody else's file stays that user's, with its mode;
// what it writes anew, or in the place of a link, is its own.
func TestRootKeepsTheOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	const user, group = 54321, 54322
	dir := t.TempDir()
	owner := func(path string, uid, gid uint32) {
		t.Helper()
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid != uid || s.Gid != gid {
			t.Errorf("%s belongs to %d:%d, want %d:%d", filepath.Base(path), s.Uid, s.Gid, uid, gid)
		}
	}
	theirs := filepath.Join(dir, "d.toml")
	if err := wholefile.Write(theirs, []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	owner(theirs, 0, 0)
	if err := os.Chown(theirs, user, group); err != nil {
		t.Skip("this root may not give files away:", err)
	}
	if err := wholefile.Write(theirs, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, theirs, "two", 0o640)
	owner(theirs, user, group)
	w := pending(t, theirs, "three", 0o600)
	if err := errors.Join(w.Flush(), w.Replace(), w.Discard()); err != nil {
		t.Fatal(err)
	}
	want(t, theirs, "three", 0o600)
	owner(theirs, user, group)

	link := filepath.Join(t.TempDir(), "link.toml")
	if err := os.Symlink(theirs, link); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(link, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	owner(link, 0, 0)
	owner(theirs, user, group)
}
