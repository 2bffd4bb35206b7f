package workflow

import (
	"errors"
	"os"

	"dpslab/profiles"
	"dpslab/profiles/wholefile"
)

// EditWizard asks the questions about a profile that exists: its name is fixed,
// and what no question asks for stays as it is.
func EditWizard(name string, p *profiles.Profile) Wizard {
	a := AnswersOf(p)
	a[keyName] = name
	return Wizard{Answers: a, Base: p, Reached: PageReview}
}

// unasked are the values of a profile that no question asks for and that
// [Wizard.SetUnasked] changes.
var unasked = map[string]func(*profiles.Profile) *string{
	"target.ca_file":                   func(p *profiles.Profile) *string { return &p.Target.CAFile },
	"target.device_endpoint":           func(p *profiles.Profile) *string { return &p.Target.DeviceEndpoint },
	"target.device_api_version":        func(p *profiles.Profile) *string { return &p.Target.DeviceAPIVersion },
	"target.service_api_version":       func(p *profiles.Profile) *string { return &p.Target.ServiceAPIVersion },
	"target.hub_connection_string_env": func(p *profiles.Profile) *string { return &p.Target.HubConnectionStringEnv },
}

// SetUnasked changes a value of the edited profile that no question asks for, by
// its TOML path; empty leaves it out of the file. A file is named by its absolute
// path. It reports false for a key that is none of those.
func (w Wizard) SetUnasked(key, v string) (Wizard, bool) {
	of, known := unasked[key]
	if !known || w.Base == nil {
		return w, false
	}
	base := *w.Base // the strings in question are part of this copy
	*of(&base) = v
	w.Base = &base
	return w, true
}

// merged puts the answers over the profile that is edited.
func merged(base *profiles.Profile, a Answers) *profiles.Profile {
	p := ProfileOf(a)
	keepUnasked(p, base)
	return p
}

// Edit reads a profile into a wizard. Its errors are *Problem.
func (s *Session) Edit(name string) (Wizard, error) {
	p, err := s.load(name)
	if err != nil {
		return Wizard{}, err
	}
	return EditWizard(name, p), nil
}

// SaveEdit keeps unsaved changes of a profile, so that a lost connection loses
// nothing.
func (s *Session) SaveEdit(name string, a Answers) error { return s.config.Store.SaveEdit(name, a) }

// UnsavedEdit are the changes of a profile that were kept and not saved, if
// there are any.
func (s *Session) UnsavedEdit(name string) (Answers, bool) {
	a, err := s.config.Store.LoadEdit(name)
	return a, err == nil && len(a) > 0
}

// DropEdit forgets the unsaved changes of a profile.
func (s *Session) DropEdit(name string) error { return s.config.Store.DropEdit(name) }

// BackupSuffix is what [Session.Replace] adds to the name of the file it keeps.
const BackupSuffix = ".bak"

// Replace writes a profile over the one of that name. The old file, with its
// comments, stays beside it under the returned path; one that was kept before
// gives way. Its errors are *Problem.
func (s *Session) Replace(name string, p *profiles.Profile) (backup string, err error) {
	if err := s.mayWrite("change profile " + name); err != nil {
		return "", err
	}
	op := "change profile " + name
	if err := profiles.CheckName(name); err != nil {
		return "", &Problem{Kind: Usage, Op: op, Summary: err.Error()}
	}
	if wrong := CheckProfile(p); len(wrong) > 0 {
		return "", &Problem{Kind: Usage, Op: op, Summary: wrong[0].Error()}
	}
	path := s.config.Store.Paths.Profile(name)
	old, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", noProfile(op, name)
	}
	backup = path + BackupSuffix
	if err == nil {
		err = wholefile.Write(backup, old, 0o600)
	}
	if err == nil {
		err = s.config.Store.Replace(name, p)
	}
	if err != nil {
		return "", localProblem(op, err)
	}
	return backup, nil
}
