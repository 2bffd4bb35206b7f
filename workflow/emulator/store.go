package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// bucket names one kind of entity in the database.
type bucket string

// The buckets. Values are JSON unless said otherwise. Names and IDs that the
// services compare without regard to case are keyed in lower case.
const (
	bucketLab           bucket = "lab"           // "instance" → instance
	bucketEnrollments   bucket = "enrollments"   // registration ID → entry
	bucketGroups        bucket = "groups"        // enrollment group ID → entry
	bucketAttested      bucket = "attested"      // what an entry attests with → entryRef, see entryKeys
	bucketKeyGroups     bucket = "key-groups"    // ID of a symmetric-key group → nothing
	bucketRegistrations bucket = "registrations" // registration ID → registration
	bucketMembers       bucket = "members"       // group ID NUL registration ID → nothing
	bucketOperations    bucket = "operations"    // operation ID → operation
	bucketChallenges    bucket = "challenges"    // registration ID → registration key of a TPM, base64, plain text
	bucketPending       bucket = "pending"       // ready-at, operation ID → nothing; unfinished operations
	bucketHistory       bucket = "history"       // created, operation ID → nothing; for forgetting old operations
	bucketAuthorities   bucket = "authorities"   // certificate name → authority
	bucketAPIM          bucket = "apim"          // certificate ID → apimCertificate
	bucketAnchors       bucket = "anchors"       // SHA-256 thumbprint → certificate name, plain text
	bucketDevices       bucket = "devices"       // hub NUL device ID → hubDevice
	bucketModules       bucket = "modules"       // hub NUL device ID NUL module ID → hubDevice
	bucketFeedback      bucket = "feedback"      // hub NUL sequence → feedback
	bucketCommands      bucket = "commands"      // hub NUL device ID NUL sequence → waitingCommand
	bucketEvents        bucket = "events"        // hub NUL device ID NUL sequence → Event; see journal
)

var allBuckets = []bucket{
	bucketLab, bucketEnrollments, bucketGroups, bucketAttested, bucketKeyGroups, bucketRegistrations, bucketMembers,
	bucketChallenges, bucketOperations, bucketPending, bucketHistory, bucketAuthorities, bucketAPIM, bucketAnchors, bucketDevices, bucketModules, bucketFeedback, bucketCommands, bucketEvents,
}

// databaseName is the file of the database in a lab's directory.
const databaseName = "lab.db"

// errClosed answers writes that come after the store was closed.
var errClosed = errors.New("the lab's store is closed")

// errNothingWritten rolls back a transaction in which no write was made.
var errNothingWritten = errors.New("nothing written")

// store keeps everything the lab knows in one bbolt file.
//
// Writes go through one goroutine that takes whatever waits, runs it in one
// transaction and answers after the commit is on disk. So one write alone pays
// for one sync and no delay, and many at once share it (group commit). bbolt's
// own Batch would make the lone writer wait for company.
type store struct {
	db      *bbolt.DB
	journal *journal
	devices atomic.Pointer[deviceCache]
	entries entryCache
	writes  chan *write
	stop    chan struct{}
	done    chan struct{}
	remove  string                // a temporary file to remove at close
	broken  atomic.Pointer[error] // why there are no more transactions
}

// tx is a transaction. It remembers whether something was written, so that a
// refusal that wrote nothing costs the other writes of its batch nothing.
type tx struct {
	bolt    *bbolt.Tx
	entries *entryCache
	dirty   bool
}

