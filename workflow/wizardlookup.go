package workflow

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Lookup is something outside the profile that an answer names: a file, or an
// environment variable. One of the two is set.
type Lookup struct{ File, Variable string }

// namesFile and namesVariable are the questions whose answers name something
// outside. The signed certificate is none of them: it is written later.
var (
	namesFile     = []string{keyCertificate, keyKeyFile, keyTPMDevice}
	namesVariable = []string{keyConnectionStringEnv, keySymmetricKeyEnv, keyPassphraseEnv, keyPFXPasswordEnv}
)

// Lookups are what the answers name outside the profile, of the questions that
// are asked and answered well.
func (w Wizard) Lookups() []Lookup {
	var out []Lookup
	for _, p := range Pages() {
		for _, f := range w.fieldsOf(p) {
			if l, ok := w.lookup(f.Key); ok {
				out = append(out, l)
			}
		}
	}
	return out
}

// lookup is what the answer to a question names outside; ok is false when it
// names nothing, or is wrong.
func (w Wizard) lookup(key string) (l Lookup, ok bool) {
	v := w.Value(key)
	for _, k := range namesFile {
		if k == key && filepath.IsAbs(v) {
			l.File = v
		}
	}
	for _, k := range namesVariable {
		if k == key {
			l.Variable = v
		}
	}
	f, _ := FieldByKey(key)
	return l, l != Lookup{} && !hidden(f, w.Answers) && w.Error(key) == nil
}

// Warning says in the field's own words what an answer names and is not there;
// empty when nothing is known to be missing. It refuses nothing: what is missing
// now may be there when the step runs.
func (w Wizard) Warning(key string) string {
	l, ok := w.lookup(key)
	switch {
	case !ok || w.Missing == nil || !w.Missing(l):
		return ""
	case l.Variable != "":
		return "names an environment variable that is not set here: set it before dpslab starts, or the step that needs it fails"
	}
	return "names a file that is not there: it must be when the step that needs it runs"
}

// Warnings lists what the answers name and is not there, on any page.
func (w Wizard) Warnings() []FieldError {
	var out []FieldError
	for _, p := range Pages() {
		for _, f := range w.fieldsOf(p) {
			if text := w.Warning(f.Key); text != "" {
				out = append(out, FieldError{f.Key, f.Label, errors.New(text)})
			}
		}
	}
	return out
}

// Missing reports whether something that answers name is not there: no such
// file, or a variable that is not set or empty. What cannot be told, because a
// folder may not be read, counts as there. It looks at the file system.
func (s *Session) Missing(l Lookup) bool {
	if l.Variable != "" {
		return s.config.Getenv(l.Variable) == ""
	}
	_, err := os.Stat(l.File)
	return errors.Is(err, fs.ErrNotExist)
}
