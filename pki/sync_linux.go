package pki

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree makes everything below dir durable with one flush of its file
// system (syncfs(2); it reports write errors since Linux 5.8).
func syncTree(dir string, devices []batchDevice) error {
	d, err := os.Open(dir)
	if err != nil {
		return fileError("write", dir, err)
	}
	defer d.Close()
	err = unix.Syncfs(int(d.Fd()))
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return syncFiles(devices)
	}
	return fileError("write", dir, err)
}
