package tpm

import (
	"errors"
	"fmt"
	"io/fs"
)

// Open opens a TPM 2.0: a device file, the Unix socket of a software TPM, or on
// Windows the machine's. An empty path is DefaultPath.
func Open(path string) (*Device, error) {
	if path == "" {
		path = DefaultPath
	}
	t, err := open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open the TPM: %w: this machine has none, or its driver is not loaded", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open the TPM: %w: %s", err, permission)
	case err != nil:
		return nil, fmt.Errorf("open the TPM %s: %w", path, err)
	}
	return &Device{path: path, tpm: t}, nil
}
