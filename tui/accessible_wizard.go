package tui

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"dpslab/workflow"
)

// describe asks the questions about a new device, and goes on with a draft when
// there is one.
func (l *linear) describe(ctx context.Context) error {
	if l.session.ReadOnly() {
		l.say("No device can be described: %s.", readOnly)
		return nil
	}
	draft, kept := l.session.Draft()
	if kept {
		n, err := l.menu(ctx, "A device was half described before.", []string{"go on with it", "drop it and start over"}, "back, and keep it")
		if err != nil || n < 0 {
			return err
		}
		if n == 1 {
			draft = nil
			if err := l.session.DropDraft(); err != nil {
				l.problem(err)
			}
		}
	}
	w := workflow.NewWizard(draft)
	w.Taken = func(name string) bool { return slices.Contains(l.names(), name) }
	return l.interview(ctx, w, l.session.SaveDraft)
}

// change asks the questions about a profile that exists.
func (l *linear) change(ctx context.Context, name string) error {
	if l.session.ReadOnly() {
		l.say("Nothing can be changed: %s.", readOnly)
		return nil
	}
	w, err := l.session.Edit(name)
	if err != nil {
		l.problem(err)
		return nil
	}
	unchanged := maps.Clone(w.Answers)
	if kept, ok := l.session.UnsavedEdit(name); ok && !maps.Equal(kept, unchanged) {
		l.say("These are the changes that were left unsaved.")
		w.Answers = kept
	}
	w.Page = workflow.PageReview // all is answered: what to change is chosen there
	return l.interview(ctx, w, func(a workflow.Answers) error { return l.session.SaveEdit(name, a) })
}

// errBack is the answer "<": one question back.
var errBack = errors.New("one question back")

// interview asks page after page and ends with the review. Every answer is kept
// at once, so that a lost connection loses nothing.
func (l *linear) interview(ctx context.Context, w workflow.Wizard, keep func(workflow.Answers) error) error {
	w.Authorities, _ = l.session.Authorities() // without them a name is asked for
	w.Missing = l.session.Missing
	l.say("Enter alone keeps the answer in brackets. A question mark tells why a question is asked, < goes back, ! leaves and keeps your answers.")
	for {
		reviewed := w.Page == workflow.PageReview
		if reviewed {
			done, next, err := l.review(ctx, w)
			if done || err != nil {
				return l.stay(err)
			}
			w = next
		}
		next, err := l.page(ctx, w, keep)
		if err != nil {
			return l.stay(err)
		}
		w = next
		if reviewed { // one page was changed: back to the review at once
			w.Page = workflow.PageReview
		}
	}
}

// stay turns leaving the wizard into going back to the menu.
func (l *linear) stay(err error) error {
	if errors.Is(err, errLeave) {
		l.say("Your answers are kept.")
		return nil
	}
	return err
}

// page asks the questions of one page and goes on to the next.
func (l *linear) page(ctx context.Context, w workflow.Wizard, keep func(workflow.Answers) error) (workflow.Wizard, error) {
	l.gap()
	l.say("Page %d of %d: %s", int(w.Page)+1, len(workflow.Pages()), w.Page.Title())
	for i := 0; i < len(w.Fields()); {
		next, err := l.field(ctx, w, w.Fields()[i])
		switch {
		case errors.Is(err, errBack) && i > 0:
			i--
			continue
		case errors.Is(err, errBack):
			back, ok := w.Back()
			if !ok {
				l.say("This is the first question.")
				continue
			}
			return back, nil
		case err != nil:
			return w, err
		}
		w = next
		i++
		if err := keep(w.Answers); err != nil {
			l.problem(err)
		}
	}
	next, wrong := w.Submit()
	for _, e := range wrong {
		l.say("%s", e.Error())
	}
	return next, nil
}

