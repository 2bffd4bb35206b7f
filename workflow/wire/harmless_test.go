package wire

import (
	"strings"
	"testing"
)

// FuzzHarmless: a text that is spared the patterns is one in which they find
// nothing.
func FuzzHarmless(f *testing.F) {
	for _, text := range []string{
		`{"temperature": 20}`, `{"primaryKey":"MDEyMzQ1"}`, `{\"sastoken\":\"x\"}`, "SharedAccessKey = abc", "SharedAccessSignature sr=x", "?sig=abc",
		"BEARER abcdefghij", "-----BEGIN PRIVATE KEY-----", `{"data":"MIIK"}`, `{"paſſword":"x"}`, `{"client_assertion":"x"}`, `{"id_token":"x"}`, `{"connectionString":"x"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !harmless(text) {
			return
		}
		if secretMember().MatchString(text) || secretPFX().MatchString(text) {
			t.Errorf("a member of %q is missed", text)
		}
		for _, m := range secretText() {
			if m.pattern.MatchString(text) {
				t.Errorf("%v finds something in %q", m.pattern, text)
			}
		}
	})
}

// TestSecretNamesHaveSigns: each name of a secret member holds a sign.
func TestSecretNamesHaveSigns(t *testing.T) {
	t.Parallel()
	names := strings.ReplaceAll(strings.NewReplacer("(?:", "", ")", "").Replace(secretNames), "_?", "_")
	for name := range strings.SplitSeq(names, "|") {
		if harmless(`"` + name + `":"x"`) {
			t.Errorf("%s is missed", name)
		}
	}
}

func TestUnreadableCertificate(t *testing.T) {
	t.Parallel()
	if _, ok := certificateFact([]byte("no certificate")); ok {
		t.Error("it was described")
	}
}
