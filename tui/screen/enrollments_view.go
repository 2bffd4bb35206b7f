package screen

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// paneFrom is the width from which list and detail stand side by side.
const paneFrom = 110

func count(n int) string { return strconv.Itoa(n) }

// View implements Screen.
func (e *Enrollments) View(w, h int) []string {
	th := e.th
	rows := []string{e.tabRow(w), " " + th.Dim.Text(strings.Repeat(th.H, w-2))}
	rows = append(rows, e.headRows(w)...)
	room := h - len(rows)
	e.wide = w >= paneFrom
	l := &e.lists[e.at]
	switch {
	case len(l.shown) == 0:
		rows = append(rows, e.scrolled(e.instead(w-6), w-3, room)...)
	case e.wide:
		left := w * 11 / 20
		e.room = max(1, room-2) // under the column heads, over the rule
		list := append(ui.Fit(e.listRows(left, room-1), left, room-1, th.Ellipsis), "")
		if above, below := l.list.Unseen(); above+below > 0 {
			list[room-1] = ui.Rule(th, left, above, below)
		}
		list = ui.Fit(list, left, room, th.Ellipsis)
		right := ui.Fit(e.scrolled(e.detailRows(w-left-6), w-left-3, room), w-left-3, room, th.Ellipsis)
		rows = append(rows, ui.Beside(list, " "+th.Dim.Text(th.V)+" ", right)...)
	case e.inside:
		rows = append(rows, e.scrolled(e.detailRows(w-4), w-2, room)...)
	default:
		detail := max(5, room/3, min(8, room/2))
		e.room = max(1, room-detail-2)
		rows = append(rows, ui.Fit(e.listRows(w, room-detail-1), w, room-detail-1, th.Ellipsis)...)
		above, below := l.list.Unseen()
		rows = append(rows, ui.Rule(th, w, above, below))
		rows = append(rows, indent(indent(beginning(th, e.detailRows(w-4), detail, "enter shows all of it")))...)
	}
	return ui.Fit(rows, w, h, th.Ellipsis)
}

// scrolled is the part of a text that is seen, w cells wide.
func (e *Enrollments) scrolled(rows []string, w, h int) []string {
	how := ""
	if e.wide && !e.inside && len(e.lists[e.at].shown) > 0 {
		how = "enter scrolls"
	}
	return scrolled(e.th, &e.detail, rows, w, h, how)
}

// tabRow names the lists with how much was read of each; the shown one stands in
// brackets.
func (e *Enrollments) tabRow(w int) string {
	row := ""
	for _, form := range []struct {
		gap   string
		brief bool
	}{{"   ", false}, {"  ", false}, {"  ", true}, {" ", true}} {
		var parts []string
		for l := range workflow.Listings {
			name := e.tab(l, form.brief)
			if l == e.at {
				name = e.th.Accent.Text("[" + name + "]")
			}
			parts = append(parts, name)
		}
		if row = " " + strings.Join(parts, form.gap); ui.Width(row) < w {
			break
		}
	}
	return ui.Spread(ui.Cut(row, w-1, e.th.Ellipsis), e.doing(), w-1, e.th.Ellipsis)
}

// doing is what goes on, in a few words.
func (e *Enrollments) doing() string {
	th := e.th
	switch {
	case e.working != "":
		return th.Accent.Text(th.Running + " " + th.Clean(e.working))
	case e.lists[e.at].loading && e.lists[e.at].loaded:
		return th.Dim.Text("reading" + th.Ellipsis)
	}
	return ""
}

