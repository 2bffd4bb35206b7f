package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/profiles"
	"dpslab/workflow"
)

// elsewhere does what another process would to a profile. Its time is told, as
// those of two changes in one test may be the same.
func (r *rig) elsewhere(name string, change func(path string) error) {
	r.t.Helper()
	path := r.session.Device(name).ProfilePath
	if err := change(path); err != nil {
		r.t.Fatal(err)
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	later := info.ModTime().Add(time.Second)
	if err := os.Chtimes(dir, later, later); err != nil {
		r.t.Fatal(err)
	}
}

// rest is longer than the list of devices goes without a look at its files.
func rest() {
	time.Sleep(2 * glanceEvery)
	synctest.Wait()
}

func breakIt(path string) error {
	return os.WriteFile(path, []byte("version = 1\nnonsense = 2\n"), 0o600)
}

// What somebody else does to the profiles is seen without a key, and neither the
// cursor nor the picks nor the filter move.
func TestHomeNoticesOtherProcesses(t *testing.T) {
	t.Parallel()
	names := []string{"press-1", "press-2", "press-3", "saw-1"}
	tests := map[string]struct {
		name   string // of the profile that is changed
		change func(path string) error
		see    []string
		not    string
	}{
		"broken in place": {"press-3", breakIt, []string{"press-3", "profile not usable", "1 picked, 3 of 4 profiles"}, ""},
		"added above": {"press-0", func(path string) error {
			text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "press-1.toml"))
			if err != nil {
				return err
			}
			return os.WriteFile(path, text, 0o600)
		}, []string{"press-0", "1 picked, 4 of 5 profiles"}, ""},
		"removed":           {"press-1", os.Remove, []string{"1 picked, 2 of 3 profiles"}, "press-1"},
		"a picked one gone": {"press-2", os.Remove, []string{"  2 of 3 profiles"}, "picked"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, names, func(r *rig) {
				r.press("/", "p", "r", "e", "s", "s", enter, "j", " ")
				r.see("> press-3")
				r.see("1 picked, 3 of 4 profiles")
				r.elsewhere(tt.name, tt.change)
				rest()
				for _, text := range tt.see {
					r.see(text)
				}
				r.see("> press-3")
				if tt.not != "" {
					r.dontSee(tt.not)
				}
			})
		})
	}
}

// A profile that was broken and is mended elsewhere can be used again, and the row
// says so by itself.
func TestHomeNoticesAMendedProfile(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-1", "press-2"}, func(r *rig) {
		path := r.session.Device("press-1").ProfilePath
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.elsewhere("press-1", breakIt)
		rest()
		r.see("profile not usable")
		r.elsewhere("press-1", func(path string) error { return os.WriteFile(path, whole, 0o600) })
		rest()
		r.dontSee("not usable")
		r.see("> press-1")
	})
}

// In an order by status the cursor keeps to its device too, when a device that
// somebody else broke goes to the top.
func TestTheCursorKeepsToItsDeviceInEveryOrder(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-1", "press-2", "press-3"}, func(r *rig) {
		r.press("s", "s", "s")
		r.see("STATUS")
		r.see("> press-1")
		r.elsewhere("press-3", breakIt)
		rest()
		r.see("> press-1")
		if at := strings.Index(r.screen(), "press-3"); at < 0 || at > strings.Index(r.screen(), "press-1") {
			t.Errorf("the broken profile is not first:\n%s", r.screen())
		}
	})
}

// A row that is out of sight is looked at when it comes into sight.
func TestARowThatChangedOutOfSight(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("d-%02d", i))
	}
	inBubble(t, names, func(r *rig) {
		path := r.session.Device("d-00").ProfilePath
		r.press("G")
		r.dontSee("d-00")
		if err := breakIt(path); err != nil { // in place: the folder stays as it was
			t.Fatal(err)
		}
		rest()
		r.dontSee("not usable")
		r.press("g")
		rest()
		r.see("profile not usable")
	})
}

// While nothing changes a look writes no byte, and on another screen there is none.
func TestALookWritesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-1", "press-2"}, func(r *rig) {
		rest()
		writes, bytes := r.out.counts()
		time.Sleep(time.Hour)
		synctest.Wait()
		if w, b := r.out.counts(); w != writes || b != bytes {
			t.Errorf("an idle hour cost %d writes, %d bytes", w-writes, b-bytes)
		}
		r.press(enter)
		r.see("press-1")
		r.elsewhere("press-2", os.Remove)
		if m := r.a.lookout.look(); m.names || len(m.devices) > 0 {
			t.Errorf("the bench is on the screen, and the list looked: %+v", m)
		}
		r.press(esc)
		r.see("1 profile")
	})
}

// What a look found is told once; what a reading brought that began before the
// change does not hide it.
func TestTheLookoutTellsOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-1"}, func(r *rig) {
		w := newLookout(r.session)
		sight := []string{"press-1"}
		w.aim(true, func() []string { return sight })
		before := r.session.MarkDevice("press-1")
		w.tookNames(r.session.MarkNames())
		w.tookDevices([]workflow.Device{{Name: "press-1"}}, []profiles.Mark{before})
		if m := w.look(); len(m.devices) > 0 {
			t.Errorf("nothing changed, and it tells %v", m.devices)
		}
		r.elsewhere("press-1", breakIt)
		if m := w.look(); len(m.devices) != 1 || !m.names {
			t.Errorf("a change, and it tells %+v", m)
		}
		if m := w.look(); len(m.devices) > 0 || m.names {
			t.Errorf("it tells twice: %+v", m)
		}
		w.tookDevices([]workflow.Device{{Name: "press-1"}}, []profiles.Mark{before})
		if m := w.look(); len(m.devices) != 1 {
			t.Errorf("an old reading hides the change: %+v", m)
		}
	})
}
