package tui

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles/wholefile"
	"dpslab/tui/screen"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// heldDraft is an enrollment that a person edits as JSON in a file. The file
// stays until it is sent or dropped, so that nothing that was typed is lost.
type heldDraft struct {
	id       int // of the side
	group    bool
	name     string
	path     string
	base     *workflow.Enrollment // as it was read before it was edited; nil: it is gone
	leftover bool                 // the text was left unsent before
}

// messages of an enrollment that a person edits.
type (
	// heldDraftMsg is the file in which it is edited.
	heldDraftMsg struct {
		heldDraft
		command string
		err     error
	}
	// heldEditedMsg is what the editor left behind.
	heldEditedMsg struct {
		heldDraft
		saved bool
		want  *workflow.Enrollment
		text  string
		wrong error // with what was written
		err   error // of the editor or the file
	}
	// heldPutMsg is what became of sending it.
	heldPutMsg struct {
		heldDraft
		edited    heldEditedMsg
		result    *workflow.PutResult
		meanwhile []workflow.Change // from what was read to what is there now
		now       *workflow.Enrollment
		changed   bool // somebody else was faster
		err       error
	}
)

// heldHelp stands above a record in the editor; %s is what and where it is.
const heldHelp = `// %s
// Lines that begin with // are left out. Save and leave the editor: the
// difference is shown, and you are asked before anything is sent.
// Leave without saving, and nothing happens.
`

// editHeld reads an enrollment and opens the editor on it, or on the text that
// was left unsent.
func (a *app) editHeld(e workflow.Enrollment) tea.Cmd {
	s := a.side
	d := heldDraft{id: s.id, group: e.Group, name: e.ID}
	ctx, v, host := s.ctx, s.service, s.facts.host
	d.path = heldFile(a.paths.State, host, e.Group, e.ID)
	known := s.bases[d.path]
	return a.do(func() tea.Msg {
		m := heldDraftMsg{heldDraft: d}
		if m.command, m.err = editorOf(os.Getenv); m.err != nil {
			return m
		}
		_, err := os.Stat(m.path)
		m.leftover = err == nil
		if m.base = known; known == nil || !m.leftover {
			if m.base, m.err = v.Enrollment(ctx, e.Group, e.ID); m.err != nil {
				return m
			}
		}
		if !m.leftover {
			m.err = writeHeld(m.heldDraft, host)
		}
		return m
	})
}

// heldFile is where an enrollment is edited. The name is made of a server's text,
// so it is escaped.
func heldFile(dir, host string, group bool, name string) string {
	return filepath.Join(dir, "edit-"+url.PathEscape(host)+"-"+heldKind(group)+"-"+url.PathEscape(name)+".json")
}

func heldKind(group bool) string {
	if group {
		return "group"
	}
	return "enrollment"
}

func heldWords(group bool) string {
	if group {
		return "enrollment group"
	}
	return "individual enrollment"
}

func writeHeld(d heldDraft, host string) error {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return err
	}
	what := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, "The "+heldWords(d.group)+" "+d.name+" at "+host)
	return wholefile.Write(d.path, []byte(fmt.Sprintf(heldHelp, what)+d.base.JSON), 0o600)
}

// openHeldDraft gives the terminal to the person's editor.
func (a *app) openHeldDraft(m heldDraftMsg) tea.Cmd {
	if a.side == nil || a.side.id != m.id {
		return nil
	}
	if m.err != nil {
		return a.refuse(heldMsg{list: listOf(m.group), name: m.name, what: "Not edited: " + m.name, err: m.err})
	}
	a.side.bases[m.path] = m.base
	return a.reopen(m.command, m.heldDraft)
}

func listOf(group bool) workflow.Listing {
	if group {
		return workflow.ListGroups
	}
	return workflow.ListIndividual
}

func (a *app) reopen(command string, d heldDraft) tea.Cmd {
	before := modified(d.path)
	return a.runEditor(command, d.path, func(err error) tea.Msg {
		m := heldEditedMsg{heldDraft: d, saved: !modified(d.path).Equal(before)}
		if err != nil {
			m.err = fmt.Errorf("the editor: %w", err)
			return m
		}
		return readHeldDraft(m)
	})
}

