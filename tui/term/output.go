package term

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/charmbracelet/x/ansi"
)

// frameMin is the size from which a write is a frame. Smaller ones set modes or
// move the cursor and need no bracket.
const frameMin = 64

// Output writes frames to a terminal. Each frame is bracketed with synchronized
// output (mode 2026) in one system call, so a terminal that knows the mode never
// shows half of it; others ignore it. A lock keeps other sequences between
// frames.
//
// It embeds the file, so that Bubble Tea still finds a terminal to ask for its
// size.
type Output struct {
	*os.File
	mu     sync.Mutex
	frames Frames
}

// NewOutput wraps a terminal.
func NewOutput(f *os.File) *Output { return &Output{File: f} }

// Write sends p whole. It returns len(p) when all went out.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := writeFrame(o.File, o.frames.Thin(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString is Write.
func (o *Output) WriteString(s string) (int, error) { return o.Write([]byte(s)) }

func writeFrame(w io.Writer, p []byte) (int, error) {
	if len(p) < frameMin {
		return w.Write(p)
	}
	b := make([]byte, 0, len(p)+len(ansi.SetModeSynchronizedOutput)+len(ansi.ResetModeSynchronizedOutput))
	b = append(b, ansi.SetModeSynchronizedOutput...)
	b = append(b, p...)
	b = append(b, ansi.ResetModeSynchronizedOutput...)
	if _, err := w.Write(b); err != nil {
		return 0, fmt.Errorf("write a frame to the terminal: %w", err)
	}
	return len(p), nil
}
