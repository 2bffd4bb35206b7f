package wire

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Masked stands where a secret was.
const Masked = "[secret]"

var (
	secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Ocp-Apim-Subscription-Key"}
	secretQuery   = []string{"sig", "code", "sastoken", "access_token", "client_secret"}

	secretNames = `(?:primaryKey|secondaryKey|password|passphrase|sasToken|authenticationKey|connectionString|` +
		`access_?token|refresh_?token|id_?token|client_?secret|client_?assertion|sharedAccessKey)`

	// JSON members that hold keys, pass phrases, PFX files or tokens. A text
	// that was cut may end inside one.
	secretMember = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?is)("` + secretNames + `"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?\z)`)
	})
	secretPFX = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)("data"\s*:\s*)"MI(?:[^"\\]|\\.)*(?:"|\\?\z)`) })
	// It comes first: what others take for a token may be how a key begins.
	secretKey = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`)
	})
	secretText = sync.OnceValue(func() []masking {
		return []masking{
			// JSON inside a JSON string: IoT Hub nests its errors that way.
			{regexp.MustCompile(`(?i)(\\"` + secretNames + `\\"\s*:\s*\\")[^"\\]*`), "${1}" + Masked},
			{regexp.MustCompile(`(?i)(SharedAccessKey\s*=\s*)[^;"'\s]+`), "${1}" + Masked},
			{regexp.MustCompile(`(?i)(SharedAccessSignature\s+)[^"'\s]+`), "${1}" + Masked},
			{regexp.MustCompile(`(?i)((?:[?&]|\\u0026)sig=)[^&"'\s]+`), "${1}" + Masked},
			{regexp.MustCompile(`(?i)(Bearer\s+)[A-Za-z0-9._~+/=-]{8,}`), "${1}" + Masked},
		}
	})
)

// masking replaces what a pattern finds. The patterns are compiled at first use:
// most runs of the program never need them.
type masking struct {
	pattern *regexp.Regexp
	with    string
}

// RedactText replaces what looks like a key, token, signature or connection
// string in a body or an error text.
func RedactText(s string) string {
	if harmless(s) {
		return s
	}
	s = secretKey().ReplaceAllString(s, Masked)
	s = secretMember().ReplaceAllString(s, `${1}"`+Masked+`"`)
	s = secretPFX().ReplaceAllString(s, `${1}"`+Masked+`"`)
	for _, t := range secretText() {
		s = t.pattern.ReplaceAllString(s, t.with)
	}
	return s
}

// secretSigns are in lower case; every text in which one of the patterns above
// finds something holds at least one of them.
var secretSigns = []string{"key", "pass", "token", "connectionstring", "client", `"data"`, "signature", "sig=", "bearer"}

// harmless spares most texts the patterns: they are matched with each header and
// body, and few hold anything. Beyond ASCII a letter may have other forms that a
// pattern takes for it, so there they are asked.
func harmless(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	lower := strings.ToLower(s)
	return !slices.ContainsFunc(secretSigns, func(sign string) bool { return strings.Contains(lower, sign) })
}

// redactHeader copies h with credentials masked; the scheme stays, because it
// tells how the call was authorized.
func redactHeader(h http.Header) http.Header {
	c := h.Clone()
	for name, values := range c {
		secret := slices.Contains(secretHeaders, http.CanonicalHeaderKey(name))
		for i, v := range values {
			if !secret {
				values[i] = RedactText(v)
				continue
			}
			values[i] = Masked
			if scheme, _, found := strings.Cut(v, " "); found && strings.HasSuffix(name, "uthorization") {
				values[i] = scheme + " " + Masked
			}
		}
	}
	return c
}

func redactURL(u *url.URL) string {
	copied := *u
	copied.User = nil
	parts := strings.Split(copied.RawQuery, "&")
	for i, part := range parts {
		name, _, found := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = name
		}
		if found && slices.Contains(secretQuery, strings.ToLower(plain)) {
			parts[i] = name + "=" + Masked
		}
	}
	copied.RawQuery = strings.Join(parts, "&")
	return copied.String()
}
