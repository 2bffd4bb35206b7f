package main

import (
	"fmt"

	"dpslab/pki"
)

// writeSecretFile writes what only the user may read, mode 0600. A file that is
// there is an error, unless force: then it is kept beside the new one, and where is
// told. The error is that of [pki.WriteOutput].
func (a *app) writeSecretFile(file string, data []byte, force bool) error {
	kept, err := pki.WriteOutput(file, data, pki.WriteOptions{Secret: true, Force: force})
	if err != nil {
		return err
	}
	if kept != "" && !a.quiet {
		fmt.Fprintln(a.err, "the file that was there is kept as "+printable(kept))
	}
	return nil
}
