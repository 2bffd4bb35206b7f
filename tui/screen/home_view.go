package screen

import (
	"fmt"
	"strings"
	"time"

	"dpslab/profiles"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// wideFrom is the width from which a screen has room for another pane.
const wideFrom = 110

// View implements Screen.
func (h *Home) View(w, rows int) []string {
	head := h.head(w)
	h.rows = max(1, rows-len(head))
	switch {
	case h.failure != "":
		return ui.Fit(append(head, ui.Wrap(" "+h.th.Clean(h.failure), w-1)...), w, rows, h.th.Ellipsis)
	case len(h.names) == 0:
		return ui.Fit(append(head, h.welcome(w)...), w, rows, h.th.Ellipsis)
	case len(h.shown) == 0:
		return ui.Fit(append(head, "", "   No name contains "+h.th.Clean(h.filter.Value())+". esc shows all devices."), w, rows, h.th.Ellipsis)
	}
	listW := w
	if w >= wideFrom {
		listW = 80
	}
	list := ui.Fit(append(head, h.table(listW)...), listW, rows, h.th.Ellipsis)
	if w < wideFrom {
		return list
	}
	side := ui.Fit(h.detail(w-listW-4), w-listW-4, rows, h.th.Ellipsis)
	return ui.Fit(ui.Beside(list, "  "+h.th.Dim.Text(h.th.V)+" ", side), w, rows, h.th.Ellipsis)
}

func (h *Home) head(w int) []string {
	if w >= wideFrom {
		w = 80
	}
	left := " " + h.th.Strong.Text("Devices")
	if h.typing || h.filter.Value() != "" {
		left += "   filter " + h.filter.View(h.th, 24, h.typing)
	}
	if len(h.names) == 0 {
		return []string{left}
	}
	return []string{ui.Spread(left, h.th.Dim.Text(h.count()), w-1, h.th.Ellipsis), ""}
}

func (h *Home) welcome(w int) []string {
	th := h.th
	rows := []string{"", "   There is no device here yet.", ""}
	rows = append(rows, "   Press "+th.Key.Text("n")+" to describe one. Six short pages ask what it needs;")
	rows = append(rows, "   every question has an answer already, except the device's name.", "")
	for _, r := range ui.Wrap("Then its certificate is made, it is enrolled, it registers and it sends telemetry. All of that happens in the lab: DPS and IoT Hub inside this program. No subscription and no network is needed.", w-6) {
		rows = append(rows, "   "+th.Dim.Text(r))
	}
	return rows
}

// columns are the widths of the table: name, target, enrollment, status,
// certificate. A narrow screen does without some.
type columns struct{ name, target, enrollment, status, cert int }

func columnsFor(w int) columns {
	c := columns{status: 22, cert: 12}
	rest := w - 4 - c.status - c.cert - 4 // marker and margin, two gaps
	if w >= 72 {
		c.target, c.enrollment = 6, 10
		rest -= c.target + c.enrollment + 4
	}
	c.name = max(rest, 8)
	return c
}

func (c columns) row(tail string, cells ...string) string {
	widths := []int{c.name, c.target, c.enrollment, c.status, c.cert}
	var parts []string
	for i, cell := range cells {
		if widths[i] > 0 {
			parts = append(parts, ui.Pad(cell, widths[i], tail))
		}
	}
	return strings.Join(parts, "  ")
}

func (h *Home) table(w int) []string {
	th := h.th
	c := columnsFor(w)
	rows := []string{"   " + th.Dim.Text(c.row(th.Ellipsis, "NAME", "TARGET", "ENROLLMENT", "STATUS", "CERTIFICATE"))}
	h.rows = max(1, h.rows-1)
	from, to := h.list.Window(h.rows)
	for i := from; i < to; i++ {
		rows = append(rows, h.row(c, h.shown[i], i == h.list.Cursor))
	}
	return rows
}

func (h *Home) row(c columns, name string, selected bool) string {
	th := h.th
	d := h.device(name)
	st := statusOf(th, d)
	text := []string{th.Clean(name), "", "", st.glyph + " " + st.text, h.certificate(d)}
	if d.Profile != nil {
		text[1], text[2] = th.Clean(d.Profile.Target.Kind), th.Clean(d.Profile.Enrollment.Kind)
	}
	if selected {
		return " " + th.Accent.Text(th.Marker) + " " + th.Selected.Text(c.row(th.Ellipsis, text...))
	}
	text[3] = st.style.Text(st.glyph) + " " + st.text
	return "   " + c.row(th.Ellipsis, text...)
}

// standing is where a device stands, in a few words.
type standing struct {
	glyph, text string
	style       theme.Style
}

func statusOf(th *theme.Theme, d workflow.Device) standing {
	switch {
	case d.Err != nil:
		return standing{th.Failed, "profile not usable", th.Bad}
	case d.State == nil:
		return standing{th.Waiting, "", th.Dim}
	case workflow.Resumable(d.State):
		return standing{th.Stopped, "can be resumed", th.Warn}
	case d.State.LastError != nil:
		return standing{th.Failed, th.Clean(shortError(d.State.LastError)), th.Bad}
	case d.State.Registration.Status == "":
		return standing{th.Waiting, "not registered", th.Dim}
	case d.State.Registration.Status == "assigned":
		hub, _, _ := strings.Cut(d.State.Registration.AssignedHub, ".")
		return standing{th.Live, th.Clean("assigned " + hub), th.OK}
	}
	return standing{th.Stopped, th.Clean(d.State.Registration.Status), th.Warn}
}

// shortError is the code a person would search for, or the step that failed.
func shortError(e *profiles.LastError) string {
	switch {
	case e.Code != "":
		return e.Code
	case e.Status != 0:
		return fmt.Sprintf("HTTP %d", e.Status)
	case e.Step != "":
		return workflow.StepID(e.Step).Title() + " failed"
	}
	return "failed"
}

func (h *Home) certificate(d workflow.Device) string {
	if d.State == nil || d.State.Certificate.NotAfter.IsZero() || h.now.IsZero() {
		return ""
	}
	return Life(d.State.Certificate.NotAfter.Sub(h.now))
}

// Life says how long a certificate is still good; a day or an hour that has begun
// counts.
func Life(left time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case left <= -day:
		return fmt.Sprintf("expired %d d", -left/day)
	case left <= 0:
		return "expired"
	case left < day:
		return fmt.Sprintf("%d h left", (left+time.Hour-1)/time.Hour)
	case left == day:
		return "1 day left"
	}
	return fmt.Sprintf("%d days left", (left+day-1)/day)
}
