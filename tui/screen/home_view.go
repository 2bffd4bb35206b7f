package screen

import (
	"fmt"
	"net/http"
	"strconv"
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
	case h.failure != nil:
		return ui.Fit(append(head, failed(h.th, h.failure, w)...), w, rows, h.th.Ellipsis)
	case len(h.names) == 0:
		return ui.Fit(append(head, h.welcome(w)...), w, rows, h.th.Ellipsis)
	case len(h.shown) == 0:
		return ui.Fit(append(head, h.nothing(w)...), w, rows, h.th.Ellipsis)
	}
	if w < wideFrom {
		h.rows -= 2 // the last rows tell what the list has no room for
		list := ui.Fit(append(head, h.table(w)...), w, rows-2, h.th.Ellipsis)
		return append(list, h.unseen(w), ui.Pad(h.lastRow(w), w, h.th.Ellipsis))
	}
	h.rows--
	listW := listWidth(w)
	list := append(ui.Fit(append(head, h.table(listW)...), listW, rows-1, h.th.Ellipsis), h.unseen(listW))
	sideW := w - listW - 5 // a margin on the right, as everywhere
	side := ui.Fit(h.detail(sideW), sideW, rows, h.th.Ellipsis)
	return ui.Fit(ui.Beside(list, "  "+h.th.Dim.Text(h.th.V)+" ", side), w, rows, h.th.Ellipsis)
}

// unseen is the row under the list: how many devices are out of sight.
func (h *Home) unseen(w int) string {
	above, below := h.list.Unseen()
	return ui.Pad("   "+h.th.Dim.Text(ui.More(h.th, above, below)), w, h.th.Ellipsis)
}

// listWidth is the list's part of a wide screen.
func listWidth(w int) int { return max(80, w*55/100) }

// nothing is said when no device passes the filter.
func (h *Home) nothing(w int) []string {
	text := "No device has " + h.th.Clean(h.filter.Value()) + " in its row. esc shows all devices."
	if left := h.unread(); left > 0 {
		text = "No device yet has " + h.th.Clean(h.filter.Value()) + " in its row; " + strconv.Itoa(left) + " are still to be read."
	}
	rows := []string{""}
	for _, r := range ui.Wrap(text, w-6) {
		rows = append(rows, "   "+r)
	}
	return rows
}

// lastRow tells of the selected device what a narrow list has no room for: why
// it failed, and where no column says it, the target.
func (h *Home) lastRow(w int) string {
	th := h.th
	d := h.device(h.selected())
	text := ""
	switch {
	case d.Err != nil:
		text = unusable(d.Err).Summary
	case d.State != nil && d.State.LastError != nil:
		text = d.State.LastError.Summary
	case d.Profile != nil && columnsFor(w)[byTarget] == 0:
		return "   " + th.Dim.Text(ui.Cut(th.Clean(targetBadge(d.Profile.Target)+", "+enrollmentName(d.Profile)), w-4, th.Ellipsis))
	}
	if text == "" {
		return ""
	}
	const more = "; enter tells more"
	return " " + th.Bad.Text(th.Failed) + " " + ui.Cut(th.Clean(text), w-4-len(more), th.Ellipsis) + th.Dim.Text(more)
}

func (h *Home) head(w int) []string {
	if w >= wideFrom {
		w = listWidth(w)
	}
	left := " " + h.th.Strong.Text("Devices")
	if h.filter.on() {
		left += "   filter " + h.filter.View(h.th, 24, h.filter.typing)
	}
	if len(h.names) == 0 {
		return []string{left}
	}
	return []string{ui.Spread(left, h.th.Dim.Text(h.count()), w-1, h.th.Ellipsis), ""}
}

func (h *Home) welcome(w int) []string {
	th := h.th
	rows := []string{"", "   There is no device here yet.", ""}
	const press = "Press n"
	for i, r := range ui.Wrap(press+" to describe one. Six short pages ask what it needs; every question has an answer already, except the device's name.", min(w-6, 66)) {
		if rest, ok := strings.CutPrefix(r, press); ok && i == 0 {
			r = "Press " + th.Key.Text("n") + rest
		}
		rows = append(rows, "   "+r)
	}
	rows = append(rows, "")
	for _, r := range ui.Wrap("Then its certificate is made, it is enrolled, it registers and it sends telemetry. All of that happens in the lab: DPS and IoT Hub inside this program. No subscription and no network is needed.", w-6) {
		rows = append(rows, "   "+th.Dim.Text(r))
	}
	return rows
}

