package term

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// HideEcho keeps a console from showing what is typed until show is called.
func HideEcho(in *os.File) (show func(), err error) {
	console := windows.Handle(in.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, fmt.Errorf("keep the terminal from showing a secret: %w", err)
	}
	if err := windows.SetConsoleMode(console, before&^windows.ENABLE_ECHO_INPUT); err != nil {
		return nil, fmt.Errorf("keep the terminal from showing a secret: %w", err)
	}
	return func() { _ = windows.SetConsoleMode(console, before) }, nil
}