// readHeldDraft takes in what the editor left.
func readHeldDraft(m heldEditedMsg) heldEditedMsg {
	raw, err := os.ReadFile(m.path)
	if err != nil {
		m.err = err
		return m
	}
	m.text = withoutComments(string(raw))
	m.want, m.wrong = parseHeld(m.text, m.group, m.name)
	return m
}

// withoutComments empties lines that begin with //, so that the lines of a
// mistake are those of the file. No line of a JSON text begins so.
func withoutComments(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(strings.TrimSpace(l), "//") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}

var (
	errRenamed = errors.New("an enrollment cannot be renamed: give it its ID back, or make another with dpslab enrollment put")
	errKeys    = errors.New("symmetric keys are not edited here, because this text is kept in a file: take attestation.symmetricKey out, and set keys with dpslab enrollment put --primary-key-env")
)

// parseHeld reads and checks what a person made of an enrollment.
func parseHeld(text string, group bool, name string) (*workflow.Enrollment, error) {
	want, err := workflow.ParseEnrollment(group, []byte(text))
	switch {
	case err != nil:
		return nil, err
	case want.ID != name:
		return nil, fmt.Errorf("the ID is %q now: %w", want.ID, errRenamed)
	case want.CarriesKeys():
		return nil, errKeys
	}
	return want, nil
}

// heldEdited shows what is wrong with an edited enrollment, or the difference
// that it makes, and asks.
func (a *app) heldEdited(m heldEditedMsg) tea.Cmd {
	switch {
	case a.side == nil || a.side.id != m.id:
		return nil
	case m.err != nil:
		return a.say("Nothing was sent: " + told(m.err) + ". What was written is in " + m.path + ", and e opens it again.")
	case !m.saved && !m.leftover:
		a.forget(m.heldDraft)
		return a.say("Nothing was saved in the editor, so nothing is sent.")
	case m.wrong != nil:
		return a.reviewWrong(m)
	}
	changes := workflow.EnrollmentChanges(m.base, m.want)
	if len(changes) == 0 && m.base != nil {
		a.forget(m.heldDraft)
		return a.say("Nothing differs from what DPS holds, so nothing is sent.")
	}
	return a.reviewChanges(m, changes, nil)
}

// forget removes a text that is not needed any more.
func (a *app) forget(d heldDraft) {
	delete(a.side.bases, d.path)
	_ = os.Remove(d.path) // at worst it is offered again
}

// again opens the editor on the same text.
func (a *app) again(d heldDraft) tea.Cmd {
	d.leftover = true
	command, err := editorOf(os.Getenv)
	if err != nil {
		return a.say(told(err))
	}
	return a.reopen(command, d)
}

func (a *app) newHeldReview(d heldDraft, title string, draw func(w int) []string) *review {
	return &review{
		th: a.th, title: title, draw: draw,
		edit: func() tea.Cmd { return a.again(d) },
		drop: func() tea.Cmd { a.forget(d); return a.say("What was typed is dropped.") },
		keep: func() tea.Cmd { return a.say("Nothing was sent. What was typed is kept: e opens it again.") },
	}
}

// reviewWrong says what is wrong with the text. One with keys is not kept.
func (a *app) reviewWrong(m heldEditedMsg) tea.Cmd {
	p, _ := errors.AsType[*workflow.Problem](m.wrong)
	if p == nil {
		p = &workflow.Problem{Summary: m.wrong.Error()}
	}
	o := a.newHeldReview(m.heldDraft, "Not sent: "+a.th.Clean(m.name), func(w int) []string { return ui.Problem(a.th, p, w) })
	if errors.Is(m.wrong, errKeys) {
		o.keep = func() tea.Cmd { a.forget(m.heldDraft); return a.say("The text had keys in it and is dropped.") }
	}
	a.overlay = o
	return a.grace.begin()
}