// headRows say what the list is narrowed to, what a call waits for, and what went
// wrong on the way to the next page.
func (e *Enrollments) headRows(w int) (rows []string) {
	th := e.th
	l := &e.lists[e.at]
	add := func(st theme.Style, mark, text string) {
		for i, r := range ui.Wrap(th.Clean(text), w-4) {
			if i > 0 {
				mark = "  "
			}
			rows = append(rows, " "+st.Text(mark+r))
		}
	}
	switch {
	case e.at == workflow.ListRegistrations && e.group != "":
		add(th.Dim, "", "of the enrollment group "+e.group)
	case e.at == workflow.ListAPIM && e.apim != "":
		add(th.Dim, "", "of the API Management service "+e.apim)
	}
	if e.filter.on() {
		more := ""
		if l.next != "" {
			more = ", more to read"
		}
		shown := th.Dim.Text(fmt.Sprintf("%d of %d%s", len(l.shown), len(l.rows), more))
		field := e.filter.View(th, max(10, w-ui.Width(shown)-8), e.filter.typing)
		rows = append(rows, ui.Spread(" "+th.Key.Text("/")+" "+field, shown, w-1, th.Ellipsis))
	}
	if len(l.shown) == 0 {
		return rows
	}
	if e.notice != "" {
		add(th.Warn, th.Warning+" ", e.notice)
	}
	if l.err != nil {
		add(th.Bad, th.Failed+" ", l.err.Error()+"; R reads the list again")
	}
	return rows
}

// instead is what stands where a list has no row: what goes on, what went wrong,
// or why there is none.
func (e *Enrollments) instead(w int) []string {
	th := e.th
	l := &e.lists[e.at]
	if e.at == workflow.ListRegistrations && e.group == "" {
		l = &e.lists[workflow.ListGroups]
	}
	rows := []string{""}
	say := func(text string) []string {
		for _, r := range ui.Wrap(th.Clean(text), w) {
			rows = append(rows, th.Dim.Text(r))
		}
		return rows
	}
	switch {
	case e.failure != nil:
		return append(rows, e.problem(e.failure, workflow.Manual{}, w)...)
	case e.target == "" && e.notice != "":
		return say(e.notice)
	case e.target == "":
		return say("reaching the target" + th.Ellipsis)
	case l.err != nil:
		return append(rows, e.problem(l.err, l.elsewhere, w)...)
	case e.at == workflow.ListAPIM && e.apim == "":
		return say("The profile names no API Management service. Press a to name one.")
	case !l.loaded || l.loading || l.next != "":
		text := "reading" + th.Ellipsis
		if e.notice != "" {
			text = e.notice
		}
		return say(text)
	case len(e.lists[e.at].rows) > 0:
		return say("No row has the words of the filter; esc shows all rows again.")
	}
	return say([workflow.Listings]string{
		"There is no individual enrollment. A device's enrollment step writes one, and so does dpslab enrollment put.",
		"There is no enrollment group. The enrollment step of a device of a group writes one, and so does dpslab enrollment put --group.",
		"No device has registered through this group yet.",
		"DPS holds no CA. u uploads one; so does the step signing CA of a device with a chain.",
		"This API Management service holds no certificate. u uploads one.",
	}[e.at])
}

// problem tells what went wrong, and how the same can be had elsewhere.
func (e *Enrollments) problem(err error, elsewhere workflow.Manual, w int) []string {
	var p *workflow.Problem
	if !errors.As(err, &p) {
		p = &workflow.Problem{Summary: err.Error()}
	}
	rows := ui.Problem(e.th, p, w)
	if elsewhere.What != "" {
		rows = append(rows, "", "  "+elsewhere.What)
		rows = append(rows, ui.Labelled(e.th, "portal", elsewhere.Portal, w)...)
		rows = append(rows, ui.Labelled(e.th, "or run", elsewhere.Command, w)...)
	}
	return append(rows, "", "  "+e.th.Key.Text("R")+" "+e.th.Dim.Text("tries again"))
}

// listRows is the shown list under its column heads, h rows of it.
func (e *Enrollments) listRows(w, h int) []string {
	th := e.th
	l := &e.lists[e.at]
	widths, heads := e.columns(w - 4)
	rows := []string{"   " + th.Dim.Text(cells(widths, heads, th.Ellipsis))}
	from, to := l.list.Window(h - 1)
	for i := from; i < to; i++ {
		text := e.cells(&l.rows[l.shown[i]])
		lead := "   "
		if i == l.list.Cursor {
			text[0] = th.Selected.Text(ui.Pad(text[0], widths[0], th.Ellipsis))
			lead = " " + th.Accent.Text(th.Marker) + " "
			if e.inside {
				lead = " " + th.Dim.Text(th.Marker) + " "
			}
		}
		rows = append(rows, lead+cells(widths, text, th.Ellipsis))
	}
	return rows
}

