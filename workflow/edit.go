package workflow

import (
	"errors"
	"os"

	"github.com/google/renameio/v2"

	"dpslab/profiles"
)

// EditWizard asks the questions about a profile that exists: its name is fixed,
// and what no question asks for stays as it is.
func EditWizard(name string, p *profiles.Profile) Wizard {
	a := AnswersOf(p)
	a[keyName] = name
	return Wizard{Answers: a, Base: p, Reached: PageReview}
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
		err = renameio.WriteFile(backup, old, 0o600)
	}
	if err == nil {
		err = s.config.Store.Replace(name, p)
	}
	if err != nil {
		return "", &Problem{Kind: LocalFile, Op: op, Summary: err.Error()}
	}
	return backup, nil
}
