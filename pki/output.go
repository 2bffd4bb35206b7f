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

// Output is one file of [WriteOutputs].
type Output struct {
	Path   string
	Data   []byte
	Secret bool // mode 0600 instead of 0644
}

// WriteOutput writes a file whole or not at all. An existing one is [ErrExists],
// or with Force is kept as backup, whose path is returned, and replaced in one
// step. A kill at any moment leaves the old file or the new one. The error is a
// [*FileError].
func WriteOutput(path string, data []byte, o WriteOptions) (backup string, err error) {
	backups, err := WriteOutputs(o.Force, Output{Path: path, Data: data, Secret: o.Secret})
	if err != nil {
		return "", err
	}
	return backups[0], nil
}

// WriteOutputs writes files that belong together, as [WriteOutput] does each:
// all contents are on the disk before the first file gets its name, and the
// names come in the given order, keys first. So a full disk or a missing
// permission leaves nothing. backups has the copy of each file, or "".
func WriteOutputs(force bool, files ...Output) (backups []string, err error) {
	backups = make([]string, len(files))
	var stages [][]newFile
	for i, f := range files {
		perm := fs.FileMode(0o644)
		if f.Secret {
			perm = 0o600
		}
		one := newFile{path: f.Path, data: f.Data, perm: perm}
		if force {
			one.backup = &backups[i]
		} else if _, err := os.Lstat(f.Path); err == nil {
			return nil, fileError("write", f.Path, ErrExists)
		}
		// Keys and certificates are a stage each, so that a kill never leaves a
		// certificate without its key.
		if i > 0 && files[i-1].Secret == f.Secret {
			stages[len(stages)-1] = append(stages[len(stages)-1], one)
			continue
		}
		stages = append(stages, []newFile{one})
	}
	return backups, writeGroup(stages...)
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
