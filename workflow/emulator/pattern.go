package emulator

import (
	"regexp"
	"sync"
)

// pattern compiles a regular expression at its first use: every command of the
// program carries the emulator, and few of them start it.
func pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
