package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dpslab/profiles/wholefile"
)

// Store keeps profiles and what belongs to them in the folders of Paths. It
// holds nothing in memory and may be copied.
type Store struct{ Paths Paths }

// NewStore is the store in the given folders.
func NewStore(p Paths) *Store { return &Store{Paths: p} }

// ErrExists says that a profile was not saved because there is one of that
// name. It wraps [fs.ErrExist].
var ErrExists = fmt.Errorf("there is a profile of that name already: %w", fs.ErrExist)

// maxFile bounds what is read of a profile, in bytes.
const maxFile = 1 << 20

// Names lists the profiles in the order of [CompareNames]. It reads one folder and opens no file;
// without the folder there are none.
func (s *Store) Names() ([]string, error) {
	entries, err := os.ReadDir(s.Paths.profiles())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the profiles: %w", err)
	}
	var names []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), extension)
		if ok && !e.IsDir() && name != "" && name[0] != '.' {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, CompareNames)
	return names, nil
}

// Authorities lists the CAs of this machine that devices share, by the names
// that profiles use, in the order of [CompareNames]. It reads one folder and opens no file; without the
// folder there are none.
func (s *Store) Authorities() ([]string, error) {
	dir := filepath.Dir(s.Paths.AuthorityDir("x"))
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the CAs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && CheckName(e.Name()) == nil {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, CompareNames)
	return names, nil
}

// Load reads a profile, strictly: see [Parse]. The error is an [*Error], a
// [*NameError], or wraps what the file system said ([fs.ErrNotExist]).
func (s *Store) Load(name string) (*Document, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	path := s.Paths.Profile(name)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxFile {
		return nil, &Error{Path: path, Line: 1, Column: 1, Problem: "the file is larger than 1 MiB, no profile is", Fix: "move it away"}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the profile %s: %w", name, err)
	}
	return Parse(path, data)
}

// Save writes a new profile, whole or not at all, with mode 0600. When there is
// one of that name the error is [ErrExists] and nothing changes: see
// [Store.Replace].
func (s *Store) Save(name string, p *Profile) error { return s.save(name, p, createFile) }

// Replace writes a profile over the one of that name, if there is one. Its
// comments are lost, so only what a person decided calls for it; a run never
// does.
func (s *Store) Replace(name string, p *Profile) error { return s.save(name, p, replaceProfile) }

// replaceProfile writes the user's own file. A symbolic link in its place stays
// one: it leads to where the user keeps the profiles, under version control for
// instance, and the file there is the profile.
func replaceProfile(path string, data []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return replaceFile(path, data)
}

func (s *Store) save(name string, p *Profile, write func(string, []byte) error) error {
	if err := CheckName(name); err != nil {
		return err
	}
	path := s.Paths.Profile(name)
	data, err := Encode(p)
	if err != nil {
		return fmt.Errorf("encoding the profile %s: %w", name, err)
	}
	if _, err := Parse(path, data); err != nil { // what cannot be read again is not written; a secret is caught here
		return err
	}
	if err := write(path, data); err != nil {
		return fmt.Errorf("writing the profile %s: %w", name, err)
	}
	return nil
}

// Remove deletes a profile with its state, its journal and the device's key and
// certificates, and says which paths it removed. Authorities stay: other
// devices may use them. A profile that another process works on is not removed:
// [*LockedError]. The profile itself goes last, so that a removal cut short can
// be repeated.
func (s *Store) Remove(name string) (removed []string, err error) {
	held, err := s.lock(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = os.Remove(held.Path()) // while it is held; Lock notices when it waited for this file
		_ = held.Unlock()
	}()
	there, err := s.Removal(name)
	if err != nil {
		return nil, err
	}
	for _, path := range there {
		if err := os.RemoveAll(path); err != nil {
			return removed, fmt.Errorf("removing the profile %s: %w", name, err)
		}
		removed = append(removed, path)
	}
	if len(removed) == 0 {
		return nil, fmt.Errorf("removing the profile %s: %w", name, fs.ErrNotExist)
	}
	return removed, nil
}

// Removal lists the paths that [Store.Remove] removes, as far as they are there.
func (s *Store) Removal(name string) ([]string, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	p, there := s.Paths, []string(nil)
	for _, path := range []string{p.StateFile(name), p.Journal(name), p.edit(name), p.DeviceDir(name), p.Profile(name)} {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		there = append(there, path)
	}
	return there, nil
}

// replaceFile writes a file whole or not at all, in place of the old one.
func replaceFile(path string, data []byte) error { return writeFile(path, data, true) }

// createFile writes a file whole or not at all, unless there is one.
func createFile(path string, data []byte) error { return writeFile(path, data, false) }

func writeFile(path string, data []byte, replace bool) error {
	if err := putFile(path, data, replace); err != nil {
		return err
	}
	return wholefile.SyncDir(filepath.Dir(path))
}

// putFile is writeFile, but for the durability of the name.
func putFile(path string, data []byte, replace bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	pending, err := wholefile.Create(path, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = pending.Discard() }()
	if _, err := pending.Write(data); err != nil {
		return err
	}
	if replace {
		return pending.Replace()
	}
	if err = pending.Place(); errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	return err
}
