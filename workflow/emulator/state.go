package emulator

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// reset empties the store. The instance stays with its ID scope and keys, so
// that what was joined or configured goes on to work; its hubs are linked as in
// a new lab.
func reset(t *tx, i *instance) (*instance, error) {
	for _, b := range allBuckets {
		if b == bucketLab { // with the counter that etags are made of
			continue
		}
		if err := t.empty(b); err != nil {
			return nil, err
		}
	}
	next := *i
	next.Hubs, next.Allocation, next.Tags = slices.Clone(i.Hubs), "", nil
	next.Revision++
	for n := range next.Hubs {
		h := &next.Hubs[n]
		h.Unlinked, h.LinkKey, h.Weight, h.Apply = false, "", 1, true
	}
	return &next, put(t, bucketLab, instanceKey, &next)
}

// empty drops everything in a bucket.
func (t *tx) empty(b bucket) error {
	t.dirty = true
	if err := t.bolt.DeleteBucket([]byte(b)); err != nil {
		return fmt.Errorf("emptying %s: %w", b, err)
	}
	if _, err := t.bolt.CreateBucket([]byte(b)); err != nil {
		return fmt.Errorf("emptying %s: %w", b, err)
	}
	return nil
}

// reset empties a running lab, and switches its faults off.
func (l *Lab) reset() error {
	l.changing.Lock()
	defer l.changing.Unlock()
	var next *instance
	err := l.store.update(func(t *tx) (err error) {
		next, err = reset(t, l.instance())
		return err
	})
	if err != nil {
		return err
	}
	l.current.Store(next)
	l.faults.clear("")
	l.registers.clear()
	l.polls.clear()
	return nil
}

// Reset empties the lab that this operator speaks to. Its ID scope, its keys
// and its root stay.
func (o *Operator) Reset(ctx context.Context) error {
	if o.lab != nil {
		return o.lab.reset()
	}
	return o.send(ctx, http.MethodPost, "/_emu/reset", nil, nil)
}

// serveReset answers POST /_emu/reset.
func (l *Lab) serveReset(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	if err := l.reset(); err != nil {
		return err
	}
	c.empty(http.StatusNoContent)
	return nil
}

// exportFormat heads every export.
const (
	exportFormat  = "dpslab lab"
	exportVersion = 1
)

type exportHead struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Exported time.Time `json:"exported"`
}

// exportRow is one entity. Keys and values are bytes.
type exportRow struct {
	Bucket bucket `json:"bucket"`
	Key    []byte `json:"key"`
	Value  []byte `json:"value"`
}

