package emulator

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestEntryIsKnownAsItStands looks at an entry before, within and after writes,
// one of which is undone.
func TestEntryIsKnownAsItStands(t *testing.T) {
	t.Parallel()
	s := reopened(t, "")
	ref, errBad := entryRef{group, "G"}, errors.New("bad")
	look := func(t2 *tx, want string) {
		t.Helper()
		for _, ref := range []entryRef{ref, {group, "g"}} {
			e, err := lookAtEntry(t2, ref)
			if err != nil || (e == nil) != (want == "") || e != nil && e.IoTHubHostName != want {
				t.Errorf("%+v, %v, want the hub %q", e, err, want)
			}
		}
	}
	put := func(hub string, end error) error {
		return s.update(func(t2 *tx) error {
			e := &entry{entryRef: ref}
			e.IoTHubHostName = hub
			if err := stampEntry(t2, e, nil, time.Unix(1, 0)); err != nil {
				return err
			}
			look(t2, hub)
			return end
		})
	}
	for i, end := range []error{nil, errBad, nil} {
		if err := put(fmt.Sprint("hub", i), end); !errors.Is(err, end) {
			t.Fatal(err)
		}
		want := []string{"hub0", "hub0", "hub2"}[i]
		if err := s.view(func(t2 *tx) error { look(t2, want); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	err := s.update(func(t2 *tx) error { return t2.delete(bucketGroups, ref.key()) })
	if err == nil {
		err = s.view(func(t2 *tx) error { look(t2, ""); return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxKnownEntries {
		s.entries.keep(entryRef{group, fmt.Sprint(i)}, knownEntry{})
	}
	if len(s.entries.known) > maxKnownEntries {
		t.Errorf("%d entries are kept", len(s.entries.known))
	}
}
