package tui

import (
	"strings"

	"github.com/charmbracelet/x/vt"
)

// onScreen lets a terminal show a frame.
func onScreen(frame string, w, h int) *vt.Emulator {
	scr := vt.NewEmulator(w, h)
	_, _ = scr.WriteString(strings.ReplaceAll(frame, "\n", "\r\n"))
	return scr
}
