package workflow

import (
	"bufio"
	"encoding/json"
	"io"
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
	if file, err := openJournalFile(s.config.Store.Paths.Journal(name)); err == nil {
		replay(file.file, file, status)
		if status.Exchanges.Len() == 0 {
			_ = file.file.Close()
		}
	}
	return status
}

// replay feeds journal lines to a status. A line that was cut short by a kill
// is left out; what the killed run had under way counts as stopped. Exchanges
// that the status need not have whole stay in file.
func replay(in io.Reader, file *journalFile, status *Status) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 256<<10), maxJournalLine)
	var start, next int64
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		advance, line, err := bufio.ScanLines(data, atEOF)
		start = next
		next += int64(advance)
		return advance, line, err
	})
	var last Event
	var received []byte
	reader := newLineReader()
	for lines.Scan() {
		e, ok := reader.event(lines.Bytes())
		part := ok && file != nil
		if !part {
			if e, ok = wholeEvent(lines.Bytes()); !ok {
				continue
			}
		}
		e.stored = place{file: file, offset: start, size: len(lines.Bytes()), part: part}
		if e.Received == leftOut {
			received = append(received[:0], lines.Bytes()...)
		}
		status.Apply(e)
		last = e
		if n := status.Exchanges.Len(); n == guessAfter {
			status.Exchanges.reserve(file, int64(n), next)
		}
	}
	if status.Telemetry.LastReceived == leftOut {
		status.Telemetry.LastReceived = receivedOf(received)
	}
	status.Exchanges.warm()
	if status.Running {
		status.finish(Event{At: last.At, Outcome: Cancelled})
	}
}

// guessAfter is after how many exchanges it is guessed how many there will be.
const guessAfter = 1000

// wholeEvent is the event of a journal line, with all that its kind promises; ok
// is false when the line is damaged.
func wholeEvent(line []byte) (e Event, ok bool) {
	ok = json.Unmarshal(line, &e) == nil && e.whole()
	return e, ok
}

// receivedOf is the message of a journal line; an empty one when it is damaged.
func receivedOf(line []byte) *Received {
	var e Event
	if json.Unmarshal(line, &e) != nil || e.Received == nil {
		return &Received{}
	}
	return e.Received
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
