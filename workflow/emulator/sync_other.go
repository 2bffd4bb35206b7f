//go:build !linux

package emulator

import "os"

// syncData brings what was written to disk.
func syncData(f *os.File) error { return f.Sync() }

// syncDir leaves the names to the system: not all of them can sync a directory.
func syncDir(string) error { return nil }
