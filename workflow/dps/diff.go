package dps

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dpslab/pki"
)

// Change is one member that differs between two records.
type Change struct {
	Field string `json:"field"`         // path of the member, "initialTwin.tags.line"
	Old   string `json:"old,omitempty"` // as JSON, empty: it was not there
	New   string `json:"new,omitempty"` // as JSON, empty: it is gone
}

// String is the change as a line: field: old → new.
func (c Change) String() string {
	show := func(s string) string {
		if s == "" {
			return "none"
		}
		return s
	}
	return fmt.Sprintf("%s: %s → %s", c.Field, show(c.Old), show(c.New))
}

// Record is an enrollment of either kind.
type Record interface {
	*IndividualEnrollment | *EnrollmentGroup
}

// notCompared are members that the service alone writes.
var notCompared = []string{"etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc", "registrationState"}

// Diff lists the members that differ, by name. What the service alone writes
// does not count, and null, an empty object and nothing are the same. A
// certificate is shown as its SHA-256 thumbprint, whether the record holds the
// certificate or what the service says of it. Symmetric keys are compared where
// both records have them, since the service leaves them out, and never shown.
// A nil record has no members.
func Diff[R Record](old, updated R) []Change {
	was, is := members(old), members(updated)
	for _, name := range notCompared {
		delete(was, name)
		delete(is, name)
	}
	var d differ
	d.object("", was, is)
	return d.changes
}

// members is a record as any JSON object, numbers as they are written.
func members[R Record](r R) map[string]any {
	m := map[string]any{}
	if r == nil {
		return m
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return m
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&m) != nil {
		return map[string]any{}
	}
	return m
}

type differ struct{ changes []Change }

func (d *differ) object(path string, was, is map[string]any) {
	names := slices.Collect(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		d.member(strings.TrimPrefix(path+"."+name, "."), name, was[name], is[name])
	}
}

// Where objects have a meaning of their own.
const (
	certificatesPath = "attestation.x509."
	keysPath         = "attestation.symmetricKey"
)

func (d *differ) member(path, name string, was, is any) {
	before, wasObject := was.(map[string]any)
	now, isObject := is.(map[string]any)
	switch {
	case path == keysPath:
		d.keys(path, before, now)
	case strings.HasPrefix(path, certificatesPath) && (name == "primary" || name == "secondary") && (wasObject || isObject):
		d.value(path, thumbprint(before), thumbprint(now))
	case wasObject || isObject:
		if (was == nil || wasObject) && (is == nil || isObject) {
			d.object(path, before, now)
			return
		}
		d.value(path, shown(was), shown(is))
	default:
		d.value(path, shown(was), shown(is))
	}
}

func (d *differ) value(path, was, is string) {
	if was != is {
		d.changes = append(d.changes, Change{path, was, is})
	}
}

// keys tells that a key changed and not to what.
func (d *differ) keys(path string, was, is map[string]any) {
	for _, name := range []string{"primaryKey", "secondaryKey"} {
		before, now := shown(was[name]), shown(is[name])
		if before != "" && now != "" && before != now {
			d.value(path+"."+name, masked, "another "+masked)
		}
	}
}

// shown is a value as JSON; what is empty is "".
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
	case []any:
		if len(v) == 0 {
			return ""
		}
	case string:
		if v == "" {
			return ""
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// thumbprint names a certificate of a record.
func thumbprint(certificate map[string]any) string {
	if certificate == nil {
		return ""
	}
	if text, _ := certificate["certificate"].(string); text != "" {
		if c := CertificateOf(text); c != nil {
			return "SHA-256 " + pki.Thumbprint256(c)
		}
		return "a certificate that cannot be read"
	}
	info, _ := certificate["info"].(map[string]any)
	if sum, _ := info["sha256Thumbprint"].(string); sum != "" {
		return "SHA-256 " + strings.ToUpper(sum)
	}
	return shown(certificate)
}

// CertificateOf reads the certificate member of a record: PEM text, base64 of
// PEM, or base64 of DER. It gives nil for anything else.
func CertificateOf(text string) *x509.Certificate {
	data := []byte(text)
	if block, _ := pem.Decode(data); block != nil {
		return parsed(block.Bytes)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil
	}
	if block, _ := pem.Decode(raw); block != nil {
		return parsed(block.Bytes)
	}
	return parsed(raw)
}

func parsed(der []byte) *x509.Certificate {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}
