package workflow

import (
	"errors"
	"os"

	"dpslab/profiles"
)

// ProfileText is a profile as it stands in its file, comments and all, whether
// it can be used or not. Its errors are *Problem.
func (s *Session) ProfileText(name string) (string, error) {
	text, err := s.config.Store.Source(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", noProfile("open "+name, name)
	case err != nil:
		return "", profileProblem(name, err)
	}
	return string(text), nil
}

// CheckText says what is wrong with a profile's text: where, and the fix. Its
// error is a *Problem.
func (s *Session) CheckText(name, text string) error {
	doc, err := profiles.Parse(s.config.Store.Paths.Profile(name), []byte(text))
	if err != nil {
		return profileProblem(name, err)
	}
	if wrong := checkDocument(doc); len(wrong) > 0 {
		return profileProblem(name, doc.Errorf(wrong[0].Key, "", "%v", wrong[0].Err))
	}
	return nil
}

// RewriteText puts an edited text in place of the one that [Session.ProfileText]
// gave; comments stay as they are in it. Its errors are *Problem: the text is no
// usable profile, or the file was changed by somebody else meanwhile.
func (s *Session) RewriteText(name, before, after string) error {
	op := "change profile " + name
	if err := s.mayWrite(op); err != nil {
		return err
	}
	if err := s.CheckText(name, after); err != nil {
		return err
	}
	done, err := s.config.Store.Rewrite(name, []byte(before), []byte(after))
	switch {
	case err != nil:
		return profileProblem(name, err)
	case !done:
		return &Problem{Kind: LocalFile, Op: op, Summary: "the file was changed by somebody else while it was edited", Fix: "Look at it, and edit it again."}
	}
	return nil
}
