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
	all    *workflow.Exchanges
	shown  []int32 // the numbers of those that are found
	seen   int     // the number up to which all were searched
	keep   int     // the cursor's exchange before the search; none: noExchange
	search ui.Input
	query  query
	typing bool
	busy   bool // something runs: nothing else may be sent
	reading

	list      ui.List
	inside    bool // the keys go to the detail
	follow    bool // the cursor stays on the newest
	marked    int  // the exchange to compare with, or noExchange
	comparing bool

	detail outline
	closed folds
	drawn  drawnDetail
}

// drawnDetail is what the detail shows now; making it is kept, because a screen
// is drawn for every key.
type drawnDetail struct {
	number, beside int
	width          int
	err            error // why it is not there
}

// noExchange is the number of no exchange.
const noExchange = -1

// NewTranscript opens the exchanges of a device, at the newest.
func NewTranscript(th *theme.Theme, device string, st *workflow.Status) *Transcript {
	t := &Transcript{
		th: th, device: device, follow: true, search: ui.NewInput(""), closed: folds{"tls.server": true},
		all: &workflow.Exchanges{}, keep: noExchange, marked: noExchange, drawn: drawnDetail{number: noExchange, beside: noExchange},
	}
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
	if t.all != &st.Exchanges { // another run of the program's own
		t.all, t.marked, t.comparing = &st.Exchanges, noExchange, false
		t.forget()
		t.again(noExchange)
	}
	t.busy = st.Running
	t.dropGone()
	t.sift()
}

// number is that of the chosen exchange, or noExchange.
func (t *Transcript) number() int {
	if t.list.Cursor < 0 || t.list.Cursor >= len(t.shown) {
		return noExchange
	}
	return int(t.shown[t.list.Cursor])
}

// Bindings implements Screen.
func (t *Transcript) Bindings() []keymap.Binding {
	if t.typing {
		return keymap.For(keymap.InSearch)
	}
	bs := keymap.For(keymap.InTranscript)
	chosen := t.number()
	if chosen == noExchange {
		for _, a := range []keymap.Action{keymap.Copy, keymap.Save, keymap.Mark, keymap.Resend, keymap.Open, keymap.Pane} {
			keymap.Disable(bs, a, "there is no exchange")
		}
	}
	switch {
	case t.comparing:
	case t.marked == noExchange:
		keymap.Disable(bs, keymap.Compare, "mark one exchange with m first")
	case t.marked == chosen:
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
	if t.all.Len() == 0 {
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
			b.Help, b.About, b.Footer = "fold", "fold or unfold the part under the cursor", 2
		}
	case keymap.Down:
		if t.inside {
			b.Help = "move"
		}
	case keymap.OnlyFailed:
		if t.query.failed {
			b.Help, b.About = "all", "show those that went well too"
		}
	case keymap.Mark:
		if t.marked != noExchange && t.marked == t.number() {
			b.Help, b.About = "unmark", "let this exchange go"
		}
	case keymap.Compare:
		if t.comparing {
			b.Help, b.About, b.Footer = "end comparing", "show one exchange again", 0 // esc says it
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
		return t.with(func(x *workflow.Exchange) Intent { return CopyExchange{Exchange: x} })
	case keymap.Mark:
		return t.mark()
	case keymap.Save:
		return SaveTranscript{Chosen: t.all.Pick(t.number()), Shown: t.found()}
	case keymap.Resend:
		return t.with(func(x *workflow.Exchange) Intent { return ResendExchange{Exchange: x} })
	default:
		t.look(b.Action)
	}
	return nil
}

// found are the exchanges that are shown.
func (t *Transcript) found() workflow.Recording {
	numbers := make([]int, len(t.shown))
	for i, n := range t.shown {
		numbers[i] = int(n)
	}
	return t.all.Pick(numbers...)
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

// mark marks the chosen exchange to compare another with it, or lets it go.
func (t *Transcript) mark() Intent {
	if t.marked == t.number() {
		t.marked, t.comparing = noExchange, false
		return nil
	}
	t.marked = t.number()
	if t.comparing || len(t.shown) < 2 {
		return nil
	}
	return Say{Text: "Marked. Choose another exchange: c compares the two."}
}

// look changes what is seen.
func (t *Transcript) look(a keymap.Action) {
	switch a {
	case keymap.OnlyFailed:
		t.query.failed = !t.query.failed
		t.research()
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
	t.drawn = drawnDetail{number: noExchange, beside: noExchange}
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
	t.drawn = drawnDetail{number: noExchange, beside: noExchange}
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
