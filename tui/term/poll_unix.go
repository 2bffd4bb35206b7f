//go:build unix

package term

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readable waits until f has bytes or the time is over.
func readable(f *os.File, wait time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(wait/time.Millisecond))
	return err == nil && n > 0
}
