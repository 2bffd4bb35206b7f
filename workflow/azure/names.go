package azure

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
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

// Shapes of names, compiled when first needed.
var (
	groupShape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[-\p{L}\p{N}_().]*[-\p{L}\p{N}_()]$`) })
	dpsShape   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9-]{1,48}[a-zA-Z0-9]$`) })
	nameShape  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._-]{1,256}$`) })
	apimShape  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$`) })
	apiShape   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`) })
)

func checkSubscription(id string) error {
	if _, err := uuid.Parse(id); err != nil || len(id) != len(uuid.Nil.String()) {
		return &ValueError{"subscription ID", id, "a UUID, as az account show --query id prints it"}
	}
	return nil
}

func checkGroup(name string) error {
	if utf8.RuneCountInString(name) > 90 || !groupShape().MatchString(name) {
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
	if !dpsShape().MatchString(i.DPSName) || strings.Trim(i.DPSName, "0123456789") == "" {
		return &ValueError{"DPS name", i.DPSName, "3 to 50 letters, digits and '-', not digits alone, no '-' at either end"}
	}
	return nil
}

// CheckCertificateName finds what is wrong with the name of a signing
// certificate of DPS: 1 to 256 letters, digits, '-', '.' and '_'.
func CheckCertificateName(name string) error {
	if !nameShape().MatchString(name) || strings.Trim(name, ".") == "" {
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
	if len(s.Name) > 50 || !apimShape().MatchString(s.Name) {
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
