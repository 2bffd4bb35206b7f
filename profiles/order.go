package profiles

import (
	"cmp"
	"strings"
)

// CompareNames orders names as people read them: press-2 comes before press-10,
// because a run of the digits 0 to 9 counts as one number, however long. All
// else goes by code points. It is a total order: names that differ in leading
// zeros alone (press-7, press-07) are not the same; the one with fewer zeros at
// the first such place comes first. It allocates nothing.
func CompareNames(a, b string) int {
	zeros := 0 // what the first difference in leading zeros says
	for a != "" && b != "" {
		if !isDigit(a[0]) || !isDigit(b[0]) {
			if a[0] != b[0] {
				return cmp.Compare(int(a[0]), int(b[0]))
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := digits(a), digits(b)
		a, b = a[len(x):], b[len(y):]
		m, n := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		switch {
		case len(m) != len(n):
			return cmp.Compare(len(m), len(n))
		case m != n:
			return strings.Compare(m, n)
		case zeros == 0:
			zeros = cmp.Compare(len(x), len(y))
		}
	}
	if d := cmp.Compare(len(a), len(b)); d != 0 {
		return d
	}
	return zeros
}

// digits is the run of digits at the beginning of a text.
func digits(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
