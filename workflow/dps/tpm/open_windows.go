package tpm

import (
	"fmt"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/windowstpm"
)

// DefaultPath stands for the machine's TPM, which Windows lets many programs
// use through its TPM Base Services.
const DefaultPath = "tbs"

const permission = "run it as administrator"

// linuxPath is what a profile from a Linux machine names.
const linuxPath = "/dev/tpmrm0"

func open(path string) (transport.TPMCloser, error) {
	if path != DefaultPath && path != linuxPath {
		return nil, fmt.Errorf("windows reaches the machine's own TPM alone, which is called %s", DefaultPath)
	}
	t, err := windowstpm.Open()
	if err != nil {
		return nil, fmt.Errorf("ask TPM Base Services: %w", err)
	}
	return t, nil
}
