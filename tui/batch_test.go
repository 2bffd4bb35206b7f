package tui

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

func TestSortingGoesThroughTheColumns(t *testing.T) {
	t.Parallel()
	a := show(t, scene{"", setDevices}, theme.Options{}, 80, 24)
	for _, want := range []string{"press-3", "device-01", "broken", "press-3", "broken"} {
		press(a, "s", "g")
		if got := a.home.Selected(); got != want {
			t.Errorf("first is %s, want %s", got, want)
		}
	}
}

func TestTheFilterSeesTheWholeRow(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"press-1", "press-2", "truck"}, func(r *rig) {
		r.press("/", "lab", " ", "truck", enter)
		r.see("1 of 3 profiles")
		r.press(esc, "/", "not registered", enter)
		r.see("3 of 3 profiles")
		r.press(esc, "/", "azure", enter)
		r.see("No device has azure in its row")
	})
}

// Sorting by what stands in the files reads all of them, a part at a time.
func TestSortingReadsEveryProfile(t *testing.T) {
	t.Parallel()
	names := make([]string, 450)
	for i := range names {
		names[i] = fmt.Sprintf("device-%03d", i)
	}
	inBubble(t, names, func(r *rig) {
		r.press("s")
		for range 5 {
			r.settle()
		}
		r.see("TARGET↓")
		r.dontSee("reading")
		r.press("G")
		r.see("> device-449        lab")
	})
}

func TestPickedDevicesRunAfterEachOther(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b", "c"}, func(r *rig) {
		r.press(" ", " ")
		r.see("2 picked")
		r.press("r") // no lab in this session: each run fails, and the next one begins
		r.settle()
		r.see("Devices that ran: 0 done, 2 failed: a, b.")
		r.dontSee("picked")
		r.press("*", esc)
		r.dontSee("picked")
		for _, name := range []string{"a", "b"} {
			if st := r.session.Device(name).State; st.LastError == nil {
				t.Errorf("%s did not run", name)
			}
		}
		if st := r.session.Device("c").State; st.LastError != nil {
			t.Error("c ran")
		}
	})
}

func TestCtrlCEndsABatch(t *testing.T) {
	t.Parallel()
	a := show(t, scene{"", setDevices}, theme.Options{}, 80, 24)
	a.startBatch([]string{"device-01", "truck-7"})
	a.Update(namedKeys["ctrl+c"])
	if !a.batch.on() || len(a.batch.waiting) > 0 {
		t.Fatalf("after ctrl+c: %+v", a.batch)
	}
	a.events([]workflow.Event{
		{Run: "r", Seq: 1, At: noon, Kind: workflow.RunStarted, Device: "device-01"},
		{Run: "r", Seq: 2, At: noon, Kind: workflow.RunFinished, Device: "device-01", Outcome: workflow.Cancelled},
	})
	if a.batch.on() || a.toast != "Cancelled. Devices that ran: 0 done." {
		t.Errorf("after the end: %+v, %q", a.batch, a.toast)
	}
}

func TestRemovingThePickedDevices(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b", "c"}, func(r *rig) {
		r.press(" ", " ", "x")
		r.see("Remove 2 devices?")
		r.press("y")
		r.see("2 devices are removed")
		r.see("1 profile")
		r.dontSee("picked")
	})
}

// While devices run one after another the list moves, and is still afterwards.
func TestABatchEndsItsTicks(t *testing.T) {
	t.Parallel()
	inBubble(t, []string{"a", "b"}, func(r *rig) {
		r.press("*", "r")
		time.Sleep(toastFor + time.Second)
		_, before := r.out.counts()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if _, after := r.out.counts(); after != before {
			t.Errorf("an idle list wrote %d bytes", after-before)
		}
	})
}

// Retiring lists what goes, and where a real service loses something it wants
// the word typed.
func TestRetireAsks(t *testing.T) {
	t.Parallel()
	item := workflow.RetireItem{What: "enrollment group line-3 at contoso-dps.azure-devices-provisioning.net", Shared: []string{"press-4"}}
	for _, c := range []struct {
		name string
		plan retirePlanMsg
		want string
	}{
		{"nothing was made", retirePlanMsg{}, "Nothing is known"},
		{"in the lab", retirePlanMsg{names: []string{"press-3"}, items: []workflow.RetireItem{item}}, "y deletes them"},
		{"in Azure", retirePlanMsg{names: []string{"a", "b"}, items: []workflow.RetireItem{item, item}, azure: true}, "type retire 2"},
		{"more than fit", retirePlanMsg{names: []string{"a"}, items: make([]workflow.RetireItem, 20)}, "and 12 more"},
	} {
		a := show(t, scene{"", setDevices}, theme.Options{NoColor: true}, 80, 24)
		a.askRetire(c.plan)
		if frame := a.View(); !strings.Contains(frame, c.want) {
			t.Errorf("%s: no %q in\n%s", c.name, c.want, frame)
		}
		if c.plan.azure {
			press(a, "y", "enter")
			if a.batch.on() {
				t.Errorf("%s: a wrong word retires", c.name)
			}
			continue
		}
		if len(c.plan.names) == 1 { // what is told at the end is what was asked for
			press(a, "y")
			a.batch.done = 1
			if got := a.batch.summary(); got != "Devices retired: 1 done." {
				t.Errorf("%s: ends with %q", c.name, got)
			}
		}
	}
}
