// Package tpmtest runs a software TPM for tests: swtpm, a whole TPM 2.0.
package tpmtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Start runs a software TPM and gives its socket. It ends with the test.
func Start(t testing.TB) string {
	t.Helper()
	swtpm, err := exec.LookPath("swtpm")
	if err != nil {
		t.Fatal("this test needs swtpm: make test installs it")
	}
	dir, err := os.MkdirTemp("", "tpm") // the name of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "socket")
	cmd := exec.Command(swtpm, "socket", "--tpm2", "--tpmstate", "dir="+dir, "--server", "type=unixio,path="+path,
		"--flags", "not-need-init,startup-clear", "--log", "file="+filepath.Join(dir, "log"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for {
		if c, err := net.Dial("unix", path); err == nil {
			_ = c.Close()
			return path
		}
		select {
		case <-t.Context().Done():
			t.Fatal("swtpm does not listen")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
