package tui

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/screen"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// overlay is a box over the screen that has all keys until it is done.
type overlay interface {
	handle(k tea.KeyMsg) (done bool, cmd tea.Cmd)
	view(w, h int) []string
	bindings() []keymap.Binding
}

// grace keeps keys away from an overlay that opened by itself: a key typed for
// the screen below must not answer it.
type grace struct {
	on         bool
	ids        int
	quiet, end int // the timers that may lift it
}

// graceQuiet is how long the keyboard must be still, graceEnd how long the grace
// lasts at most.
const (
	graceQuiet = 400 * time.Millisecond
	graceEnd   = 1500 * time.Millisecond
)

func (g *grace) begin() tea.Cmd {
	g.on = true
	g.ids++
	g.end = g.ids
	id := g.end
	return tea.Batch(g.restart(), tea.Tick(graceEnd, func(time.Time) tea.Msg { return graceMsg{id} }))
}

func (g *grace) restart() tea.Cmd {
	g.ids++
	g.quiet = g.ids
	id := g.quiet
	return tea.Tick(graceQuiet, func(time.Time) tea.Msg { return graceMsg{id} })
}

func (g *grace) lift(id int) {
	if id == g.quiet || id == g.end {
		g.on = false
	}
}

// help shows every key that has a meaning now.
type help struct {
	th     *theme.Theme
	all    []keymap.Binding
	scroll ui.Scroll
}

func (a *app) newHelp() *help {
	return &help{th: a.th, all: append(a.bindings(), a.globals()...)}
}

func (o *help) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InHelp)
	screen.KeepStill(bs, &o.scroll)
	return bs
}

func (o *help) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	o.scroll.Handle(b.Action)
	return b.Action == keymap.Back, nil
}

func (o *help) view(w, h int) []string {
	bw := min(w-4, 88)
	rows := ui.HelpRows(o.th, o.all, bw-4)
	seen, above, below := o.scroll.Window(rows, max(1, min(len(rows), h-4)))
	title := "Keys"
	if above+below > 0 {
		title = "Keys: up and down scroll"
	}
	return ui.BoxMore(o.th, title, seen, above, below, bw)
}

// prompt asks what only a person can answer.
type prompt struct {
	th    *theme.Theme
	q     *question
	input ui.Input
	grace *grace
}

func (a *app) askNext() tea.Cmd {
	q := a.questions[0]
	a.questions = a.questions[1:]
	if q.ctx.Err() != nil {
		return nil
	}
	in := ui.NewInput("")
	in.Mask = q.Secret
	a.overlay = &prompt{th: a.th, q: q, input: in, grace: &a.grace}
	return a.grace.begin()
}

// withdraw forgets a question whose run has ended.
func (a *app) withdraw(q *question) {
	for i, waiting := range a.questions {
		if waiting == q {
			a.questions = append(a.questions[:i:i], a.questions[i+1:]...)
			break
		}
	}
	if p, ok := a.overlay.(*prompt); ok && p.q == q {
		a.overlay = nil
	}
}

func (o *prompt) bindings() []keymap.Binding { return keymap.For(keymap.InPrompt) }

func (o *prompt) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	switch b.Action {
	case keymap.Accept:
		o.q.reply <- answer{text: o.input.Value()}
		return true, nil
	case keymap.Back:
		o.q.reply <- answer{err: ErrDeclined}
		return true, nil
	}
	o.input.Handle(k)
	return false, nil
}

func (o *prompt) view(w, _ int) []string {
	bw := min(w-4, 70)
	rows := ui.Wrap(o.th.Clean(o.q.Prompt), bw-4)
	field := o.input.View(o.th, bw-4, !o.grace.on)
	hint := "It is used for this run and kept nowhere."
	if o.grace.on {
		hint = "One moment: keys count when the keyboard has been still."
	}
	rows = append(rows, "", field, "")
	for _, r := range ui.Wrap(hint, bw-4) {
		rows = append(rows, o.th.Dim.Text(r))
	}
	return ui.Box(o.th, "A question", rows, bw)
}

