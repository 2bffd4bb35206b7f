package screen

import (
	"fmt"
	"strings"
	"time"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// railFrom is the width from which the step rail stands beside the pane; below
// it the rail is one row above.
const railFrom = 78

// logFrom is the height from which the log of the whole run stands under the
// pane; it then has a third of the height.
const logFrom = 32

// View implements Screen. The last row says where the device stands.
func (b *Bench) View(w, h int) []string {
	room := h - 1
	var rows []string
	switch {
	case w < railFrom:
		line := ui.Pad(" "+ui.RailLine(b.th, b.st.Steps, b.selected, b.now), w, b.th.Ellipsis)
		rule := " " + b.th.Dim.Text(strings.Repeat(b.th.H, w-2))
		rows = append([]string{line, rule}, indent(b.pane(w-2, room-2))...)
	default:
		rail := ui.Fit(b.rail(room), ui.RailWidth, room, b.th.Ellipsis)
		paneW := w - ui.RailWidth - 5
		logH := 0
		if room >= logFrom {
			logH = room / 3
		}
		right := b.pane(paneW, room-logH)
		if logH > 0 {
			right = append(right, b.th.Dim.Text(strings.Repeat(b.th.H, paneW)))
			right = append(right, ui.Fit(b.logPane(paneW, logH-1), paneW, logH-1, b.th.Ellipsis)...)
		}
		rows = indent(ui.Beside(rail, " "+b.th.Dim.Text(b.th.V)+" ", right))
	}
	return ui.Fit(append(rows, b.result(w)), w, h, b.th.Ellipsis)
}

// rail is the left column: the steps, and under them what is known of the
// device.
func (b *Bench) rail(h int) []string {
	th := b.th
	rows := ui.Rail(th, b.st.Steps, b.selected, b.now)
	known := b.known()
	if len(rows)+1+2*len(known) > h {
		return rows
	}
	rows = append(rows, "")
	for _, k := range known {
		rows = append(rows, "  "+th.Dim.Text(k[0]), "  "+ui.Cut(th.Clean(k[1]), ui.RailWidth-2, th.Ellipsis))
	}
	return rows
}

func (b *Bench) known() [][2]string {
	p := b.dev.Profile
	if p == nil {
		return nil
	}
	known := [][2]string{{"certificate", p.Identity.Source}}
	if p.Identity.Source == "" {
		known[0] = [2]string{"attestation", workflow.Attestation(p)}
	}
	record := p.Enrollment.Kind
	if p.Enrollment.ID != "" {
		record += " " + p.Enrollment.ID
	}
	known = append(known, [2]string{"enrollment", record})
	hub, device := b.st.Registration.AssignedHub, b.st.Registration.DeviceID
	if hub == "" && b.dev.State != nil {
		hub, device = b.dev.State.Registration.AssignedHub, b.dev.State.Registration.DeviceID
	}
	if hub != "" {
		short, _, _ := strings.Cut(hub, ".")
		known = append(known, [2]string{"hub", short}, [2]string{"device ID", device})
	}
	return known
}

// pane is what the chosen step shows: its title, its body, and what went wrong.
func (b *Bench) pane(w, h int) []string {
	th := b.th
	s := b.step()
	room := w - ui.Width(s.Title) - 1
	progress := b.progress(s)
	for len(progress) > 1 && ui.Width(strings.Join(progress, ", ")) > room {
		progress = progress[:len(progress)-1] // what is usual gives way first
	}
	rows := []string{ui.Spread(th.Strong.Text(capital(s.Title)), th.Dim.Text(strings.Join(progress, ", ")), w, th.Ellipsis)}
	var panel []string
	b.explained = false
	switch p := b.failure(); {
	case b.standing != nil: // what was asked for last
	case p != nil:
		panel = ui.Problem(th, p, w)
		keys := b.fixRows(w) // they stay in sight
		if most := max(h-3-len(keys), 1); len(panel) > most {
			panel, b.explained = paged(th, &b.panel, panel, most), true
		}
		panel = append(panel, keys...)
	default:
		panel = b.late(s, w)
	}
	body := h - len(rows)
	if len(panel) > 0 {
		body -= len(panel) + 1
	}
	rows = append(rows, b.body(s, w, max(body, 0))...)
	if len(panel) > 0 {
		rows = append(append(rows, ""), panel...)
	}
	return ui.Fit(rows, w, h, th.Ellipsis)
}

func capital(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// progress is the right end of the pane's title: requests, attempts, elapsed
// time, and what is usual.
func (b *Bench) progress(s workflow.StepStatus) []string {
	var parts []string
	if s.ID == workflow.StepRegistration {
		if n := requests(b.st.Lane); n > 0 {
			parts = append(parts, plural(n, "request"))
		}
	}
	if s.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d of this run", s.Attempt))
	}
	switch {
	case s.Started.IsZero():
	case s.State == workflow.Running && b.now.After(s.Started):
		parts = append(parts, elapsed(b.now.Sub(s.Started)), usually(s.ID).text)
	case s.Ended.After(s.Started):
		parts = append(parts, "took "+took(s))
	}
	return parts
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func took(s workflow.StepStatus) string {
	d := s.Ended.Sub(s.Started)
	if ms := d.Milliseconds(); ms < 1000 {
		return fmt.Sprintf("%d ms", ms)
	}
	return elapsed(d)
}

// elapsed always has its tenths below a minute: a clock that drops them at full
// seconds jumps about.
func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return ui.Seconds(d)
}

func requests(lane []workflow.LaneRow) int {
	n := 0
	for _, r := range lane {
		if r.Kind == workflow.LaneRequest {
			n++
		}
	}
	return n
}

// body is what the step shows, at most h rows of at most w cells.
func (b *Bench) body(s workflow.StepStatus, w, h int) []string {
	var rows []string
	switch {
	case b.dev.Err != nil:
		rows = b.unusable(w)
	case s.ID == workflow.StepRegistration && len(b.st.Lane) > 0:
		return b.lane(w, h)
	case s.ID == workflow.StepTelemetry && b.st.Telemetry.Sent > 0:
		return b.telemetry(w, h)
	case b.resumes():
		rows = b.offer(w)
	case s.State == workflow.Waiting && len(s.Log) == 0:
		rows = b.about(s, w, h)
	default:
		rows = b.lines(s, w)
	}
	if b.standing != nil {
		rows = append(rows, b.standingRows(w)...)
	}
	return paged(b.th, &b.scroll, rows, h)
}

func (b *Bench) lane(w, h int) []string {
	names, body := ui.Lane(b.th, b.st.Lane, b.now, w)
	if b.resumes() {
		body = append(body, b.offer(w)...)
	}
	if b.standing != nil {
		body = append(body, b.standingRows(w)...)
	}
	return append([]string{names}, paged(b.th, &b.scroll, body, h-1)...)
}

func (b *Bench) unusable(w int) []string {
	rows := append([]string{""}, ui.Problem(b.th, unusable(b.dev.Err), w)...)
	rows = append(rows, "")
	text := "Correct the file in an editor, go back with esc and open the device again."
	if b.dev.Unusable() == "state" { // the fix stands above
		text = "Then go back with esc and open the device again."
	}
	return append(rows, ui.Wrap(text, w)...)
}

// offer is shown where an earlier run left a registration unfinished.
func (b *Bench) offer(w int) []string {
	th := b.th
	rows := []string{""}
	text := "A registration was under way (operation " + b.dev.State.Registration.OperationID + "). DPS may have finished it since: enter asks for its result and does not register again."
	for i, r := range ui.Wrap(th.Clean(text), w-2) {
		lead := "  "
		if i == 0 {
			lead = th.Warn.Text(th.Warning) + " "
		}
		rows = append(rows, lead+r)
	}
	return rows
}

// about is shown before a step ran: what it does, and which key runs it.
func (b *Bench) about(s workflow.StepStatus, w, h int) []string {
	th := b.th
	rows := []string{""}
	about := capital(s.About) + "."
	if u := usually(s.ID).text; u != "" {
		about += " " + capital(u) + "."
	}
	rows = append(rows, ui.Wrap(about, w)...)
	if why := b.whyNotRun(); why != "" {
		if why == b.Locked {
			rows = append(rows, "", th.Dim.Text(ui.Cut("No step runs here: "+why+".", w, th.Ellipsis)))
		}
		return rows
	}
	rows = append(rows, "", th.Key.Text("a")+" runs all steps, "+th.Key.Text("enter")+" this one alone.")
	if b.ended() > 0 || len(b.st.Log) > 0 {
		return rows
	}
	// A person who sees this for the first time learns what it is about.
	intro := []string{""}
	for _, r := range ui.Wrap("A new device knows no IoT hub. It asks DPS, the Device Provisioning Service, and proves with its certificate who it is; DPS looks for an enrollment that admits it, chooses a hub and tells the device. The five steps prepare that, do it, and send telemetry to the hub.", w) {
		intro = append(intro, th.Dim.Text(r))
	}
	if len(rows)+len(intro) > h {
		return rows
	}
	return append(rows, intro...)
}
