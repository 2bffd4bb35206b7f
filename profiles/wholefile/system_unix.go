//go:build !windows

package wholefile

import (
	"errors"
	"os"
	"syscall"
)

func noLinks(error) bool { return false } // they say EPERM, or that it is unsupported

// SyncDir makes the names in a folder durable, where the file system can.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil // some network file systems cannot sync a folder
	}
	return err
}
