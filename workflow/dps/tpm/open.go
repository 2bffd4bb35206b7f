package tpm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"
)

// DefaultPath is the TPM behind the kernel's resource manager, which lets many
// programs use it at once.
const DefaultPath = "/dev/tpmrm0"

// Open opens a TPM 2.0: a device file, or the Unix socket of a software TPM.
// An empty path is DefaultPath.
func Open(path string) (*Device, error) {
	if path == "" {
		path = DefaultPath
	}
	t, err := open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open the TPM: %w: this machine has none, or its driver is not loaded", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open the TPM: %w: it belongs to the group tss: add yourself and log in again", err)
	case err != nil:
		return nil, fmt.Errorf("open the TPM %s: %w", path, err)
	}
	return &Device{path: path, tpm: t}, nil
}

func open(path string) (transport.TPMCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&os.ModeSocket != 0 {
		return linuxudstpm.Open(path)
	}
	return linuxtpm.Open(path)
}
