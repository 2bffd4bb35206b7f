package pki

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// WriteOptions say how [WriteOutput] treats what is there.
type WriteOptions struct {
	// Secret files are written with mode 0600, others with 0644.
	Secret bool
	// Force replaces an existing file, which is kept under another name.
	Force bool
}

// WriteOutput writes a file whole or not at all. An existing one is [ErrExists],
// or with Force is kept as backup, whose path is returned, and replaced in one
// step. A kill at any moment leaves the old file or the new one. The error is a
// [*FileError].
func WriteOutput(path string, data []byte, o WriteOptions) (backup string, err error) {
	perm := fs.FileMode(0o644)
	if o.Secret {
		perm = 0o600
	}
	err = writeNew(path, data, perm)
	if err == nil || !o.Force || !errors.Is(err, ErrExists) {
		return "", err
	}
	backup, err = keep(path, time.Now())
	if err != nil {
		return "", err
	}
	return backup, writeFile(path, data, perm, true)
}

// keep gives a file a second name, with the time in it.
func keep(path string, now time.Time) (string, error) {
	for {
		backup := path + "." + now.UTC().Format("20060102T150405.000") + ".bak"
		err := os.Link(path, backup)
		switch {
		case err == nil:
			return backup, nil
		case errors.Is(err, fs.ErrExist):
			now = now.Add(time.Millisecond)
		default:
			return "", fileError("keep a copy of", path, err)
		}
	}
}
