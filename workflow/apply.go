package workflow

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// NewStatus is the status of a device of which nothing has happened yet.
func NewStatus(device string) *Status {
	s := &Status{Device: device}
	for _, info := range Steps() {
		s.Steps = append(s.Steps, StepStatus{StepInfo: info, State: Waiting})
	}
	return s
}

// Step finds a step's status; nil for an unknown one.
func (s *Status) Step(id StepID) *StepStatus {
	for i := range s.Steps {
		if s.Steps[i].ID == id {
			return &s.Steps[i]
		}
	}
	return nil
}

// Apply takes in one event. Events of another device, of a run that is over
// and events out of order are ignored.
func (s *Status) Apply(e Event) {
	if e.Kind == LabOpened {
		s.Lab = e.Lab
		return
	}
	if e.Device != s.Device {
		return
	}
	if e.Run == "" {
		s.applyAside(e)
		return
	}
	if e.Kind == RunStarted {
		s.begin(e)
	} else if e.Run != s.Run || e.Seq <= s.seq {
		return
	}
	s.seq = e.Seq
	switch e.Kind {
	case StepStarted, StepSkipped, StepFinished:
		s.applyStep(e)
	case ExchangeStarted, ExchangeFinished:
		s.applyExchange(e)
	case PollScheduled, RetryScheduled:
		s.applyWait(e)
	case StatusChanged:
		s.Registration = *e.Registration
	case MessageSent, MessageReceived:
		s.applyMessage(e)
	case StreamChanged:
		s.Telemetry.Stream = *e.Stream
	case FilesWritten:
		if step := s.Step(e.Step); step != nil {
			step.Files = append(step.Files, e.Files...)
		}
	case RunFinished:
		s.finish(e)
	}
	s.log(e)
}

// applyAside takes in what happened beside the runs: a request that was sent
// again by hand.
func (s *Status) applyAside(e Event) {
	if e.Kind == CloudMessageReceived && e.Cloud != nil {
		s.Cloud = keepLast(append(s.Cloud, e.Cloud), MaxSamples)
		s.log(e)
	}
	if e.Kind != ExchangeFinished || e.Exchange == nil {
		return
	}
	s.Exchanges.Add(e.Exchange, "")
	s.log(e)
}

func (s *Status) begin(e Event) {
	s.Run, s.Running, s.Outcome, s.Problem = e.Run, true, "", nil
	s.Poll, s.Pending, s.Undoing, s.DryRun = nil, nil, e.Undo, e.DryRun
	for _, id := range e.Plan {
		s.extend(id)
		step := s.Step(id)
		if step == nil {
			continue
		}
		if e.Undo {
			step.before, step.Problem, step.Attempt = step.State, nil, 0
			step.Log, step.LogGone = nil, 0
			continue
		}
		*step = StepStatus{StepInfo: step.StepInfo, State: Waiting}
		switch id {
		case StepRegistration:
			s.Lane = nil
		case StepTelemetry:
			if e.Adds {
				s.Telemetry.before = s.Telemetry.Of
				continue
			}
			s.Telemetry = TelemetryStatus{}
		}
	}
}

// extend adds a step that only some profiles have.
func (s *Status) extend(id StepID) {
	if id == optionalStep.ID && s.Step(id) == nil {
		s.Steps = append(s.Steps, StepStatus{StepInfo: optionalStep, State: Waiting})
	}
}

func (s *Status) finish(e Event) {
	s.Running, s.Outcome, s.Problem = false, e.Outcome, e.Problem
	s.endWait(e.At)
	s.Pending = nil
	for i := range s.Steps {
		if s.Steps[i].State == Running {
			s.Steps[i].State = StepStopped
			if s.Undoing {
				s.Steps[i].State = s.Steps[i].before
			}
			s.Steps[i].Ended = e.At
		}
	}
}

