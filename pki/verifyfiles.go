package pki

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// opened is one file that was read.
type opened struct {
	path     string
	contents *Contents
	err      error
	mode     fs.FileMode
}

// extensions are the names under which certificates and keys lie in folders.
// Files without an ending are looked into; one that is named outright is read
// whatever it is called.
var extensions = []string{".pem", ".crt", ".cer", ".der", ".key", ".csr", ".pfx", ".p12", ".p7b"}

// expand replaces folders by the files in them, sorted. unread are those, and
// the folders, that are there and cannot be looked at.
func expand(paths []string, stdin bool) (names []string, unread []*FileError, err error) {
	w := walk{seen: map[string]bool{}}
	for _, path := range paths {
		if stdin && path == stdinName {
			w.names = append(w.names, path)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, nil, notThere(path, err)
		}
		if !info.IsDir() {
			w.names = append(w.names, path)
			continue
		}
		if err := w.folder(path); err != nil {
			return nil, nil, err
		}
	}
	return w.names, w.unread, nil
}

// notThere is the error of a path that cannot be read. curl takes FILE:PASSPHRASE,
// and who is used to that gets an answer without the pass phrase in it.
func notThere(path string, err error) error {
	name, _, ok := cutPassphrase(path)
	if !ok || !errors.Is(err, fs.ErrNotExist) {
		return fileError("read", path, err)
	}
	return fileError("read", name, &FormatError{
		What: "FILE:PASSPHRASE, as curl takes it, is not taken here",
		Fix:  "give the pass phrase with --passphrase-env or --passphrase-command; on a terminal it is asked for: dpslab cert inspect OLD",
	})
}

// cutPassphrase takes a file's name and what follows apart where the name is
// that of a file, or looks like one.
func cutPassphrase(path string) (name, passphrase string, ok bool) {
	i := strings.LastIndexByte(path, ':')
	for ; i > 0; i = strings.LastIndexByte(path[:i], ':') {
		name = path[:i]
		_, err := os.Stat(name)
		if err == nil || slices.Contains(extensions, strings.ToLower(filepath.Ext(name))) {
			return name, path[i+1:], true
		}
	}
	return path, "", false
}

// FileNamed says which file is meant by an argument that is a path rather than
// host:port: one that is there, or that is named like one. A pass phrase behind
// a colon is cut off.
func FileNamed(arg string) (path string, ok bool) {
	if _, err := os.Lstat(arg); err == nil || strings.ContainsRune(arg, os.PathSeparator) {
		return arg, true
	}
	name, _, ok := cutPassphrase(arg)
	return name, ok || slices.Contains(extensions, strings.ToLower(filepath.Ext(arg)))
}

// walk collects the files of folders.
type walk struct {
	names  []string
	unread []*FileError
	seen   map[string]bool // without symbolic links in it
}

// folder goes through a folder and what is below it. Symbolic links are
// followed, each file and folder counts once. Only the folder itself is an
// error; what is below and cannot be read is kept in unread.
func (w *walk) folder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fileError("read", dir, err)
	}
	if !w.first(dir) {
		return nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // of what a link leads to
		switch {
		case err != nil:
			if w.named(path) || filepath.Ext(path) == "" {
				w.skip(path, err)
			}
		case info.IsDir():
			if !strings.HasPrefix(e.Name(), ".") {
				w.below(path)
			}
		case info.Mode().IsRegular() && (w.named(path) || filepath.Ext(path) == "" && w.looksRight(path)) && w.first(path):
			w.names = append(w.names, path)
		}
	}
	return nil
}

func (w *walk) below(dir string) {
	if err := w.folder(dir); err != nil {
		w.skip(dir, err)
	}
}

func (w *walk) skip(path string, err error) {
	var known *FileError
	if errors.As(fileError("read", path, err), &known) {
		w.unread = append(w.unread, known)
	}
}

func (w *walk) named(path string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(path)))
}

// first says whether a file or folder comes up for the first time.
func (w *walk) first(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	if abs, err := filepath.Abs(real); err == nil {
		real = abs
	}
	if w.seen[real] {
		return false
	}
	w.seen[real] = true
	return true
}

// looksRight looks into a file without an ending: PEM with some text before it,
// or DER.
func (w *walk) looksRight(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		w.skip(path, err)
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && (bytes.Contains(head, beginMark) || bytes.HasPrefix(head, []byte{0x30}) && int64(derLength(head)) == info.Size())
}

// readAll reads files on all processors, keeping their order.
func readAll(names []string, passphrase []byte, stdin io.Reader) []opened {
	files := make([]opened, len(names))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		wg.Go(func() {
			for i := range next {
				files[i].read(names[i], passphrase, stdin)
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	wg.Wait()
	return files
}

func (f *opened) read(path string, passphrase []byte, stdin io.Reader) {
	f.path = path
	if path == stdinName && stdin != nil {
		data, err := readLimited(stdin)
		f.contents, f.err = sniffFile(path, data, passphrase), fileError("read", path, err)
		return
	}
	f.contents, f.err = ReadAny(path, passphrase)
	if info, err := os.Stat(path); err == nil {
		f.mode = info.Mode()
	}
}

// readLimited reads what can be a key or certificate file.
func readLimited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading the standard input: %w", err)
	}
	if len(data) > maxFile {
		return nil, &FormatError{What: "the input is larger than 1 MiB", Fix: wantPEM}
	}
	return data, nil
}
