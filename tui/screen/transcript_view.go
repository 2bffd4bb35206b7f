package screen

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// View implements Screen.
func (t *Transcript) View(w, h int) []string {
	th := t.th
	if t.all.Len() == 0 {
		rows := []string{"", "   Nothing was sent yet."}
		for _, r := range ui.Wrap("Every request that a step makes is listed here, with its answer, its timing and the certificates that were really sent.", w-6) {
			rows = append(rows, "   "+th.Dim.Text(r))
		}
		return ui.Fit(rows, w, h, th.Ellipsis)
	}
	if w >= wideFrom {
		listW := transcriptListWidth(w)
		left := ui.Fit(t.listRows(listW, h-1), listW, h-1, th.Ellipsis)
		above, below := t.unseen()
		left = append(left, ui.Pad("   "+th.Dim.Text(ui.More(th, above, below)), listW, th.Ellipsis))
		right := ui.Fit(t.detailRows(w-listW-4, h), w-listW-4, h, th.Ellipsis)
		return ui.Fit(ui.Beside(left, " "+th.Dim.Text(th.V)+" ", right), w, h, th.Ellipsis)
	}
	listH := min(max(h/3, 3), max(len(t.shown), 1)+1)
	rows := ui.Fit(t.listRows(w, listH), w, listH, th.Ellipsis)
	above, below := t.unseen()
	rows = append(rows, ui.Rule(th, w, above, below))
	return ui.Fit(append(rows, indent(t.detailRows(w-2, h-listH-1))...), w, h, th.Ellipsis)
}

// transcriptListWidth is how much of a wide screen the list takes: what the detail
// cannot use. A row of it is at most 84 cells long, the thumbprints; texts are read
// well up to 100, and the cursor stands beside them.
func transcriptListWidth(w int) int { return max(44, min(w-4-cursorCells-100, 100)) }

// listRows is the list under its title, h rows in all.
func (t *Transcript) listRows(w, h int) []string {
	th := t.th
	rows := []string{t.listTitle(w)}
	if len(t.shown) == 0 {
		text := "none; esc shows all"
		switch {
		case t.Searching() && t.progress:
			text = "searching" + th.Ellipsis
		case t.Searching():
			text = ""
		}
		return append(rows, "   "+th.Dim.Text(text))
	}
	from, to := t.list.Window(h - 1)
	for i := from; i < to; i++ {
		rows = append(rows, t.row(int(t.shown[i]), i == t.list.Cursor, w))
	}
	return rows
}

// unseen is how many exchanges are above and below those in sight.
func (t *Transcript) unseen() (above, below int) {
	if len(t.shown) == 0 {
		return 0, 0
	}
	return t.list.Unseen()
}

func (t *Transcript) listTitle(w int) string {
	th := t.th
	count := fmt.Sprintf("%d of %d", min(t.list.Cursor+1, len(t.shown)), len(t.shown))
	if t.query.failed {
		count += " refused"
	}
	title := " " + t.focusTitle("Exchanges", !t.inside) + " "
	if t.Searching() {
		count = fmt.Sprintf("%d, searched %d of %d", len(t.shown), t.seen-t.all.Gone(), t.all.Len())
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
// then the service, then the time of day.
func (t *Transcript) row(at int, selected bool, w int) string {
	th := t.th
	x, _ := t.all.Kind(at)
	answer, st := fmt.Sprint(x.Status), th.OK
	if x.Status == 0 {
		answer = th.Failed
	}
	if refused(x.Status) {
		st = th.Bad
	}
	left := ui.Pad(th.Clean(x.Method), 6, th.Ellipsis) + " "
	if w >= 90 {
		left = t.all.Started(at).Format("15:04:05") + " " + left
	}
	name := th.Clean(x.Operation)
	var more []string
	if w >= 56 {
		more = append(more, ui.Pad(x.Step.Title(), 13, th.Ellipsis))
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
	right := st.Text(ui.PadLeft(answer, 3, "")) + ui.PadLeft(fmt.Sprintf("%.0f ms", t.all.Total(at)), 9, "")
	return t.marker(at, selected) + ui.Spread(ui.Cut(text, w-3-14, th.Ellipsis), right, w-4, th.Ellipsis) + " "
}

// marker is the cursor, and the sign of the exchange to compare with.
func (t *Transcript) marker(at int, selected bool) string {
	cursor, mark := " ", " "
	if selected {
		cursor = t.th.Accent.Text(t.th.Marker)
	}
	if at == t.marked {
		mark = t.th.Warn.Text("m")
	}
	return mark + cursor + " "
}

// detailRows shows the chosen exchange, or what differs from the marked one, in w
// cells, the cursor's among them.
func (t *Transcript) detailRows(w, h int) []string {
	th := t.th
	chosen := t.number()
	if chosen == noExchange {
		return nil
	}
	drawn := drawnDetail{number: chosen, beside: noExchange, width: w - cursorCells}
	if t.comparing {
		drawn.beside = t.marked
	}
	x, beside, err := t.both(drawn)
	drawn.err = err
	if drawn != t.drawn {
		if t.drawn.number != noExchange && (drawn.number != t.drawn.number || drawn.beside != t.drawn.beside) {
			t.detail.reset()
		}
		t.redraw(drawn, x, beside)
	}
	rows, where := t.detail.view(th, w, h-1, t.inside)
	title := t.focusTitle(t.detailTitle(), t.inside)
	return append([]string{ui.Spread(title, th.Dim.Text(where), w, th.Ellipsis)}, rows...)
}

func (t *Transcript) redraw(d drawnDetail, x, beside *workflow.Exchange) {
	t.drawn = d
	switch {
	case d.err != nil:
		r := &report{th: t.th, w: max(d.width, 20)}
		st := t.th.Bad
		if errors.Is(d.err, errNotRead) {
			st = t.th.Dim
		}
		r.rows = append(r.rows, "")
		r.text("  ", d.err.Error(), st)
		t.detail.set(r.rows, nil)
	case beside != nil:
		t.detail.set(compareRows(t.th, beside, x, d.width), nil)
	default:
		r := exchangeRows(t.th, x, d.width, t.closed)
		t.detail.set(r.rows, r.keys)
	}
}

func (t *Transcript) detailTitle() string {
	here := t.number() - t.all.Gone() + 1
	if !t.comparing {
		return fmt.Sprintf("Exchange %d", here)
	}
	return fmt.Sprintf("- exchange %d, + exchange %d", t.marked-t.all.Gone()+1, here)
}

// WriteLines writes exchanges as plain text for a file: all of each, nothing
// folded. It ends with the first error.
func WriteLines(w io.Writer, xs iter.Seq2[*workflow.Exchange, error]) error {
	th, err := theme.New(theme.Options{NoColor: true})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	between := ""
	for x, err := range xs {
		if err != nil {
			return err
		}
		out.WriteString(between) // an error is kept until Flush
		between = "\n" + strings.Repeat("-", 78) + "\n\n"
		for _, row := range exchangeRows(th, x, 100, folds{}).rows {
			out.WriteString(strings.TrimRight(row, " ") + "\n")
		}
	}
	return out.Flush()
}
