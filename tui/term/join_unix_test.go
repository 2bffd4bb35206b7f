//go:build unix

package term

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// pair is a connection on which every write arrives as its own read, like the
// packets of a slow line.
func pair(t *testing.T) (r, w *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, w = os.NewFile(uintptr(fds[0]), "reader"), os.NewFile(uintptr(fds[1]), "writer")
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

func TestInputJoinsATornSequence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parts []string
		want  string
	}{
		{[]string{"\x1b", "[C"}, "\x1b[C"},
		{[]string{"\x1b", "[", "1;5", "C"}, "\x1b[1;5C"},
		{[]string{"\x1bO", "P"}, "\x1bOP"},
		{[]string{"jj\x1b[", "A", "k"}, "jj\x1b[A"},
		{[]string{"j", "k"}, "j"},
	} {
		r, w := pair(t)
		for _, part := range c.parts {
			if _, err := w.WriteString(part); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, 256)
		n, err := Input{r}.Read(buf)
		if err != nil || string(buf[:n]) != c.want {
			t.Errorf("%q: Read = %q, %v, want %q", c.parts, buf[:n], err, c.want)
		}
	}
}
