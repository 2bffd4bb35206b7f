package emulator

import (
	"net/http"
	"strconv"
	"testing"
)

// A call has room for a few header values; what is more, and what is set or
// added again, is as right as they are.
func TestCallSetsManyHeaders(t *testing.T) {
	t.Parallel()
	w := &discarded{http.Header{}}
	c := &call{w: w}
	for i := range 3 * len(c.values) {
		c.set("h"+strconv.Itoa(i), strconv.Itoa(i))
	}
	c.set("h0", "again")
	w.header["h1"] = append(w.header["h1"], "added")
	for i := range 3 * len(c.values) {
		want := strconv.Itoa(i)
		if i == 0 {
			want = "again"
		}
		if got := w.header["h"+strconv.Itoa(i)]; got[0] != want || (len(got) == 2) != (i == 1) {
			t.Errorf("h%d is %q", i, got)
		}
	}
}
