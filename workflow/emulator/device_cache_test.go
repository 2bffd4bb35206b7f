package emulator

import (
	"testing"
	"time"
)

// TestCachedDevice is never older than an answered write.
func TestCachedDevice(t *testing.T) {
	t.Parallel()
	s := reopened(t, "")
	for _, disabled := range []bool{false, true, false} {
		err := s.update(func(t *tx) error {
			return putHubDevice(t, &hubDevice{Hub: "h", ID: "d", Disabled: disabled}, time.Unix(1, 0))
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if d, err := s.device("H", "d", ""); err != nil || d == nil || d.Disabled != disabled {
				t.Errorf("%+v %v", d, err)
			}
		}
	}
	if err := s.update(func(t *tx) error { return t.delete(bucketDevices, deviceKey("h", "d")) }); err != nil {
		t.Fatal(err)
	}
	if d, err := s.device("h", "d", ""); err != nil || d != nil {
		t.Errorf("deleted, and there: %+v %v", d, err)
	}
}
