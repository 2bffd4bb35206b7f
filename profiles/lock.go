package profiles

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/gofrs/flock"
)

// LockedError says that a profile is in use.
type LockedError struct {
	Name  string
	PID   int       // of the process that uses it; 0 when it left no note
	Since time.Time // zero when it left no note
}

// Error names the process and when it began.
func (e *LockedError) Error() string {
	switch {
	case e.PID == 0:
		return fmt.Sprintf("the profile %s is in use by another dpslab", e.Name)
	case e.PID == os.Getpid():
		return fmt.Sprintf("the profile %s is in use already in this dpslab, since %s", e.Name, e.Since.Format(time.RFC3339))
	}
	return fmt.Sprintf("the profile %s is in use by process %d since %s", e.Name, e.PID, e.Since.Format(time.RFC3339))
}

// lockNote is what the holder of a lock writes into its file.
type lockNote struct {
	PID   int       `toml:"pid"`
	Since time.Time `toml:"since"`
}

// Lock takes a profile for this process. Whoever comes second, in another
// process or in this one, gets a [*LockedError] at once. The lock ends with
// unlock, which may be called twice, or with the process, however it ends.
func (s *Store) Lock(name string) (unlock func(), err error) {
	held, err := s.lock(name)
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() {
		_ = os.Truncate(held.Path(), 0) // the note ends before the lock does
		_ = held.Unlock()
	}), nil
}

func (s *Store) lock(name string) (*flock.Flock, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	path := s.Paths.lock(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("locking the profile %s: %w", name, err)
	}
	for range 10 {
		held, err := tryLock(name, path)
		if held != nil || err != nil {
			return held, err
		}
	}
	return nil, &LockedError{Name: name} // removed under our hands ten times over
}

// tryLock returns nil, nil when the file it locked is no longer the one of that
// name, because Remove took it away between opening and locking.
func tryLock(name, path string) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking the profile %s: %w", name, err)
	}
	if !ok {
		_ = lock.Close()
		return nil, lockedBy(name, path)
	}
	ours, errOurs := lock.Stat()
	named, errNamed := os.Stat(path)
	if errOurs != nil || errNamed != nil || !os.SameFile(ours, named) {
		_ = lock.Unlock()
		return nil, nil
	}
	var b strings.Builder
	note := lockNote{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)}
	err = errors.Join(toml.NewEncoder(&b).Encode(note), os.WriteFile(path, []byte(b.String()), 0o600))
	if err != nil {
		_ = lock.Unlock()
		return nil, fmt.Errorf("locking the profile %s: %w", name, err)
	}
	return lock, nil
}

func lockedBy(name, path string) error {
	var note lockNote
	if _, err := toml.DecodeFile(path, &note); err != nil {
		return &LockedError{Name: name} // the holder is about to write it
	}
	return &LockedError{Name: name, PID: note.PID, Since: note.Since}
}
