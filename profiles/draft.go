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
	if err := replaceFile(s.Paths.Draft(), []byte(b.String())); err != nil {
		return fmt.Errorf("keeping the wizard's draft: %w", err)
	}
	return nil
}

// LoadDraft returns the answers of a half-filled wizard; without a draft they
// are empty.
func (s *Store) LoadDraft() (map[string]string, error) {
	data, err := os.ReadFile(s.Paths.Draft())
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the wizard's draft: %w", err)
	}
	answers := map[string]string{}
	if _, err := toml.Decode(string(data), &answers); err != nil {
		return nil, decodeError(s.Paths.Draft(), data, err, "remove the file")
	}
	return answers, nil
}

// DropDraft forgets the half-filled wizard.
func (s *Store) DropDraft() error {
	err := os.Remove(s.Paths.Draft())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting the wizard's draft: %w", err)
	}
	return nil
}
