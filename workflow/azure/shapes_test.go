package azure

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// The shapes as Microsoft's references write them.
var shapes = map[string]struct {
	is    func(string) bool
	shape *regexp.Regexp
	most  int
}{
	"resource group": {isGroup, regexp.MustCompile(`^[-\p{L}\p{N}_().]*[-\p{L}\p{N}_()]$`), 1 << 20},
	"DPS":            {isDPS, regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9-]{1,48}[a-zA-Z0-9]$`), 50},
	"certificate":    {isCertificateName, regexp.MustCompile(`^[A-Za-z0-9._-]{1,256}$`), 256},
	"API Management": {isAPIM, regexp.MustCompile(`^[a-zA-Z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$`), 50},
	"api-version":    {isAPIVersion, regexp.MustCompile(`^20\d\d-\d\d-\d\d(-preview)?$`), 18},
}

// FuzzShapes: what is checked by hand is what the expressions say.
func FuzzShapes(f *testing.F) {
	for _, seed := range []string{
		"", "a", "-", "a-", "-a", "a-b", "ab", "rg.", "rg.iot", "größe(1)_", "４²", "a b", "a\xff", "�", "a\n", "\x00", "...",
		strings.Repeat("n", 50), strings.Repeat("n", 51), strings.Repeat("n", 256), strings.Repeat("n", 257), "1a", "a1", "Z9",
		"2020-01-01", "2020-01-01-preview", "2020-1-01", "2020-01-01-", "1999-01-01", "20x0-01-01", "2020-01-0１", "2020-01-01-preview-preview",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for what, s := range shapes {
			if want := len(name) <= s.most && s.shape.MatchString(name); s.is(name) != want {
				t.Errorf("%s %q (valid UTF-8: %v): %v, want %v", what, name, utf8.ValidString(name), !want, want)
			}
		}
	})
}
