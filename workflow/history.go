package workflow

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"time"

	"dpslab/profiles"
)

// maxJournalLine is the longest journal line that is read back, in bytes: two
// kept bodies and their headers.
const maxJournalLine = 1 << 20

// History is what is known of a device without running anything: the state
// file's steps, then the last run as its journal tells it.
func (s *Session) History(name string) *Status {
	status := NewStatus(name)
	state, err := s.config.Store.LoadState(name)
	if err != nil {
		return status
	}
	if p, err := s.load(name); err == nil && p.APIManagement.Service != "" {
		status.extend(StepAPIManagement)
	}
	status.restore(state)
	if file, err := os.Open(s.config.Store.Paths.Journal(name)); err == nil {
		defer file.Close()
		replay(file, status)
	}
	return status
}

// replay feeds journal lines to a status. A line that was cut short by a kill
// is left out; what the killed run had under way counts as stopped.
func replay(in io.Reader, status *Status) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxJournalLine)
	var last Event
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) != nil || !e.whole() {
			continue
		}
		status.Apply(e)
		last = e
	}
	if status.Running {
		status.finish(Event{At: last.At, Outcome: Cancelled})
	}
}

// whole reports whether an event from a file has what its kind promises.
func (e Event) whole() bool {
	switch e.Kind {
	case ExchangeStarted, ExchangeFinished:
		return e.Exchange != nil
	case PollScheduled, RetryScheduled:
		return e.Poll != nil
	case StatusChanged:
		return e.Registration != nil
	case CloudMessageReceived:
		return e.Cloud != nil
	case HandNeeded:
		return e.Manual != nil
	case StreamChanged:
		return e.Stream != nil
	case MessageSent:
		return e.Message != nil
	case MessageReceived:
		return e.Received != nil
	}
	return true
}

func (s *Status) restore(state *profiles.State) {
	for id, known := range state.Steps {
		step := s.Step(StepID(id))
		if step == nil {
			continue
		}
		step.Text, step.Ended = known.Summary, known.Finished
		switch known.Status {
		case string(Done):
			step.State = StepDone
		case string(StepSkip):
			step.State = StepSkip
		case string(Failed):
			step.State = StepFailed
			step.Problem = lastProblem(state.LastError, id)
		case string(Cancelled):
			step.State = StepStopped
		}
	}
	s.Problem = nil
	if e := state.LastError; e != nil {
		s.Problem = lastProblem(e, e.Step)
	}
	reg := state.Registration
	s.Registration = Registration{
		OperationID: reg.OperationID, Status: reg.Status, Substatus: reg.Substatus, AssignedHub: reg.AssignedHub,
		DeviceID: reg.DeviceID, ETag: reg.ETag, ErrorCode: reg.ErrorCode, ErrorMessage: reg.ErrorMessage,
	}
}

func lastProblem(e *profiles.LastError, step string) *Problem {
	if e == nil || e.Step != step {
		return nil
	}
	return &Problem{
		Kind: ProblemKind(e.Kind), Op: e.Op, Summary: e.Summary, Why: e.Why, Fix: e.Fix,
		Code: e.Code, Status: e.Status, TrackingID: e.TrackingID,
	}
}

// DaysLeft is how many days a certificate is still good at a time, one that has
// begun included, as the certificate reports count; negative once it
// ran out. ok is false when none is known.
func DaysLeft(state *profiles.State, now time.Time) (days int, ok bool) {
	end := state.Certificate.NotAfter
	if end.IsZero() {
		return 0, false
	}
	left := end.Sub(now)
	const day = 24 * time.Hour
	days = int(left / day)
	switch {
	case left > 0 && left%day != 0:
		days++
	case left < 0:
		days--
	}
	return days, true
}