func (s *Status) applyStep(e Event) {
	step := s.Step(e.Step)
	if step == nil {
		return
	}
	s.endWait(e.At)
	if e.Text != "" {
		step.Text = e.Text
	}
	switch e.Kind {
	case StepStarted:
		step.State, step.Started, step.Problem = Running, e.At, nil
		step.Attempt++
		if e.Step == StepTelemetry && !s.Undoing && s.Telemetry.before == 0 {
			s.Telemetry.Started = e.At
		}
	case StepSkipped:
		step.State, step.Ended = StepSkip, e.At
		if s.Undoing {
			step.State = step.before
		}
	case StepFinished:
		step.Ended, step.Problem = e.At, nil
		if e.Outcome == Failed { // who cancelled knows why
			step.Problem = e.Problem
		}
		step.State = map[Outcome]StepState{Done: StepDone, Failed: StepFailed, Cancelled: StepStopped}[e.Outcome]
		if s.Undoing {
			s.undone(step, e.Outcome)
		}
	}
}

// undone: a step that was taken back waits to be done again; one that was not is
// as it was.
func (s *Status) undone(step *StepStatus, outcome Outcome) {
	if outcome != Done || s.DryRun {
		step.State = step.before
		return
	}
	step.State, step.Files = Waiting, nil
	if step.ID == StepRegistration {
		s.Registration, s.Lane = Registration{}, nil
	}
}

func (s *Status) applyExchange(e Event) {
	x := e.Exchange
	if e.Kind == ExchangeStarted {
		s.endWait(e.At)
		s.Pending = x
		s.lane(e, LaneRow{Kind: LaneRequest, At: e.At, Exchange: x, Label: requestLabel(x), Open: true})
		return
	}
	s.Pending = nil
	s.Exchanges.add(x, e.Step, e.stored)
	if e.Step == StepTelemetry && (x.Status == 0 || x.Status >= 300) && (x.Operation == "send event" || x.Operation == "send batch") {
		s.Telemetry.Failed++
	}
	if e.Step != StepRegistration {
		return
	}
	if n := len(s.Lane); n > 0 && s.Lane[n-1].Open {
		s.Lane[n-1].Open = false
	}
	if x.Status == 0 {
		s.lane(e, LaneRow{Kind: LaneFault, At: e.At, Exchange: x, Label: "no answer", Note: x.Error, Bad: true})
		return
	}
	s.lane(e, LaneRow{Kind: LaneResponse, At: e.At, Exchange: x, Label: answerLabel(x), Note: answerNote(x), Bad: x.Status >= 300})
}

// lane adds a row when the event belongs to the registration step.
func (s *Status) lane(e Event, row LaneRow) {
	if e.Step == StepRegistration {
		s.Lane = append(s.Lane, row)
	}
}

func requestLabel(x *Exchange) string {
	label := map[string]string{
		"register": "register", "operation status": "operation", "registration status": "registration",
	}[x.Operation]
	if label == "" {
		label = x.Operation
	}
	return x.Method + " " + label
}

func answerLabel(x *Exchange) string {
	label := strconv.Itoa(x.Status)
	if status := jsonMember(x.ResponseBody, "status"); status != "" {
		return label + " " + status
	}
	if code := jsonMember(x.ResponseBody, "errorCode"); code != "" {
		return label + " error " + code
	}
	return strings.TrimSpace(label + " " + x.Reason)
}

func answerNote(x *Exchange) string {
	note := fmt.Sprintf("%.0f ms", x.Timing.Total)
	if op := jsonMember(x.ResponseBody, "operationId"); op != "" {
		note += "  op " + op
	}
	return note
}

func (s *Status) applyWait(e Event) {
	s.endWait(e.At)
	s.Poll, s.PollStep = e.Poll, e.Step
	if e.Poll == nil {
		return
	}
	s.lane(e, LaneRow{Kind: LaneWait, At: e.At, Poll: e.Poll, Label: waitLabel(e), Open: true})
}

func waitLabel(e Event) string {
	wait := e.Poll.Due.Sub(e.Poll.Since).Round(100 * time.Millisecond)
	if e.Kind == RetryScheduled {
		return fmt.Sprintf("retry in %s", short(wait))
	}
	return "wait " + short(wait)
}

// short writes a duration the way people read it: "3 s", "400 ms".
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

func (s *Status) endWait(at time.Time) {
	s.Poll = nil
	if n := len(s.Lane); n > 0 && s.Lane[n-1].Kind == LaneWait && s.Lane[n-1].Open {
		s.Lane[n-1].Open, s.Lane[n-1].Ended = false, at
	}
}

