package screen

import (
	"fmt"
	"path/filepath"
	"strings"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// lines is the body of the steps that have no picture of their own: files,
// then what the step said.
func (b *Bench) lines(s workflow.StepStatus, w int) []string {
	th := b.th
	rows := []string{""}
	rows = append(rows, b.files(s.Files, w)...)
	if s.LogGone > 0 {
		rows = append(rows, th.Dim.Text(ui.Cut(linesGone(s.LogGone), w, th.Ellipsis)))
	}
	for _, l := range s.Log {
		if l.Kind == workflow.FilesWritten || l.Kind == workflow.StepFinished {
			continue
		}
		rows = append(rows, b.logRows(l, w)...)
	}
	if b.st.Poll != nil && b.st.PollStep == s.ID {
		rows = append(rows, b.waiting(w))
	}
	if s.Text != "" && s.Problem == nil && s.State != workflow.Running && s.State != workflow.StepFailed {
		glyph, st := ui.StateGlyph(th, s.State, b.now)
		rows = append(rows, "")
		for i, r := range ui.Wrap(th.Clean(s.Text), w-2) {
			lead := "  "
			if i == 0 {
				lead = st.Text(glyph) + " "
			}
			rows = append(rows, lead+r)
		}
	}
	return rows
}

// files lists what a step wrote or found, below the folder they share.
func (b *Bench) files(fs []workflow.File, w int) []string {
	if len(fs) == 0 {
		return nil
	}
	th := b.th
	dir := filepath.Dir(fs[0].Path)
	for _, f := range fs {
		for !strings.HasPrefix(f.Path, dir+string(filepath.Separator)) && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
		}
	}
	rows := []string{th.Dim.Text("in " + ui.CutLeft(th.Clean(dir), w-3, th.Ellipsis))}
	for _, f := range fs {
		verb := th.Dim.Text("found")
		if f.New {
			verb = th.OK.Text("wrote")
		}
		name := th.Clean(strings.TrimPrefix(f.Path, dir+string(filepath.Separator)))
		row := verb + " " + ui.CutLeft(name, w-8, th.Ellipsis)
		if what := th.Clean(f.What); ui.Width(row)+ui.Width(what)+2 <= w { // the name says it too
			row = ui.Spread(row, th.Dim.Text(what), w, th.Ellipsis)
		}
		rows = append(rows, row)
	}
	return append(rows, "")
}

func (b *Bench) logRows(l workflow.LogLine, w int) []string {
	th := b.th
	lead := th.Dot + " "
	if l.Kind == workflow.Warned {
		lead = th.Warning + " "
	}
	var rows []string
	for _, text := range th.CleanLines(l.Text) {
		for i, r := range ui.Wrap(text, w-2) {
			if i == 0 {
				rows = append(rows, th.Dim.Text(lead)+r)
				continue
			}
			rows = append(rows, "  "+r)
		}
	}
	return rows
}

// waiting is the countdown of a wait that has no lane.
func (b *Bench) waiting(w int) string {
	p := b.st.Poll
	whole := p.Due.Sub(p.Since)
	rest := max(0, min(p.Due.Sub(b.now), whole))
	done := 1.0
	if whole > 0 {
		done = 1 - float64(rest)/float64(whole)
	}
	text := fmt.Sprintf("attempt %d in %.1f s ", p.Attempt, rest.Seconds())
	return ui.Cut("  "+text+ui.Bar(b.th, done, 12), w, b.th.Ellipsis)
}

// logPane is the whole run, a row an event, on a tall screen.
func (b *Bench) logPane(w, h int) []string {
	th := b.th
	title := th.Strong.Text("What happened")
	var all []string
	// Each event has at least one row: older ones than h cannot be seen.
	log := b.st.Log[max(0, len(b.st.Log)-h):]
	for _, l := range log {
		for i, text := range th.CleanLines(ui.Head(l.Text, w)) {
			at := noTime
			if i == 0 {
				at = l.At.Local().Format("15:04:05")
			}
			all = append(all, th.Dim.Text(at)+" "+b.cutLine(text, w-9))
		}
	}
	if len(all) == 0 {
		return []string{title, "", th.Dim.Text("nothing yet")}
	}
	seen := all[max(0, len(all)-(h-1)):]
	if above := len(b.st.Log) - len(log) + len(all) - len(seen); above > 0 {
		title += "  " + th.Dim.Text(ui.More(th, above+b.st.LogGone, 0))
	}
	return append([]string{title}, seen...)
}

