//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package tui

import (
	"errors"
	"os"
)

// hideEcho cannot hide anything here, so a secret is not asked for.
func hideEcho(*os.File) (show func(), err error) {
	return nil, errors.New("this terminal cannot hide a secret: name an environment variable that holds it in the profile")
}
