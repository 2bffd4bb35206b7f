//go:build unix

package tui

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dpslab/tui/term"
	"dpslab/tui/theme"
	"dpslab/workflow"
)

// A slow line tears an arrow into pieces; the whole program still sees one key.
// This runs in real time, because the joiner waits in the kernel.
func TestATornArrowMovesTheCursor(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, line := os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(fds[1]), "line")
	defer line.Close()
	store := emptyStore(t.TempDir())
	session := workflow.NewSession(workflow.Config{Store: store})
	a := newApp(session, newTheme(t, theme.Options{NoColor: true}))
	a.w, a.h = 80, 24
	out := newTerminal()
	// Every write is one packet, and all are there before the first read.
	for _, packet := range []string{"n", "\x1b", "[B", "\x1b[", "A", "\x1bO", "B", "\x1b", "[", "B", "\r"} {
		if _, err := line.WriteString(packet); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- drive(t.Context(), a, NewFeed(), nil, nil, term.Input{File: in}, out) }()
	// Down, up, down chose Azure; its last down went on to the ID scope, which
	// enter cannot accept empty.
	for !hasText(out, "> ID scope") {
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := line.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
