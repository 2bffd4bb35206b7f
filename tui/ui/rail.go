package ui

import (
	"fmt"
	"strings"
	"time"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

// RailWidth is how many cells the step rail takes: marker, glyph, number and
// the longest title.
const RailWidth = 20

// Rail draws the steps one below the other.
func Rail(th *theme.Theme, steps []workflow.StepStatus, selected int, now time.Time) []string {
	rows := make([]string, len(steps))
	for i, s := range steps {
		glyph, style := StateGlyph(th, s.State, now)
		text := fmt.Sprintf("%d %s", i+1, s.Title)
		if i == selected {
			rows[i] = th.Accent.Text(th.Marker) + " " + style.Text(glyph) + " " + th.Selected.Text(text)
			continue
		}
		if s.State == workflow.Waiting || s.State == workflow.StepSkip {
			text = th.Dim.Text(text)
		}
		rows[i] = "  " + style.Text(glyph) + " " + text
	}
	return rows
}

// RailLine draws the steps side by side in one row, for a narrow screen; only
// the selected one has its title.
func RailLine(th *theme.Theme, steps []workflow.StepStatus, selected int, now time.Time) string {
	parts := make([]string, len(steps))
	for i, s := range steps {
		glyph, style := StateGlyph(th, s.State, now)
		part := style.Text(glyph) + " " + fmt.Sprint(i+1)
		if i == selected {
			part = th.Accent.Text(th.Marker) + " " + style.Text(glyph) + " " + th.Selected.Text(fmt.Sprintf("%d %s", i+1, s.Title))
		}
		parts[i] = part
	}
	return strings.Join(parts, "   ")
}

// StateGlyph is the character and the style of a step's state.
func StateGlyph(th *theme.Theme, s workflow.StepState, now time.Time) (string, theme.Style) {
	switch s {
	case workflow.Running:
		return Spinner(th, now), th.Accent
	case workflow.StepDone:
		return th.Done, th.OK
	case workflow.StepFailed:
		return th.Failed, th.Bad
	case workflow.StepSkip:
		return th.Skipped, th.Dim
	case workflow.StepStopped:
		return th.Stopped, th.Warn
	}
	return th.Waiting, th.Dim
}

// Spinner is the picture for the moment now; with no clock yet it stands still
// as the glyph of something that runs.
func Spinner(th *theme.Theme, now time.Time) string {
	if now.IsZero() {
		return th.Running
	}
	return th.Spinner[int(now.UnixMilli()/100)%len(th.Spinner)]
}
