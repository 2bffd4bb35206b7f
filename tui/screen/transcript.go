package screen

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// Transcript lists every exchange, shows one in full and compares two.
type Transcript struct {
	// Locked is why nothing may be sent; empty: it may.
	Locked string

	th     *theme.Theme
	device string
	all    []*workflow.Exchange
	steps  []workflow.StepID // of each of all
	shown  []int             // places in all of those that are found
	seen   int               // of all, how many were searched
	keep   *workflow.Exchange
	search ui.Input
	query  query
	typing bool
	busy   bool // something runs: nothing else may be sent

	list      ui.List
	inside    bool // the keys go to the detail
	follow    bool // the cursor stays on the newest
	marked    *workflow.Exchange
	comparing bool

	detail outline
	closed folds
	drawn  drawnDetail
}

// drawnDetail is what the detail shows now; making it is kept, because a screen
// is drawn for every key.
type drawnDetail struct {
	exchange, beside *workflow.Exchange
	width            int
}

// NewTranscript opens the exchanges of a device, at the newest.
func NewTranscript(th *theme.Theme, device string, st *workflow.Status) *Transcript {
	t := &Transcript{th: th, device: device, follow: true, search: ui.NewInput(""), closed: folds{"tls.server": true}}
	t.search.Hint = queryHint
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
	if len(st.Exchanges) < len(t.all) { // another run, or the oldest went
		t.keep, t.seen, t.shown = t.selected(), 0, nil
	}
	t.all, t.steps, t.busy = st.Exchanges, st.ExchangeStep, st.Running
	t.sift()
}

// siftAtOnce is how many bytes are searched between two frames: that takes one
// or two milliseconds. What an exchange has beside its bodies counts as headMost.
const (
	siftAtOnce = 1 << 20
	headMost   = 512
)

// Searching says whether some exchanges were not searched yet. The root then
// observes again, so that a long search stops nobody from typing.
func (t *Transcript) Searching() bool { return t.seen < len(t.all) }

// sift searches exchanges that were not searched yet. After a new search the
// cursor goes back to its exchange; on the newest it goes with the newest.
func (t *Transcript) sift() {
	i, left := t.seen, siftAtOnce
	for ; i < len(t.all) && left > 0; i++ {
		if !t.query.empty() {
			left -= headMost + len(t.all[i].RequestBody) + len(t.all[i].ResponseBody)
			if !t.query.matches(t.all[i], t.step(i)) {
				continue
			}
		}
		if t.keep != nil && t.all[i] == t.keep {
			t.list.Cursor, t.keep, t.follow = len(t.shown), nil, false
		}
		t.shown = append(t.shown, i)
	}
	t.seen = i
	t.list.SetLen(len(t.shown))
	if t.keep == nil && t.follow {
		t.list.Move(t.list.Len)
	}
	if !t.Searching() {
		t.keep = nil
		t.follow = t.follow || t.list.Cursor == len(t.shown)-1
	}
}

// step is the step that sent an exchange; empty when it is not known.
func (t *Transcript) step(i int) workflow.StepID {
	if i < 0 || i >= len(t.steps) {
		return ""
	}
	return t.steps[i]
}

// research searches all exchanges anew; the cursor stays on its exchange where
// it is still shown.
func (t *Transcript) research() {
	failed := t.query.failed
	t.keep = t.selected()
	t.query = parseQuery(t.search.Value())
	t.query.failed = failed
	t.seen, t.shown = 0, nil
	t.sift()
}

func (t *Transcript) selected() *workflow.Exchange {
	if i := t.place(); i >= 0 {
		return t.all[i]
	}
	return nil
}

// place is where the chosen exchange stands among all; -1: none is chosen.
func (t *Transcript) place() int {
	if t.list.Cursor < 0 || t.list.Cursor >= len(t.shown) {
		return -1
	}
	return t.shown[t.list.Cursor]
}

