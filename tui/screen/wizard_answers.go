package screen

import (
	"maps"
	"slices"

	"dpslab/tui/keymap"
	"dpslab/workflow"
)

// WantedLookups names what to look up now: files and variables that answers
// name. Each is named once, and again when the focus moves.
func (s *Wizard) WantedLookups() []workflow.Lookup {
	var out []workflow.Lookup
	for _, l := range s.w.Lookups() {
		if !s.asked[l] {
			s.asked[l] = true
			out = append(out, l)
		}
	}
	return out
}

// SetMissing takes in what was looked up: true for what is not there.
func (s *Wizard) SetMissing(found map[workflow.Lookup]bool) { maps.Copy(s.missing, found) }

// pick moves among the answers that are offered for a text, beyond whose ends the
// neighbouring fields are. A text that a person typed is none of them, and stays.
func (s *Wizard) pick(f workflow.Field, a keymap.Action) (picked bool) {
	offers := s.w.Offers(f.Key)
	d := map[keymap.Action]int{keymap.Up: -1, keymap.Down: 1}[a]
	at := slices.IndexFunc(offers, func(o workflow.Option) bool { return o.Value == s.w.Value(f.Key) })
	if d == 0 || at < 0 || at+d < 0 || at+d >= len(offers) {
		return false
	}
	v := offers[at+d].Value
	s.w = s.w.Set(f.Key, v)
	s.input.Set(v)
	s.touched[f.Key] = true
	return true
}

// choose moves among the options of a closed set. Up and down at the ends go on
// to the neighbouring field, so that a form can be walked with arrows alone.
func (s *Wizard) choose(f workflow.Field, key string) (changed bool) {
	at := 0
	for i, o := range f.Options {
		if o.Value == s.w.Value(f.Key) {
			at = i
		}
	}
	last := len(f.Options) - 1
	switch key {
	case "left":
		at = max(at-1, 0)
	case "right":
		at = min(at+1, last)
	case " ":
		at = (at + 1) % (last + 1)
	case "up", "k":
		if at == 0 && s.focus > 0 {
			s.leave(f, -1)
			return false
		}
		at = max(at-1, 0)
	case "down", "j":
		if at == last && s.focus < len(s.w.Fields())-1 {
			s.leave(f, 1)
			return false
		}
		at = min(at+1, last)
	default:
		return false
	}
	v := f.Options[at].Value
	if v == s.w.Value(f.Key) {
		return false
	}
	s.w = s.w.Set(f.Key, v)
	s.touched[f.Key] = true
	return true
}