// reviewChanges shows what would change, and what somebody else changed
// meanwhile, before anything is sent.
func (a *app) reviewChanges(m heldEditedMsg, changes, meanwhile []workflow.Change) tea.Cmd {
	th, title := a.th, "Change "+a.th.Clean(m.name)+"?"
	if meanwhile != nil || m.base == nil {
		title = "Not sent: " + th.Clean(m.name) + " was changed meanwhile"
	}
	o := a.newHeldReview(m.heldDraft, title, func(w int) []string {
		var rows []string
		text := func(s string) { rows = append(rows, ui.Wrap(s, w)...) }
		switch {
		case m.base == nil:
			text("It was deleted meanwhile. y makes it anew:")
		case meanwhile != nil:
			text("Somebody else changed this after it was read; nothing was overwritten:")
			rows = append(append(rows, a.changeLines(meanwhile, w)...), "")
			text("Your text, against what DPS holds now. y sends it, e lets you take theirs over:")
		default:
			text(fmt.Sprintf("%s. It is sent with the etag that was read, %s.", changed(len(changes)), th.Clean(m.base.ETag)))
		}
		return append(append(rows, ""), a.changeLines(changes, w)...)
	})
	o.send = func() tea.Cmd { return a.putHeld(m) }
	a.overlay = o
	return a.grace.begin()
}

// putHeld sends what was edited. When somebody else was faster it finds out what
// they changed.
func (a *app) putHeld(m heldEditedMsg) tea.Cmd {
	if a.side == nil || a.side.id != m.id {
		return nil
	}
	a.side.screen.SetWorking("writing " + m.name)
	ctx, v := a.side.ctx, a.side.service
	return a.do(func() tea.Msg {
		out := heldPutMsg{heldDraft: m.heldDraft, edited: m}
		out.result, out.err = v.PutEnrollment(ctx, []byte(m.text), m.group, m.base)
		var p *workflow.Problem
		if errors.As(out.err, &p) && p.Status == http.StatusPreconditionFailed {
			out.changed = true
			out.now, out.meanwhile, out.err = meanwhile(ctx, v, m)
		}
		return out
	})
}

// meanwhile reads what DPS holds now, and what differs from what was read; now is
// nil when it is gone.
func meanwhile(ctx context.Context, v *workflow.Service, m heldEditedMsg) (now *workflow.Enrollment, changes []workflow.Change, err error) {
	now, err = v.Enrollment(ctx, m.group, m.name)
	var p *workflow.Problem
	switch {
	case errors.As(err, &p) && p.Status == http.StatusNotFound:
		return nil, []workflow.Change{}, nil
	case err != nil:
		return nil, nil, err
	}
	changes = workflow.EnrollmentChanges(m.base, now)
	if changes == nil {
		changes = []workflow.Change{} // it was written anew, to the same content
	}
	return now, changes, nil
}

func (a *app) heldPut(m heldPutMsg) tea.Cmd {
	if a.side == nil || a.side.id != m.id {
		return nil
	}
	a.side.screen.SetWorking("")
	list := listOf(m.group)
	switch {
	case m.err != nil:
		cmd := a.refuse(heldMsg{list: list, name: m.name, what: "Not written: " + m.name, err: m.err})
		if o, ok := a.overlay.(*review); ok { // what was typed is still there
			kept := a.newHeldReview(m.heldDraft, o.title, o.draw)
			kept.send = func() tea.Cmd { return a.putHeld(m.edited) }
			a.overlay = kept
		}
		return cmd
	case m.changed:
		edited := m.edited
		edited.base, edited.leftover = m.now, true
		a.side.bases[m.path] = m.now
		if m.now != nil {
			a.side.screen.SetHeld(list, m.name, screen.Held{Enrollment: m.now}, false)
		}
		return a.reviewChanges(edited, workflow.EnrollmentChanges(m.now, edited.want), m.meanwhile)
	}
	a.forget(m.heldDraft)
	a.side.screen.SetHeld(list, m.name, screen.Held{Enrollment: &m.result.Enrollment}, false)
	if m.result.Created {
		return a.say(m.name + " is made anew.")
	}
	return a.say(fmt.Sprintf("%s is written: %s from before.", m.name, changed(len(m.result.Changes))))
}
