package screen

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"dpslab/profiles"
	"dpslab/tui/keymap"
	"dpslab/workflow"
)

// column is what the list of devices can be sorted by.
type column int

// The columns, in the order in which the sort key goes through them.
const (
	byName column = iota
	byTarget
	byEnrollment
	byStatus
	byCertificate
	columnCount
)

var columnTitles = [columnCount]string{"NAME", "TARGET", "ENROLLMENT", "STATUS", "CERTIFICATE"}

// rowFacts is what a row of the list shows, and all that is kept of a device
// that is out of sight: ten thousand profiles and states would not fit.
type rowFacts struct {
	target, enrollment string
	st                 standing
	urgency            int // of the status: what needs a person comes first
	notAfter           time.Time
	unusable           string
}

func (h *Home) factsOf(d workflow.Device) rowFacts {
	f := rowFacts{st: statusOf(h.th, d), urgency: urgency(d)}
	if d.Err != nil {
		f.unusable = unusableWhy(d)
	}
	if d.Profile != nil {
		f.target, f.enrollment = targetBadge(d.Profile.Target), d.Profile.Enrollment.Kind
	}
	if d.State != nil {
		f.notAfter = d.State.Certificate.NotAfter
	}
	return f
}

// urgency orders devices by what a person should look at.
func urgency(d workflow.Device) int {
	switch {
	case d.Err != nil:
		return 0
	case d.State == nil:
		return 5
	case workflow.Resumable(d.State):
		return 2
	case d.State.LastError != nil:
		return 1
	case d.State.Registration.Status == "assigned":
		return 4
	}
	return 3
}

// keptDevices is how many devices are kept whole: more than any screen shows.
const keptDevices = 256

// SetDevices tells what was read of some devices at a moment.
func (h *Home) SetDevices(ds []workflow.Device, now time.Time) {
	h.now = now
	h.reading = false
	for _, d := range ds {
		h.facts[d.Name] = h.factsOf(d)
		h.loaded[d.Name] = d
	}
	if len(h.loaded) > keptDevices {
		h.forget()
	}
	if h.wantsAll() {
		h.refilter()
	}
}

// forget drops the devices out of sight; their facts stay, and they are read
// again when they come back.
func (h *Home) forget() {
	from, to := h.list.Window(max(h.rows, 1))
	kept := make(map[string]workflow.Device, to-from)
	for _, n := range h.shown[from:to] {
		if d, ok := h.loaded[n]; ok {
			kept[n] = d
		}
	}
	for n := range h.loaded {
		if _, ok := kept[n]; !ok {
			delete(h.asked, n)
		}
	}
	h.loaded = kept
}

// wantsAll says whether every profile has to be read: an order or a filter by
// more than the name needs them.
func (h *Home) wantsAll() bool { return h.by != byName || h.filter.Value() != "" }

// InSight lists the devices whose rows are seen.
func (h *Home) InSight() []string {
	from, to := h.list.Window(max(h.rows, 1))
	return h.shown[from:to]
}

// chunk is how many profiles are read at a time in the background.
const chunk = 200

// Wanted lists the devices to read now, and counts them as asked for: those in
// sight, and, when all are needed, some of the others after each other.
func (h *Home) Wanted() []string {
	var out []string
	want := func(n string) {
		if !h.asked[n] {
			h.asked[n] = true
			out = append(out, n)
		}
	}
	for _, n := range h.InSight() {
		want(n)
	}
	if !h.wantsAll() || h.reading {
		return out
	}
	for h.scanned < len(h.names) && len(out) < chunk {
		if _, known := h.facts[h.names[h.scanned]]; !known {
			want(h.names[h.scanned])
		}
		h.scanned++
	}
	h.reading = len(out) > 0
	return out
}

// unread is how many profiles the background has still to read.
func (h *Home) unread() int {
	if !h.wantsAll() {
		return 0
	}
	return len(h.names) - h.scanned
}

