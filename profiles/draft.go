package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
)

// SaveDraft keeps the answers of a half-filled wizard, so that a lost
// connection loses nothing. An answer that looks like a secret is left out.
func (s *Store) SaveDraft(answers map[string]string) error {
	return saveAnswers(s.Paths.Draft(), answers)
}

// LoadDraft returns the answers of a half-filled wizard; without a draft they
// are empty.
func (s *Store) LoadDraft() (map[string]string, error) { return loadAnswers(s.Paths.Draft()) }

// DropDraft forgets the half-filled wizard.
func (s *Store) DropDraft() error { return dropAnswers(s.Paths.Draft()) }

// SaveEdit keeps unsaved changes of a profile, as [Store.SaveDraft] does.
func (s *Store) SaveEdit(name string, answers map[string]string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return saveAnswers(s.Paths.edit(name), answers)
}

// LoadEdit returns the unsaved changes of a profile; without any they are empty.
func (s *Store) LoadEdit(name string) (map[string]string, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return loadAnswers(s.Paths.edit(name))
}

// DropEdit forgets the unsaved changes of a profile.
func (s *Store) DropEdit(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return dropAnswers(s.Paths.edit(name))
}

func saveAnswers(path string, answers map[string]string) error {
	kept := make(map[string]string, len(answers))
	for key, value := range answers {
		if secretKey(key) == "" && secretText(value) == "" {
			kept[key] = value
		}
	}
	var b strings.Builder
	if err := toml.NewEncoder(&b).Encode(kept); err != nil {
		return fmt.Errorf("encoding the wizard's draft: %w", err)
	}
	if err := replaceFile(path, []byte(b.String())); err != nil {
		return fmt.Errorf("keeping the wizard's draft: %w", err)
	}
	return nil
}

func loadAnswers(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the wizard's draft: %w", err)
	}
	answers := map[string]string{}
	if _, err := toml.Decode(string(data), &answers); err != nil {
		return nil, decodeError(path, data, err, "remove the file")
	}
	return answers, nil
}

func dropAnswers(path string) error {
	err := os.Remove(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting the wizard's draft: %w", err)
	}
	return nil
}
