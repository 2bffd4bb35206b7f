package screen

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// View implements Screen.
func (l *Lab) View(w, h int) []string {
	th := l.th
	if !l.loaded {
		return ui.Fit([]string{"", "   opening the lab" + th.Ellipsis}, w, h, th.Ellipsis)
	}
	if l.unseen() != "" {
		rows := append(failed(th, l.err, w), "")
		for _, r := range ui.Wrap("It is asked again every second: this screen fills as soon as it answers.", w-6) {
			rows = append(rows, "   "+th.Dim.Text(r))
		}
		return ui.Fit(rows, w, h, th.Ellipsis)
	}
	rows := append(l.head(w), l.tabRow(w), " "+th.Dim.Text(strings.Repeat(th.H, w-2)))
	room := h - len(rows)
	if l.inside {
		return ui.Fit(append(rows, scrolled(th, &l.detail, l.detailRows(w-4), w-2, room, "")...), w, h, th.Ellipsis)
	}
	detailH := max(5, room/3, min(8, room/2))
	l.rows = max(1, room-detailH-2)
	rows = append(rows, ui.Fit(l.listRows(w, l.rows), w, room-detailH-1, th.Ellipsis)...)
	above, below := 0, 0
	if l.count(l.tab) > 0 {
		above, below = l.list().Unseen()
	}
	rows = append(rows, ui.Rule(th, w, above, below))
	detail := beginning(th, l.detailRows(w-2), detailH, "d shows all of it")
	return ui.Fit(append(rows, indent(detail)...), w, h, th.Ellipsis)
}

// head says where the instance and its hubs are, where there is room for it; the
// first list says so too.
func (l *Lab) head(w int) []string {
	th := l.th
	left := th.Dim.Text("DPS ") + th.Clean(l.view.ServiceHost)
	right := th.Dim.Text("IoT hub ") + th.Clean(strings.Join(l.view.Hubs, ", "))
	if ui.Width(left)+ui.Width(right)+4 <= w {
		return []string{" " + left + "   " + right}
	}
	return nil
}

// tabRow names the lists with how much is in them.
func (l *Lab) tabRow(w int) string {
	th := l.th
	on := 0
	for _, f := range l.view.Faults {
		if f.On {
			on++
		}
	}
	names := [tabs]string{
		"instances", plural(len(l.view.Enrollments), "enrollment"), plural(len(l.view.Registrations), "registration"),
		plural(len(l.view.Inbox), "message"), fmt.Sprintf("%d of %d scenarios on", on, len(l.view.Faults)),
	}
	brief := [tabs]string{
		"hosts", fmt.Sprintf("%d enrolled", len(l.view.Enrollments)), fmt.Sprintf("%d registered", len(l.view.Registrations)),
		plural(len(l.view.Inbox), "message"), fmt.Sprintf("%d of %d on", on, len(l.view.Faults)),
	}
	row := l.tabs(names, on, "   ")
	for _, gap := range []string{"   ", "  ", " "} {
		if ui.Width(row) >= w {
			row = l.tabs(brief, on, gap)
		}
	}
	clear := brief
	clear[tabScenarios] = names[tabScenarios]
	if full := l.tabs(clear, on, "  "); ui.Width(row) < ui.Width(full) && ui.Width(full) < w {
		row = full // "on" alone does not say what
	}
	return ui.Cut(row, w, th.Ellipsis)
}

// tabs joins the names of the lists; the chosen one stands in brackets, and the
// scenarios warn while one is on.
func (l *Lab) tabs(names [tabs]string, on int, gap string) string {
	th := l.th
	var parts []string
	for t, name := range names {
		switch {
		case labTab(t) == l.tab:
			name = th.Accent.Text("[" + name + "]")
		case labTab(t) == tabScenarios && on > 0:
			name = th.Warn.Text(th.Warning + " " + name)
		}
		parts = append(parts, name)
	}
	return " " + strings.Join(parts, gap)
}

