package screen

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// Enrollments shows what a target holds: individual enrollments, enrollment
// groups, registration records of a group, CAs, API Management certificates. The
// root reads the lists that [Enrollments.Wanted] names, a page at a time.
type Enrollments struct {
	// Locked is why nothing may be written; empty: it may.
	Locked string

	th      *theme.Theme
	device  string // whose target it is; empty: the lab
	target  string // its name; empty until it is prepared
	host    string
	apim    string // name of the API Management service
	failure error  // why the target cannot be used
	notice  string // what a call says that takes its time
	working string // what is being written

	at     workflow.Listing
	lists  [workflow.Listings]heldList
	group  string // whose registration records are shown; empty: none yet
	filter filter

	inside bool // the keys go to the detail
	detail ui.Scroll
	wide   bool // there is a second pane, as of the last view
	room   int  // rows of the list, as of the last view
	now    time.Time
}

// NewEnrollments opens the screen; what it shows comes by [Enrollments.Ready]
// and [Enrollments.SetPage].
func NewEnrollments(th *theme.Theme, device string) *Enrollments {
	return &Enrollments{th: th, device: device, filter: newFilter("words of a row")}
}

// ShowGroups begins with the groups, for a device that one of them admits.
func (e *Enrollments) ShowGroups() { e.at = workflow.ListGroups }

// Ready tells that the target is prepared, or why it cannot be.
func (e *Enrollments) Ready(target, host, apim string, err error) {
	e.target, e.host, e.apim, e.failure, e.notice = target, host, apim, err, ""
}

// SetNotice shows what a call says that takes its time: how to sign in, how long
// the service asks to wait. It goes with the call's answer.
func (e *Enrollments) SetNotice(text string) { e.notice = text }

// Waits says whether a call is under way that the screen waits for.
func (e *Enrollments) Waits() bool {
	return e.working != "" || e.target == "" || e.lists[e.at].loading
}

// SetWorking tells what is being written; empty: nothing any more.
func (e *Enrollments) SetWorking(what string) { e.working, e.notice = what, "" }

// SetService chooses the API Management service.
func (e *Enrollments) SetService(name string) {
	e.apim = name
	e.lists[workflow.ListAPIM].reset()
}

// At is the list that is shown, and the group if it is that of registrations.
func (e *Enrollments) At() (l workflow.Listing, group string) { return e.at, e.group }

// Title implements Screen.
func (e *Enrollments) Title() string {
	th := e.th
	dot := " " + th.Dim.Text(th.Dot) + " "
	t := th.Strong.Text("enrollments")
	if e.target != "" {
		t += dot + th.Clean(e.target)
	}
	if e.device != "" {
		t += dot + th.Dim.Text("target of") + " " + th.Clean(e.device)
	}
	return t
}

// Capturing implements Screen.
func (e *Enrollments) Capturing() bool { return e.filter.typing }

// Observe implements Screen; lists are read, not told by events.
func (e *Enrollments) Observe(_ *workflow.Status, now time.Time) {
	if now.After(e.now) {
		e.now = now
	}
}

// selected is the row under the cursor; nil: there is none.
func (e *Enrollments) selected() *Held {
	l := &e.lists[e.at]
	if l.list.Cursor < 0 || l.list.Cursor >= len(l.shown) {
		return nil
	}
	return &l.rows[l.shown[l.list.Cursor]]
}

// Handle implements Screen.
func (e *Enrollments) Handle(k tea.KeyMsg) Intent {
	b, why, acts := pressed(e.Bindings(), k)
	if e.filter.typing {
		e.typeFilter(k, b.Action)
		return nil
	}
	if !acts {
		return why
	}
	if i, done := e.propose(b.Action); done {
		return i
	}
	switch b.Action {
	case keymap.Back:
		return e.back()
	case keymap.Open:
		return e.open()
	case keymap.Reload:
		return e.reload()
	case keymap.NextField:
		e.show((e.at + 1) % workflow.Listings)
	case keymap.PrevField:
		e.show((e.at + workflow.Listings - 1) % workflow.Listings)
	case keymap.Jump:
		e.show(workflow.Listing(k.Runes[0] - '1'))
	case keymap.Records:
		e.showRecords()
	case keymap.Filter:
		e.filter.typing, e.inside = true, false
	default:
		e.move(b.Action)
	}
	return nil
}

// propose is the intent of a key about the chosen row; done is false for a key
// that only changes what is seen.
func (e *Enrollments) propose(a keymap.Action) (i Intent, done bool) {
	switch a {
	case keymap.Edit:
		return EditHeld{List: e.at, Held: *e.selected()}, true
	case keymap.Switch:
		return SwitchHeld{List: e.at, Held: *e.selected(), On: !e.selected().Enrollment.Enabled}, true
	case keymap.Remove:
		return DeleteHeld{List: e.at, Held: *e.selected()}, true
	case keymap.Prove:
		return ProveHeld{CA: *e.selected().CA}, true
	case keymap.DeriveKey:
		return DeriveKey{Group: e.selected().ID()}, true
	case keymap.Refresh:
		return RefreshHeld{ID: e.selected().ID()}, true
	case keymap.Upload:
		return UploadHeld{List: e.at}, true
	case keymap.Service:
		return NameService{Now: e.apim}, true
	case keymap.Transcript:
		return ShowTranscript{}, true
	case keymap.Copy:
		return CopyOf(*e.selected()), true
	}
	return nil, false
}

// back leaves the detail, then the filter, then the screen.
func (e *Enrollments) back() Intent {
	switch {
	case e.inside:
		e.inside = false
		e.detail.Reset()
	case e.filter.Value() != "":
		e.filter.drop()
		e.refilter()
	default:
		return LeaveScreen{}
	}
	return nil
}

// open shows all of the chosen row and has it read again.
func (e *Enrollments) open() Intent {
	if e.inside {
		e.inside = false
		return nil
	}
	e.inside = true
	e.detail.Reset()
	return ReadHeld{List: e.at, ID: e.selected().ID()}
}

// reload reads the list anew; after a failure of the whole target, that.
func (e *Enrollments) reload() Intent {
	if e.target == "" {
		e.failure = nil
		return PrepareTarget{}
	}
	e.lists[e.at].reset()
	e.inside = false
	e.detail.Reset()
	return nil
}

func (e *Enrollments) show(l workflow.Listing) {
	e.at, e.inside = l, false
	e.detail.Reset()
}

// showRecords goes to the registration records of the chosen group.
func (e *Enrollments) showRecords() {
	group := e.selected().ID()
	if group != e.group {
		e.group = group
		e.lists[workflow.ListRegistrations].reset()
	}
	e.show(workflow.ListRegistrations)
}

func (e *Enrollments) typeFilter(k tea.KeyMsg, a keymap.Action) {
	switch changed, moves := e.filter.key(k, a); {
	case changed:
		e.refilter()
	case moves:
		e.move(a)
	}
}

func (e *Enrollments) move(a keymap.Action) {
	l := &e.lists[e.at]
	if e.inside || len(l.shown) == 0 {
		e.detail.Handle(a)
		return
	}
	if l.list.Handle(a) {
		e.detail.Reset()
	}
}