// columns share w cells; the first takes what is left. A column of width 0 is
// left out: the detail tells it.
func (e *Enrollments) columns(w int) (widths []int, heads []string) {
	switch e.at {
	case workflow.ListIndividual:
		widths, heads = []int{0, 10, 27, 20}, []string{"REGISTRATION ID", "STATUS", "ATTESTATION", "REGISTERED"}
	case workflow.ListGroups:
		widths, heads = []int{0, 10, 27, 10}, []string{"ENROLLMENT GROUP", "STATUS", "ATTESTATION", "ALLOCATION"}
	case workflow.ListRegistrations:
		widths, heads = []int{0, 12, 18, 16}, []string{"REGISTRATION ID", "STATUS", "HUB", "DEVICE ID"}
	case workflow.ListCAs:
		widths, heads = []int{0, 14, 14, 22}, []string{"CA", "POSSESSION", "EXPIRES", "SUBJECT"}
	default:
		widths, heads = []int{0, 14, 10, 24}, []string{"CERTIFICATE ID", "EXPIRES", "FROM", "SUBJECT"}
	}
	for last := len(widths) - 1; last > 0; last-- {
		rest := w - 2*(len(widths)-1)
		for _, n := range widths[1:] {
			rest -= n
		}
		if rest >= 18 || last == 1 {
			widths[0] = max(rest+2*zeros(widths[1:]), 10)
			break
		}
		widths[last] = 0
	}
	return widths, heads
}

func zeros(widths []int) (n int) {
	for _, w := range widths {
		if w == 0 {
			n++
		}
	}
	return n
}

func (e *Enrollments) cells(h *Held) []string {
	th := e.th
	switch {
	case h.Enrollment != nil:
		r := h.Enrollment
		last := th.Clean(r.Allocation)
		if !r.Group {
			hub, _, _ := strings.Cut(r.AssignedHub, ".")
			last = th.Clean(strings.TrimSpace(r.Status + " " + hub))
		}
		return []string{th.Clean(r.ID), e.enabled(r.Enabled), th.Clean(r.Attestation), last}
	case h.Registration != nil:
		r := h.Registration
		hub, _, _ := strings.Cut(r.AssignedHub, ".")
		return []string{th.Clean(r.RegistrationID), e.registered(r.Status), th.Clean(hub), th.Clean(r.DeviceID)}
	case h.CA != nil:
		state := mark(th.Warn, th.Warning, "not verified")
		if h.CA.Verified {
			state = mark(th.OK, th.Done, "verified")
		}
		return []string{th.Clean(h.CA.Name), state, e.life(h.CA.Expires), th.Clean(h.CA.Subject)}
	}
	from := "upload"
	if h.APIM.Vault != nil {
		from = "Key Vault"
	}
	return []string{th.Clean(h.APIM.ID), e.life(h.APIM.Expires), from, th.Clean(h.APIM.Subject)}
}

func (e *Enrollments) enabled(on bool) string {
	if on {
		return mark(e.th.OK, e.th.Done, "enabled")
	}
	return mark(e.th.Warn, e.th.Stopped, "disabled")
}

func (e *Enrollments) registered(status string) string {
	th := e.th
	text := th.Clean(cmp.Or(status, "unknown"))
	switch status {
	case "assigned":
		return mark(th.OK, th.Live, text)
	case "assigning", "unassigned", "":
		return mark(th.Dim, th.Waiting, text)
	}
	return mark(th.Bad, th.Failed, text)
}

// life is how long a certificate is still good.
func (e *Enrollments) life(until time.Time) string {
	if until.IsZero() || e.now.IsZero() {
		return ""
	}
	text := Life(until.Sub(e.now))
	if !until.After(e.now) {
		return e.th.Bad.Text(text)
	}
	return text
}
