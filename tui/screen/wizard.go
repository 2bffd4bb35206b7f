package screen

import (
	"errors"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"dpslab/profiles"
	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// Wizard asks what a new device needs. Every question and every check is
// workflow's; the screen knows which field has the keys.
type Wizard struct {
	th      *theme.Theme
	w       workflow.Wizard
	focus   int              // among the visible fields of the page
	input   ui.Input         // the focused text field
	touched map[string]bool  // fields whose error may be shown
	refused string           // why saving failed
	before  workflow.Answers // when the focused field got the keys
	paths   profiles.Paths
	review  ui.Scroll
	form    ui.Scroll
	missing map[workflow.Lookup]bool // what was looked up; true: it is not there
	asked   map[workflow.Lookup]bool // being looked up, or done since the focus moved
}

// NewWizard continues with the answers of a draft, or begins with none. A draft
// opens at the farthest page that has an answer and nothing wrong before it.
func NewWizard(th *theme.Theme, draft workflow.Answers, paths profiles.Paths, taken func(string) bool) *Wizard {
	w := workflow.NewWizard(draft)
	w.Taken = taken
	far := workflow.PageWhere
	for key := range draft {
		if f, ok := workflow.FieldByKey(key); ok {
			far = max(far, f.Page)
		}
	}
	for w.Page < far {
		next, wrong := w.Submit()
		if len(wrong) > 0 {
			break
		}
		w = next
	}
	return newForm(th, w, paths)
}

func newForm(th *theme.Theme, w workflow.Wizard, paths profiles.Paths) *Wizard {
	s := &Wizard{th: th, w: w, paths: paths, touched: map[string]bool{}, missing: map[workflow.Lookup]bool{}}
	s.w.Missing = func(l workflow.Lookup) bool { return s.missing[l] }
	s.setFocus(0)
	return s
}

// NewEditor asks the questions about a profile that exists.
func NewEditor(th *theme.Theme, w workflow.Wizard, paths profiles.Paths) *Wizard {
	return newForm(th, w, paths)
}

// Editing is the name of the profile that is edited, empty for a new device.
func (s *Wizard) Editing() string {
	if s.w.Base == nil {
		return ""
	}
	return s.w.Name()
}

// Unchanged are the answers that the edited profile came with.
func (s *Wizard) Unchanged() workflow.Answers {
	return workflow.EditWizard(s.Editing(), s.w.Base).Answers
}

// Answers are what was typed so far; empty when nothing was.
func (s *Wizard) Answers() workflow.Answers { return s.w.Answers }

// Refuse tells why the profile could not be saved.
func (s *Wizard) Refuse(err error) {
	s.refused = err.Error()
	var p *workflow.Problem
	if errors.As(err, &p) && p.Fix != "" {
		s.refused += ". " + p.Fix
	}
}

// Title implements Screen.
func (s *Wizard) Title() string {
	if name := s.Editing(); name != "" {
		return s.th.Strong.Text(s.th.Clean(name)) + " " + s.th.Dim.Text(s.th.Dot) + " change its profile"
	}
	return s.th.Strong.Text("New device")
}

// Observe implements Screen; a wizard watches nothing.
func (s *Wizard) Observe(*workflow.Status, time.Time) {}

// Capturing implements Screen.
func (s *Wizard) Capturing() bool {
	f, ok := s.field()
	return ok && len(f.Options) == 0
}

// Bindings implements Screen.
func (s *Wizard) Bindings() []keymap.Binding {
	bs := keymap.For(keymap.InWizard)
	if s.w.Page == workflow.PageReview {
		for _, a := range []keymap.Action{keymap.Choose, keymap.NextField, keymap.PrevField, keymap.Why} {
			keymap.Disable(bs, a, "the review has no fields")
		}
		KeepStill(bs, &s.review)
		for i := range bs {
			switch bs[i].Action {
			case keymap.Accept:
				bs[i].Help, bs[i].About = "save and run", "save the profile and run all steps"
				if s.Editing() != "" {
					bs[i].Help, bs[i].About = "save", "save the profile; the old file stays beside it as .bak"
				}
			case keymap.Down:
				bs[i].Help, bs[i].About = "scroll", "scroll the review"
			}
		}
		return bs
	}
	for _, a := range []keymap.Action{keymap.PageUp, keymap.PageDown} {
		keymap.Disable(bs, a, "only the review scrolls")
	}
	if len(s.w.Fields()) == 1 {
		keymap.Disable(bs, keymap.NextField, "this page asks one question")
		keymap.Disable(bs, keymap.PrevField, "this page asks one question")
	}
	f, _ := s.field()
	for i := range bs {
		switch {
		case bs[i].Action == keymap.Down && s.Capturing() && len(s.w.Offers(f.Key)) == 0:
			bs[i].Footer = 0
		case bs[i].Action == keymap.Why && s.freeText():
			bs[i].Keys, bs[i].Label = []string{"f2"}, "F2"
		}
	}
	if s.Capturing() {
		keymap.Disable(bs, keymap.Jump, "digits are typed here: use ctrl+g")
	}
	return bs
}

// freeText says whether a question mark may be part of the answer.
func (s *Wizard) freeText() bool {
	f, ok := s.field()
	if !ok || len(f.Options) > 0 {
		return false
	}
	switch f.Page {
	case workflow.PageTelemetry:
		return true
	case workflow.PageIdentity:
		return strings.HasSuffix(f.Key, "payload")
	}
	for _, end := range []string{"_file", "_url", "_twin", "_information", "_command"} {
		if strings.HasSuffix(f.Key, end) {
			return true
		}
	}
	return false
}

// field is the focused question. There is none on the review page.
func (s *Wizard) field() (workflow.Field, bool) {
	fs := s.w.Fields()
	if len(fs) == 0 {
		return workflow.Field{}, false
	}
	s.focus = max(0, min(s.focus, len(fs)-1))
	return fs[s.focus], true
}

func (s *Wizard) setFocus(i int) {
	s.focus = i
	s.before = s.w.Answers
	s.asked = map[workflow.Lookup]bool{} // it may be there by now
	if f, ok := s.field(); ok && len(f.Options) == 0 {
		s.input = ui.NewInput(s.w.Value(f.Key))
		s.input.Hint = f.Unset
	}
}

// Handle implements Screen.
func (s *Wizard) Handle(k tea.KeyMsg) Intent {
	b, known := keymap.Match(s.Bindings(), k.String())
	switch {
	case !known || b.Disabled != "" && b.Action != keymap.Jump:
	case b.Action == keymap.Back:
		return s.back()
	case b.Action == keymap.GoTo:
		return ShowPages{}
	case b.Action == keymap.Jump && b.Disabled == "":
		return s.JumpTo(workflow.Page(k.String()[0] - '1'))
	case b.Action == keymap.Why:
		f, _ := s.field()
		return ShowWhy{Field: f}
	}
	if s.w.Page == workflow.PageReview {
		return s.handleReview(b.Action)
	}
	f, ok := s.field()
	if !ok {
		return nil
	}
	switch {
	case known && b.Action == keymap.Accept:
		return s.accept(f)
	case (b.Action == keymap.NextField || b.Action == keymap.PrevField) && b.Disabled != "":
	case known && b.Action == keymap.NextField:
		s.leave(f, 1)
	case known && b.Action == keymap.PrevField:
		s.leave(f, -1)
	case len(f.Options) > 0:
		if s.choose(f, k.String()) && f.Page == workflow.PageCertificates {
			return PrepareKeys{Answers: s.w.Answers}
		}
	case known && s.pick(f, b.Action):
		return PrepareKeys{Answers: s.w.Answers}
	case known && b.Action == keymap.Up:
		s.leave(f, -1)
	case known && b.Action == keymap.Down:
		s.leave(f, 1)
	case s.input.Handle(k):
		s.touched[f.Key] = true
		s.w = s.w.Set(f.Key, s.input.Value())
	}
	return nil
}

func (s *Wizard) handleReview(a keymap.Action) Intent {
	switch a {
	case keymap.Up:
		s.review.Move(-1)
	case keymap.Down:
		s.review.Move(1)
	case keymap.PageUp:
		s.review.Page(-1)
	case keymap.PageDown:
		s.review.Page(1)
	case keymap.Accept:
		if _, wrong := s.w.Submit(); len(wrong) > 0 {
			s.show(wrong)
			return nil
		}
		if s.Editing() != "" {
			return SaveEdit{Wizard: s.w}
		}
		return SaveAndRun{Wizard: s.w}
	}
	return nil
}

func (s *Wizard) back() Intent {
	s.refused = ""
	w, ok := s.w.Back()
	if !ok {
		return LeaveWizard{Answers: s.w.Answers}
	}
	s.w = w
	s.setFocus(0)
	return KeepDraft{Answers: s.w.Answers}
}

// JumpTo goes to a page, or says why it cannot be reached yet.
func (s *Wizard) JumpTo(p workflow.Page) Intent {
	w, err := s.w.Jump(p)
	if err != nil {
		return Say{Text: err.Error()}
	}
	s.w, s.refused = w, ""
	s.review.Reset()
	s.setFocus(0)
	return KeepDraft{Answers: s.w.Answers}
}

// Page is the page on the screen.
func (s *Wizard) Page() workflow.Page { return s.w.Page }

// Empty says whether nothing is asked on a page for this device.
func (s *Wizard) Empty(p workflow.Page) bool { return s.w.Empty(p) }

// Blocked is why a page cannot be gone to; empty: it can.
func (s *Wizard) Blocked(p workflow.Page) string {
	if _, err := s.w.Jump(p); err != nil {
		return err.Error()
	}
	return ""
}

// State is a question's answer and what is wrong with it, for the explanation
// of the question.
func (s *Wizard) State(key string) (value string, wrong error) {
	return s.w.Value(key), s.w.Error(key)
}

// leave goes to another field of the page; the ends are joined.
func (s *Wizard) leave(f workflow.Field, d int) {
	s.touched[f.Key] = true
	n := len(s.w.Fields())
	s.setFocus((s.focus + d + n) % n)
}

// accept goes to the next field, from the last one to the next page. A field
// that is wrong keeps the focus.
func (s *Wizard) accept(f workflow.Field) Intent {
	s.touched[f.Key] = true
	if s.w.Error(f.Key) != nil {
		return nil
	}
	if s.focus < len(s.w.Fields())-1 {
		s.setFocus(s.focus + 1)
		return nil
	}
	next, wrong := s.w.Submit()
	if len(wrong) > 0 {
		s.show(wrong)
		return nil
	}
	s.w = next
	s.review.Reset()
	s.form.Reset()
	s.setFocus(0)
	return KeepDraft{Answers: s.w.Answers}
}

// show takes the person to the first thing that is wrong.
func (s *Wizard) show(wrong []workflow.FieldError) {
	for _, e := range wrong {
		s.touched[e.Key] = true
	}
	f, ok := workflow.FieldByKey(wrong[0].Key)
	if !ok {
		s.refused = wrong[0].Error()
		return
	}
	if w, err := s.w.Jump(f.Page); err == nil {
		s.w = w
	}
	for i, g := range s.w.Fields() {
		if g.Key == f.Key {
			s.setFocus(i)
		}
	}
}

// SetAuthorities tells which CAs are there already.
func (s *Wizard) SetAuthorities(names []string) { s.w.Authorities = names }
