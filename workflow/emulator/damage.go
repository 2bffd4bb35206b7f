package emulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// DamagedError says that the database file of a lab, or the log of messages beside
// it, cannot be used as it is. The file was not changed.
type DamagedError struct {
	Path   string
	Reason string // what is the matter with the file
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the lab's database %s cannot be used: %s", e.Path, e.Reason)
}

// openDatabase opens a bbolt file and makes sure that it is whole, as far as
// that can be told without reading all of it. bbolt maps the file into memory:
// what is missing from it would be a fault of the processor at some later time.
func openDatabase(path string, options *bbolt.Options) (db *bbolt.DB, err error) {
	var file *os.File // bbolt's own, which is left open and locked by a panic
	options.OpenFile = func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// The lock goes with the file, and that stays as long as it is mapped.
			_ = unlock(file)
			_ = file.Close()
			db, err = nil, diagnose(path, p)
		}
	}()
	db, err = bbolt.Open(path, 0o600, options)
	if errors.Is(err, bolterrors.ErrInvalid) || errors.Is(err, bolterrors.ErrVersionMismatch) || errors.Is(err, bolterrors.ErrChecksum) {
		return nil, diagnose(path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the lab's database %s: %w", path, err)
	}
	if err := checkWhole(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkWhole compares the size of the file with what its header says is in use,
// and looks whose database it is.
func checkWhole(db *bbolt.DB) error {
	return db.View(func(t *bbolt.Tx) error {
		info, err := os.Stat(db.Path())
		if err != nil {
			return fmt.Errorf("opening the lab's database: %w", err)
		}
		if info.Size() < t.Size() {
			return cutShort(db.Path(), info.Size(), t.Size())
		}
		if first, _ := t.Cursor().First(); first != nil && t.Bucket([]byte(bucketLab)) == nil {
			return &DamagedError{db.Path(), "it is another program's database"}
		}
		return nil
	})
}

func cutShort(path string, size, want int64) error {
	return &DamagedError{path, fmt.Sprintf("it is cut short, %d of %d bytes are there", size, want)}
}

// diagnose says what is wrong with a file that bbolt does not take. It is looked
// at once more, for a reason that helps more than bbolt's.
func diagnose(path string, trouble any) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the lab's database: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("opening the lab's database: %w", err)
	}
	head := make([]byte, headSize)
	n, _ := io.ReadFull(f, head) // what cannot be read counts as not there
	switch want := usedSize(head); {
	case allZero(head[:n]):
		return &DamagedError{path, fmt.Sprintf("it begins with zeros (%d bytes)", info.Size())}
	case info.Size() < want:
		return cutShort(path, info.Size(), want)
	}
	return &DamagedError{path, fmt.Sprintf("it is damaged, or no database of a lab (%v)", trouble)}
}

// headSize reaches to what is looked at in the first page of a bbolt file: the
// magic number at 16, the size of a page at 24 and the number of pages in use at
// 56, in the byte order of the machine.
const (
	headSize  = 64
	boltMagic = 0xED0CDAED
)

// usedSize is how long a file with that head must be; 0 when it is not bbolt's.
func usedSize(head []byte) int64 {
	if binary.NativeEndian.Uint32(head[16:]) != boltMagic {
		return 0
	}
	pages := min(binary.NativeEndian.Uint64(head[56:]), math.MaxInt32)
	return int64(pages) * int64(binary.NativeEndian.Uint32(head[24:]))
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// guard turns a panic over the contents of a database that is being opened into
// an error. Its file may be damaged where nobody has looked yet.
func guard(path string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = diagnose(path, p)
		}
	}()
	return fn()
}

// shielded runs a transaction. Damage that it meets ends it, and the store with
// it: a transaction that was torn off keeps its locks. Any other panic passes,
// unless all of them are the database's.
func (s *store) shielded(all bool, transaction func() error) (err error) {
	if broken := s.broken.Load(); broken != nil {
		return *broken
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if fault, ok := p.(interface{ Addr() uintptr }); !all && (!ok || fault.Addr() == 0) {
			panic(p)
		}
		err = diagnose(s.db.Path(), p)
		s.broken.Store(&err)
	}()
	return transaction()
}

// PutAside moves a database that cannot be used, or its log, out of the way, so
// that the directory can take another. It returns where to, and nothing where the
// database is in order or absent.
func PutAside(dir string) (string, error) {
	s, err := openDir(dir)
	if err == nil {
		return "", s.close()
	}
	damaged, ok := errors.AsType[*DamagedError](err)
	if !ok {
		return "", err
	}
	for n := 1; ; n++ {
		aside := filepath.Join(dir, fmt.Sprintf("%s.damaged-%d", filepath.Base(damaged.Path), n))
		if _, err := os.Lstat(aside); err == nil {
			continue
		}
		if err := os.Rename(damaged.Path, aside); err != nil {
			return "", fmt.Errorf("putting the damaged database aside: %w", err)
		}
		return aside, nil
	}
}
