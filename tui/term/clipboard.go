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
func (c Clipboard) Copy(text string) bool {
	if len(text) > MaxClipboard {
		return false
	}
	seq := osc52.New(text)
	switch {
	case c.Getenv("TMUX") != "":
		seq = seq.Tmux()
	case strings.HasPrefix(c.Getenv("TERM"), "screen"):
		seq = seq.Screen()
	}
	_, err := io.WriteString(c.Out, seq.String())
	return err == nil
}
