package screen

import (
	"fmt"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// View implements Screen.
func (t *Transcript) View(w, h int) []string {
	th := t.th
	if len(t.all) == 0 {
		rows := []string{"", "   Nothing was sent yet."}
		for _, r := range ui.Wrap("Every request that a step makes is listed here, with its answer, its timing and the certificates that were really sent.", w-6) {
			rows = append(rows, "   "+th.Dim.Text(r))
		}
		return ui.Fit(rows, w, h, th.Ellipsis)
	}
	if w >= wideFrom {
		listW := min(max(44, w/3), 64)
		left := ui.Fit(t.listRows(listW, h), listW, h, th.Ellipsis)
		right := ui.Fit(t.detailRows(w-listW-4, h), w-listW-4, h, th.Ellipsis)
		return ui.Fit(ui.Beside(left, " "+th.Dim.Text(th.V)+" ", right), w, h, th.Ellipsis)
	}
	listH := min(max(h/3, 3), max(len(t.shown), 1)+1)
	rows := ui.Fit(t.listRows(w, listH), w, listH, th.Ellipsis)
	rows = append(rows, " "+th.Dim.Text(strings.Repeat(th.H, w-2)))
	return ui.Fit(append(rows, indent(t.detailRows(w-2, h-listH-1))...), w, h, th.Ellipsis)
}

// listRows is the list under its title, h rows in all.
func (t *Transcript) listRows(w, h int) []string {
	th := t.th
	rows := []string{t.listTitle(w)}
	if len(t.shown) == 0 {
		text := "none; esc shows all"
		if t.Searching() {
			text = "searching" + th.Ellipsis
		}
		return append(rows, "   "+th.Dim.Text(text))
	}
	from, to := t.list.Window(h - 1)
	for i := from; i < to; i++ {
		rows = append(rows, t.row(t.shown[i], i == t.list.Cursor, w))
	}
	return rows
}

func (t *Transcript) listTitle(w int) string {
	th := t.th
	count := fmt.Sprintf("%d of %d", min(t.list.Cursor+1, len(t.shown)), len(t.shown))
	if t.query.failed {
		count += " refused"
	}
	title := " " + t.focusTitle("Exchanges", !t.inside) + " "
	if t.Searching() {
		count = fmt.Sprintf("%d, searched %d of %d", len(t.shown), t.seen, len(t.all))
	}
	if !t.typing && t.searched() == "" {
		return title + th.Dim.Text(count)
	}
	title += count + " " + th.Dim.Text("/") + " "
	return title + t.search.View(th, max(min(w-ui.Width(title)-1, 64), 8), t.typing)
}

func (t *Transcript) focusTitle(s string, focused bool) string {
	if focused {
		return t.th.Accent.Text(t.th.Bullet) + " " + t.th.Strong.Text(s)
	}
	return "  " + t.th.Dim.Text(s)
}

// row is one exchange. The wider the list, the more of it is told: the step,
// then the service.
func (t *Transcript) row(at int, selected bool, w int) string {
	th := t.th
	x := t.all[at]
	answer, st := fmt.Sprint(x.Status), th.OK
	if x.Status == 0 {
		answer = th.Failed
	}
	if refused(x) {
		st = th.Bad
	}
	left := ui.Pad(th.Clean(x.Method), 6, th.Ellipsis) + " "
	name := th.Clean(x.Operation)
	var more []string
	if w >= 56 {
		more = append(more, ui.Pad(t.step(at).Title(), 13, th.Ellipsis))
	}
	if w >= 78 {
		more = append(more, th.Clean(x.Service))
	}
	room := w - 3 - 14 - ui.Width(left)
	if len(more) > 0 {
		name = ui.Pad(name, min(24, room-14), th.Ellipsis) + " "
	}
	if selected {
		left, name = th.Selected.Text(left), th.Selected.Text(name)
	}
	text := left + name + th.Dim.Text(ui.Cut(strings.Join(more, " "), room-ui.Width(name), th.Ellipsis))
	right := st.Text(ui.PadLeft(answer, 3, "")) + ui.PadLeft(fmt.Sprintf("%.0f ms", x.Timing.Total), 9, "")
	return t.marker(x, selected) + ui.Spread(ui.Cut(text, w-3-14, th.Ellipsis), right, w-4, th.Ellipsis) + " "
}

// marker is the cursor, and the sign of the exchange to compare with.
func (t *Transcript) marker(x *workflow.Exchange, selected bool) string {
	cursor, mark := " ", " "
	if selected {
		cursor = t.th.Accent.Text(t.th.Marker)
	}
	if x == t.marked {
		mark = t.th.Warn.Text("m")
	}
	return mark + cursor + " "
}

// detailRows shows the chosen exchange, or what differs from the marked one.
func (t *Transcript) detailRows(w, h int) []string {
	th := t.th
	x := t.selected()
	if x == nil {
		return nil
	}
	drawn := drawnDetail{exchange: x, width: w}
	if t.comparing {
		drawn.beside = t.marked
	}
	if drawn != t.drawn {
		if t.drawn.exchange != nil && (drawn.exchange != t.drawn.exchange || drawn.beside != t.drawn.beside) {
			t.detail.reset()
		}
		t.redraw(drawn, w)
	}
	rows, where := t.detail.view(th, w, h-1, t.inside)
	title := t.focusTitle(t.detailTitle(), t.inside)
	return append([]string{ui.Spread(title, th.Dim.Text(where), w, th.Ellipsis)}, rows...)
}

func (t *Transcript) redraw(d drawnDetail, w int) {
	t.drawn = d
	if d.beside != nil {
		t.detail.set(compareRows(t.th, d.beside, d.exchange, w), nil)
		return
	}
	r := exchangeRows(t.th, d.exchange, w, t.closed)
	t.detail.set(r.rows, r.keys)
}

func (t *Transcript) detailTitle() string {
	here := t.place() + 1
	if !t.comparing {
		return fmt.Sprintf("Exchange %d", here)
	}
	for i, x := range t.all {
		if x == t.marked {
			return fmt.Sprintf("- exchange %d, + exchange %d", i+1, here)
		}
	}
	return fmt.Sprintf("- the marked exchange, + exchange %d", here)
}

// Lines are exchanges as plain text for a file: all of each, nothing folded.
func Lines(xs []*workflow.Exchange) (string, error) {
	th, err := theme.New(theme.Options{NoColor: true})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, x := range xs {
		if i > 0 {
			b.WriteString("\n" + strings.Repeat("-", 78) + "\n\n")
		}
		for _, row := range exchangeRows(th, x, 100, folds{}).rows {
			b.WriteString(strings.TrimRight(row, " ") + "\n")
		}
	}
	return b.String(), nil
}