// Bindings implements Screen.
func (t *Transcript) Bindings() []keymap.Binding {
	if t.typing {
		return keymap.For(keymap.InSearch)
	}
	bs := keymap.For(keymap.InTranscript)
	x := t.selected()
	if x == nil {
		for _, a := range []keymap.Action{keymap.Copy, keymap.Save, keymap.Mark, keymap.Resend, keymap.Open} {
			keymap.Disable(bs, a, "there is no exchange")
		}
	}
	switch {
	case t.comparing:
	case t.marked == nil:
		keymap.Disable(bs, keymap.Compare, "mark one exchange with m first")
	case t.marked == x:
		keymap.Disable(bs, keymap.Compare, "this is the marked one: choose another")
	}
	switch {
	case t.Locked != "":
		keymap.Disable(bs, keymap.Resend, t.Locked)
	case t.busy:
		keymap.Disable(bs, keymap.Resend, "something runs")
	}
	if !t.inside || t.comparing {
		keymap.Disable(bs, keymap.Fold, "go to the detail with tab first")
	}
	if len(t.all) == 0 {
		keymap.Disable(bs, keymap.Filter, "nothing was sent yet")
		keymap.Disable(bs, keymap.OnlyFailed, "nothing was sent yet")
	}
	for i := range bs {
		t.reword(&bs[i])
	}
	return bs
}

// reword says what a key does in the state at hand.
func (t *Transcript) reword(b *keymap.Binding) {
	switch b.Action {
	case keymap.Back:
		switch {
		case t.comparing:
			b.Help, b.About = "end comparing", "show one exchange again"
		case !t.query.empty():
			b.Help, b.About = "all", "show all exchanges again"
		}
	case keymap.Open:
		if t.inside && !t.comparing {
			b.Help, b.About = "fold", "fold or unfold the part under the cursor"
		}
	case keymap.Down:
		if t.inside {
			b.Help = "move"
		}
	case keymap.OnlyFailed:
		if t.query.failed {
			b.Help, b.About = "all", "show those that went well too"
		}
	case keymap.Compare:
		if t.comparing {
			b.Help, b.About = "end comparing", "show one exchange again"
		}
	}
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
		return t.back()
	case keymap.Filter:
		t.typing, t.inside = true, false
	case keymap.Copy:
		return CopyExchange{Exchange: t.selected()}
	case keymap.Save:
		return SaveTranscript{Chosen: t.selected(), Shown: t.found()}
	case keymap.Resend:
		return ResendExchange{Exchange: t.selected()}
	default:
		t.look(b.Action)
	}
	return nil
}

// found are the exchanges that are shown.
func (t *Transcript) found() []*workflow.Exchange {
	all := make([]*workflow.Exchange, len(t.shown))
	for i, at := range t.shown {
		all[i] = t.all[at]
	}
	return all
}

// back ends comparing, then the search, then the screen.
func (t *Transcript) back() Intent {
	switch {
	case t.comparing:
		t.comparing = false
	case !t.query.empty():
		t.search.Set("")
		t.query.failed = false
		t.research()
	default:
		return LeaveScreen{}
	}
	return nil
}

// look changes what is seen.
func (t *Transcript) look(a keymap.Action) {
	switch a {
	case keymap.OnlyFailed:
		t.query.failed = !t.query.failed
		t.research()
	case keymap.Mark:
		if t.marked == t.selected() {
			t.marked, t.comparing = nil, false
			return
		}
		t.marked = t.selected()
	case keymap.Compare:
		t.comparing = !t.comparing
		t.detail.reset()
	case keymap.Pane:
		t.inside = !t.inside
	case keymap.Open:
		if !t.inside {
			t.inside = true
			return
		}
		t.toggle(t.detail.key())
	case keymap.Fold:
		t.foldAll()
	case keymap.PageUp:
		t.detail.page(-1)
	case keymap.PageDown:
		t.detail.page(1)
	default:
		t.move(a)
	}
}

func (t *Transcript) toggle(key string) {
	if key == "" || t.comparing {
		return
	}
	t.closed[key] = !t.closed[key]
	t.detail.raise = !t.closed[key]
	t.drawn = drawnDetail{}
}

// foldAll folds the parts of the exchange to their titles, or opens everything.
func (t *Transcript) foldAll() {
	top := []string{"request", "answer", "timing", "tls"}
	folded := true
	for _, key := range top {
		folded = folded && t.closed[key]
	}
	clear(t.closed)
	for _, key := range top {
		t.closed[key] = !folded
	}
	t.drawn = drawnDetail{}
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
		t.detail.move(map[keymap.Action]int{keymap.Up: -1, keymap.Down: 1, keymap.First: -len(t.detail.rows), keymap.Last: len(t.detail.rows)}[a])
		return
	}
	t.list.Handle(a)
	t.follow = t.list.Cursor == len(t.shown)-1
}

// searched is what the search field holds, without blanks around.
func (t *Transcript) searched() string { return strings.TrimSpace(t.search.Value()) }
