package workflow

import "time"

// LogLine is one line of what happened.
type LogLine struct {
	At   time.Time
	Step StepID
	Kind EventKind
	Text string
}

// log adds an event to what happened, if it is worth a line.
func (s *Status) log(e Event) {
	text := Line(e)
	if text == "" {
		return
	}
	line := LogLine{At: e.At, Step: e.Step, Kind: e.Kind, Text: text}
	s.Log, s.LogGone = addLine(s.Log, s.LogGone, line)
	if step := s.Step(e.Step); step != nil {
		step.Log, step.LogGone = addLine(step.Log, step.LogGone, line)
	}
}

// addLine adds a line to the newest of a log and counts those that had to go.
func addLine(log []LogLine, gone int, line LogLine) ([]LogLine, int) {
	kept := keepLast(append(log, line), MaxLog)
	return kept, gone + len(log) + 1 - len(kept)
}