// listRows is the chosen list under its column heads, h rows of it.
func (l *Lab) listRows(w, h int) []string {
	th := l.th
	widths, heads := l.columns(w)
	if l.count(l.tab) == 0 {
		return []string{"", "   " + th.Dim.Text(l.empty())}
	}
	rows := []string{"   " + th.Dim.Text(cells(widths, heads, th.Ellipsis))}
	from, to := l.list().Window(h)
	for i := from; i < to; i++ {
		text := l.cells(i)
		if i == l.list().Cursor {
			text[0] = th.Selected.Text(ui.Pad(text[0], widths[0], th.Ellipsis))
			rows = append(rows, " "+th.Accent.Text(th.Marker)+" "+cells(widths, text, th.Ellipsis))
			continue
		}
		rows = append(rows, "   "+cells(widths, text, th.Ellipsis))
	}
	return rows
}

func (l *Lab) empty() string {
	return [tabs]string{
		"",
		"no enrollment yet: a device's enrollment step writes one",
		"no device has registered yet",
		"no hub has received a message yet; they show here as they come",
		"this lab plays no scenarios",
	}[l.tab]
}

// cells joins columns; the one of width 0 is left out.
func cells(widths []int, text []string, tail string) string {
	var parts []string
	for i, n := range widths {
		if n > 0 {
			parts = append(parts, ui.Pad(text[i], n, tail))
		}
	}
	return strings.Join(parts, "  ")
}

// columns are the widths of the chosen list; the first or the last column takes
// what is left.
func (l *Lab) columns(w int) (widths []int, heads []string) {
	w -= 4
	switch l.tab {
	case tabInstances:
		widths, heads = []int{24, 0}, []string{"SERVICE", "HOST"}
		widths[1] = w - 24 - 2
	case tabEnrollments:
		widths, heads = []int{0, 10, 12, 10, 8}, []string{"ENROLLMENT", "KIND", "ATTESTATION", "STATUS", "DEVICES"}
		widths[0] = w - 10 - 12 - 10 - 8 - 8
		if w < 68 { // told below the list too
			widths[0], widths[2] = widths[0]+14, 0
		}
	case tabRegistrations:
		widths, heads = []int{0, 14, 16, 14}, []string{"REGISTRATION ID", "STATUS", "HUB", "BY"}
		widths[0] = w - 14 - 16 - 14 - 6
		if w < 68 { // told below the list too
			widths[0], widths[3] = widths[0]+16, 0
		}
	case tabInbox:
		widths, heads = []int{8, 16, 5, 0}, []string{"TIME", "DEVICE", "NO.", "BODY"}
		widths[3] = w - 8 - 16 - 5 - 6
	default:
		widths, heads = []int{26, 4, 5, 0}, []string{"SCENARIO", "", "HITS", "WHAT GOES WRONG"}
		widths[3] = w - 26 - 4 - 5 - 6
	}
	return widths, heads
}

func (l *Lab) cells(i int) []string {
	th := l.th
	switch l.tab {
	case tabInstances:
		at := l.instances()[i]
		return []string{th.Clean(at.service), th.Clean(at.host)}
	case tabEnrollments:
		e := l.view.Enrollments[i]
		status := th.OK.Text(th.Done) + " enabled"
		if !e.Enabled {
			status = th.Warn.Text(th.Stopped) + " disabled"
		}
		return []string{th.Clean(e.ID), kindOf(e.Group), th.Clean(e.Attestation), status, fmt.Sprint(e.Devices)}
	case tabRegistrations:
		r := l.view.Registrations[i]
		hub, _, _ := strings.Cut(r.Hub, ".")
		return []string{th.Clean(r.ID), l.registrationStatus(r), th.Clean(hub), th.Clean(r.Enrollment)}
	case tabInbox:
		m := l.view.Inbox[i]
		return []string{m.EnqueuedAt.Local().Format("15:04:05"), th.Clean(m.DeviceID), fmt.Sprint(m.Sequence), th.Clean(ui.Head(m.Body, 80))}
	}
	f := l.view.Faults[i]
	on, hits := th.Dim.Text("off"), ""
	if f.On {
		on, hits = th.Warn.Text("ON"), fmt.Sprint(f.Hits)
	}
	return []string{th.Clean(f.Name), on, hits, th.Clean(f.Title)}
}

func kindOf(group bool) string {
	if group {
		return "group"
	}
	return "individual"
}

func recordOf(group bool) string {
	if group {
		return "enrollment group"
	}
	return "individual enrollment"
}