// refilter finds the devices that pass the filter and puts them in order. The
// cursor stays on its device; until the order is final it stays at the top, when
// it is there.
func (h *Home) refilter() {
	selected, top := h.selected(), h.list.Cursor == 0 && !h.settled
	words := strings.Fields(strings.ToLower(h.filter.Value()))
	h.shown = h.names
	if len(words) > 0 || h.by != byName {
		h.shown = nil
		for _, n := range h.names {
			if h.passes(n, words) {
				h.shown = append(h.shown, n)
			}
		}
	}
	h.order()
	h.list.SetLen(len(h.shown))
	if top && h.by != byName {
		h.list.Cursor = 0
	} else {
		h.Select(selected)
	}
	h.settled = h.unread() == 0 && !h.reading
}

// passes says whether every word stands somewhere in a device's row. What was
// not read yet has only its name.
func (h *Home) passes(name string, words []string) bool {
	f := h.facts[name]
	for _, w := range words {
		if !strings.Contains(strings.ToLower(name), w) && !strings.Contains(strings.ToLower(f.target), w) &&
			!strings.Contains(f.enrollment, w) && !strings.Contains(strings.ToLower(f.st.text), w) {
			return false
		}
	}
	return true
}

// order sorts what is shown; names decide between equals, because they come
// sorted.
func (h *Home) order() {
	text := func(get func(rowFacts) string) func(a, b string) int {
		return func(a, b string) int {
			x, y := get(h.facts[a]), get(h.facts[b])
			if (x == "") != (y == "") { // the unknown goes last
				return cmp.Compare(y, x)
			}
			return profiles.CompareNames(x, y)
		}
	}
	switch h.by {
	case byTarget:
		slices.SortStableFunc(h.shown, text(func(f rowFacts) string { return f.target }))
	case byEnrollment:
		slices.SortStableFunc(h.shown, text(func(f rowFacts) string { return f.enrollment }))
	case byStatus:
		slices.SortStableFunc(h.shown, func(a, b string) int {
			x, y := h.facts[a], h.facts[b]
			return cmp.Or(cmp.Compare(x.urgency, y.urgency), profiles.CompareNames(x.st.text, y.st.text))
		})
	case byCertificate:
		slices.SortStableFunc(h.shown, func(a, b string) int {
			x, y := h.facts[a].notAfter, h.facts[b].notAfter
			if x.IsZero() != y.IsZero() {
				return y.Compare(x)
			}
			return x.Compare(y)
		})
	}
}

// sortNext orders the list by the next column.
func (h *Home) sortNext() {
	h.by, h.settled = (h.by+1)%columnCount, false
	h.refilter()
}

// Picked lists the devices that were picked, in the order of the names.
func (h *Home) Picked() []string {
	var out []string
	for _, n := range h.names {
		if h.picked[n] {
			out = append(out, n)
		}
	}
	return out
}

// targets are the devices that a key is about: the picked ones, else the one
// under the cursor.
func (h *Home) targets() []string {
	if len(h.picked) > 0 {
		return h.Picked()
	}
	return []string{h.selected()}
}

// pick marks or unmarks devices: the one under the cursor, or all that are
// shown.
func (h *Home) pick(a keymap.Action) {
	if a == keymap.Pick {
		n := h.selected()
		h.setPicked(n, !h.picked[n])
		h.list.Move(1)
		return
	}
	all := !slices.ContainsFunc(h.shown, func(n string) bool { return !h.picked[n] })
	for _, n := range h.shown {
		h.setPicked(n, !all)
	}
}

func (h *Home) setPicked(n string, on bool) {
	if on {
		h.picked[n] = true
	} else {
		delete(h.picked, n)
	}
}

// DropPicks unmarks everything, once it was done what they were picked for.
func (h *Home) DropPicks() { clear(h.picked) }

// SetLive tells what goes on with devices now, by name: a step that runs, or a
// place in the queue.
func (h *Home) SetLive(live map[string]Live) { h.live = live }

// Live is what goes on with a device.
type Live struct {
	Running bool
	Text    string // safe to draw
}

// Selected is the device under the cursor; empty: there is none.
func (h *Home) Selected() string { return h.selected() }
