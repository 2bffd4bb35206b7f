package workflow

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/profiles"
)

// disk is a place that states are written to, as slow as the test wants.
type disk struct {
	begun   chan int
	finish  chan error
	written []int // telemetry counts
}

func newDisk() *disk { return &disk{begun: make(chan int), finish: make(chan error)} }

func (d *disk) write(st *profiles.State) error {
	d.begun <- st.Telemetry.Sent
	err := <-d.finish
	if err == nil {
		d.written = append(d.written, st.Telemetry.Sent)
	}
	return err
}

func sentSoFar(n int) *profiles.State {
	return &profiles.State{Telemetry: profiles.TelemetryState{Sent: n}}
}

// TestSaverMerges: nobody waits for a state that was passed by, and the last is
// always written.
func TestSaverMerges(t *testing.T) {
	t.Parallel()
	d, s := newDisk(), &saver{}
	if err := s.wait(); err != nil {
		t.Fatalf("nothing to wait for: %v", err)
	}
	s.soon(sentSoFar(1), d.write)
	<-d.begun
	s.soon(sentSoFar(2), d.write)
	s.soon(sentSoFar(3), d.write)
	waited := make(chan error)
	go func() { waited <- s.wait() }()
	d.finish <- nil
	if n := <-d.begun; n != 3 {
		t.Errorf("after the first comes state %d, want the newest, 3", n)
	}
	select {
	case <-waited:
		t.Error("it waited for the first state only")
	default:
	}
	d.finish <- nil
	if err := <-waited; err != nil || !slices.Equal(d.written, []int{1, 3}) {
		t.Errorf("written %v, %v", d.written, err)
	}
}

// TestSaverTellsTheLast: what counts is whether the newest state is on the disk,
// and a failure is told once.
func TestSaverTellsTheLast(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	for name, c := range map[string]struct{ first, last, want error }{
		"both good": {nil, nil, nil}, "mended": {full, nil, nil}, "failed at last": {nil, full, full},
	} {
		d, s := newDisk(), &saver{}
		s.soon(sentSoFar(1), d.write)
		<-d.begun
		s.soon(sentSoFar(2), d.write)
		d.finish <- c.first
		<-d.begun
		d.finish <- c.last
		if err := s.wait(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := s.wait(); err != nil {
			t.Errorf("%s: told again: %v", name, err)
		}
		s.soon(sentSoFar(3), d.write) // and it goes on
		if n := <-d.begun; n != 3 {
			t.Errorf("%s: state %d", name, n)
		}
		d.finish <- nil
		if err := s.wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSaverRests: what comes within a rest shares one write, and who waits does
// not wait for the rest.
func TestSaverRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		written := make(chan int, 3)
		write := func(st *profiles.State) error {
			written <- st.Telemetry.Sent
			return nil
		}
		s := &saver{}
		s.soon(sentSoFar(1), write)
		s.soon(sentSoFar(2), write)
		synctest.Wait()
		if len(written) > 0 {
			t.Errorf("state %d is written before the rest is over", <-written)
		}
		time.Sleep(saveRest)
		synctest.Wait()
		s.soon(sentSoFar(3), write)
		if err := s.wait(); err != nil || len(written) != 2 || <-written != 2 || <-written != 3 {
			t.Errorf("states 2 and 3 are not what is written: %v", err)
		}
		if took := time.Since(begin); took != saveRest {
			t.Errorf("who waits rested until %v", took)
		}
	})
}

// TestSaveSoonIsASnapshot: what the run changes meanwhile is another state.
func TestSaveSoonIsASnapshot(t *testing.T) {
	t.Parallel()
	paths, err := profiles.DefaultPaths(t.TempDir(), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	store := profiles.NewStore(paths)
	r := &run{name: "d", session: &Session{config: Config{Store: store}}, state: &profiles.State{}}
	for n := range 50 {
		r.state.Telemetry.Sent = n
		r.state.Steps = map[string]profiles.StepState{"registration": {Status: "done"}}
		r.state.Creates(profiles.Creation{Kind: profiles.CreatedGroup, Name: "g", Host: "h", ETag: string(rune('a' + n%26))})
		r.saveSoon()
		r.state.Steps["telemetry"] = profiles.StepState{Status: "done"}
		r.state.Creates(profiles.Creation{Kind: profiles.CreatedGroup, Name: "g", Host: "h", ETag: "z"})
	}
	if err := r.save(); err != nil {
		t.Fatal(err)
	}
	st, err := store.LoadState("d")
	if err != nil || st.Telemetry.Sent != 49 || len(st.Steps) != 2 || st.Created[0].ETag != "z" {
		t.Errorf("%+v, %v", st, err)
	}
}
