package emulator

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData brings what was written to disk, and of the file's metadata no more
// than is needed to read it again.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