// field asks one question until the answer is good.
func (l *linear) field(ctx context.Context, w workflow.Wizard, f workflow.Field) (workflow.Wizard, error) {
	l.gap()
	l.say("%s: %s", f.Label, f.Help)
	numbered := f.Options
	if offers := w.Offers(f.Key); len(offers) > 0 {
		numbered = offers
	}
	for i, o := range numbered {
		l.say("%d %s: %s", i+1, o.Label, o.Help)
	}
	if len(f.Options) == 0 && len(numbered) > 0 {
		l.say("A number takes one of these; a new name makes a new one.")
	}
	if f.Example != "" {
		l.say("For example %s", f.Example)
	}
	for {
		prompt := f.Label + ":"
		if v := shown(w, f); v != "" {
			prompt = f.Label + " [" + v + "]:"
		}
		answer, err := l.read(ctx, prompt)
		switch {
		case err != nil:
			return w, err
		case answer == "?":
			l.say("%s", f.Why())
			continue
		case answer == "<":
			return w, errBack
		case answer == "!":
			return w, errLeave
		}
		tried := w
		if answer != "" {
			if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(numbered) {
				answer = numbered[n-1].Value
			}
			if answer == "-" && f.Unset != "" {
				answer = ""
			}
			tried = w.Set(f.Key, answer)
		}
		if wrong := tried.Error(f.Key); wrong != nil {
			l.say("%s %v", f.Label, wrong)
			continue
		}
		if text := tried.Warning(f.Key); text != "" {
			l.say("Careful: %s %s.", f.Label, text)
		}
		for _, v := range tried.Voids(w.Answers) {
			l.say("This makes void: %s (%s).", v.Field.Label, v.Value)
		}
		return tried, nil
	}
}

// shown is the answer that stands there, as people read it.
func shown(w workflow.Wizard, f workflow.Field) string {
	v := w.Value(f.Key)
	for _, o := range f.Options {
		if o.Value == v {
			return o.Label
		}
	}
	if v == "" && f.Unset != "" {
		return f.Unset
	}
	return v
}

// review shows what will be saved, run and written, and asks what to do. done
// says that the wizard is over.
func (l *linear) review(ctx context.Context, w workflow.Wizard) (done bool, next workflow.Wizard, err error) {
	l.gap()
	l.say("Review of %s. This will be saved:", w.Name())
	l.say("%s", w.TOML())
	l.say("What will run:")
	for _, p := range w.Plan() {
		l.say("%s", p)
	}
	l.say("What that writes, and where:")
	for _, x := range w.Writes(l.session.Paths()) {
		l.say("%s: %s", x.What, x.Where)
	}
	for _, m := range w.Warnings() {
		l.say("Careful: %s.", m.Error())
	}
	choices := []string{"save it and run all steps", "save it", "leave, and keep the answers"}
	for i, p := range workflow.Pages()[:workflow.PageReview] {
		choices = append(choices, fmt.Sprintf("change answers of page %d, %s", i+1, p.Title()))
	}
	n, err := l.menu(ctx, "What next?", choices, "one page back")
	switch {
	case err != nil:
		return false, w, err
	case n < 0:
		next, _ = w.Back()
		return false, next, nil
	case n == 2:
		return true, w, errLeave
	case n > 2:
		w.Page = workflow.Page(n - 3)
		return false, w, nil
	}
	if _, wrong := w.Submit(); len(wrong) > 0 {
		for _, e := range wrong {
			l.say("%s", e.Error())
		}
		return false, w, nil
	}
	if !l.save(w) {
		return false, w, nil
	}
	if n == 0 {
		if err := l.run(ctx, w.Name(), workflow.RunOptions{}); err != nil {
			return true, w, err
		}
	}
	if w.Base != nil { // it was opened from its own menu
		return true, w, nil
	}
	return true, w, l.bench(ctx, w.Name())
}

// save writes the profile and forgets the draft.
func (l *linear) save(w workflow.Wizard) bool {
	name := w.Name()
	if w.Base != nil {
		backup, err := l.session.Replace(name, w.Profile())
		if err != nil {
			l.problem(err)
			return false
		}
		l.say("%s is saved. The file as it was is %s", name, backup)
		if err := l.session.DropEdit(name); err != nil {
			l.problem(err)
		}
		return true
	}
	if err := l.session.Save(name, w.Profile()); err != nil {
		l.problem(err)
		return false
	}
	l.say("%s is saved.", name)
	if err := l.session.DropDraft(); err != nil {
		l.problem(err)
	}
	return true
}
