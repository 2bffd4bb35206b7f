package ui

import (
	"fmt"
	"strings"
	"time"

	"dpslab/tui/theme"
	"dpslab/workflow"
)

// lane is the geometry of the swim-lane: three lifelines and the two gaps
// between them.
type lane struct {
	th    *theme.Theme
	now   time.Time
	w     int
	left  int // cells between device and DPS
	right int // cells between DPS and IoT Hub
}

// laneMargin is where the device's lifeline stands; laneTail is what the hub's
// name needs right of its own.
const (
	laneMargin = 3
	laneTail   = 4
	arrowMax   = 36
)

// Lane draws the conversation between device, DPS and IoT Hub, oldest first,
// under a row of names. It is made for 46 cells and more.
func Lane(th *theme.Theme, rows []workflow.LaneRow, now time.Time, w int) (names string, body []string) {
	gaps := max(w-laneMargin-laneTail-3, 12)
	left := min(arrowMax, (gaps+2)/2)
	l := lane{th: th, now: now, w: w, left: left, right: gaps - left}
	for _, r := range rows {
		body = append(body, Pad(l.row(r), w, th.Ellipsis))
	}
	return Pad(l.names(), w, th.Ellipsis), body
}

func (l lane) names() string {
	device := " device"
	dps := Blank(laneMargin+l.left-Width(device)) + "DPS"
	hub := Blank(l.right-5) + "IoT Hub"
	return l.th.Strong.Text(device + dps + hub)
}

func (l lane) line(left, mid, right string) string {
	v := l.th.Dim.Text(l.th.V)
	return Blank(laneMargin) + v + left + mid + right + v
}

func (l lane) row(r workflow.LaneRow) string {
	v := l.th.Dim.Text(l.th.V)
	switch {
	case r.Kind == workflow.LaneWait:
		text, note := l.wait(r)
		return l.line(text, v, l.note(r, note))
	case r.ToHub && r.Kind == workflow.LaneRequest:
		return l.hubRequest(r)
	case r.ToHub:
		return l.hubAnswer(r)
	case r.Kind == workflow.LaneRequest:
		return l.line(l.arrowRight(r), v, l.note(r, l.open(r)))
	}
	return l.line(l.arrowLeft(r), v, l.note(r, r.Note))
}

func (l lane) style(r workflow.LaneRow) theme.Style {
	switch {
	case r.Bad:
		return l.th.Bad
	case r.Kind == workflow.LaneResponse:
		return l.th.OK
	}
	return l.th.Accent
}

func (l lane) arrowRight(r workflow.LaneRow) string {
	label := Cut(l.th.Clean(r.Label), l.left-6, l.th.Ellipsis)
	n := l.left - 3 - Width(label)
	return " " + label + " " + l.style(r).Text(strings.Repeat(l.th.H, n)+l.th.ArrowRight)
}

func (l lane) arrowLeft(r workflow.LaneRow) string {
	head := l.th.ArrowLeft
	if r.Kind == workflow.LaneFault {
		head = l.th.Failed
	}
	label := Cut(l.th.Clean(r.Label), l.left-7, l.th.Ellipsis)
	n := l.left - 5 - Width(label)
	st := l.style(r)
	return " " + st.Text(head+strings.Repeat(l.th.H, n)) + " " + st.Text(label) + " " + st.Text(l.th.H)
}

// wait draws the bar of a wait and what is left of it.
func (l lane) wait(r workflow.LaneRow) (text, note string) {
	if r.Poll == nil {
		return Pad(" "+l.th.Clean(r.Label), l.left, l.th.Ellipsis), r.Note
	}
	whole := r.Poll.Due.Sub(r.Poll.Since)
	if !r.Open {
		return Pad(" "+l.th.Dim.Text(waited(r)), l.left, l.th.Ellipsis), r.Note
	}
	rest := max(0, min(r.Poll.Due.Sub(l.now), whole))
	label := " " + Cut(l.th.Clean(r.Label), l.left-7, l.th.Ellipsis) + " "
	bar := Bar(l.th, 1-ratio(rest, whole), max(4, min(12, l.left-Width(label)-1)))
	note = fmt.Sprintf("%.1f s left", rest.Seconds())
	if r.Note != "" {
		note += "  " + r.Note
	}
	return Pad(label+bar, l.left, ""), note
}

// cutMargin is how much sooner than due a wait may end and still count as whole:
// the next request is stamped by another clock reading than the timer's.
const cutMargin = 20 * time.Millisecond

// waited says how a wait that is over went: to its end, or cut by a cancel. A
// killed program left no time of its end.
func waited(r workflow.LaneRow) string {
	whole := r.Poll.Due.Sub(r.Poll.Since)
	had := r.Ended.Sub(r.Poll.Since)
	switch {
	case r.Ended.IsZero(), had >= whole-cutMargin:
		return "waited " + Seconds(whole)
	case had <= 0:
		return "wait of " + Seconds(whole) + ", cut short"
	}
	return fmt.Sprintf("cut at %.1f s of %s", had.Seconds(), Seconds(whole))
}

// open says how long an unanswered request has been under way.
func (l lane) open(r workflow.LaneRow) string {
	if !r.Open {
		return r.Note
	}
	return strings.TrimSpace(Spinner(l.th, l.now) + " " + r.Note)
}

func (l lane) note(r workflow.LaneRow, text string) string {
	text = l.th.Clean(text)
	if r.Bad && text != "" {
		text = l.th.Failed + " " + text
	}
	text = Cut(" "+text, l.right, l.th.Ellipsis)
	st := l.th.Plain
	if r.Bad {
		st = l.th.Bad
	}
	return st.Text(text) + Blank(l.right-Width(text))
}

func (l lane) hubRequest(r workflow.LaneRow) string {
	label := Cut(l.th.Clean(r.Label), l.left-3, l.th.Ellipsis)
	st := l.style(r)
	first := " " + label + " " + st.Text(strings.Repeat(l.th.H, l.left-2-Width(label)))
	return l.line(first, st.Text(l.th.Cross), st.Text(strings.Repeat(l.th.H, l.right-1)+l.th.ArrowRight))
}

func (l lane) hubAnswer(r workflow.LaneRow) string {
	st := l.style(r)
	head := l.th.ArrowLeft
	if r.Kind == workflow.LaneFault {
		head = l.th.Failed
	}
	note := Cut(l.th.Clean(r.Note), l.left-5, l.th.Ellipsis)
	first := " " + st.Text(head+strings.Repeat(l.th.H, l.left-2))
	if note != "" {
		first = " " + st.Text(head+l.th.H) + " " + note + " " + st.Text(strings.Repeat(l.th.H, l.left-5-Width(note)))
	}
	label := Cut(l.th.Clean(r.Label), l.right-4, l.th.Ellipsis)
	second := st.Text(strings.Repeat(l.th.H, l.right-3-Width(label))) + " " + st.Text(label) + " " + st.Text(l.th.H)
	return l.line(first, st.Text(l.th.Cross), second)
}

// Bar draws a progress bar of n cells, done being between 0 and 1.
func Bar(th *theme.Theme, done float64, n int) string {
	full := int(max(0, min(1, done))*float64(n) + 0.5)
	return th.Accent.Text(strings.Repeat(th.Full, full)) + th.Dim.Text(strings.Repeat(th.Empty, n-full))
}

func ratio(part, whole time.Duration) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Seconds is a duration for people: "3 s", "0.4 s", "2 min 5 s".
func Seconds(d time.Duration) string {
	switch {
	case d >= time.Minute:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", int(d/time.Minute), int(d%time.Minute/time.Second))
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", int(d/time.Second))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
