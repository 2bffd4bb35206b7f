//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package term

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// HideEcho keeps a terminal from showing what is typed until show is called.
// Unlike a raw read it leaves the reading of lines to the one reader there is.
func HideEcho(in *os.File) (show func(), err error) {
	fd := int(in.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("keep the terminal from showing a secret: %w", err)
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, setTermios, &quiet); err != nil {
		return nil, fmt.Errorf("keep the terminal from showing a secret: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, before) }, nil
}
