package screen

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dpslab/tui/ui"
	"dpslab/workflow"
)

// withAxes is the least height in which a chart with its axes, and the summary
// of the other value, have room; below it the chart goes without them.
const withAxes = 6

// telemetry draws counters, the chart of the sent value, latency and the last
// message.
func (b *Bench) telemetry(w, h int) []string {
	th := b.th
	t := b.st.Telemetry
	rows := []string{b.counters(w)}
	tail := b.lastMessage(w, 2)
	room := h - len(rows) - len(tail) - 1
	if room < withAxes && len(tail) > 2 { // the chart matters more than the end of the body
		tail = b.lastMessage(w, 1)
		room++
	}
	values := series(t, func(s workflow.Sample) (float64, bool) { return s.Value, s.HasValue })
	latency := series(t, func(s workflow.Sample) (float64, bool) { return s.LatencyMS, true })
	switch {
	case values.any() && room >= 18:
		rows = append(rows, b.chart(chartName(t), values, "", w, room*2/3)...)
		rows = append(rows, b.chart("latency", latency, " ms", w, room-room*2/3)...)
	case values.any() && room >= 4:
		rows = append(rows, b.chart(chartName(t), values, "", w, room-1)...)
		rows = append(rows, b.summary("latency", latency, " ms", w))
	case room >= 4:
		rows = append(rows, b.chart("latency", latency, " ms", w, room)...)
	default:
		rows = append(rows, b.summary("latency", latency, " ms", w))
	}
	pause := ""
	if b.st.Poll != nil && b.st.PollStep == workflow.StepTelemetry {
		pause = b.waiting(w)
	}
	rows = append(rows, pause)
	return ui.Fit(append(rows, tail...), w, h, th.Ellipsis)
}

func chartName(t workflow.TelemetryStatus) string {
	if t.ValueName != "" {
		return t.ValueName
	}
	return "value"
}

func (b *Bench) counters(w int) string {
	th := b.th
	t := b.st.Telemetry
	text := fmt.Sprintf("sent %s", th.Strong.Text(fmt.Sprintf("%d of %d", t.Sent, t.Of)))
	failed := fmt.Sprintf("failed %d", t.Failed)
	if t.Failed > 0 {
		failed = th.Bad.Text(th.Failed + " " + failed)
	}
	text += "   " + failed
	hub, few := "", ""
	if b.dev.Profile != nil && b.dev.Profile.Target.Kind == "lab" || t.Received > 0 {
		hub, few = fmt.Sprintf("   received by the hub %d", t.Received), fmt.Sprintf("   at the hub %d", t.Received)
	}
	pace := ""
	if r := rate(t.Samples); r > 0 {
		pace = fmt.Sprintf("   %.1f/s", r)
	}
	flow := b.flow()
	if flow != "" {
		flow = "   " + flow
	}
	return ui.Cut(fitting(w, text+hub+pace+flow, text+few+pace+flow, text+few+flow, text+flow), w, th.Ellipsis)
}

// rate is messages a second over the last ten.
func rate(s []workflow.Sample) float64 {
	s = s[max(0, len(s)-11):]
	if len(s) < 2 {
		return 0
	}
	d := s[len(s)-1].At.Sub(s[0].At)
	if d < time.Millisecond {
		return 0
	}
	return float64(len(s)-1) / d.Seconds()
}

// samples is one line of a chart.
type samples struct {
	ui.Chart
	last float64
}

func (s samples) any() bool {
	for _, have := range s.Have {
		if have {
			return true
		}
	}
	return false
}

func series(t workflow.TelemetryStatus, of func(workflow.Sample) (float64, bool)) samples {
	s := samples{Chart: ui.Chart{First: t.Sent - len(t.Samples) + 1, Of: t.Of}}
	for _, x := range t.Samples {
		v, have := of(x)
		s.Values, s.Have = append(s.Values, v), append(s.Have, have)
		if have {
			s.last = v
		}
	}
	return s
}

func (b *Bench) chart(name string, s samples, unit string, w, h int) []string {
	return append([]string{b.summary(name, s, unit, w)}, s.View(b.th, w, h-1)...)
}

// summary is the title of a chart, or stands for it where there is no room.
func (b *Bench) summary(name string, s samples, unit string, w int) string {
	low, high, sum, n := 0.0, 0.0, 0.0, 0
	for i, v := range s.Values {
		if !s.Have[i] {
			continue
		}
		if n == 0 {
			low, high = v, v
		}
		low, high, sum, n = min(low, v), max(high, v), sum+v, n+1
	}
	if n == 0 {
		return ""
	}
	last := "last " + short(s.last) + unit
	span := fmt.Sprintf(", from %s to %s", short(low), short(high))
	room := w - ui.Width(b.th.Clean(name)) - 2
	text := fitting(room, last+span+", mean "+short(sum/float64(n)), last+span, last)
	return b.th.Strong.Text(b.th.Clean(name)) + "  " + b.th.Dim.Text(text)
}

// short is a number with three figures that matter.
func short(v float64) string {
	if v >= 100 || v <= -100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// lastMessage is the body that was accepted last, in at most so many rows.
func (b *Bench) lastMessage(w, most int) []string {
	th := b.th
	m := b.st.Telemetry.Last
	if m == nil {
		return nil
	}
	rows := []string{th.Dim.Text(fmt.Sprintf("message %d, accepted in %.0f ms", m.N, m.LatencyMS))}
	body := ui.Wrap(th.Clean(ui.Head(m.Body, 3*w)), w)
	if len(body) > most {
		body = append(body[:most-1:most-1], ui.Cut(strings.Join(body[most-1:], " "), w, th.Ellipsis))
	}
	return append(rows, body...)
}