func (s *Status) applyMessage(e Event) {
	t := &s.Telemetry
	if r := e.Received; r != nil {
		t.Received++
		t.LastReceived = r
		return
	}
	m := e.Message
	t.Sent, t.Of, t.Last = t.Sent+1, t.before+m.Of, m
	sample := Sample{At: e.At, LatencyMS: m.LatencyMS}
	if m.Value != nil {
		sample.Value, sample.HasValue, t.ValueName = *m.Value, true, m.ValueName
	}
	t.Samples = keepLast(append(t.Samples, sample), MaxSamples)
}

// keepLast drops the oldest of a list that has grown too long, a tenth at once
// so that it need not be copied for every one.
func keepLast[T any](list []T, most int) []T {
	if len(list) <= most {
		return list
	}
	n := copy(list, list[len(list)-most+most/10:])
	clear(list[n:])
	return list[:n]
}

// Line is an event as one line of plain text, or "" for one that is not worth
// a line. Every face that prints lines uses it.
func Line(e Event) string {
	switch e.Kind {
	case ExchangeFinished:
		return exchangeLine(e.Exchange)
	case FilesWritten:
		var parts []string
		for _, f := range e.Files {
			verb := "found"
			if f.New {
				verb = "wrote"
			}
			parts = append(parts, fmt.Sprintf("%s %s: %s", verb, f.What, f.Path))
		}
		return strings.Join(parts, "\n")
	case PollScheduled:
		line := fmt.Sprintf("poll %d in %s", e.Poll.Attempt, short(e.Poll.Due.Sub(e.Poll.Since).Round(100*time.Millisecond)))
		if e.Poll.RetryAfter != nil {
			line += " (Retry-After)"
		}
		return line
	case RetryScheduled:
		line := fmt.Sprintf("attempt %d in %s", e.Poll.Attempt, short(e.Poll.Due.Sub(e.Poll.Since).Round(100*time.Millisecond)))
		if e.Problem != nil {
			line = e.Problem.Summary + "; " + line
		}
		return line
	case MessageSent:
		return fmt.Sprintf("message %d of %d accepted in %.0f ms: %s", e.Message.N, e.Message.Of, e.Message.LatencyMS, e.Message.Body)
	case StatusChanged:
		line := "status " + e.Registration.Status
		if e.Registration.AssignedHub != "" {
			line += ": " + e.Registration.AssignedHub + " as " + e.Registration.DeviceID
		}
		return line
	case CloudMessageReceived:
		line := fmt.Sprintf("message %d to the device: %s", e.Cloud.Sequence, e.Cloud.Body)
		if e.Cloud.Settled != "" {
			line += " (" + string(e.Cloud.Settled) + ")"
		}
		return line
	case ChangesFound:
		lines := []string{e.Text}
		for _, c := range e.Changes {
			lines = append(lines, "change "+c.String())
		}
		return strings.Join(lines, "\n")
	case StreamChanged:
		if e.Stream.Paused {
			return "telemetry is paused"
		}
		return "telemetry flows, every " + short(time.Duration(e.Stream.IntervalMS*float64(time.Millisecond)).Round(time.Millisecond))
	case ExchangeStarted, MessageReceived, RunStarted, StepStarted, RunFinished, LabOpened:
		return ""
	}
	if e.Problem != nil && e.Text == "" {
		return e.Problem.Error()
	}
	return e.Text
}

func exchangeLine(x *Exchange) string {
	answer := answerLabel(x)
	if x.Status == 0 {
		answer = "no answer: " + x.Error
	}
	return fmt.Sprintf("%s %s → %s, %.0f ms", x.Method, pathOf(x.URL), answer, x.Timing.Total)
}

// pathOf is host and path of a URL for a line; the long middle of a resource
// ID is left out.
func pathOf(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		url = rest
	}
	path, _, _ := strings.Cut(url, "?")
	host, rest, _ := strings.Cut(path, "/")
	if _, resource, ok := strings.Cut(rest, "/provisioningServices/"); ok {
		return host + "/…/" + resource
	}
	return path
}
