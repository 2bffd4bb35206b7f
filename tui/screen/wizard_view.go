package screen

import (
	"fmt"
	"slices"
	"strings"

	"dpslab/tui/keymap"
	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// View implements Screen.
func (s *Wizard) View(w, h int) []string {
	head := []string{s.crumbs(w), ""}
	if s.w.Page == workflow.PageReview {
		return ui.Fit(append(head, s.reviewRows(w, h-len(head))...), w, h, s.th.Ellipsis)
	}
	room := h - len(head)
	if w >= wideFrom {
		formW := 76
		sideW := w - formW - 5 // a margin on the right, as everywhere
		side := ui.Fit(beginning(s.th, s.sideRows(sideW), room, s.whyKey()+" tells all of it"), sideW, room, s.th.Ellipsis)
		form, above, below := s.formRows(formW, room-1)
		form = ui.Fit(form, formW, room, s.th.Ellipsis)
		if above+below > 0 {
			form[room-1] = ui.Rule(s.th, formW, above, below)
		}
		return ui.Fit(append(head, ui.Beside(form, "  "+s.th.Dim.Text(s.th.V)+" ", side)...), w, h, s.th.Ellipsis)
	}
	help := s.helpRows(w - 4)
	help = beginning(s.th, help, max(min(room-6, 5), 1), s.whyKey()+" tells more")
	form, above, below := s.formRows(w, room-len(help)-1)
	rows := ui.Fit(form, w, room-len(help)-1, s.th.Ellipsis)
	rows = append(rows, ui.Rule(s.th, w, above, below))
	for _, r := range help {
		rows = append(rows, "  "+r)
	}
	return ui.Fit(append(head, rows...), w, h, s.th.Ellipsis)
}

// crumbs shows the way: all pages where there is room, else the number.
func (s *Wizard) crumbs(w int) string {
	var parts []string
	for i, p := range workflow.Pages() {
		name := fmt.Sprintf("%d %s", i+1, p.Title())
		switch {
		case p == s.w.Page:
			name = s.th.Accent.Text("[" + name + "]")
		case p > s.w.Reached:
			name = s.th.Dim.Text(name)
		}
		parts = append(parts, name)
	}
	line := " " + strings.Join(parts, s.th.Dim.Text(" "+s.th.Next+" "))
	if ui.Width(line) <= w {
		return line
	}
	return fmt.Sprintf(" Page %d of %d: %s", int(s.w.Page)+1, len(parts), s.th.Accent.Text(s.w.Page.Title()))
}

// whyKey is the key that tells why the focused question is asked.
func (s *Wizard) whyKey() string {
	b, _ := keymap.Of(s.Bindings(), keymap.Why)
	return b.Label
}

// formRows draws the fields of the page, at most h rows of them, and keeps the
// focused one in sight; above and below are rows that do not fit.
func (s *Wizard) formRows(w, h int) (rows []string, above, below int) {
	fs := s.w.Fields()
	labelW := 0
	for _, f := range fs {
		labelW = max(labelW, ui.Width(f.Label))
	}
	labelW = min(labelW+2, 28)
	var from, to int
	for i, f := range fs {
		if i == s.focus {
			from = len(rows)
		}
		rows = append(rows, s.fieldRows(f, i == s.focus, labelW, w, h)...)
		if i == s.focus {
			to = len(rows)
		}
	}
	top := 0
	if to > h {
		top = min(from, to-h)
	}
	above = min(top, len(rows))
	rows = rows[above:]
	if below = max(len(rows)-h, 0); below > 0 {
		rows = rows[:h]
	}
	return rows, above, below
}

func (s *Wizard) fieldRows(f workflow.Field, focused bool, labelW, w, h int) []string {
	th := s.th
	label := "   " + ui.Pad(f.Label, labelW, th.Ellipsis)
	if focused {
		label = " " + th.Accent.Text(th.Marker) + " " + th.Selected.Text(ui.Pad(f.Label, labelW, th.Ellipsis))
	}
	room := w - 3 - labelW - 1
	var rows []string
	switch {
	case focused && len(f.Options) > 0:
		rows = s.optionRows(f, label, labelW, room, h)
	case focused:
		rows = append([]string{label + s.input.View(th, room, true)}, s.offerRows(f, labelW, room)...)
	case len(f.Options) > 0:
		rows = []string{label + s.chosen(f)}
	default:
		text := ui.Cut(th.Clean(s.w.Value(f.Key)), room, th.Ellipsis)
		if text == "" {
			text = th.Dim.Text(ui.Cut("("+unset(f)+")", room, th.Ellipsis))
		}
		rows = []string{label + text}
	}
	if err := s.w.Error(f.Key); err != nil && s.touched[f.Key] {
		rows = append(rows, s.remark(th.Bad, th.Failed, f.Label+" "+err.Error(), w)...)
	}
	if text := s.w.Warning(f.Key); text != "" {
		rows = append(rows, s.remark(th.Warn, th.Warning, f.Label+" "+text, w)...)
	}
	if focused {
		rows = append(rows, s.voidRows(w)...)
	}
	return rows
}

// voidRows names the answers that count no longer since the focused one was
// changed.
func (s *Wizard) voidRows(w int) []string {
	var parts []string
	for _, v := range s.w.Voids(s.before) {
		parts = append(parts, v.Field.Label+" ("+v.Value+")")
	}
	if len(parts) == 0 {
		return nil
	}
	text := "This change makes void: " + strings.Join(parts, ", ") + ". Changing back brings it back."
	return s.remark(s.th.Warn, s.th.Warning, text, w)
}

// remark is a sentence under a field, in rows of at most w cells.
func (s *Wizard) remark(st theme.Style, glyph, text string, w int) []string {
	var rows []string
	for i, r := range ui.Wrap(s.th.Clean(text), w-8) {
		lead := "       "
		if i == 0 {
			lead = "     " + st.Text(glyph) + " "
		}
		rows = append(rows, lead+st.Text(r))
	}
	return rows
}

// unset says what an empty answer means.
func unset(f workflow.Field) string {
	if f.Unset == "" {
		return "not answered yet"
	}
	return f.Unset
}

func (s *Wizard) chosen(f workflow.Field) string {
	for _, o := range f.Options {
		if o.Value == s.w.Value(f.Key) {
			return o.Label
		}
	}
	return s.th.Clean(s.w.Value(f.Key))
}

// mostOffers is how many answers are offered at once under a text.
const mostOffers = 5

// offerRows are the answers to pick from, those around the chosen one.
func (s *Wizard) offerRows(f workflow.Field, labelW, room int) []string {
	th := s.th
	offers := s.w.Offers(f.Key)
	at := slices.IndexFunc(offers, func(o workflow.Option) bool { return o.Value == s.w.Value(f.Key) })
	from := max(0, min(at-mostOffers/2, len(offers)-mostOffers))
	var rows []string
	for i := from; i < min(from+mostOffers, len(offers)); i++ {
		mark := th.Dim.Text(th.Off)
		if i == at {
			mark = th.Accent.Text(th.On)
		}
		text := mark + " " + th.Clean(offers[i].Label) + "  " + th.Dim.Text(offers[i].Help)
		rows = append(rows, ui.Blank(3+labelW)+ui.Cut(text, room, th.Ellipsis))
	}
	if left := len(offers) - len(rows); left > 0 {
		rows = append(rows, ui.Blank(3+labelW)+th.Dim.Text(fmt.Sprintf("%s %d more, up and down show them", th.Ellipsis, left)))
	}
	return rows
}

// optionRows lists a closed set below each other. What an option means is
// wrapped where the screen is high enough, else cut.
func (s *Wizard) optionRows(f workflow.Field, label string, labelW, room, h int) []string {
	th := s.th
	nameW := 0
	for _, o := range f.Options {
		nameW = max(nameW, ui.Width(o.Label))
	}
	helpW := room - nameW - 4
	wrapped := len(s.w.Fields()) - 1 // with the other questions of the page
	for _, o := range f.Options {
		wrapped += len(ui.Wrap(th.Clean(o.Help), helpW))
	}
	var rows []string
	for i, o := range f.Options {
		lead := ui.Blank(3 + labelW)
		if i == 0 {
			lead = label
		}
		mark, name := th.Dim.Text(th.Off), ui.Pad(o.Label, nameW, "")
		if o.Value == s.w.Value(f.Key) {
			mark, name = th.Accent.Text(th.On), th.Strong.Text(name)
		}
		help := ui.Wrap(th.Clean(o.Help), helpW)
		if wrapped > h {
			help = []string{ui.Cut(th.Clean(o.Help), helpW, th.Ellipsis)}
		}
		for j, r := range help {
			if j > 0 {
				lead, mark, name = ui.Blank(3+labelW), " ", ui.Blank(nameW)
			}
			rows = append(rows, lead+mark+" "+name+"  "+th.Dim.Text(r))
		}
	}
	return rows
}

// sideRows is the second pane of a wide screen: the help, and why the question
// is asked, which a narrow one tells on a key.
func (s *Wizard) sideRows(w int) []string {
	rows := s.helpRows(w)
	f, ok := s.field()
	if !ok || f.Why() == f.Help {
		return rows
	}
	rows = append(rows, "", s.th.Strong.Text("Why this is asked"))
	return append(rows, ui.Wrap(s.th.Clean(f.Why()), w)...)
}

// helpRows says what the focused question means.
func (s *Wizard) helpRows(w int) []string {
	f, ok := s.field()
	if !ok {
		return nil
	}
	rows := ui.Wrap(s.th.Clean(f.Help), w)
	if f.Example != "" {
		rows = append(rows, s.th.Dim.Text("for example ")+s.th.Clean(f.Example))
	}
	return rows
}

// reviewRows shows what will be saved and what will run: beside each other
// where there is room, else one above the other.
func (s *Wizard) reviewRows(w, h int) []string {
	th := s.th
	half := (w - 5) / 2
	if w < wideFrom {
		half = w - 2
	}
	plan := []string{th.Strong.Text("What will run")}
	for i, p := range s.w.Plan() {
		for j, r := range ui.Wrap(th.Clean(p), half-3) {
			lead := "   "
			if j == 0 {
				lead = fmt.Sprintf("%d  ", i+1)
			}
			plan = append(plan, lead+r)
		}
	}
	plan = append(append(plan, ""), s.writeRows(half)...)
	text := []string{th.Strong.Text("What will be saved: " + th.Clean(s.w.Name()) + ".toml")}
	if s.Editing() != "" {
		plan[0] = th.Strong.Text("What the next run will do")
		warning := &report{th: th, w: half}
		warning.finding(th.Warning, th.Warn, "", "The file is written anew, without its comments. The old one stays beside it as "+s.w.Name()+".toml"+workflow.BackupSuffix+".", "")
		text = append(text, warning.rows...)
	}
	for _, l := range th.CleanLines(s.w.TOML()) {
		for i, r := range saved(l, half) {
			if i > 0 {
				r = "  " + r
			}
			text = append(text, r)
		}
	}
	if missing := s.w.Warnings(); len(missing) > 0 {
		warning := &report{th: th, w: half}
		for _, m := range missing {
			warning.finding(th.Warning, th.Warn, "", m.Error(), "")
		}
		plan = append(append(warning.rows, ""), plan...)
	}
	if s.refused != "" {
		var bad []string
		for _, r := range ui.Wrap(th.Clean(s.refused), half-2) {
			bad = append(bad, th.Bad.Text(th.Failed+" "+r))
		}
		plan = append(append(bad, ""), plan...)
	}
	if w >= wideFrom {
		seen, _, below := s.review.Window(text, h-1)
		left := ui.Fit(s.clipped(plan, h), half, h, th.Ellipsis)
		right := ui.Fit(append(seen, s.more(below)), half, h, th.Ellipsis)
		return indent(ui.Beside(left, " "+th.Dim.Text(th.V)+" ", right))
	}
	seen, _, below := s.review.Window(append(append(plan, ""), text...), h-1)
	return indent(append(ui.Fit(seen, half, h-1, th.Ellipsis), s.more(below)))
}

// saved is a line of the file that will be written, broken only where it is too
// long: its blanks count.
func saved(line string, w int) []string {
	if ui.Width(line) <= w {
		return []string{line}
	}
	return ui.Wrap(line, w-2)
}

// clipped is the beginning of rows that do not all fit, and says so.
func (s *Wizard) clipped(rows []string, h int) []string {
	if len(rows) <= h {
		return rows
	}
	return append(rows[:h-1:h-1], s.th.Dim.Text(s.th.Ellipsis+" "+fmt.Sprint(len(rows)-h+1)+" more rows on a higher screen"))
}

// writeRows says what saving and running write, and where: files here in full,
// because they are what people look for later.
func (s *Wizard) writeRows(w int) []string {
	th := s.th
	rows := []string{th.Strong.Text("What that writes, and where")}
	nameW := 0
	writes := s.w.Writes(s.paths)
	if s.Editing() != "" {
		old := workflow.Write{What: "its old version", Where: writes[0].Where + workflow.BackupSuffix, Local: true}
		writes = slices.Insert(writes, 1, old)
	}
	for _, x := range writes {
		nameW = max(nameW, ui.Width(x.What))
	}
	nameW = min(nameW, w/2)
	for _, x := range writes {
		where := ui.Wrap(th.Clean(x.Where), w-nameW-2)
		if x.Local {
			where = []string{ui.CutLeft(th.Clean(x.Where), w-nameW-2, th.Ellipsis)}
		}
		name := th.Clean(x.What)
		for _, r := range where {
			rows = append(rows, ui.Pad(name, nameW, th.Ellipsis)+"  "+th.Dim.Text(r))
			name = ""
		}
	}
	return rows
}

func (s *Wizard) more(below int) string {
	if below == 0 {
		return ""
	}
	return s.th.Dim.Text(fmt.Sprintf("%s %d more rows", s.th.Down, below))
}

func indent(rows []string) []string {
	for i, r := range rows {
		rows[i] = " " + r
	}
	return rows
}
