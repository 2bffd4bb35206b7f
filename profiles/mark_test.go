package profiles

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A mark changes with everything that a reading could tell, and with nothing else.
func TestMark(t *testing.T) {
	t.Parallel()
	now := time.Now()
	past := now.Add(-time.Hour)
	write := func(text string, at time.Time) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		change func(t *testing.T, path string)
		same   bool
	}{
		"nothing":              {func(*testing.T, string) {}, true},
		"the same again":       {write("one", past), true},
		"another size":         {write("other", past), false},
		"another time":         {write("two", past.Add(time.Millisecond)), false},
		"changed a moment ago": {write("two", now), false},
		"removed": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, false},
		"not to be read": {func(t *testing.T, path string) {
			t.Helper()
			if err := os.Chmod(path, 0); err != nil {
				t.Fatal(err)
			}
		}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file")
			write("one", past)(t, path)
			before := markAt(now, path, path+".state")
			tt.change(t, path)
			if got := markAt(now, path, path+".state") == before; got != tt.same {
				t.Errorf("the mark is the same: %v", got)
			}
		})
	}
}

// A file that was read in the moment of its change is marked anew once it rests,
// so that a second change within the same step of the file system's clock is not
// missed.
func TestAYoungFileIsMarkedAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	at := time.Now()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	young := markAt(at.Add(youngFor-time.Millisecond), path)
	if again := markAt(at, path); again != young {
		t.Error("two looks at a young file differ")
	}
	if old := markAt(at.Add(youngFor), path); old == young {
		t.Error("a file at rest is still marked as a young one")
	}
}
