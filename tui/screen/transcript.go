package screen

import (
	"fmt"
	"net/http"
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

// Transcript lists every exchange and shows one in full.
type Transcript struct {
	th     *theme.Theme
	device string
	all    []*workflow.Exchange
	shown  []*workflow.Exchange // those that contain what is searched for
	seen   int                  // of all, how many were searched
	search ui.Input
	typing bool
	list   ui.List
	detail ui.Scroll
	inside bool // the keys go to the detail
	follow bool // the cursor stays on the newest

	cached *workflow.Exchange // whose detail is kept
	width  int
	rows   []string
}

// NewTranscript opens the exchanges of a device, at the newest.
func NewTranscript(th *theme.Theme, device string, st *workflow.Status) *Transcript {
	t := &Transcript{th: th, device: device, follow: true, search: ui.NewInput("")}
	t.Observe(st, time.Time{})
	return t
}

// Title implements Screen.
func (t *Transcript) Title() string {
	return t.th.Strong.Text(t.th.Clean(t.device)) + " " + t.th.Dim.Text(t.th.Dot) + " transcript"
}

// Capturing implements Screen.
func (t *Transcript) Capturing() bool { return t.typing }

// Observe implements Screen.
func (t *Transcript) Observe(st *workflow.Status, _ time.Time) {
	if st == nil {
		return
	}
	if len(st.Exchanges) < len(t.all) {
		t.seen, t.shown = 0, nil // another run
	}
	t.all = st.Exchanges
	t.sift()
}

// sift searches the exchanges that were not searched yet.
func (t *Transcript) sift() {
	text := strings.ToLower(t.search.Value())
	for _, x := range t.all[t.seen:] {
		if text == "" || contains(x, text) {
			t.shown = append(t.shown, x)
		}
	}
	t.seen = len(t.all)
	t.list.SetLen(len(t.shown))
	if t.follow {
		t.list.Move(t.list.Len)
	}
}

// research searches all exchanges anew; the cursor stays on its exchange where
// it is still shown.
func (t *Transcript) research() {
	before := t.selected()
	t.seen, t.shown = 0, nil
	t.sift()
	if i := slices.Index(t.shown, before); i >= 0 && before != nil {
		t.list.Cursor = i
	}
}

// contains looks for a lower-case text in what an exchange shows.
func contains(x *workflow.Exchange, text string) bool {
	parts := []string{x.Method, x.URL, x.Service, x.Operation, strconv.Itoa(x.Status), x.Reason, x.Error, x.RequestBody, x.ResponseBody}
	for _, h := range []http.Header{x.RequestHeader, x.ResponseHeader} {
		for name, values := range h {
			parts = append(parts, name+": "+strings.Join(values, ", "))
		}
	}
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(strings.ToLower(p), text) })
}

func (t *Transcript) selected() *workflow.Exchange {
	if t.list.Cursor < 0 || t.list.Cursor >= len(t.shown) {
		return nil
	}
	return t.shown[t.list.Cursor]
}

// Bindings implements Screen.
func (t *Transcript) Bindings() []keymap.Binding {
	if t.typing {
		return keymap.For(keymap.InSearch)
	}
	bs := keymap.For(keymap.InTranscript)
	if t.selected() == nil {
		keymap.Disable(bs, keymap.Copy, "there is no exchange")
	}
	if len(t.all) == 0 {
		keymap.Disable(bs, keymap.Filter, "nothing was sent yet")
	}
	if t.search.Value() != "" {
		for i := range bs {
			if bs[i].Action == keymap.Back {
				bs[i].Help, bs[i].About = "all", "show all exchanges again"
			}
		}
	}
	if t.inside {
		for i := range bs {
			if bs[i].Action == keymap.Down {
				bs[i].Help = "scroll"
			}
		}
	}
	return bs
}

// Handle implements Screen.
func (t *Transcript) Handle(k tea.KeyMsg) Intent {
	b, ok := keymap.Match(t.Bindings(), k.String())
	if t.typing {
		t.typeSearch(k, b.Action)
		return nil
	}
	if !ok {
		return nil
	}
	if b.Disabled != "" {
		return denied(b)
	}
	switch b.Action {
	case keymap.Back:
		if t.search.Value() == "" {
			return LeaveScreen{}
		}
		t.search.Set("")
		t.research()
	case keymap.Filter:
		t.typing, t.inside = true, false
	case keymap.Copy:
		return CopyExchange{Exchange: t.selected()}
	case keymap.Pane:
		t.inside = !t.inside
	case keymap.PageUp:
		t.detail.Page(-1)
	case keymap.PageDown:
		t.detail.Page(1)
	default:
		t.move(b.Action)
	}
	return nil
}