// confirm asks before something is deleted.
type confirm struct {
	th    *theme.Theme
	title string
	lines []string // already safe to draw
	verb  string   // what y does; empty: "deletes them"
	yes   func() tea.Cmd
}

func (a *app) newRemoval(names []string, path string) *confirm {
	o := &confirm{th: a.th, title: fmt.Sprintf("Remove %d devices?", len(names)), yes: func() tea.Cmd { return a.remove(names) }}
	if len(names) == 1 {
		o.title = "Remove " + a.th.Clean(names[0]) + "?"
		if path == "" {
			path = names[0] + ".toml"
		}
		o.lines = []string{"This deletes from this machine:", "", "  its profile    " + a.th.Clean(path)}
	} else {
		var list string
		for i, n := range names {
			if i > 0 {
				list += ", "
			}
			list += a.th.Clean(n)
		}
		o.lines = []string{list, "", "This deletes from this machine, of each device:", "", "  its profile"}
	}
	o.lines = append(o.lines,
		"  its state      progress, last error, the journal of its runs",
		"  its files      the device's private key and certificates",
		"",
		"CAs that other devices may share stay. So does what DPS and IoT Hub",
		"hold: the enrollment and the device's identity.")
	return o
}

func (o *confirm) bindings() []keymap.Binding {
	bs := keymap.For(keymap.InConfirm)
	for i := range bs {
		if o.verb != "" && bs[i].Action == keymap.Yes {
			bs[i].Help, bs[i].About = "yes", "do it: "+o.verb
		}
	}
	return bs
}

func (o *confirm) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	switch b.Action {
	case keymap.Yes:
		return true, o.yes()
	case keymap.Back:
		return true, nil
	}
	return false, nil
}

func (o *confirm) view(w, h int) []string {
	bw := min(w-4, 76)
	rows := ui.Lines(o.th, o.lines, bw-4, h-4)
	verb, no := "deletes them", "keeps everything"
	if o.verb != "" {
		verb, no = o.verb, "does not"
	}
	rows = append(rows, "", o.th.Key.Text("y")+" "+verb+"   "+o.th.Key.Text("n")+" or enter "+no)
	return ui.Box(o.th, o.title, rows, bw)
}

// draftChoice asks what to do with a half-filled wizard.
type draftChoice struct {
	a       *app
	answers workflow.Answers
}

func (a *app) newDraftChoice(answers workflow.Answers) *draftChoice {
	return &draftChoice{a: a, answers: answers}
}

func (o *draftChoice) bindings() []keymap.Binding { return keymap.For(keymap.InDraft) }

func (o *draftChoice) handle(k tea.KeyMsg) (bool, tea.Cmd) {
	b, _ := keymap.Match(o.bindings(), k.String())
	switch b.Action {
	case keymap.Accept:
		return true, o.a.openWizard(o.answers)
	case keymap.StartOver:
		o.a.draft = nil
		o.a.openWizard(nil)
		a := o.a
		return true, a.do(func() tea.Msg {
			if err := a.drafts.drop(a.session.DropDraft); err != nil {
				return saidMsg("The draft could not be dropped: " + told(err))
			}
			return nil
		})
	case keymap.Back:
	default:
		return false, nil
	}
	return true, nil
}

func (o *draftChoice) view(w, _ int) []string {
	th := o.a.th
	bw := min(w-4, 64)
	what := "A device was half described here before."
	if name := workflow.NewWizard(o.answers).Name(); name != "" {
		what = "The device " + th.Clean(name) + " was half described here before."
	}
	rows := ui.Wrap(what, bw-4)
	rows = append(rows, "", th.Key.Text("enter")+" goes on with it", th.Key.Text("n")+"     drops it and starts over", th.Key.Text("esc")+"   goes back and keeps it")
	return ui.Box(th, "New device", rows, bw)
}
