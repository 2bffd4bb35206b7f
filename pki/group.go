package pki

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dpslab/profiles/wholefile"
)

// newFile is one file of a group that is written together.
type newFile struct {
	path string
	data []byte
	perm fs.FileMode
	// replace allows that the file is there already, and puts this one in its place.
	replace bool
	// backup allows that the file is there already; it is kept under another
	// name, which is put here.
	backup *string
}

// writeGroup writes files that must not be there yet, or may be. All contents are flushed
// to the disk at the same time, which costs little more than one of them; then
// the files get their names, stage after stage, each durable before the next
// begins. It stops at the first name that is taken: [ErrExists].
func writeGroup(stages ...[]newFile) error {
	var all []*pendingFile
	defer func() {
		for _, p := range all {
			_ = p.Discard() // its temporary name, if it still has one
		}
	}()
	for stage, files := range stages {
		for _, f := range files {
			p, err := begin(f)
			if err != nil {
				return err
			}
			p.stage = stage
			all = append(all, p)
		}
	}
	if err := together(all, func(p *pendingFile) error { return fileError("write", p.path, p.Flush()) }); err != nil {
		return err
	}
	for stage := range stages {
		if err := finish(slices.DeleteFunc(slices.Clone(all), func(p *pendingFile) bool { return p.stage != stage })); err != nil {
			return err
		}
	}
	return nil
}

type pendingFile struct {
	*wholefile.File
	path    string
	stage   int
	replace bool
	backup  *string
}

// name gives the file its name.
func (p *pendingFile) name() error {
	if p.replace {
		return p.Replace()
	}
	err := place(p.File)
	if p.backup == nil || !errors.Is(err, ErrExists) {
		return err
	}
	if *p.backup, err = keep(p.path, time.Now()); err != nil {
		return err
	}
	return p.Replace()
}

func begin(f newFile) (*pendingFile, error) {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fileError("write", f.path, err)
	}
	p, err := wholefile.Create(f.path, f.perm)
	if err != nil {
		return nil, fileError("write", f.path, err)
	}
	if _, err := p.Write(f.data); err != nil {
		_ = p.Discard()
		return nil, fileError("write", f.path, err)
	}
	p.Start() // the others are written meanwhile
	return &pendingFile{File: p, path: f.path, replace: f.replace, backup: f.backup}, nil
}

// finish gives one stage's files their names and makes the names durable.
func finish(stage []*pendingFile) error {
	var dirs []string
	for _, p := range stage {
		if err := p.name(); err != nil {
			return fileError("write", p.path, err)
		}
		if dir := filepath.Dir(p.path); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return together(dirs, func(dir string) error { return fileError("write", dir, wholefile.SyncDir(dir)) })
}

// together runs work for all and returns the first error.
func together[T any](all []T, work func(T) error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, one := range all {
		wg.Go(func() { errs[i] = work(one) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
