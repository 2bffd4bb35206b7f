package profiles

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// secretPatterns are texts that only occur in secrets, wherever they stand.
var secretPatterns = sync.OnceValue(func() []secretPattern {
	return []secretPattern{
		{
			regexp.MustCompile(`(?i)SharedAccessKey\s*=`), "a connection string with its SharedAccessKey",
			`put the connection string into an environment variable and name that: connection_string_env = "DPS_CONNECTION_STRING"`,
		},
		{
			regexp.MustCompile(`(?i)SharedAccessSignature`), "a shared access signature",
			`remove it; dpslab makes signatures itself from the connection string in connection_string_env`,
		},
		{
			regexp.MustCompile(`(?i)-----BEGIN[A-Z0-9 ]*PRIVATE KEY`), "a private key",
			`remove it; private keys are files of their own, 'dpslab paths' shows where`,
		},
	}
})

type secretPattern struct {
	pattern *regexp.Regexp
	what    string
	fix     string
}

// secretKeys are keys whose value would be the secret, normalized, with the key
// to use instead.
var secretKeys = map[string]string{
	"passphrase": "passphrase_env", "password": "passphrase_env", "passwd": "passphrase_env",
	"pwd": "passphrase_env", "pass": "passphrase_env", "keypassphrase": "passphrase_env", "keypassword": "passphrase_env",
	"connectionstring": "connection_string_env", "sharedaccesskey": "connection_string_env",
	"sharedaccesssignature": "connection_string_env", "sas": "connection_string_env", "sastoken": "connection_string_env",
	"symmetrickey": "symmetric_key_env", "primarykey": "symmetric_key_env", "secondarykey": "symmetric_key_env", "devicekey": "symmetric_key_env", "groupkey": "symmetric_key_env",
	"pfxpassword": "pfx_password_env",
}

// secretNames are the longer keys of secretKeys, which a misspelt key can be
// compared with.
func secretNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(secretKeys)), func(s string) bool { return len(s) < 6 })
}

// envExample is how the replacement for a secret is written.
var envExample = map[string]string{
	"passphrase_env":        `passphrase_env = "DEVICE_PASSPHRASE"`,
	"connection_string_env": `connection_string_env = "DPS_CONNECTION_STRING"`,
	"symmetric_key_env":     `symmetric_key_env = "DEVICE_KEY"`,
	"pfx_password_env":      `pfx_password_env = "DEVICE_PFX_PASSWORD"`,
}

// secretText names the kind of secret in a text, or is empty.
func secretText(s string) string {
	for _, p := range secretPatterns() {
		if p.pattern.MatchString(s) {
			return p.what
		}
	}
	return ""
}

// secretKey is the key to use instead of one whose value would be a secret, or
// empty. Only the last part of a dotted key counts.
func secretKey(key string) string {
	return secretKeys[normalize(key[strings.LastIndexByte(key, '.')+1:])]
}

// alwaysSecret are the names that are refused even where names are free: what
// the initial twin and message properties hold reaches services and transcripts.
var alwaysSecret = []string{"passphrase", "password", "connectionstring"}

// secretAt is secretKey for a place in a profile.
func secretAt(path []string) string {
	name := normalize(path[len(path)-1])
	if len(path) > 2 && (path[1] == "initial_twin" || path[1] == "properties") && !slices.Contains(alwaysSecret, name) {
		return ""
	}
	return secretKeys[name]
}

func normalize(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
}

var sounding = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)pass|pwd|secret|token|signature|connection|access_?key|symmetric|private|sas`)
})

// soundsSecret says whether a key's name, or a misspelt one, may stand before a
// secret.
func soundsSecret(s string) bool { return sounding().MatchString(s) }

// findSecret looks for secrets in the text of a file, before anything else
// looks at it and might quote it.
func findSecret(path string, source []byte, keys []key) *Error {
	for _, p := range secretPatterns() {
		if at := p.pattern.FindIndex(source); at != nil {
			return secretError(path, source, at[0], "", "holds "+p.what+", secrets do not belong into a profile", p.fix)
		}
	}
	for _, k := range keys {
		if instead := secretAt(k.path); instead != "" {
			return secretError(path, source, k.offset, visible(strings.Join(k.path, ".")),
				"would hold a secret, secrets do not belong into a profile",
				"put the value into an environment variable and name that: "+envExample[instead])
		}
	}
	return nil
}

// findDecodedSecret looks at the values as TOML decodes them: an escape in the
// text may have hidden a secret from findSecret.
func findDecodedSecret(path string, source []byte, keys []key, at []string, value any) *Error {
	switch v := value.(type) {
	case string:
		for _, p := range secretPatterns() {
			if p.pattern.MatchString(v) {
				e := newError(path, source, keys, at, "holds "+p.what+", secrets do not belong into a profile", p.fix)
				e.Snippet = ""
				return e
			}
		}
	case []any:
		for _, item := range v {
			if e := findDecodedSecret(path, source, keys, at, item); e != nil {
				return e
			}
		}
	case []map[string]any:
		for _, item := range v {
			if e := findDecodedSecret(path, source, keys, at, item); e != nil {
				return e
			}
		}
	case map[string]any:
		for _, name := range sortedKeys(v) {
			if e := findDecodedSecret(path, source, keys, append(at[:len(at):len(at)], name), v[name]); e != nil {
				return e
			}
		}
	}
	return nil
}

func secretError(path string, source []byte, offset int, key, problem, fix string) *Error {
	e := errorAt(path, source, offset, problem, fix)
	e.Key, e.Snippet = key, ""
	return e
}
