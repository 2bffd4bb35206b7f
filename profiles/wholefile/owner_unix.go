//go:build unix

package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file that root writes in the place of somebody else's to the
// owner and the group of that one; other users could not, and what they replace
// is theirs. Where even root may not, as on some network file systems, the file
// stays as it is. It reports whether there was something to change.
func keepOwner(f *os.File, replaced fs.FileInfo) (bool, error) {
	if os.Geteuid() != 0 {
		return false, nil
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	was, ok := replaced.Sys().(*syscall.Stat_t)
	is, same := info.Sys().(*syscall.Stat_t)
	if !ok || !same || was.Uid == is.Uid && was.Gid == is.Gid {
		return false, nil
	}
	err = f.Chown(int(was.Uid), int(was.Gid))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		return false, nil
	}
	return err == nil, err
}
