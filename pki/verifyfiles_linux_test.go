package pki

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestUnreadableFolder: one folder that may not be read is a finding, and the
// rest is checked.
func TestUnreadableFolder(t *testing.T) {
	t.Parallel()
	s := &scene{&mill{t: t}, t.TempDir()}
	s.folder("open", "shut")
	s.certs("open/a.pem", s.make(nil, "press-3", asDevice))
	shut := filepath.Join(s.dir, "shut")
	if err := os.Chmod(shut, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(shut, 0o700) })
	if os.Getuid() == 0 {
		asNobody(t, filepath.Dir(s.dir), s.dir, filepath.Join(s.dir, "open"))
	}
	names, unread, err := expand([]string{s.dir}, false)
	if err != nil || len(names) != 1 || len(unread) != 1 || unread[0].Path != shut || !strings.Contains(unread[0].Error(), "permission denied") {
		t.Errorf("read %q, not read %v, %v", names, unread, err)
	}
}

// asNobody gives up root's right to read everything, for this thread alone.
func asNobody(t *testing.T, open ...string) {
	t.Helper()
	for _, dir := range open {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Setfsuid(0)
		runtime.UnlockOSThread()
	})
}
