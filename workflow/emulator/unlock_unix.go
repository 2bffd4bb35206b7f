//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package emulator

import (
	"os"

	"golang.org/x/sys/unix"
)

// unlock lets go of the lock that bbolt has on its file.
func unlock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_UN) }
