package screen

import (
	"maps"
	"slices"
	"strconv"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// Home lists the devices. It starts with names alone; the rest of a row is read
// when the row comes into sight, so that ten thousand profiles cost as much as
// ten.
type Home struct {
	th      *theme.Theme
	names   []string // all, in the order of profiles.CompareNames
	shown   []string // those that pass the filter, in order
	facts   map[string]rowFacts
	loaded  map[string]workflow.Device // the ones in sight, and some more
	asked   map[string]bool            // read, or being read
	reading bool                       // a chunk of the background is on its way
	scanned int                        // of names, by the background
	by      column
	settled bool // all of it was read when it was put in order
	picked  map[string]bool
	live    map[string]Live
	failure error // why there are no names
	list    ui.List
	rows    int // of the list, in the last view
	filter  filter
	next    string // Expect
	now     time.Time
}

// NewHome makes an empty home screen.
func NewHome(th *theme.Theme) *Home {
	return &Home{
		th: th, loaded: map[string]workflow.Device{}, facts: map[string]rowFacts{}, asked: map[string]bool{},
		picked: map[string]bool{}, filter: newFilter(""),
	}
}

// SetNames tells which profiles there are. Rows that were read are forgotten
// and read again; the cursor stays on its device.
func (h *Home) SetNames(names []string, err error) {
	h.failure = nil
	if err != nil {
		h.failure = err
	}
	same, settled := slices.Equal(h.names, names), h.settled
	h.names = names
	h.asked, h.scanned, h.reading = map[string]bool{}, 0, false
	if !same {
		maps.DeleteFunc(h.facts, func(n string, _ rowFacts) bool { return !h.Has(n) })
		maps.DeleteFunc(h.picked, func(n string, _ bool) bool { return !h.Has(n) })
	}
	h.refilter()
	h.settled = settled // what is new goes last
	if h.next != "" {
		h.Select(h.next)
		h.next = ""
	}
}

// Expect puts the cursor on a device when the names are told the next time: it
// may not be among them yet.
func (h *Home) Expect(name string) { h.next = name }

// Select puts the cursor on a device, when it is shown.
func (h *Home) Select(name string) {
	for i, n := range h.shown {
		if n == name {
			h.list.Cursor = i
		}
	}
}

func (h *Home) selected() string {
	if h.list.Cursor < len(h.shown) {
		return h.shown[h.list.Cursor]
	}
	return ""
}

// device is what is known of a device; at least its name.
func (h *Home) device(name string) workflow.Device {
	if d, ok := h.loaded[name]; ok {
		return d
	}
	return workflow.Device{Name: name}
}

// EnrolledBy is the kind of a device's enrollment, "individual" or "group"; empty
// when the list does not know it.
func (h *Home) EnrolledBy(name string) string {
	if p := h.device(name).Profile; p != nil {
		return p.Enrollment.Kind
	}
	return ""
}

// Title implements Screen.
func (h *Home) Title() string { return h.th.Strong.Text("dpslab") }

// Capturing implements Screen.
func (h *Home) Capturing() bool { return h.filter.typing }

// Observe implements Screen.
func (h *Home) Observe(_ *workflow.Status, now time.Time) {
	if now.After(h.now) {
		h.now = now
	}
}

// Bindings implements Screen.
func (h *Home) Bindings() []keymap.Binding {
	if h.filter.typing {
		return keymap.For(keymap.InFilter)
	}
	bs := keymap.For(keymap.OnHome)
	if h.selected() == "" {
		none := "there is no device yet"
		if len(h.names) > 0 {
			none = "no device passes the filter"
		}
		for _, a := range []keymap.Action{keymap.Open, keymap.RunAll, keymap.Edit, keymap.Remove, keymap.Retire, keymap.Pick, keymap.PickAll} {
			keymap.Disable(bs, a, none)
		}
	}
	if why := h.facts[h.selected()].unusable; why != "" {
		for _, a := range []keymap.Action{keymap.Edit, keymap.Retire, keymap.Enrollments} {
			keymap.Disable(bs, a, why)
		}
	}
	if len(h.names) == 0 {
		keymap.Disable(bs, keymap.Filter, "there is no device yet")
		keymap.Disable(bs, keymap.Sort, "there is no device yet")
	}
	if len(h.picked) == 0 && h.filter.Value() == "" {
		keymap.Disable(bs, keymap.Back, "there is no filter, and nothing is picked")
	}
	return h.forPicks(bs)
}

// forPicks says in the bindings how many devices a key is about.
func (h *Home) forPicks(bs []keymap.Binding) []keymap.Binding {
	n := len(h.picked)
	if n == 0 {
		return bs
	}
	keymap.Disable(bs, keymap.Edit, "several devices are picked: esc drops the picks")
	for i := range bs {
		switch bs[i].Action {
		case keymap.RunAll:
			bs[i].Help, bs[i].About = "run "+strconv.Itoa(n), "run all steps of the picked devices, one device after another"
		case keymap.Retire:
			bs[i].Help = "retire " + strconv.Itoa(n)
		case keymap.Remove:
			bs[i].Help, bs[i].About = "remove "+strconv.Itoa(n), "delete the profiles of the picked devices and everything made for them on this machine"
		case keymap.Back:
			bs[i].Help, bs[i].About, bs[i].Footer = "drop picks", "unmark all devices", 1
		case keymap.New:
			bs[i].Footer = 0
		}
	}
	return bs
}

// Handle implements Screen.
func (h *Home) Handle(k tea.KeyMsg) Intent {
	b, why, acts := pressed(h.Bindings(), k)
	if h.filter.typing {
		h.typeFilter(k, b.Action)
		return nil
	}
	if !acts {
		return why
	}
	switch b.Action {
	case keymap.New:
		return NewDevice{}
	case keymap.Open:
		return OpenDevice{Name: h.selected()}
	case keymap.RunAll:
		if len(h.picked) > 0 {
			return RunDevices{Names: h.Picked()}
		}
		return OpenDevice{Name: h.selected(), Run: true}
	case keymap.Retire:
		return RetireDevices{Names: h.targets()}
	case keymap.Sort:
		h.sortNext()
	case keymap.Pick, keymap.PickAll:
		h.pick(b.Action)
	case keymap.Edit:
		return EditDevice{Name: h.selected()}
	case keymap.Enrollments:
		return ShowEnrollments{Device: h.selected()}
	case keymap.Lab:
		return ShowLab{}
	case keymap.Remove:
		return RemoveDevices{Names: h.targets(), Path: h.device(h.selected()).ProfilePath}
	case keymap.Filter:
		h.filter.typing = true
	case keymap.Back:
		if len(h.picked) > 0 {
			h.DropPicks()
			return nil
		}
		h.filter.drop()
		h.refilter()
	default:
		h.list.Handle(b.Action)
	}
	return nil
}

func (h *Home) typeFilter(k tea.KeyMsg, a keymap.Action) {
	switch changed, moves := h.filter.key(k, a); {
	case changed:
		h.refilter()
	case moves:
		h.list.Handle(a)
	}
}

// Count is a number of things: "1 profile", "3 profiles".
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

func (h *Home) count() string {
	n := Count(len(h.names), "profile")
	if h.filter.Value() != "" {
		n = strconv.Itoa(len(h.shown)) + " of " + n
	}
	if len(h.picked) > 0 {
		n = strconv.Itoa(len(h.picked)) + " picked, " + n
	}
	if left := h.unread(); left > 0 {
		n += ", reading " + strconv.Itoa(left)
	}
	return n
}

// Has says whether a profile of that name exists.
func (h *Home) Has(name string) bool {
	_, found := slices.BinarySearchFunc(h.names, name, profiles.CompareNames)
	return found
}
