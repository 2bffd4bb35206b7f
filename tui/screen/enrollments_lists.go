package screen

import (
	"slices"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// Held is one thing that a target holds; one of its members is set.
type Held struct {
	Enrollment   *workflow.Enrollment
	Registration *workflow.RegistrationRecord
	CA           *workflow.SigningCertificate
	APIM         *workflow.APIMCertificate
}

// ID names it in its list.
func (h Held) ID() string {
	switch {
	case h.Enrollment != nil:
		return h.Enrollment.ID
	case h.Registration != nil:
		return h.Registration.RegistrationID
	case h.CA != nil:
		return h.CA.Name
	case h.APIM != nil:
		return h.APIM.ID
	}
	return ""
}

// ETag is the version of it that was read; empty when the answer had none.
func (h Held) ETag() string {
	switch {
	case h.Enrollment != nil:
		return h.Enrollment.ETag
	case h.Registration != nil:
		return h.Registration.ETag
	case h.CA != nil:
		return h.CA.ETag
	case h.APIM != nil:
		return h.APIM.ETag
	}
	return ""
}

// words is what a filter looks into.
func (h Held) words() string {
	var parts []string
	switch {
	case h.Enrollment != nil:
		e := h.Enrollment
		parts = append([]string{e.ID, e.DeviceID, e.Attestation, e.Allocation, e.Status, e.AssignedHub, enabled(e.Enabled)}, e.Hubs...)
	case h.Registration != nil:
		r := h.Registration
		parts = []string{r.RegistrationID, r.DeviceID, r.Status, r.Substatus, r.AssignedHub}
	case h.CA != nil:
		parts = []string{h.CA.Name, h.CA.Subject, h.CA.Thumbprint, verified(h.CA.Verified)}
	case h.APIM != nil:
		parts = []string{h.APIM.ID, h.APIM.Subject, h.APIM.Thumbprint}
	}
	return strings.Join(parts, "\n")
}

func enabled(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

func verified(is bool) string {
	if is {
		return "verified"
	}
	return "not verified"
}

// HeldPage names a page of a list. An answer to one that is not awaited any more
// is dropped.
type HeldPage struct {
	List  workflow.Listing
	Group string // of registration records
	After string // continuation of the page before; empty: the first one
	turn  int
}

// heldList is one of the lists, as far as it was read.
type heldList struct {
	rows      []Held
	shown     []int // places in rows of those that pass the filter
	next      string
	loaded    bool // the first page is here
	loading   bool
	turn      int
	err       error
	elsewhere workflow.Manual // where else it can be seen, with err
	list      ui.List
	expected  string // a row that is new: the cursor goes to it when it is read
}

// reset forgets what was read.
func (l *heldList) reset() { *l = heldList{turn: l.turn + 1} }

// ahead is how many screens of rows are read before they come into sight.
const ahead = 1

// Wanted names the pages to read now: the first of a list that is shown, and the
// next when its end comes near. Each is named once.
func (e *Enrollments) Wanted() []HeldPage {
	if e.target == "" {
		return nil
	}
	at := e.at
	if at == workflow.ListRegistrations && e.group == "" {
		at = workflow.ListGroups // whose first is shown, once they are known
	}
	l := &e.lists[at]
	switch {
	case l.loading || l.err != nil:
		return nil
	case !l.loaded && at == workflow.ListAPIM && e.apim == "":
		return nil
	case l.loaded && (l.next == "" || l.list.Cursor+(ahead+1)*max(1, e.room) < len(l.shown)):
		return nil
	}
	l.loading = true
	return []HeldPage{{List: at, Group: e.group, After: l.next, turn: l.turn}}
}

// SetPage takes in a page, or why it could not be read; elsewhere says where it
// can be seen instead.
func (e *Enrollments) SetPage(p HeldPage, rows []Held, next string, err error, elsewhere workflow.Manual) {
	l := &e.lists[p.List]
	if p.turn != l.turn {
		return
	}
	e.notice = ""
	l.loading, l.err, l.elsewhere = false, err, elsewhere
	if err != nil {
		return
	}
	if p.After != "" && next == p.After {
		next = "" // a service that sends us round and round
	}
	from := len(l.rows)
	l.rows, l.next, l.loaded = append(l.rows, rows...), next, true
	e.sift(l, from)
	for at, row := range l.shown {
		if l.expected != "" && strings.EqualFold(l.rows[row].ID(), l.expected) {
			l.list.Cursor, l.expected = at, ""
		}
	}
	if p.List == workflow.ListGroups && e.group == "" && len(l.rows) > 0 {
		e.group = l.rows[0].ID()
	}
}

// sift takes rows from a place on through the filter.
func (e *Enrollments) sift(l *heldList, from int) {
	words := strings.Fields(strings.ToLower(e.filter.Value()))
	for i := from; i < len(l.rows); i++ {
		if l.rows[i].has(words) {
			l.shown = append(l.shown, i)
		}
	}
	l.list.SetLen(len(l.shown))
}

// has says whether every word, in lower case, stands somewhere in a row.
func (h Held) has(words []string) bool {
	text := strings.ToLower(h.words())
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// Sift is the rows that have all words of a filter.
func Sift(rows []Held, filter string) []Held {
	words := strings.Fields(strings.ToLower(filter))
	var out []Held
	for _, r := range rows {
		if r.has(words) {
			out = append(out, r)
		}
	}
	return out
}

// refilter takes all lists through the filter anew; cursors stay on their rows
// where these are still shown.
func (e *Enrollments) refilter() {
	for i := range e.lists {
		l := &e.lists[i]
		was := -1
		if l.list.Cursor >= 0 && l.list.Cursor < len(l.shown) {
			was = l.shown[l.list.Cursor]
		}
		l.shown, l.list.Cursor = nil, 0
		e.sift(l, 0)
		for at, row := range l.shown {
			if row == was {
				l.list.Cursor = at
			}
		}
	}
	e.detail.Reset()
}

// Expect tells that a list has a new row: it is read again, and the cursor goes
// there.
func (e *Enrollments) Expect(list workflow.Listing, id string) {
	e.lists[list].reset()
	e.lists[list].expected = id
	e.detail.Reset()
}

// SetHeld takes in what one row is now; gone: it is no more.
func (e *Enrollments) SetHeld(list workflow.Listing, id string, now Held, gone bool) {
	l := &e.lists[list]
	for i := range l.rows {
		if l.rows[i].ID() != id {
			continue
		}
		if !gone {
			l.rows[i] = now
			return
		}
		cursor := l.list.Cursor
		l.rows = append(l.rows[:i:i], l.rows[i+1:]...)
		l.shown = nil
		e.sift(l, 0)
		l.list.Cursor = max(0, min(cursor, len(l.shown)-1))
		if list == e.at {
			e.inside = false
			e.detail.Reset()
		}
		if list == workflow.ListGroups && e.group == id {
			e.group = ""
			e.lists[workflow.ListRegistrations].reset()
		}
		return
	}
}

// tab is a list's name among the others: with how much was read of it.
func (e *Enrollments) tab(l workflow.Listing, brief bool) string {
	name := [workflow.Listings]string{"individual", "groups", "records", "CAs", "API Management"}[l]
	if brief && l == workflow.ListAPIM {
		name = "APIM"
	}
	held := &e.lists[l]
	if !held.loaded {
		return name
	}
	more := ""
	if held.next != "" {
		more = "+"
	}
	return name + " " + count(len(held.rows)) + more
}

// mark is a state as a glyph and a word.
func mark(st theme.Style, glyph, text string) string { return st.Text(glyph) + " " + text }
