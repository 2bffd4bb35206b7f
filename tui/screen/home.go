package screen

import (
	"slices"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

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
	names   []string // all, sorted
	shown   []string // those that pass the filter
	loaded  map[string]workflow.Device
	asked   map[string]bool // being read
	failure string          // why there are no names
	list    ui.List
	rows    int // of the list, in the last view
	filter  ui.Input
	typing  bool
	next    string // Expect
	now     time.Time
}

// NewHome makes an empty home screen.
func NewHome(th *theme.Theme) *Home {
	return &Home{th: th, loaded: map[string]workflow.Device{}, asked: map[string]bool{}, filter: ui.NewInput("")}
}

// SetNames tells which profiles there are. Rows that were read are forgotten
// and read again; the cursor stays on its device.
func (h *Home) SetNames(names []string, err error) {
	h.failure = ""
	if err != nil {
		h.failure = err.Error()
	}
	h.names = names
	h.asked = map[string]bool{}
	h.refilter()
	if h.next != "" {
		h.Select(h.next)
		h.next = ""
	}
}

// Expect puts the cursor on a device when the names are told the next time: it
// may not be among them yet.
func (h *Home) Expect(name string) { h.next = name }

// SetDevices tells what was read of some devices at a moment.
func (h *Home) SetDevices(ds []workflow.Device, now time.Time) {
	h.now = now
	for _, d := range ds {
		h.loaded[d.Name] = d
	}
}

// Select puts the cursor on a device, when it is shown.
func (h *Home) Select(name string) {
	for i, n := range h.shown {
		if n == name {
			h.list.Cursor = i
		}
	}
}

// Wanted lists the visible devices that were not read since SetNames, and
// counts them as asked for.
func (h *Home) Wanted() []string {
	from, to := h.list.Window(max(h.rows, 1))
	var out []string
	for _, n := range h.shown[from:to] {
		if !h.asked[n] {
			h.asked[n] = true
			out = append(out, n)
		}
	}
	return out
}

func (h *Home) refilter() {
	selected := h.selected()
	text := strings.ToLower(h.filter.Value())
	h.shown = h.names
	if text != "" {
		h.shown = nil
		for _, n := range h.names {
			if strings.Contains(strings.ToLower(n), text) {
				h.shown = append(h.shown, n)
			}
		}
	}
	h.list.SetLen(len(h.shown))
	h.Select(selected)
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

// Title implements Screen.
func (h *Home) Title() string { return h.th.Strong.Text("dpslab") }

// Capturing implements Screen.
func (h *Home) Capturing() bool { return h.typing }

// Observe implements Screen.
func (h *Home) Observe(_ *workflow.Status, now time.Time) {
	if now.After(h.now) {
		h.now = now
	}
}

// Bindings implements Screen.
func (h *Home) Bindings() []keymap.Binding {
	if h.typing {
		return keymap.For(keymap.InFilter)
	}
	bs := keymap.For(keymap.OnHome)
	if h.selected() == "" {
		none := "there is no device yet"
		if len(h.names) > 0 {
			none = "no device passes the filter"
		}
		for _, a := range []keymap.Action{keymap.Open, keymap.RunAll, keymap.Edit, keymap.Remove} {
			keymap.Disable(bs, a, none)
		}
	}
	if h.device(h.selected()).Err != nil {
		keymap.Disable(bs, keymap.Edit, "the profile cannot be used: correct the file in an editor")
	}
	if len(h.names) == 0 {
		keymap.Disable(bs, keymap.Filter, "there is no device yet")
	}
	if h.filter.Value() == "" {
		keymap.Disable(bs, keymap.Back, "there is no filter")
	}
	return bs
}

// Handle implements Screen.
func (h *Home) Handle(k tea.KeyMsg) Intent {
	b, ok := keymap.Match(h.Bindings(), k.String())
	if h.typing {
		h.typeFilter(k, b.Action)
		return nil
	}
	if !ok {
		return nil
	}
	if b.Disabled != "" {
		return denied(b)
	}
	switch b.Action {
	case keymap.New:
		return NewDevice{}
	case keymap.Open:
		return OpenDevice{Name: h.selected()}
	case keymap.RunAll:
		return OpenDevice{Name: h.selected(), Run: true}
	case keymap.Edit:
		return EditDevice{Name: h.selected()}
	case keymap.Lab:
		return ShowLab{}
	case keymap.Remove:
		return RemoveDevice{Device: h.device(h.selected())}
	case keymap.Filter:
		h.typing = true
	case keymap.Back:
		h.filter.Set("")
		h.refilter()
	default:
		h.move(b.Action)
	}
	return nil
}

func (h *Home) move(a keymap.Action) {
	h.list.Handle(a)
}

func (h *Home) typeFilter(k tea.KeyMsg, a keymap.Action) {
	switch a {
	case keymap.Accept:
		h.typing = false
	case keymap.Back:
		h.typing = false
		h.filter.Set("")
		h.refilter()
	case keymap.Up, keymap.Down:
		h.move(a)
	default:
		if h.filter.Handle(k) {
			h.refilter()
		}
	}
}

func (h *Home) count() string {
	n := strconv.Itoa(len(h.names)) + " profiles"
	if len(h.names) == 1 {
		n = "1 profile"
	}
	if h.filter.Value() != "" {
		n = strconv.Itoa(len(h.shown)) + " of " + n
	}
	return n
}

// Has says whether a profile of that name exists.
func (h *Home) Has(name string) bool {
	_, found := slices.BinarySearch(h.names, name)
	return found
}
