package workflow

import "maps"

// Void is a later answer that a change makes void.
type Void struct {
	Field Field
	Value string // the answer that was given, as people read it
	Why   string // it is not asked any more, or what is wrong with it now
}

// Voids says which answers of the same page and of later ones count no longer
// when w's answers take the place of before. They are kept: changing back
// brings them back.
func (w Wizard) Voids(before Answers) []Void {
	old := w
	old.Answers = maps.Clone(before)
	var out []Void
	for _, f := range fields {
		v, given := before[f.Key]
		if !given || v == "" || before[f.Key] != w.Answers[f.Key] || hidden(f, before) || old.Error(f.Key) != nil {
			continue
		}
		if hidden(f, w.Answers) {
			out = append(out, Void{f, f.label(v), "is not asked any more"})
		} else if err := w.Error(f.Key); err != nil {
			out = append(out, Void{f, f.label(v), err.Error()})
		}
	}
	return out
}

// label is how people read an answer: the name of a choice, else its text.
func (f Field) label(v string) string {
	for _, o := range f.Options {
		if o.Value == v {
			return o.Label
		}
	}
	return v
}

func hidden(f Field, a Answers) bool { return f.Hidden != nil && f.Hidden(a) }
