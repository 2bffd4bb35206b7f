package profiles

import (
	"bytes"
	"fmt"
	"os"
)

// Source reads the text of a profile as it stands, whether it can be used or
// not.
func (s *Store) Source(name string) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(s.Paths.Profile(name))
	if err != nil {
		return nil, fmt.Errorf("reading the profile %s: %w", name, err)
	}
	return data, nil
}

// Rewrite puts a text that a person edited in place of the one it was made
// from, comments and all. It does nothing, and returns false, when the file
// holds another text than before meanwhile. A text that [Parse] refuses is not
// written.
func (s *Store) Rewrite(name string, before, after []byte) (bool, error) {
	now, err := s.Source(name)
	if err != nil {
		return false, err
	}
	if !bytes.Equal(now, before) {
		return false, nil
	}
	path := s.Paths.Profile(name)
	if _, err := Parse(path, after); err != nil {
		return false, err
	}
	if err := replaceProfile(path, after); err != nil {
		return false, fmt.Errorf("writing the profile %s: %w", name, err)
	}
	return true, nil
}