// openStore opens or makes the database file of dir. An empty dir gives the
// same store over a temporary file that is never synced and disappears with the
// process.
func openStore(dir string) (*store, error) {
	path, options := filepath.Join(dir, databaseName), &bbolt.Options{
		// Another process that holds the file is told apart from a slow disk
		// by waiting no longer than this.
		Timeout:      100 * time.Millisecond,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
	}
	temporary := dir == ""
	if temporary {
		f, err := os.CreateTemp("", "dpslab-*.db")
		if err != nil {
			return nil, fmt.Errorf("making a temporary database: %w", err)
		}
		path, options.NoSync, options.NoGrowSync = f.Name(), true, true
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("making a temporary database: %w", err)
		}
	}
	db, err := openDatabase(path, options)
	if err != nil {
		return nil, err
	}
	s := &store{db: db, journal: newJournal(dir), writes: make(chan *write), stop: make(chan struct{}), done: make(chan struct{})}
	// Where an open file can lose its name, not even a kill leaves it behind.
	if temporary && os.Remove(path) != nil {
		s.remove = path
	}
	s.devices.Store(&deviceCache{})
	if err := guard(path, s.prepare); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go s.commitLoop()
	if err := s.settle(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepare makes the store ready for its first transaction.
func (s *store) prepare() error {
	if err := s.makeBuckets(); err != nil {
		return err
	}
	return s.takeOver()
}

// makeBuckets writes only when something is missing: a start over an existing
// store costs no commit.
func (s *store) makeBuckets() error {
	complete := true
	err := s.db.View(func(b *bbolt.Tx) error {
		for _, name := range allBuckets {
			complete = complete && b.Bucket([]byte(name)) != nil
		}
		return nil
	})
	if err == nil && !complete {
		err = s.db.Update(func(b *bbolt.Tx) error {
			for _, name := range allBuckets {
				if _, err := b.CreateBucketIfNotExists([]byte(name)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("preparing the lab's database: %w", err)
	}
	return nil
}

// close finishes the writes under way and closes the file.
func (s *store) close() error {
	err := s.settle()
	close(s.stop)
	<-s.done
	if err == nil { // else the log is still needed
		err = s.journal.close()
	}
	if broken := s.broken.Load(); broken != nil {
		return *broken // the database would wait for a transaction that is gone
	}
	err = errors.Join(err, s.db.Close())
	if s.remove != "" {
		err = errors.Join(err, os.Remove(s.remove))
	}
	return err
}

// view runs fn over one consistent state.
func (s *store) view(fn func(*tx) error) error {
	return s.shielded(false, func() error {
		return s.db.View(func(b *bbolt.Tx) error { return fn(&tx{bolt: b, entries: &s.entries}) })
	})
}

// read gives what fn finds in one consistent state. Answers are written after
// it: a slow client shall not keep a transaction open.
func read[T any](s *store, fn func(*tx) (T, error)) (T, error) {
	var v T
	err := s.view(func(t *tx) (err error) {
		v, err = fn(t)
		return err
	})
	return v, err
}

// get reads one entity; nil when there is none.
func get[T any](t *tx, b bucket, key string) (*T, error) {
	raw := t.bolt.Bucket([]byte(b)).Get([]byte(key))
	if raw == nil {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("reading %q of %s from the lab's database: %w", key, b, err)
	}
	return v, nil
}

// text reads a value that is no JSON; empty when there is none.
func (t *tx) text(b bucket, key string) string {
	return string(t.bolt.Bucket([]byte(b)).Get([]byte(key)))
}

// put writes one entity.
func put(t *tx, b bucket, key string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %q of %s: %w", key, b, err)
	}
	return t.putText(b, key, string(raw))
}

// putText writes a value that is no JSON.
func (t *tx) putText(b bucket, key, value string) error {
	t.dirty = true
	if err := t.bolt.Bucket([]byte(b)).Put([]byte(key), []byte(value)); err != nil {
		return fmt.Errorf("writing %q of %s: %w", key, b, err)
	}
	return nil
}

// delete removes one entity; one that is absent is no error.
func (t *tx) delete(b bucket, key string) error {
	t.dirty = true
	if err := t.bolt.Bucket([]byte(b)).Delete([]byte(key)); err != nil {
		return fmt.Errorf("deleting %q of %s: %w", key, b, err)
	}
	return nil
}

// next is a number never given before in this store. Etags are made of it.
func (t *tx) next() (uint64, error) {
	t.dirty = true
	n, err := t.bolt.Bucket([]byte(bucketLab)).NextSequence()
	if err != nil {
		return 0, fmt.Errorf("counting in the lab's database: %w", err)
	}
	return n, nil
}

// cursor walks a bucket in key order.
func (t *tx) cursor(b bucket) *bbolt.Cursor { return t.bolt.Bucket([]byte(b)).Cursor() }