// cutLine shortens a line of the log. Of a request with its answer it is the
// beginning of the address that goes: the answer says most.
func (b *Bench) cutLine(text string, w int) string {
	request, answer, isExchange := strings.Cut(text, b.th.Clean(" → "))
	method, address, hasAddress := strings.Cut(request, " ")
	answer = b.th.Clean(" → ") + answer
	room := w - ui.Width(method) - 1 - ui.Width(answer)
	if ui.Width(text) <= w || !isExchange || !hasAddress || room < addressRoom {
		return ui.Cut(text, w, b.th.Ellipsis)
	}
	return method + " " + ui.CutLeft(address, room, b.th.Ellipsis) + answer
}

// addressRoom is how much of an address says anything.
const addressRoom = 12

// linesGone says how much of a long log is no longer there to be shown.
func linesGone(n int) string {
	if n == 1 {
		return "1 older line is left out; the journal has it"
	}
	return fmt.Sprintf("%d older lines are left out; the journal has them", n)
}

// noTime stands for a time of day that is the same as above.
const noTime = "        "

// result is the last row: where the device stands, whatever step is looked at.
func (b *Bench) result(w int) string {
	th := b.th
	reg := b.st.Registration
	var text string
	switch {
	case b.stopping:
		text = th.Warn.Text(th.Stopped) + " cancelling" + th.Ellipsis
	case b.st.Running:
		doing := "running "
		if b.st.Undoing {
			doing = "taking back "
		}
		text = ui.Spinner(th, b.now) + " " + doing + b.runningStep()
	case b.started:
		text = ui.Spinner(th, b.now) + " starting"
	case b.failure() != nil || b.st.Outcome == workflow.Failed:
		text = th.Bad.Text(th.Failed) + " " + b.failedStep()
	case b.st.Outcome == workflow.Cancelled:
		text = th.Warn.Text(th.Stopped) + " cancelled; what was done is kept, and a runs the rest"
	case reg.AssignedHub != "":
		text = th.OK.Text(th.Done) + " " + fitting(w-3, b.assigned(reg)...)
	case b.ended() > 0:
		text = th.OK.Text(th.Done) + " " + fmt.Sprintf("%d of %d steps are done; a runs the rest", b.ended(), len(b.st.Steps))
	case b.resumable():
		text = th.Warn.Text(th.Stopped) + " a registration was under way: its step resumes it"
	default:
		text = th.Dim.Text(th.Waiting) + " nothing has run yet" + b.nextKey()
	}
	return ui.Pad(" "+text, w, th.Ellipsis)
}

// ended counts the steps that are done or have nothing to do.
func (b *Bench) ended() int {
	n := 0
	for _, s := range b.st.Steps {
		if s.State == workflow.StepDone || s.State == workflow.StepSkip {
			n++
		}
	}
	return n
}

// nextKey is what to press on a device that never ran.
func (b *Bench) nextKey() string {
	if b.whyNotRun() != "" {
		return ""
	}
	return ": press " + b.th.Key.Text("a") + " to run all steps"
}

// assigned says where the device belongs, the fullest text first: what gives
// way on a narrow screen is told by the pane or the rail too.
func (b *Bench) assigned(r workflow.Registration) []string {
	sent := ""
	if n := b.st.Telemetry.Sent; n > 0 {
		sent = fmt.Sprintf(", %d accepted", n)
	}
	hub, device, why := b.th.Clean(r.AssignedHub), b.th.Clean(r.DeviceID), b.th.Clean(r.Substatus)
	short, _, _ := strings.Cut(hub, ".")
	texts := []string{"assigned to " + hub + " as " + device + sent, "assigned to " + hub + sent, "assigned to " + short + sent}
	if why != "" {
		texts = append([]string{"assigned to " + hub + " as " + device + " (" + why + ")" + sent}, texts...)
	}
	return texts
}

// fitting is the first text that fits in w cells, else the last one.
func fitting(w int, texts ...string) string {
	for _, t := range texts[:len(texts)-1] {
		if ui.Width(t) <= w {
			return t
		}
	}
	return texts[len(texts)-1]
}

func (b *Bench) runningStep() string {
	for _, s := range b.st.Steps {
		if s.State == workflow.Running {
			return s.Title
		}
	}
	return strings.TrimSpace(b.dev.Name)
}

func (b *Bench) failedStep() string {
	if b.refused != nil {
		return "could not start"
	}
	for _, s := range b.st.Steps {
		switch {
		case s.Problem != nil && b.st.Undoing:
			return s.Title + " was not taken back; what was deleted before it is gone"
		case s.State == workflow.StepFailed:
			return s.Title + " failed; what was done before is kept"
		}
	}
	return "the run failed"
}
