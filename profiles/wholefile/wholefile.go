// Package wholefile writes files whole or not at all, on every system: into a
// temporary file beside the target, which is flushed to the disk and then gets
// the target's name. A process killed at any point leaves the old state or the
// new one, and at worst a hidden temporary file. It imports nothing of this
// module, so that every package may use it.
//
// On Windows a rename that replaces a file is as good as atomic on NTFS, and
// permission bits say no more than whether a file may be written.
package wholefile

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// File is a temporary file that waits for its name. Its methods are called one
// after the other.
type File struct {
	f               *os.File
	path            string
	flushed, closed bool
	placed          bool // the temporary file is no more
}

// Create begins a file in the folder of path, which must be there. perm holds
// from the first byte on, whatever the umask is.
func Create(path string, perm fs.FileMode) (*File, error) {
	f, err := temporary(path, perm)
	if err != nil {
		return nil, err
	}
	w := &File{f: f, path: path}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm() != perm {
		err = f.Chmod(perm)
	}
	if err != nil {
		return nil, errors.Join(err, w.Discard())
	}
	return w, nil
}

// attempts to find a name that nobody has.
const attempts = 1000

// temporary makes a hidden file that nobody else has open.
func temporary(path string, perm fs.FileMode) (*os.File, error) {
	prefix := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	for attempt := 1; ; attempt++ {
		f, err := os.OpenFile(prefix+strconv.FormatInt(rand.Int64(), 10), os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if err == nil || attempt == attempts || !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// Write implements io.Writer.
func (w *File) Write(b []byte) (int, error) {
	w.flushed = false
	return w.f.Write(b)
}

// Start has the system begin to write what was written so far, where it can, so
// that several files are on their way to the disk at the same time. Nothing is
// certain before Flush.
func (w *File) Start() {
	if !w.flushed && !w.closed {
		startWriting(w.f)
	}
}

// Flush brings what was written to the disk.
func (w *File) Flush() error {
	if w.flushed {
		return nil
	}
	err := w.f.Sync()
	w.flushed = err == nil
	return err
}

// Place flushes the file and gives it its name if that is free; otherwise the
// error is [fs.ErrExist]. [SyncDir] makes the name durable.
func (w *File) Place() error {
	if err := w.Flush(); err != nil {
		return err
	}
	err := os.Link(w.f.Name(), w.path)
	switch {
	case err == nil, errors.Is(err, fs.ErrExist):
		return err
	case !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EPERM) && !noLinks(err):
		return err
	}
	// FAT on a USB stick has no hard links. Look, then rename: only two
	// processes within the same instant could still collide.
	if _, err := os.Lstat(w.path); err == nil {
		return &fs.PathError{Op: "create", Path: w.path, Err: fs.ErrExist}
	}
	return w.Replace()
}

// Replace flushes the file and gives it its name; what had it is gone. Root
// writes for the owner of the file that was there, not for itself.
func (w *File) Replace() error {
	if info, err := os.Lstat(w.path); err == nil && info.Mode().IsRegular() {
		changed, err := keepOwner(w.f, info)
		if err != nil {
			return err
		}
		w.flushed = w.flushed && !changed
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := w.close(); err != nil { // Windows renames no open file
		return err
	}
	if err := os.Rename(w.f.Name(), w.path); err != nil {
		return err
	}
	w.placed = true
	return nil
}

func (w *File) close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.f.Close()
}

// Discard removes the temporary file, unless Replace has made it the file. It
// is to be called in any case.
func (w *File) Discard() error {
	err := w.close()
	if w.placed {
		return err
	}
	w.placed = true
	return errors.Join(err, os.Remove(w.f.Name()))
}

// Write writes a file in the place of one that may be there, whose permissions
// and, as root, owner it keeps; what a symbolic link leads to stays as it is. When Write returns, the
// file is durable, its name too.
func Write(path string, data []byte, perm fs.FileMode) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		perm = info.Mode().Perm()
	}
	w, err := Create(path, perm)
	if err != nil {
		return err
	}
	defer func() { _ = w.Discard() }()
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Replace(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}
