package emulator

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// settledDir is the directory of a lab that ran and holds something.
func settledDir(t *testing.T) (dir string, exported []byte) {
	t.Helper()
	dir = t.TempDir()
	l := start(t, func(o *Options) { o.InMemory, o.Dir = false, dir })
	l.enroll(t, "d1", selfSigned(t, "d1").chain[0])
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	if err := ExportDir(dir, &export); err != nil {
		t.Fatal(err)
	}
	return dir, export.Bytes()
}

func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	write := func(raw []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut := func(size int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name, reason string
		damage       func(*testing.T, string)
	}{
		{"cut to its header", "cut short", cut(8192)},
		{"cut in the middle", "cut short", cut(20480)},
		{"cut to less than a header", "cut short", cut(100)},
		{"cut to a few bytes", "damaged", cut(20)},
		{"zeros", "zeros", write(make([]byte, 1<<16))},
		{"another file", "damaged", write(bytes.Repeat([]byte("SQLite format 3\x00"), 4096))},
		{"another bbolt database", "another program's", foreignDatabase},
		{"pages of zeros behind a good header", "damaged", func(t *testing.T, path string) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			clear(raw[8192:])
			write(raw)(t, path)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir, exported := settledDir(t)
			path := filepath.Join(dir, "lab.db")
			test.damage(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the first leaves no lock behind
				_, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
				damaged, ok := errors.AsType[*DamagedError](err)
				if !ok || damaged.Path != path || !strings.Contains(damaged.Reason, test.reason) {
					t.Fatalf("%v", err)
				}
			}
			if _, ok := errors.AsType[*DamagedError](ResetDir(dir)); !ok {
				t.Error("reset took a damaged database for a lab's")
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file was changed: %v", err)
			}
			aside, err := PutAside(dir)
			if kept, readErr := os.ReadFile(aside); err != nil || readErr != nil || !bytes.Equal(kept, before) {
				t.Fatalf("%q %v %v", aside, err, readErr)
			}
			if err := Import(dir, bytes.NewReader(exported), false); err != nil {
				t.Fatal(err)
			}
			if aside, err := PutAside(dir); aside != "" || err != nil {
				t.Errorf("a good database is put aside: %q %v", aside, err)
			}
			l := start(t, func(o *Options) { o.InMemory, o.Dir = false, dir })
			if a := l.service(t, "GET", "/enrollments/d1", ""); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func foreignDatabase(t *testing.T, path string) {
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(b *bbolt.Tx) error {
		_, err := b.CreateBucket([]byte("photos"))
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsMetLater cuts a database whose lab is running: requests fail, the
// process does not.
func TestDamageIsMetLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := Start(t.Context(), Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "lab.db"), 0); err != nil {
		t.Fatal(err)
	}
	if a := l.service(t, "GET", "/enrollments/d1", ""); a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := l.service(t, "PUT", "/enrollments/d1", `{"attestation":{"type":"symmetricKey"}}`); a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
	_ = l.Close() // says what is wrong, or not: there is nothing left to save
}