func (t *Transcript) typeSearch(k tea.KeyMsg, a keymap.Action) {
	switch a {
	case keymap.Accept:
		t.typing = false
	case keymap.Back:
		t.typing = false
		t.search.Set("")
		t.research()
	case keymap.Up, keymap.Down:
		t.move(a)
	default:
		if t.search.Handle(k) {
			t.research()
		}
	}
}

func (t *Transcript) move(a keymap.Action) {
	if t.inside {
		t.detail.Handle(a)
		return
	}
	t.list.Handle(a)
	t.follow = t.list.Cursor == len(t.shown)-1
}

// View implements Screen.
func (t *Transcript) View(w, h int) []string {
	th := t.th
	if len(t.all) == 0 {
		return ui.Fit([]string{"", "   Nothing was sent yet."}, w, h, th.Ellipsis)
	}
	if w >= wideFrom {
		listW := 44
		left := ui.Fit(t.listRows(listW, h-1), listW, h, th.Ellipsis)
		right := ui.Fit(t.detailRows(w-listW-5, h), w-listW-5, h, th.Ellipsis)
		return ui.Fit(ui.Beside(left, " "+th.Dim.Text(th.V)+" ", right), w, h, th.Ellipsis)
	}
	listH := min(max(h/3, 3), max(len(t.shown), 1)+1)
	rows := ui.Fit(t.listRows(w, listH-1), w, listH, th.Ellipsis)
	rows = append(rows, " "+th.Dim.Text(strings.Repeat(th.H, w-2)))
	return ui.Fit(append(rows, indent(t.detailRows(w-2, h-listH-1))...), w, h, th.Ellipsis)
}

func (t *Transcript) listRows(w, h int) []string {
	th := t.th
	count := fmt.Sprintf("%d of %d", min(t.list.Cursor+1, len(t.shown)), len(t.shown))
	if t.typing || t.search.Value() != "" {
		count += " " + th.Dim.Text("that contain") + " " + t.search.View(th, max(min(w-36, 30), 8), t.typing)
	} else {
		count = th.Dim.Text(count)
	}
	rows := []string{" " + t.focusTitle("Exchanges", !t.inside) + " " + count}
	if len(t.shown) == 0 {
		return append(rows, "   "+th.Dim.Text("none; esc shows all"))
	}
	from, to := t.list.Window(h)
	for i := from; i < to; i++ {
		rows = append(rows, t.row(t.shown[i], i == t.list.Cursor, w))
	}
	return rows
}

func (t *Transcript) focusTitle(s string, focused bool) string {
	if focused {
		return t.th.Accent.Text(t.th.Bullet) + " " + t.th.Strong.Text(s)
	}
	return "  " + t.th.Dim.Text(s)
}

func (t *Transcript) row(x *workflow.Exchange, selected bool, w int) string {
	th := t.th
	answer, st := fmt.Sprint(x.Status), th.OK
	if x.Status == 0 {
		answer, st = th.Failed, th.Bad
	} else if x.Status >= 300 {
		st = th.Bad
	}
	left := fmt.Sprintf("%s %s", ui.Pad(th.Clean(x.Method), 6, ""), th.Clean(x.Operation))
	if w >= 70 {
		left = fmt.Sprintf("%s %s", ui.Pad(th.Clean(x.Method), 6, ""), ui.Pad(th.Clean(x.Operation), 26, th.Ellipsis)+" "+th.Dim.Text(th.Clean(x.Service)))
	}
	right := st.Text(ui.PadLeft(answer, 3, "")) + ui.PadLeft(fmt.Sprintf("%.0f ms", x.Timing.Total), 9, "")
	marker := "   "
	if selected {
		marker = " " + th.Accent.Text(th.Marker) + " "
		if w < 70 {
			left = th.Selected.Text(left)
		}
	}
	return marker + ui.Spread(ui.Cut(left, w-3-13, th.Ellipsis), right, w-4, th.Ellipsis)
}

// detailRows shows the chosen exchange. Making it is kept: a screen is drawn
// for every key.
func (t *Transcript) detailRows(w, h int) []string {
	x := t.selected()
	if x == nil {
		return nil
	}
	if x != t.cached || w != t.width {
		if x != t.cached {
			t.detail.Reset()
		}
		t.cached, t.width = x, w
		t.rows = exchangeRows(t.th, x, w)
	}
	seen, above, below := t.detail.Window(t.rows, max(h-1, 0))
	where := ""
	if above+below > 0 {
		where = fmt.Sprintf("rows %d to %d of %d", above+1, above+len(seen), len(t.rows))
	}
	title := ui.Spread(t.focusTitle("Exchange "+fmt.Sprint(slices.Index(t.all, x)+1), t.inside), t.th.Dim.Text(where), w, t.th.Ellipsis)
	return append([]string{title}, seen...)
}
