package pki

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"dpslab/profiles/wholefile"
)

// BatchOptions say what [Authority.IssueBatch] makes.
type BatchOptions struct {
	Names      []string // registration IDs, each once
	Dir        string   // the files lie as in [DeviceFiles], all devices in one folder
	Algorithm  Algorithm
	Validity   Validity
	Passphrase []byte // protects every key; empty means none
}

// BatchResult is what a batch did.
type BatchResult struct {
	Issued []Issued `json:"issued"`
	Kept   []string `json:"kept,omitempty"` // devices whose files were there already
}

// batchChunk is how many devices are made before they are synced to the disk
// together and get their names: one flush costs as much as a single file's.
const batchChunk = 1000

// IssueBatch makes keys and certificates for many devices below one authority
// on all processors: what a line of machines needs before it starts. Devices
// whose key is there already are left alone, so a batch that was stopped can be
// run again. Every file appears whole, synced, and never replaces another. done
// is called after every chunk with the number of devices so far; it may be nil.
func (a *Authority) IssueBatch(ctx context.Context, o BatchOptions, done func(int)) (*BatchResult, error) {
	return a.issueBatch(ctx, o, done, iterations)
}

func (a *Authority) issueBatch(ctx context.Context, o BatchOptions, done func(int), rounds int) (result *BatchResult, err error) {
	for _, name := range o.Names {
		if err := CheckCommonName(name); err != nil {
			return nil, fmt.Errorf("device %q: %w", visible(name), err)
		}
	}
	for _, folder := range []string{"certs", "private"} {
		dir := filepath.Join(o.Dir, folder)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fileError("write", dir, err)
		}
	}
	unlock, err := claimFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	result = &BatchResult{Issued: []Issued{}}
	made := 0
	for chunk := range slices.Chunk(o.Names, batchChunk) {
		if err := a.issueChunk(ctx, o, chunk, result, rounds); err != nil {
			return result, err
		}
		if made += len(chunk); done != nil {
			done(made)
		}
	}
	return result, nil
}

// ErrBusy says that another process makes a batch in the same folder.
var ErrBusy = errors.New("another batch is being made there: wait until it ends")

const stagingPrefix = ".dpslab-batch-"

// claimFolder keeps other batches out of a folder and removes what one that was
// killed left there: its keys have no certificates. The lock is on the folder
// itself, so nothing is left of it. File systems that cannot lock a folder (NFS,
// Windows) go without, and nothing is removed there.
func claimFolder(dir string) (unlock func() error, err error) {
	lock := flock.New(dir, flock.SetFlag(os.O_RDONLY))
	locked, err := lock.TryLock()
	if err != nil {
		return func() error { return nil }, nil //nolint:nilerr // see above
	}
	if !locked {
		return nil, fileError("write", dir, ErrBusy)
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), stagingPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err != nil {
		return nil, fileError("clean up", dir, errors.Join(err, lock.Unlock()))
	}
	return lock.Unlock, nil
}

// staged is a file under its temporary and its final name.
type staged struct{ temporary, path string }

// issueChunk makes a part of a batch in a hidden folder beside the target,
// flushes it, enters it in the ledger and gives the files their names, each
// device's key first.
func (a *Authority) issueChunk(ctx context.Context, o BatchOptions, names []string, result *BatchResult, rounds int) (err error) {
	dir, err := os.MkdirTemp(o.Dir, stagingPrefix+"*")
	if err != nil {
		return fileError("write", o.Dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, there := os.Lstat(DeviceFiles{Dir: o.Dir, RegistrationID: name}.FullChain())
		if there == nil {
			result.Kept = append(result.Kept, name)
		}
		return there == nil
	})
	devices, err := parallel(ctx, names, func(i int, name string) (batchDevice, error) {
		return a.stageDevice(ctx, o, name, filepath.Join(dir, decimal(i)), rounds)
	})
	if err != nil {
		return err
	}
	if err := syncTree(dir, devices); err != nil {
		return err
	}
	return a.handOut(devices, result, o.Dir)
}

