//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package emulator

import "os"

// unlock does nothing: closing the file lets go of its lock here.
func unlock(*os.File) error { return nil }
