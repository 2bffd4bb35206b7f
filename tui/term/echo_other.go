//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package term

import (
	"errors"
	"os"
)

// HideEcho cannot hide anything here, so a secret is not asked for.
func HideEcho(*os.File) (show func(), err error) {
	return nil, errors.New("this terminal cannot hide a secret: name an environment variable that holds it in the profile")
}
