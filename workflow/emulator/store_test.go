package emulator

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func openTestStore(t *testing.T, dir string) *store {
	t.Helper()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSpoiledWrites runs good and bad writes together: the bad ones leave
// nothing, and cost the good ones nothing.
func TestSpoiledWrites(t *testing.T) {
	t.Parallel()
	s := openTestStore(t, t.TempDir())
	errBad := errors.New("bad")
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			err := s.update(func(t *tx) error {
				if err := put(t, bucketDevices, fmt.Sprint(i), i); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return errBad
				case 2:
					panic("worse")
				}
				return nil
			})
			switch {
			case i%3 == 0 && err != nil, i%3 == 1 && !errors.Is(err, errBad), i%3 == 2 && (err == nil || !strings.Contains(err.Error(), "worse")):
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if err := s.update(func(*tx) error { return errBad }); !errors.Is(err, errBad) {
		t.Error(err)
	}
	keys, err := read(s, func(t *tx) ([]string, error) {
		keys, _ := walk(t, bucketDevices, "", page{size: 100})
		return keys, nil
	})
	if err != nil || len(keys) != 20 {
		t.Errorf("%d writes are there, %v", len(keys), err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if err := s.update(func(*tx) error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestReopenedStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTestStore(t, dir)
	if err := s.update(func(t *tx) error { return put(t, bucketDevices, "d1", 7) }); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(dir); !held(err) {
		t.Errorf("opened twice: %v", err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, dir)
	defer s.close()
	n, err := read(s, func(t *tx) (*int, error) { return get[int](t, bucketDevices, "d1") })
	if err != nil || n == nil || *n != 7 {
		t.Errorf("%v %v", n, err)
	}
}
