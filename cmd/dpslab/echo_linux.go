package main

import "golang.org/x/sys/unix"

// echoOff stops a terminal from showing what is typed. It comes before the
// prompt: who types or pastes quickly is ahead of term.ReadPassword.
func echoOff(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
