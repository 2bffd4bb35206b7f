package pki

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRegistrationID is the longest registration ID that DPS accepts, in
// characters.
const MaxRegistrationID = 128

// MaxCommonName is the longest common name of a certificate (ub-common-name of
// RFC 5280, appendix A.1). It is counted in bytes here, as OpenSSL does.
const MaxCommonName = 64

// IDError says why a text is no registration ID.
type IDError struct {
	ID         string
	Reason     string // continues "registration ID …": "ends in '.', must end in a letter, digit or '-'"
	Suggestion string // the nearest ID that passes, or empty
}

// Error is one sentence about the registration ID; it does not repeat the ID.
func (e *IDError) Error() string { return "registration ID " + e.Reason }

// CheckRegistrationID checks the grammar of a DPS registration ID: 1 to 128
// ASCII letters, digits, '-', '.', '_' or ':', the last one a letter, a digit
// or '-'. DPS compares registration IDs without regard to case. The error is
// an [*IDError].
func CheckRegistrationID(id string) error {
	return checkID(id, MaxRegistrationID, "DPS allows at most 128")
}

// CheckCommonName checks that a registration ID can be the common name of a
// device certificate: [CheckRegistrationID], and at most 64 bytes.
func CheckCommonName(id string) error {
	return checkID(id, MaxCommonName, "the common name of a certificate holds at most 64")
}

func checkID(id string, limit int, limitReason string) error {
	fail := func(format string, args ...any) error {
		return &IDError{ID: id, Reason: fmt.Sprintf(format, args...), Suggestion: suggestID(id, limit)}
	}
	if id == "" {
		return fail("is empty, must have 1 to %d characters", limit)
	}
	for i, r := range id {
		switch {
		case idRune(r):
		case r == utf8.RuneError:
			return fail("has a byte that is no text at position %d, use ASCII letters, digits, '-', '.', '_' or ':'", i+1)
		case r == ' ':
			return fail("contains a blank at position %d, use letters, digits, '-', '.', '_' or ':'", i+1)
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return fail("contains %q, only ASCII letters and digits count, and '-', '.', '_' or ':'", r)
		default:
			return fail("contains %q, use letters, digits, '-', '.', '_' or ':'", r)
		}
	}
	if len(id) > limit {
		return fail("is %d characters long, %s", len(id), limitReason)
	}
	if last := rune(id[len(id)-1]); !idLastRune(last) {
		return fail("ends in %q, must end in a letter, digit or '-'", last)
	}
	return nil
}

func idLastRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-'
}

func idRune(r rune) bool { return idLastRune(r) || r == '.' || r == '_' || r == ':' }

// suggestID turns every run of foreign characters into one '-' and cuts what
// is too long or may not stand at the end.
func suggestID(id string, limit int) string {
	var b strings.Builder
	foreign := false
	for _, r := range id {
		if b.Len() == limit {
			break
		}
		if idRune(r) {
			b.WriteRune(r)
			foreign = false
			continue
		}
		if !foreign && b.Len() > 0 {
			b.WriteByte('-')
		}
		foreign = true
	}
	s := b.String()
	if foreign {
		s = strings.TrimSuffix(s, "-") // "name!" reads better as "name" than as "name-"
	}
	return strings.TrimRight(s, "._:")
}
