package profiles

import (
	"fmt"
	"strings"
)

// MaxName is the longest profile name, in characters.
const MaxName = 64

// NameError says why a text is no profile name.
type NameError struct{ Name, Reason string }

// Error is one sentence about the name; it does not repeat it.
func (e *NameError) Error() string { return "profile name " + e.Reason }

// CheckName checks a profile's name: 1 to 64 ASCII letters, digits, '-', '.'
// or '_', the last one a letter, a digit or '-'. It is a file's name too, so it
// may not begin with '.', nor with '-', which a command line takes for a flag.
// The error is a [*NameError].
func CheckName(name string) error {
	fail := func(format string, args ...any) error {
		return &NameError{Name: name, Reason: fmt.Sprintf(format, args...)}
	}
	if name == "" {
		return fail("is empty, must have 1 to %d characters", MaxName)
	}
	for _, r := range name {
		if !nameEnd(r) && r != '.' && r != '_' {
			return fail("contains %q, use letters, digits, '-', '.' or '_'", r)
		}
	}
	switch first, last := rune(name[0]), rune(name[len(name)-1]); {
	case len(name) > MaxName:
		return fail("is %d characters long, at most %d are allowed", len(name), MaxName)
	case first == '.' || first == '-':
		return fail("begins with %q, must begin with a letter, digit or '_'", first)
	case !nameEnd(last):
		return fail("ends in %q, must end in a letter, digit or '-'", last)
	case strings.EqualFold(name, draftName):
		return fail("is %q, which dpslab uses itself", draftName)
	}
	return nil
}

func nameEnd(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-'
}
