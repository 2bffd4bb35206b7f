package profiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestDefaultPaths(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		home string
		env  map[string]string
		want Paths
	}{
		"flag":        {"/usb", map[string]string{"DPSLAB_HOME": "/other"}, Paths{"/usb/config/dpslab", "/usb/state/dpslab", "/usb/data/dpslab"}},
		"DPSLAB_HOME": {"", map[string]string{"DPSLAB_HOME": "/d"}, Paths{"/d/config/dpslab", "/d/state/dpslab", "/d/data/dpslab"}},
		"HOME":        {"", map[string]string{"HOME": "/h"}, Paths{"/h/.config/dpslab", "/h/.local/state/dpslab", "/h/.local/share/dpslab"}},
		"XDG": {
			"",
			map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "relative", "XDG_DATA_HOME": "/x/"},
			Paths{"/c/dpslab", "/h/.local/state/dpslab", "/x/dpslab"},
		},
	} {
		got, err := DefaultPaths(c.home, func(k string) string { return c.env[k] })
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	if _, err := DefaultPaths("", func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "set HOME") {
		t.Errorf("without any folder: %v", err)
	}
}

func TestStoreSaveLoadRemove(t *testing.T) {
	t.Parallel()
	s := NewStore(Paths{Config: t.TempDir(), State: filepath.Join(t.TempDir(), "s"), Data: t.TempDir()})
	if names, err := s.Names(); err != nil || len(names) != 0 {
		t.Fatalf("names of an empty store: %v, %v", names, err)
	}
	if _, err := s.Load("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("loading nothing: %v", err)
	}
	p := parsed(t, full)
	for _, name := range []string{"b", "a"} {
		if err := s.Save(name, p); err != nil {
			t.Fatal(err)
		}
	}
	if names, _ := s.Names(); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("names are %v", names)
	}
	d, err := s.Load("a")
	if err != nil || !reflect.DeepEqual(d.Profile, p) || string(d.Source) != full {
		t.Errorf("loaded %+v, %v", d, err)
	}
	checkMode(t, s.Paths.Profile("a"), 0o600)
	checkMode(t, filepath.Dir(s.Paths.Profile("a")), 0o700)
	checkNoLeftovers(t, filepath.Dir(s.Paths.Profile("a")), "a.toml", "b.toml")

	if err := s.SaveState("a", &State{}); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(s.Paths.DeviceDir("a"), "private", "a.key.pem")
	authority := filepath.Join(s.Paths.AuthorityDir("a"), "root.pem")
	for _, path := range []string{key, authority, s.Paths.Journal("a")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := s.Remove("a")
	want := []string{s.Paths.StateFile("a"), s.Paths.Journal("a"), s.Paths.DeviceDir("a"), s.Paths.Profile("a")}
	if err != nil || !slices.Equal(removed, want) {
		t.Errorf("removed %v, %v; want %v", removed, err, want)
	}
	if _, err := os.Stat(authority); err != nil {
		t.Errorf("the authority of that name is gone: %v", err)
	}
	checkNoLeftovers(t, s.Paths.State)
	if _, err := s.Remove("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removing nothing: %v", err)
	}
}

func TestSaveDoesNotOverwriteButReplaceDoes(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	written := "# mine\n" + full
	path := s.Paths.Profile("a")
	if err := s.Save("a", parsed(t, full)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Save("a", parsed(t, full)); !errors.Is(err, ErrExists) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("saving over a profile: %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != written {
		t.Errorf("the profile was changed:\n%s", data)
	}
	if err := s.Replace("a", parsed(t, full)); err != nil {
		t.Error(err)
	}
	if data, _ := os.ReadFile(path); string(data) != full {
		t.Errorf("the profile was not replaced:\n%s", data)
	}
	checkNoLeftovers(t, filepath.Dir(path), "a.toml")
}

func TestSaveRefusesSecretsAndBadNames(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	p := parsed(t, full)
	p.Telemetry.Body = "SharedAccessKey=abc"
	var e *Error
	if err := s.Save("a", p); !errors.As(err, &e) {
		t.Errorf("saving a secret: %v", err)
	}
	var n *NameError
	if err := s.Save("../a", parsed(t, full)); !errors.As(err, &n) {
		t.Errorf("saving outside the folder: %v", err)
	}
	if names, _ := s.Names(); len(names) != 0 {
		t.Errorf("profiles were written: %v", names)
	}
}

func TestLoadRefusesHugeFiles(t *testing.T) {
	t.Parallel()
	s := tempStore(t)
	path := s.Paths.Profile("a")
	if err := s.Save("a", parsed(t, full)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("a"); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("got %v", err)
	}
}

func tempStore(t testing.TB) *Store {
	t.Helper()
	p, err := DefaultPaths(t.TempDir(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return NewStore(p)
}

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
	}
}

// checkNoLeftovers checks that a folder holds nothing but the given names.
func checkNoLeftovers(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}

func TestEditsAreKeptApart(t *testing.T) {
	t.Parallel()
	s := NewStore(Paths{Config: t.TempDir(), State: t.TempDir(), Data: t.TempDir()})
	for _, name := range []string{"a", "b"} {
		if err := s.SaveEdit(name, map[string]string{"telemetry.count": name, "target.connection_string": "HostName=x;SharedAccessKey=c2VjcmV0c2VjcmV0"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DropEdit("a"); err != nil {
		t.Fatal(err)
	}
	a, errA := s.LoadEdit("a")
	b, errB := s.LoadEdit("b")
	if errA != nil || errB != nil || len(a) != 0 || len(b) != 1 || b["telemetry.count"] != "b" {
		t.Errorf("a %v %v, b %v %v", a, errA, b, errB)
	}
	if err := s.SaveEdit("../a", nil); err == nil {
		t.Error("a name that leaves the folder is accepted")
	}
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := NewStore(Paths{Config: dir, State: dir, Data: dir})
	if got, err := s.Authorities(); err != nil || len(got) != 0 {
		t.Errorf("without the folder: %v, %v", got, err)
	}
	for _, name := range []string{"line-2", "line-1", ".hidden"} {
		if err := os.MkdirAll(s.Paths.AuthorityDir(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.Paths.AuthorityDir("a-file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Authorities(); err != nil || !slices.Equal(got, []string{"line-1", "line-2"}) {
		t.Errorf("%v, %v", got, err)
	}
}