func (l *Lab) registrationStatus(r workflow.LabRegistration) string {
	th := l.th
	text := th.Clean(r.Status)
	switch r.Status {
	case "assigned":
		return th.OK.Text(th.Live) + " " + text
	case "assigning", "unassigned":
		return th.Dim.Text(th.Waiting) + " " + text
	}
	return th.Bad.Text(th.Failed) + " " + text
}

// detailRows tells all of the chosen row.
func (l *Lab) detailRows(w int) []string {
	th := l.th
	r := &report{th: th, w: w}
	if l.err != nil {
		r.rows = append(r.rows, ui.Problem(th, unusable(l.err), w)...)
		r.text("", "What is shown is what was seen last.", th.Dim)
		r.rows = append(r.rows, "")
	}
	i := l.list().Cursor
	if i < 0 || i >= l.count(l.tab) {
		return r.rows
	}
	switch l.tab {
	case tabInstances:
		l.instance(r, l.instances()[i])
	case tabEnrollments:
		l.enrollment(r, l.view.Enrollments[i])
	case tabRegistrations:
		l.registration(r, l.view.Registrations[i])
	case tabInbox:
		l.message(r, l.view.Inbox[i])
	default:
		l.scenario(r, l.view.Faults[i])
	}
	return r.rows
}

func (l *Lab) enrollment(r *report, e workflow.LabEnrollment) {
	r.text("", e.ID, l.th.Strong)
	r.rows = append(r.rows, facts(l.th, r.w, [][2]string{
		{"kind", recordOf(e.Group)},
		{"attestation", e.Attestation},
		{"allocation", e.Allocation},
		{"devices", fmt.Sprint(e.Devices)},
	})...)
}

func (l *Lab) registration(r *report, g workflow.LabRegistration) {
	r.text("", g.ID, l.th.Strong)
	status, updated := g.Status, ""
	if g.Substatus != "" {
		status += " (" + g.Substatus + ")"
	}
	if g.ErrorCode != 0 {
		status += fmt.Sprintf(", error %d", g.ErrorCode)
	}
	if !g.Updated.IsZero() {
		updated = g.Updated.Local().Format("2 Jan 2006 15:04:05")
	}
	r.rows = append(r.rows, facts(l.th, r.w, [][2]string{
		{"status", status},
		{"hub", g.Hub},
		{"device ID", g.DeviceID},
		{"admitted by", recordOf(g.Group) + " " + g.Enrollment},
		{"last changed", updated},
	})...)
}

func (l *Lab) message(r *report, m workflow.Received) {
	r.text("", fmt.Sprintf("message %d of %s at %s", m.Sequence, m.DeviceID, m.Hub), l.th.Dim)
	r.text("", ui.Head(m.Body, 20*r.w), l.th.Plain)
	for _, set := range []struct {
		name   string
		values map[string]string
	}{{"properties", m.Properties}, {"system", m.System}} {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(set.values)) {
			parts = append(parts, name+"="+set.values[name])
		}
		if len(parts) > 0 {
			r.text("", set.name+": "+strings.Join(parts, ", "), l.th.Dim)
		}
	}
}

func (l *Lab) scenario(r *report, f workflow.LabFault) {
	th := l.th
	r.text("", f.Name+": "+f.Title, th.Strong)
	if f.On {
		r.text("", fmt.Sprintf("It is on and has struck %s. enter switches it off, p changes its parameters.", times(f.Hits)), th.Warn)
	} else {
		r.text("", "enter switches it on for every device until it is switched off; p narrows it first. It ends with the lab.", th.Dim)
	}
	r.rows = append(r.rows, facts(th, r.w, [][2]string{
		{"device", cmp.Or(f.Device, "every device")},
		{"operations", cmp.Or(f.Operation, strings.Join(f.Operations, ", "))},
		{"how often", l.howOften(f)},
		{"value", f.Value},
	})...)
}

// howOften says which share of the requests a scenario strikes, and until when.
func (l *Lab) howOften(f workflow.LabFault) string {
	text := "every request"
	if rate := cmp.Or(f.Rate, f.UsualRate); rate > 0 && rate < 1 {
		text = fmt.Sprintf("%g of the requests", rate)
	}
	if f.Count > 0 {
		text += fmt.Sprintf(", %s at most", times(f.Count))
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