// handOut lists devices in the ledger, gives their files their names and lists
// those that are whole as written.
func (a *Authority) handOut(devices []batchDevice, result *BatchResult, dir string) error {
	issued := make([]Issued, 0, len(devices))
	for _, d := range devices {
		d.issued.Unwritten = true
		issued = append(issued, d.issued)
	}
	if err := a.Files.note(issued...); err != nil {
		return err
	}
	whole, err := claimAll(devices)
	result.Issued = append(result.Issued, whole...)
	return errors.Join(err, wholefile.SyncDir(filepath.Join(dir, "private")), wholefile.SyncDir(filepath.Join(dir, "certs")), a.Files.noteWritten(whole...))
}

// claimAll gives the files of devices their names and returns the devices that
// are whole.
func claimAll(devices []batchDevice) (whole []Issued, err error) {
	for _, d := range devices {
		for _, f := range d.files {
			if err := claim(f); err != nil {
				return whole, err
			}
		}
		whole = append(whole, d.issued)
	}
	return whole, nil
}

type batchDevice struct {
	files  []staged
	issued Issued
}

// stageDevice makes one device's files under temporary names. A key without a
// certificate, from a batch that was killed, is used.
func (a *Authority) stageDevice(ctx context.Context, o BatchOptions, name, prefix string, rounds int) (batchDevice, error) {
	f := DeviceFiles{Dir: o.Dir, RegistrationID: name}
	key, err := ReadKey(f.Key(), o.Passphrase)
	made := errors.Is(err, fs.ErrNotExist)
	if made {
		key, err = o.Algorithm.GenerateKey(ctx)
	}
	if err != nil {
		return batchDevice{}, err
	}
	by := a.Intermediate
	by.Note = nil // the whole chunk is noted at once
	c, err := DeviceCertificate(key.Public(), name, o.Validity, by)
	if err != nil {
		return batchDevice{}, err
	}
	d := batchDevice{issued: issuedOf(deviceTemplate.kind, c)}
	if made {
		data, err := newSealer(o.Passphrase, rounds).seal(key)
		if err != nil {
			return d, err
		}
		if err := d.stage(prefix+".key", f.Key(), data, 0o600); err != nil {
			return d, err
		}
	}
	if err := d.stage(prefix+".cert", f.Certificate(), EncodeCertificates(c), 0o644); err != nil {
		return d, err
	}
	return d, d.stage(prefix+".chain", f.FullChain(), EncodeCertificates(a.FullChain(c)...), 0o644)
}

func (d *batchDevice) stage(temporary, path string, data []byte, perm fs.FileMode) error {
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fileError("write", path, err)
	}
	_, err = file.Write(data)
	d.files = append(d.files, staged{temporary, path})
	return fileError("write", path, errors.Join(err, file.Close()))
}

// claim gives a staged file its name. The certificate alone is replaced: it may
// be left over from a batch that was killed before it wrote the full chain.
func claim(f staged) error {
	err := os.Link(f.temporary, f.path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist) && filepath.Ext(f.temporary) == ".cert":
		return fileError("write", f.path, os.Rename(f.temporary, f.path))
	case errors.Is(err, fs.ErrExist):
		return fileError("write", f.path, ErrExists)
	}
	// No hard links here (FAT): look, then rename.
	if _, there := os.Lstat(f.path); there == nil {
		return fileError("write", f.path, ErrExists)
	}
	return fileError("write", f.path, os.Rename(f.temporary, f.path))
}

// parallel runs work for each name on all processors and keeps the order. The
// first error ends it.
func parallel(ctx context.Context, names []string, work func(i int, name string) (batchDevice, error)) ([]batchDevice, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make([]batchDevice, len(names))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(names)) {
		wg.Go(func() {
			for i := range next {
				d, err := work(i, names[i])
				if err != nil {
					cancel(err)
				}
				out[i] = d
			}
		})
	}
	for i := range names {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return out, context.Cause(ctx)
}

// syncFiles flushes staged files one by one, where the whole file system cannot
// be flushed at once.
func syncFiles(devices []batchDevice) error {
	for _, d := range devices {
		for _, f := range d.files {
			file, err := os.OpenFile(f.temporary, os.O_RDWR, 0)
			if err != nil {
				return fileError("write", f.path, err)
			}
			if err := errors.Join(file.Sync(), file.Close()); err != nil {
				return fileError("write", f.path, err)
			}
		}
	}
	return nil
}
