package profiles

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each list stands in the order that people expect.
func TestCompareNames(t *testing.T) {
	t.Parallel()
	for _, want := range [][]string{
		{"press", "press-1", "press-2", "press-9", "press-10", "press-010", "press-11", "press-100"},
		{"", "0", "00", "1", "01", "001", "2", "10"},
		{"a0b1", "a0b2", "a00b2", "a0b3"},
		{"a1b2", "a01b2", "a1b02c", "a1b3"},
		{"line2-press1", "line2-press2", "line2-press10", "line10-press1"},
		{"v1", "v1-2", "v1.2", "v1.10", "v1a", "v2"},
		{"press-99999999999999999999", "press-100000000000000000000"},
		{"press-18446744073709551615", "press-18446744073709551616"},
		{"A1", "A2", "A10", "a1", "a2"},
		{"téléphone-2", "téléphone-10", "温度-2", "温度-10", "🚚2", "🚚10"},
		{"１０", "２"}, // full-width digits are text: they go by code points
		{"\xff1", "\xff2", "\xff10"},
	} {
		for i, a := range want {
			for j, b := range want {
				got := CompareNames(a, b)
				if got != clampInt(i-j) {
					t.Errorf("%q against %q: %d", a, b, got)
				}
			}
		}
	}
}

func clampInt(n int) int { return max(-1, min(n, 1)) }

// It allocates nothing: ten thousand names are sorted before the first frame.
func TestCompareNamesAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { CompareNames("press-0010-温度-9", "press-010-温度-10") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The order is total, whatever the names are: only equal names are the same,
// turning round turns the result, and a third name never breaks a chain.
func FuzzCompareNames(f *testing.F) {
	for _, s := range [][3]string{
		{"press-2", "press-10", "press-010"},
		{"", "0", "00"},
		{"a01b2", "a1b02", "a1b2"},
		{"温度-2", "温度-10", "\xff"},
		{"1", "a", "-"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, bc := CompareNames(a, b), CompareNames(b, c)
		switch {
		case ab != -CompareNames(b, a):
			t.Errorf("%q and %q: %d, turned round not its opposite", a, b, ab)
		case (ab == 0) != (a == b):
			t.Errorf("%q and %q: %d", a, b, ab)
		case ab < 0 && bc < 0 && CompareNames(a, c) >= 0:
			t.Errorf("%q < %q < %q, but the first is %d against the last", a, b, c, CompareNames(a, c))
		}
	})
}

// The store lists profiles and authorities in that order.
func TestStoreOrder(t *testing.T) {
	t.Parallel()
	want := []string{"press-1", "press-2", "press-10", "press-010", "press-11"}
	s := tempStore(t)
	shuffled := []string{"press-11", "press-010", "press-2", "press-10", "press-1"}
	for _, name := range shuffled {
		for _, path := range []string{s.Paths.Profile(name), filepath.Join(s.Paths.AuthorityDir(name), "x")} {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(s.Paths.Profile(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names, err := s.Names()
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("profiles: %s %v", strings.Join(names, " "), err)
	}
	if names, err = s.Authorities(); err != nil || !slices.Equal(names, want) {
		t.Errorf("authorities: %s %v", strings.Join(names, " "), err)
	}
}