// export writes everything the store holds as gzip of JSON lines, from one
// consistent state. The TLS root is not part of it: it never leaves its machine.
func (s *store) export(w io.Writer, now time.Time) error {
	if err := s.settle(); err != nil {
		return err
	}
	packed := gzip.NewWriter(w)
	lines := json.NewEncoder(packed)
	if err := lines.Encode(exportHead{exportFormat, exportVersion, now.UTC()}); err != nil {
		return fmt.Errorf("exporting the lab: %w", err)
	}
	err := s.view(func(t *tx) error {
		for _, b := range allBuckets {
			cursor := t.cursor(b)
			for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
				if err := lines.Encode(exportRow{b, key, value}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err := errors.Join(err, packed.Close()); err != nil {
		return fmt.Errorf("exporting the lab: %w", err)
	}
	return nil
}

// Export writes the state of the lab as one file: its devices, enrollments,
// certificates and keys. It holds secrets.
func (o *Operator) Export(ctx context.Context, w io.Writer) error {
	if o.lab != nil {
		return o.lab.store.export(w, time.Now())
	}
	return o.download(ctx, "/_emu/export", w)
}

// serveExport answers GET /_emu/export. A slow reader does not hold the store:
// the state is written aside first.
func (l *Lab) serveExport(c *call) error {
	if err := l.operatorOnly(c); err != nil {
		return err
	}
	aside, err := os.CreateTemp("", "dpslab-export-*")
	if err != nil {
		return err
	}
	defer os.Remove(aside.Name())
	defer aside.Close()
	if err := l.store.export(aside, c.arrived); err != nil {
		return err
	}
	if _, err := aside.Seek(0, io.SeekStart); err != nil {
		return err
	}
	c.set("Content-Type", "application/gzip")
	c.status = http.StatusOK
	c.w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(c.w, aside) // a client that is gone needs no answer
	return nil
}

// Errors of [Import] and [ResetDir].
var (
	ErrNotExport = errors.New("not an export of a lab")
	ErrNotEmpty  = errors.New("the lab holds enrollments or devices")
)

// maxImport bounds what an export may unpack to, and maxImportLine one entity.
const (
	maxImport     = 4 << 30
	maxImportLine = 2 << 20
)

// importInto reads an export into a transaction whose buckets are empty.
func importInto(t *tx, r io.Reader) error {
	packed, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotExport, err)
	}
	lines := bufio.NewScanner(io.LimitReader(packed, maxImport))
	lines.Buffer(nil, maxImportLine)
	var head exportHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Format != exportFormat || head.Version != exportVersion {
		return fmt.Errorf("%w, or of another version", ErrNotExport)
	}
	for lines.Scan() {
		var row exportRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil || len(row.Key) == 0 || !slices.Contains(allBuckets, row.Bucket) {
			return fmt.Errorf("%w: a line cannot be read", ErrNotExport)
		}
		if err := t.putText(row.Bucket, string(row.Key), string(row.Value)); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotExport, err)
	}
	i, err := get[instance](t, bucketLab, instanceKey)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotExport, err)
	}
	if i == nil || i.IDScope == "" || len(i.Hubs) == 0 || len(i.Policies) == 0 {
		return fmt.Errorf("%w: the instance is missing", ErrNotExport)
	}
	// Etags go on where they were, so that none is ever given twice.
	return t.bolt.Bucket([]byte(bucketLab)).SetSequence(uint64(head.Exported.UnixNano()))
}

// Import replaces the state of the lab in a directory, which nobody may be
// serving, by an export. What holds enrollments or devices is replaced only
// when that is said.
func Import(dir string, r io.Reader, replace bool) error {
	return withStore(dir, func(t *tx) error {
		for _, b := range []bucket{bucketEnrollments, bucketGroups, bucketDevices} {
			if key, _ := t.cursor(b).First(); key != nil && !replace {
				return ErrNotEmpty
			}
		}
		for _, b := range allBuckets {
			if err := t.empty(b); err != nil {
				return err
			}
		}
		return importInto(t, r)
	})
}

// ResetDir empties the lab of a directory that nobody serves.
func ResetDir(dir string) error {
	return withStore(dir, func(t *tx) error {
		i, err := get[instance](t, bucketLab, instanceKey)
		if err != nil || i == nil {
			return err // a lab that never ran is empty
		}
		_, err = reset(t, i)
		return err
	})
}

// ErrNeverRan says that a directory holds no lab.
var ErrNeverRan = errors.New("no lab was ever started in this folder")

// Ran reports whether a directory has the database of a lab, which may be empty
// or damaged.
func Ran(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, databaseName))
	return !errors.Is(err, os.ErrNotExist)
}

// ExportDir is [Operator.Export] for a directory that nobody serves. It returns
// [ErrNeverRan] where there is no lab to export.
func ExportDir(dir string, w io.Writer) (err error) {
	if !Ran(dir) {
		return fmt.Errorf("%w: %s", ErrNeverRan, dir)
	}
	s, err := openDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	i, err := read(s, func(t *tx) (*instance, error) { return get[instance](t, bucketLab, instanceKey) })
	if err == nil && i == nil {
		err = fmt.Errorf("%w: %s", ErrNeverRan, dir)
	}
	if err != nil {
		return err
	}
	return s.export(w, time.Now())
}

func openDir(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the lab's state directory: %w", err)
	}
	s, err := openStore(dir)
	if held(err) {
		return nil, heldBy(dir)
	}
	return s, err
}

// withStore runs one write on the store of a directory.
func withStore(dir string, fn func(*tx) error) (err error) {
	s, err := openDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.update(fn)
}
