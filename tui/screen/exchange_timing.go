package screen

import (
	"fmt"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// phase is a part of an exchange's time, in milliseconds.
type phase struct {
	name string
	ms   float64
}

// phases are where the time of an exchange went, in order. What no phase
// accounts for went into sending the request and reading the answer.
func phases(x *workflow.Exchange) []phase {
	t := x.Timing
	rest := max(0, t.Total-t.DNS-t.Connect-t.TLS-t.Wait)
	return []phase{{"DNS", t.DNS}, {"connect", t.Connect}, {"TLS", t.TLS}, {"wait", t.Wait}, {"read", rest}}
}

// timing draws a bar for each phase, each beginning where the one before ends.
func (r *report) timing(x *workflow.Exchange) {
	t := x.Timing
	total := fmt.Sprintf("%.1f ms", t.Total)
	if !r.section("timing", r.th.Accent.Text("Timing")+" "+total, "bars") {
		return
	}
	const lead = 4 + 8 + 11 // margin, name, figure
	room := min(r.w-lead, 60)
	done := 0.0
	for _, p := range phases(x) {
		if p.ms <= 0 {
			continue
		}
		row := "    " + ui.Pad(p.name, 8, "") + ui.PadLeft(fmt.Sprintf("%.1f ms", p.ms), 9, "") + "  "
		if t.Total > 0 && room >= 8 {
			row += span(r.th, done/t.Total, (done+p.ms)/t.Total, room)
		}
		r.rows = append(r.rows, row)
		done += p.ms
	}
	if t.Ahead {
		r.text("    ", "connected ahead, while something else was under way: the answer came that much sooner", r.th.Dim)
	}
	if t.Reused {
		r.text("    ", "on a connection that was open already: no DNS, connect or TLS", r.th.Dim)
	}
}

// span is a bar from one share of w cells to another, at least a cell long.
func span(th *theme.Theme, from, to float64, w int) string {
	a := min(int(from*float64(w)+0.5), w-1)
	b := max(min(int(to*float64(w)+0.5), w), a+1)
	return ui.Blank(a) + th.Accent.Text(strings.Repeat(th.Full, b-a))
}
