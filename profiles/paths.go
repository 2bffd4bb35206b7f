package profiles

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Paths are the folders of dpslab. None of them needs to exist.
type Paths struct {
	Config string // the user's: profiles
	State  string // the tool's: progress, journals, locks, the lab
	Data   string // keys and certificates
}

// app is the folder below each XDG base directory.
const app = "dpslab"

// DefaultPaths finds the folders. A home (the --home flag), or DPSLAB_HOME in
// the environment, puts all under that one folder. Otherwise the XDG base
// directories count: XDG_CONFIG_HOME, XDG_STATE_HOME and XDG_DATA_HOME, which
// must be absolute, with their defaults below HOME.
func DefaultPaths(home string, getenv func(string) string) (Paths, error) {
	if home == "" {
		home = getenv("DPSLAB_HOME")
	}
	if home != "" {
		abs, err := filepath.Abs(home)
		if err != nil {
			return Paths{}, fmt.Errorf("finding the folder %q: %w", home, err)
		}
		return Paths{
			Config: filepath.Join(abs, "config", app),
			State:  filepath.Join(abs, "state", app),
			Data:   filepath.Join(abs, "data", app),
		}, nil
	}
	var p Paths
	for _, base := range []struct {
		dir              *string
		variable, inHome string
	}{
		{&p.Config, "XDG_CONFIG_HOME", ".config"},
		{&p.State, "XDG_STATE_HOME", filepath.Join(".local", "state")},
		{&p.Data, "XDG_DATA_HOME", filepath.Join(".local", "share")},
	} {
		dir, err := baseDir(getenv, base.variable, base.inHome)
		if err != nil {
			return Paths{}, err
		}
		*base.dir = filepath.Join(dir, app)
	}
	return p, nil
}

// baseDir is one XDG base directory. The specification asks to ignore relative
// values. adrg/xdg is not used: it reads the environment once, at start-up.
func baseDir(getenv func(string) string, variable, inHome string) (string, error) {
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return filepath.Clean(dir), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("no home folder: set HOME, or DPSLAB_HOME, or use --home DIR")
	}
	return filepath.Join(home, inHome), nil
}

// Profile is the path of a profile.
func (p Paths) Profile(name string) string {
	return filepath.Join(p.profiles(), name+extension)
}

func (p Paths) profiles() string { return filepath.Join(p.Config, "profiles") }

// StateFile is the path of what the tool knows about a device.
func (p Paths) StateFile(name string) string { return filepath.Join(p.State, name+extension) }

// Journal is the path of the events of a device's last run.
func (p Paths) Journal(name string) string { return filepath.Join(p.State, name+".journal.jsonl") }

// Draft is the path of the half-filled wizard.
func (p Paths) Draft() string { return filepath.Join(p.State, draftName+extension) }

// edit is the path of the unsaved changes of a profile.
func (p Paths) edit(name string) string { return filepath.Join(p.State, "edits", name+extension) }

// DeviceDir is the folder of a device's key and certificates.
func (p Paths) DeviceDir(name string) string { return filepath.Join(p.Data, "devices", name) }

// AuthorityDir is the folder of a CA that devices share.
func (p Paths) AuthorityDir(name string) string { return filepath.Join(p.Data, "authorities", name) }

// LabDir is the folder of the lab's database and TLS root.
func (p Paths) LabDir() string { return filepath.Join(p.State, "lab") }

func (p Paths) lock(name string) string { return filepath.Join(p.State, name+".lock") }

const (
	extension = ".toml"
	draftName = "wizard-draft"
)
