//go:build unix

package profiles

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A profile and a state that root changes stay the user's, also behind a link.
func TestRootLeavesProfilesToTheirOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files away")
	}
	const user = 54321
	s := NewStore(Paths{Config: filepath.Join(t.TempDir(), "config"), State: t.TempDir()})
	source := []byte("version = 1\n\n[target]\nkind = \"lab\"\n\n[identity]\nattestation = \"x509\"\nregistration_id = \"d\"\n")
	d, err := Parse("d.toml", source)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Save("d", d.Profile); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveState("d", &State{}); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept.toml")
	if err := os.Rename(s.Paths.Profile("d"), kept); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kept, s.Paths.Profile("d")); err != nil {
		t.Fatal(err)
	}
	files := []string{kept, s.Paths.StateFile("d")}
	for _, path := range files {
		if err := os.Chown(path, user, user); err != nil {
			t.Skip("this root may not give files away:", err)
		}
	}
	d.Profile.Identity.ValidDays = 77
	if err := s.Replace("d", d.Profile); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveState("d", &State{Registration: Registration{OperationID: "5"}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if who := info.Sys().(*syscall.Stat_t); who.Uid != user || who.Gid != user || info.Mode().Perm() != 0o600 {
			t.Errorf("%s belongs to %d:%d, %v", path, who.Uid, who.Gid, info.Mode())
		}
	}
	if again, err := s.Load("d"); err != nil || again.Profile.Identity.ValidDays != 77 {
		t.Errorf("%+v, %v", again, err)
	}
}