// columns are the widths of the table: name, target, enrollment, status,
// certificate. A narrow screen does without some.
type columns [columnCount]int

func columnsFor(w int) columns {
	c := columns{byStatus: 21, byCertificate: 13}
	rest := w - 4 - c[byStatus] - c[byCertificate] - 4 // marker, pick and margin, two gaps
	switch {
	case w >= 100:
		c[byTarget], c[byEnrollment] = 16, 11
	case w >= 72:
		c[byTarget], c[byEnrollment] = 7, 11
	}
	if c[byTarget] > 0 {
		rest -= c[byTarget] + c[byEnrollment] + 4
	}
	c[byName] = max(rest, 8)
	return c
}

func (c columns) row(tail string, cells [columnCount]string) string {
	var parts []string
	for i, cell := range cells {
		if c[i] > 0 {
			parts = append(parts, ui.Pad(cell, c[i], tail))
		}
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

func (h *Home) table(w int) []string {
	th := h.th
	c := columnsFor(w)
	titles := columnTitles
	titles[h.by] += " " + th.Down
	if c[h.by] < ui.Width(titles[h.by]) {
		titles[h.by] = columnTitles[h.by] + th.Down
	}
	rows := []string{"   " + th.Dim.Text(c.row(th.Ellipsis, titles))}
	h.rows = max(1, h.rows-1)
	from, to := h.list.Window(h.rows)
	for i := from; i < to; i++ {
		rows = append(rows, h.row(c, h.shown[i], i == h.list.Cursor))
	}
	return rows
}

func (h *Home) row(c columns, name string, selected bool) string {
	th := h.th
	f, known := h.facts[name]
	st := f.st
	if !known {
		st.glyph = th.Waiting
	}
	if l, on := h.live[name]; on {
		st = standing{th.Waiting, l.Text, th.Dim}
		if l.Running {
			st = standing{ui.Spinner(th, h.now), l.Text, th.Accent}
		}
	}
	mark := " "
	if h.picked[name] {
		mark = th.Accent.Text(th.On)
	}
	text := [columnCount]string{th.Clean(name), th.Clean(f.target), th.Clean(f.enrollment), st.glyph + " " + st.text, h.certificate(f)}
	if selected {
		return mark + th.Accent.Text(th.Marker) + " " + th.Selected.Text(c.row(th.Ellipsis, text))
	}
	if st.style != (theme.Style{}) {
		text[byStatus] = st.style.Text(st.glyph) + " " + st.text
	}
	return mark + "  " + c.row(th.Ellipsis, text)
}

// targetBadge names where a device's services are: the lab, or the DPS instance
// in Azure as its owner calls it.
func targetBadge(t profiles.Target) string {
	host, _, _ := strings.Cut(t.ServiceEndpoint, ".")
	switch {
	case t.Kind != profiles.TargetAzure:
		return t.Kind
	case t.DPSName != "":
		return t.DPSName
	case host != "":
		return host
	}
	return t.Kind
}

// standing is where a device stands, in a few words.
type standing struct {
	glyph, text string
	style       theme.Style
}

func statusOf(th *theme.Theme, d workflow.Device) standing {
	switch {
	case d.Err != nil:
		return standing{th.Failed, d.Unusable() + " not usable", th.Bad}
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
	case e.Status >= http.StatusBadRequest: // 200 may say that DPS refused
		return fmt.Sprintf("HTTP %d", e.Status)
	case e.Step != "":
		return workflow.StepID(e.Step).Title() + " failed"
	}
	return "failed"
}

func (h *Home) certificate(f rowFacts) string {
	if f.notAfter.IsZero() || h.now.IsZero() {
		return ""
	}
	return Life(f.notAfter.Sub(h.now))
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

// Standing is where a device stands, in a few words safe to print.
func Standing(th *theme.Theme, d workflow.Device) string { return statusOf(th, d).text }

// TargetBadge names where a device's services are.
func TargetBadge(d workflow.Device) string {
	if d.Profile == nil {
		return ""
	}
	return targetBadge(d.Profile.Target)
}
