package profiles

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A profile may be a symbolic link to where the user keeps it: changing it
// changes that file, and the link stays.
func TestLinkedProfileStaysLinked(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need rights of their own there")
	}
	s := NewStore(Paths{Config: filepath.Join(t.TempDir(), "config"), State: t.TempDir()})
	kept := filepath.Join(t.TempDir(), "kept.toml")
	link := s.Paths.Profile("d")
	before := []byte("version = 1\n\n[target]\nkind = \"lab\"\n\n[identity]\nattestation = \"x509\"\nregistration_id = \"d\"\n")
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kept, link); err != nil {
		t.Fatal(err)
	}
	holds := func(what string) {
		t.Helper()
		info, err := os.Lstat(link)
		if err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link is %v, %v", info.Mode(), err)
		}
		if data, err := os.ReadFile(kept); err != nil || !strings.Contains(string(data), what) {
			t.Errorf("the file holds %q, %v", data, err)
		}
	}
	if done, err := s.Rewrite("d", before, append([]byte("# mine\n"), before...)); !done || err != nil {
		t.Fatal(done, err)
	}
	holds("# mine")
	p, err := s.Load("d")
	if err != nil {
		t.Fatal(err)
	}
	p.Profile.Identity.ValidDays = 77
	if err := s.Replace("d", p.Profile); err != nil {
		t.Fatal(err)
	}
	holds("77")
	if err := s.Save("d", p.Profile); err == nil {
		t.Error("a new profile took the place of a link")
	}
}
