package azure

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// ValueError means that a value breaks a rule of the service, found before
// anything was sent.
type ValueError struct {
	What  string // "certificate ID"
	Value string
	Rule  string // "1 to 80 characters, none of * # & + : < > ?"
}

func (e *ValueError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%s is missing: %s", e.What, e.Rule)
	}
	return fmt.Sprintf("%s %q is not allowed: %s", e.What, e.Value, e.Rule)
}

// The shapes of names are checked by hand: a regular expression that counts to
// 256 takes more memory to compile than all else of a start of the program.

func ofASCII(name, punctuation string) bool {
	for _, r := range name {
		if !letterOrDigit(r) && !strings.ContainsRune(punctuation, r) {
			return false
		}
	}
	return true
}

func letterOrDigit(r rune) bool { return letter(r) || digit(r) }

func letter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func digit(r rune) bool { return '0' <= r && r <= '9' }

// isGroup: letters and digits of every script, - _ . ( ), no dot at the end.
func isGroup(name string) bool {
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("-_().", r) {
			return false
		}
	}
	return name != "" && !strings.HasSuffix(name, ".")
}

func isDPS(name string) bool {
	return len(name) >= 3 && len(name) <= 50 && ofASCII(name, "-") && name[0] != '-' && name[len(name)-1] != '-'
}

func isCertificateName(name string) bool {
	return name != "" && len(name) <= 256 && ofASCII(name, "._-")
}

func isAPIM(name string) bool {
	return name != "" && len(name) <= 50 && ofASCII(name, "-") && letter(rune(name[0])) && name[len(name)-1] != '-'
}

// isAPIVersion: 2020-01-01, with or without -preview.
func isAPIVersion(version string) bool {
	date := strings.TrimSuffix(version, "-preview")
	if len(date) != len(time.DateOnly) || !strings.HasPrefix(date, "20") || date[4] != '-' || date[7] != '-' {
		return false
	}
	return !strings.ContainsFunc(date[:4]+date[5:7]+date[8:], func(r rune) bool { return !digit(r) })
}

func checkSubscription(id string) error {
	if _, err := uuid.Parse(id); err != nil || len(id) != len(uuid.Nil.String()) {
		return &ValueError{"subscription ID", id, "a UUID, as az account show --query id prints it"}
	}
	return nil
}

func checkGroup(name string) error {
	if utf8.RuneCountInString(name) > 90 || !isGroup(name) {
		return &ValueError{"resource group", name, "1 to 90 letters, digits, '-', '_', '.', '(' and ')', not ending with '.'"}
	}
	return nil
}

// Check finds what is missing in an instance's name, or not a name at all.
func (i Instance) Check() error {
	if err := checkSubscription(i.SubscriptionID); err != nil {
		return err
	}
	if err := checkGroup(i.ResourceGroup); err != nil {
		return err
	}
	if !isDPS(i.DPSName) || strings.Trim(i.DPSName, "0123456789") == "" {
		return &ValueError{"DPS name", i.DPSName, "3 to 50 letters, digits and '-', not digits alone, no '-' at either end"}
	}
	return nil
}

// CheckCertificateName finds what is wrong with the name of a signing
// certificate of DPS: 1 to 256 letters, digits, '-', '.' and '_'.
func CheckCertificateName(name string) error {
	if !isCertificateName(name) || strings.Trim(name, ".") == "" {
		return &ValueError{"certificate name", name, "1 to 256 letters, digits, '-', '.' and '_'"}
	}
	return nil
}

// Check finds what is missing in a service's name, or not a name at all
// (Certificate - Create Or Update, api-version 2024-05-01).
func (s APIMService) Check() error {
	if err := checkSubscription(s.SubscriptionID); err != nil {
		return err
	}
	if err := checkGroup(s.ResourceGroup); err != nil {
		return err
	}
	if !isAPIM(s.Name) {
		return &ValueError{"API Management service", s.Name, "1 to 50 letters, digits and '-', beginning with a letter, not ending with '-'"}
	}
	return nil
}

// CheckAPIMCertificateID finds what is wrong with the ID of a certificate of
// API Management: 1 to 80 characters, none of * # & + : < > ? (Certificate -
// Create Or Update, api-version 2024-05-01).
func CheckAPIMCertificateID(id string) error {
	n := utf8.RuneCountInString(id)
	if n < 1 || n > 80 || !utf8.ValidString(id) || strings.ContainsAny(id, "*#&+:<>?") || id == "." || id == ".." {
		return &ValueError{"API Management certificate ID", id, "1 to 80 characters, none of * # & + : < > ?"}
	}
	return nil
}
