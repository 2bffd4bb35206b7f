package emulator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// say puts messages of one device into a store's inbox.
func say(t testing.TB, s *store, device string, bodies ...string) {
	t.Helper()
	messages := make([]message, 0, len(bodies))
	for _, body := range bodies {
		messages = append(messages, newMessage("h", device, time.Unix(1, 5), []byte(body)))
	}
	if err := s.receive("h", device, messages); err != nil {
		t.Fatal(err)
	}
}

// heard gives the inbox of a device as "sequence body".
func heard(t testing.TB, s *store, device string) []string {
	t.Helper()
	events, err := (&Lab{store: s}).inbox("h", device, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, e := range events {
		if e.Hub != "h" || e.DeviceID != device || !e.EnqueuedAt.Equal(time.Unix(1, 5)) {
			t.Errorf("%+v", e)
		}
		all = append(all, fmt.Sprint(e.Sequence, " ", e.Body))
	}
	return all
}

func wantHeard(t testing.TB, s *store, device string, want ...string) {
	t.Helper()
	if got := heard(t, s, device); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", device, got, want)
	}
}

// abandoned copies the files of a store that is at work, as a killed process
// leaves them.
func abandoned(t testing.TB, dir string) string {
	t.Helper()
	left := t.TempDir()
	for _, name := range []string{"lab.db", logName} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(left, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return left
}

// logged is a store whose log holds "two" and "three" of device d, and "one" of
// device e; the first message of all went into the database.
func logged(t testing.TB) (*store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	say(t, s, "d", "one")
	if s.journal.unsettled.Load() {
		t.Fatal("the first message waits, and there was no log")
	}
	say(t, s, "d", "two", "three")
	say(t, s, "e", "one")
	if !s.journal.unsettled.Load() || s.journal.log.offset == 0 {
		t.Fatal("nothing is in the log")
	}
	return s, dir
}

func reopened(t testing.TB, dir string) *store {
	t.Helper()
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s
}

// TestCommitTakesTheJournal lets a write find what was received before it, and
// undo it for good.
func TestCommitTakesTheJournal(t *testing.T) {
	t.Parallel()
	for _, inMemory := range []bool{false, true} {
		dir := ""
		if !inMemory {
			dir = t.TempDir()
		}
		s := reopened(t, dir)
		say(t, s, "d", "one")
		say(t, s, "d", "two")
		say(t, s, "e", "one")
		errBad := errors.New("bad")
		err := s.update(func(t *tx) error {
			if _, err := dropPrefix(t, bucketEvents, eventPrefix("h", "d")); err != nil {
				return err
			}
			return errBad
		})
		if !errors.Is(err, errBad) {
			t.Fatal(err)
		}
		wantHeard(t, s, "d", "1 one", "2 two")
		say(t, s, "d", "three")
		err = s.update(func(t *tx) error {
			_, err := dropPrefix(t, bucketEvents, eventPrefix("h", "d"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wantHeard(t, s, "d")
		wantHeard(t, s, "e", "1 one")
		say(t, s, "d", "anew")
		wantHeard(t, s, "d", "1 anew")
	}
}

// TestFullLogIsCompacted sends more than the journal holds: the ring stays
// whole, and the file small.
func TestFullLogIsCompacted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := reopened(t, dir)
	say(t, s, "d", "0")
	big := strings.Repeat("x", maxMessage)
	sent := 1
	for range 3 * maxUnsettled / maxMessage {
		say(t, s, "e", big)
		say(t, s, "d", fmt.Sprint(sent))
		sent++
	}
	info, err := os.Stat(filepath.Join(dir, logName))
	if err != nil || info.Size() > maxUnsettled+4*logStep {
		t.Errorf("the log has %d bytes, %v", info.Size(), err)
	}
	again := reopened(t, abandoned(t, dir))
	got := heard(t, again, "d")
	for i := range sent {
		if got[i] != fmt.Sprintf("%d %d", i+1, i) {
			t.Fatalf("message %d is %q", i, got[i])
		}
	}
	if len(got) != sent {
		t.Errorf("%d messages, want %d", len(got), sent)
	}
}

// TestRingAcrossTheLog fills the ring several times from the log alone.
func TestRingAcrossTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := reopened(t, dir)
	bodies := make([]string, 700)
	for i := range bodies {
		bodies[i] = "b"
	}
	for range 5 {
		say(t, s, "d", bodies...)
	}
	for _, s := range []*store{reopened(t, abandoned(t, dir)), s} {
		if got := heard(t, s, "d"); len(got) != inboxSize || got[0] != "2501 b" || got[inboxSize-1] != "3500 b" {
			t.Errorf("%d messages, %q", len(got), got[0])
		}
		stored, err := read(s, func(t *tx) (int, error) { return t.bolt.Bucket([]byte(bucketEvents)).Stats().KeyN, nil })
		if err != nil || stored != inboxSize {
			t.Errorf("%d are stored, %v", stored, err)
		}
	}
}

// TestBrokenLog takes the file away: messages go through the database, and are
// numbered without a gap.
func TestBrokenLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTestStore(t, dir)
	say(t, s, "d", "one")
	if err := s.journal.log.file.Close(); err != nil {
		t.Fatal(err)
	}
	say(t, s, "d", "two")
	if s.journal.unsettled.Load() {
		t.Error("answered, and neither in the log nor in the database")
	}
	say(t, s, "d", "three")
	wantHeard(t, reopened(t, abandoned(t, dir)), "d", "1 one", "2 two", "3 three")
	if err := s.close(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

const stormDevices, stormEach = 6, 40

// storm sends messages and writes at the same time.
func storm(t *testing.T, s *store) {
	t.Helper()
	var all sync.WaitGroup
	for d := range stormDevices {
		all.Go(func() {
			for i := range stormEach {
				say(t, s, fmt.Sprint("d", d), fmt.Sprint(i))
			}
		})
	}
	all.Go(func() {
		for i := range 20 {
			if err := s.update(func(t *tx) error { return put(t, bucketDevices, fmt.Sprint(i), i) }); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}

// wantStorm sees that each device's numbers have no gap.
func wantStorm(t *testing.T, s *store) {
	t.Helper()
	for d := range stormDevices {
		got := heard(t, s, fmt.Sprint("d", d))
		if len(got) != stormEach {
			t.Fatalf("device %d: %d messages", d, len(got))
		}
		for i, m := range got {
			if m != fmt.Sprintf("%d %d", i+1, i) {
				t.Errorf("device %d: %q at %d", d, m, i)
			}
		}
	}
}

// TestReceiveAndCommit: all of a storm survives a kill and a clean end, which
// leaves no log.
func TestReceiveAndCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openTestStore(t, dir)
	storm(t, s)
	killed := reopened(t, abandoned(t, dir))
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, logName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a clean end leaves a log: %v", err)
	}
	wantStorm(t, killed)
	wantStorm(t, reopened(t, dir))
}

func TestReceiveAndCommitInMemory(t *testing.T) {
	t.Parallel()
	s := openTestStore(t, "")
	storm(t, s)
	wantStorm(t, s)
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}
