package term

import (
	"io"
	"strings"

	"github.com/aymanbagabas/go-osc52/v2"
)

// MaxClipboard is the longest text sent to a terminal's clipboard, in bytes:
// terminals cap the sequence at about 100 kB, and base64 makes it a third longer.
const MaxClipboard = 74 << 10

// Clipboard is the terminal's clipboard, reached by an OSC 52 sequence. It works
// over SSH, and nobody can tell whether it worked: a terminal that does not know
// it, or is told not to allow it, says nothing.
type Clipboard struct {
	Out    io.Writer
	Getenv func(string) string
}

// Copy asks the terminal to hold text. It reports false for a text that is too
// long and for a terminal that is gone.
//
// Inside tmux it asks twice, because tmux has two ways and either may be shut:
// the bare sequence fills tmux's own buffer and goes on to the terminal where
// set-clipboard is on; the wrapped one passes through where allow-passthrough is
// on (off by default from tmux 3.3).
func (c Clipboard) Copy(text string) bool {
	if len(text) > MaxClipboard {
		return false
	}
	seq := osc52.New(text)
	out := seq.String()
	switch {
	case c.Multiplexer() == "tmux":
		out += seq.Tmux().String()
	case c.Multiplexer() == "screen":
		out = seq.Screen().String()
	}
	_, err := io.WriteString(c.Out, out)
	return err == nil
}

// Multiplexer is what stands between this program and the terminal: "tmux",
// "screen", or nothing.
func (c Clipboard) Multiplexer() string {
	switch {
	case c.Getenv == nil:
		return ""
	case c.Getenv("TMUX") != "":
		return "tmux"
	case strings.HasPrefix(c.Getenv("TERM"), "screen"):
		return "screen"
	}
	return ""
}
