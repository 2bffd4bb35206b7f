// Package noprobe keeps Bubble Tea v1 from asking the terminal for its
// background colour before main starts. That question stalls for five seconds
// on a terminal that never answers, also in commands that draw nothing.
//
// The command's main package imports it; it may itself import only os. Go
// initialises packages in the order of their import paths as soon as their
// imports are ready: this one is ready at once, while Bubble Tea waits for
// packages under golang.org/x. TERM=dumb is what makes the question go away.
package noprobe

import "os"

var term, had = os.LookupEnv("TERM")

// init hides the real terminal type until Restore.
func init() { _ = os.Setenv("TERM", "dumb") }

// Restore puts TERM back as it was when the process started. Package tui calls
// it from its own init, which runs after Bubble Tea's.
func Restore() {
	if had {
		_ = os.Setenv("TERM", term)
	} else {
		_ = os.Unsetenv("TERM")
	}
}
