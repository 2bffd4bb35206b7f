package profiles

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add("version = 1\n[[target]]\nkind = { a.b = 1, }\n")
	f.Add("\ufeffversion = 1\n'a\"b'.\"c\\\"d\" = \"\"\"x\"\"\"\"\n")
	f.Add("version = 1\n[telemetry]\nbody = '''\n[target]\nkind = 3'''\ncount = [1, [2, {a = 3}]] # x = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse("p.toml", []byte(text))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T is no *Error", err)
			}
			if e.Line < 1 || e.Line > strings.Count(text, "\n")+1 || e.Column < 1 {
				t.Fatalf("no such place: %v", e)
			}
			if strings.ContainsFunc(e.Error()+e.Snippet, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("control characters in %q", e)
			}
			return
		}
		data, err := Encode(d.Profile)
		if err != nil {
			t.Fatalf("a profile that was read cannot be written: %v", err)
		}
		back, err := Parse("p.toml", data)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, data)
		}
		again, err := Encode(back.Profile)
		if err != nil || string(again) != string(data) {
			t.Fatalf("not stable (%v):\n%s\nthen\n%s", err, data, again)
		}
	})
}

// FuzzScan checks the scanner against the TOML library: whatever the library
// finds, the scanner finds too.
func FuzzScan(f *testing.F) {
	f.Add(full)
	f.Add("a.b.c = 1\n[x.\"y z\"]\n'd' = {e = {f.g = [{h = 1}]}}\n[[list]]\nk = \"\"\"\n]\"\"\"\n[[list]]\nm = ']'\n")
	f.Add("[a]\nb = [ # ]\n 1, { c = 2 }, \"#\",\n]\nd = 1979-05-27 07:32:00Z # e = 3")
	f.Fuzz(func(t *testing.T, text string) {
		keys := scan([]byte(text))
		for _, k := range keys {
			if k.offset < 0 || k.offset >= len(text) || len(k.path) == 0 {
				t.Fatalf("no such place: %+v", k)
			}
		}
		var tree map[string]any
		meta, err := toml.Decode(text, &tree)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		for _, k := range meta.Keys() {
			if _, ok := find(keys, k); !ok && len(k) < maxDeep && !odd(k) {
				t.Fatalf("%q is not found in %q: %+v", k, text, keys)
			}
		}
	})
}

// odd leaves out keys with escapes that only TOML has, or that look like two.
func odd(k toml.Key) bool {
	return strings.ContainsFunc(strings.Join(k, ""), func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7f })
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ab", 2}, {"kind", "kind", 0}, {"knid", "kind", 1}, {"kin", "kind", 1}, {"kinds", "kind", 1}, {"kitten", "sitting", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestShapeKnowsEveryKey(t *testing.T) {
	t.Parallel()
	var walk func(reflect.Type, *shape)
	walk = func(typ reflect.Type, s *shape) {
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
			inner := s.keys[name]
			if name == "" || inner == nil || inner.kind == anyValue {
				t.Errorf("%s.%s has no shape", typ.Name(), f.Name)
			} else if f.Type.Kind() == reflect.Struct {
				walk(f.Type, inner)
			}
		}
	}
	walk(reflect.TypeFor[Profile](), profileShape())
}
