package screen

import (
	"fmt"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// textFrom is the width from which the text of a certificate stands beside the
// tree without being broken: its widest rows are hexadecimal.
const textFrom = 150

// View implements Screen. The last row is the verdict.
func (c *Chain) View(w, h int) []string {
	th := c.th
	c.wide = w >= textFrom
	room := h - 1
	switch {
	case !c.loaded:
		return ui.Fit([]string{"", "   reading the files" + th.Ellipsis}, w, h, th.Ellipsis)
	case c.err != nil:
		return ui.Fit(failed(th, c.err, w), w, h, th.Ellipsis)
	case len(c.view.Elements) == 0:
		return ui.Fit(append(c.nothing(w), c.fileFindings(w-6)...), w, h, th.Ellipsis)
	case c.wide:
		left := 84
		tree := ui.Fit(c.body(left, room), left, room, th.Ellipsis)
		text := ui.Fit(c.textRows(w-left-4, room), w-left-4, room, th.Ellipsis)
		rows := ui.Beside(tree, " "+th.Dim.Text(th.V)+" ", text)
		return ui.Fit(append(rows, c.verdict(w)), w, h, th.Ellipsis)
	case c.inside:
		rows := ui.Fit(c.textRows(w-2, room), w-2, room, th.Ellipsis)
		return ui.Fit(append(indent(rows), c.verdict(w)), w, h, th.Ellipsis)
	}
	return ui.Fit(append(ui.Fit(c.body(w, room), w, room, th.Ellipsis), c.verdict(w)), w, h, th.Ellipsis)
}

func (c *Chain) nothing(w int) []string {
	th := c.th
	title, text := "There is no certificate yet.", "esc goes back to the bench, where the step \"certificates\" makes them. Then this screen compares the files with what the device sent, what DPS holds, what the enrollment names and what IoT Hub knows."
	if c.view.Instead != "" {
		title = "This device has no certificate."
		text = "It proves who it is with its " + th.Clean(c.view.Instead) + ", so there is no chain to compare. The transcript, t on the bench, shows what it sent."
	}
	rows := []string{"", "   " + title, ""}
	for _, r := range ui.Wrap(text, w-6) {
		rows = append(rows, "   "+th.Dim.Text(r))
	}
	return rows
}

// body is the tree, and under it what is known of the chosen certificate.
func (c *Chain) body(w, h int) []string {
	th := c.th
	tree, above, below := c.tree(w, max(h-8, h/2))
	rows := append(tree, ui.Rule(th, w, above, below))
	return append(rows, indent(paged(th, &c.detail, c.detailRows(w-2), h-len(rows)))...)
}

// chainColumns are the widths of the places beside a certificate's name.
type chainColumns struct{ name, life, file, sent, dps, enrolled, hub int }

// lifeFrom is the width from which the tree tells how long each certificate is
// good; below it the chosen one does.
const lifeFrom = 84

func chainColumnsFor(w int) chainColumns {
	c := chainColumns{file: 4, sent: 4, dps: 8, enrolled: 8, hub: 3}
	if w >= lifeFrom {
		c.life = 16
		w -= c.life + 2
	}
	c.name = max(w-6-(c.file+c.sent+c.dps+c.enrolled+c.hub)-10, 8)
	return c
}

func (c chainColumns) row(tail string, cells ...string) string {
	var b strings.Builder
	for i, n := range []int{c.name, c.life, c.file, c.sent, c.dps, c.enrolled, c.hub} {
		if n == 0 {
			continue
		}
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(ui.Pad(cells[i], n, tail))
	}
	return b.String()
}

// tree draws the certificates, at most h rows: root above, device below, then
// those that are in no chain of this device; above and below are rows that do
// not fit. Where something breaks, a row under
// the certificate says what.
func (c *Chain) tree(w, h int) (seen []string, above, below int) {
	th := c.th
	cols := chainColumnsFor(w)
	head := "     " + th.Dim.Text(cols.row(th.Ellipsis, "CERTIFICATE", "EXPIRY", "FILE", "SENT", "DPS", "ENROLLED", "HUB"))
	var rows []string
	from, to := 0, 0
	for i, e := range c.view.Elements {
		if e.Outside && (i == 0 || !c.view.Elements[i-1].Outside) {
			rows = append(rows, "     "+th.Dim.Text("not in this device's chain:"))
		}
		if i == c.list.Cursor {
			from = len(rows)
		}
		rows = append(rows, c.row(cols, i))
		for _, b := range c.view.Breaks {
			if b.Element == i {
				rows = append(rows, "     "+th.Bad.Text(ui.Cut(strings.Repeat("  ", e.Depth)+b.Rule+" "+th.Clean(b.Text), w-6, th.Ellipsis)))
			}
		}
		if i == c.list.Cursor {
			to = len(rows)
		}
	}
	h = max(h-1, 1)
	if len(rows) > h {
		top := max(0, min(from, len(rows)-h))
		if to <= h {
			top = 0
		}
		above, below = top, len(rows)-top-h
		rows = rows[top : top+h]
	}
	return append([]string{head}, rows...), above, below
}

func (c *Chain) row(cols chainColumns, i int) string {
	th := c.th
	e := c.view.Elements[i]
	name := th.Clean(chainName(e))
	if e.Depth > 0 {
		name = strings.Repeat("  ", e.Depth-1) + th.BottomLeft + th.H + name
	}
	lead := "  "
	if c.broken(i) {
		lead = th.Bad.Text(th.Failed) + " "
	}
	cells := []string{name, c.life(e), c.mark(e.File != ""), c.sent(e), c.held(e), c.mark(e.Named), c.mark(e.AtHub)}
	if i == c.list.Cursor {
		cells[0] = th.Selected.Text(ui.Pad(name, cols.name, th.Ellipsis))
		return " " + th.Accent.Text(th.Marker) + " " + lead + cols.row(th.Ellipsis, cells...)
	}
	return "   " + lead + cols.row(th.Ellipsis, cells...)
}

// life says how long a certificate is good; what has run out stands out.
func (c *Chain) life(e workflow.ChainElement) string {
	if e.NotAfter.IsZero() || c.now.IsZero() {
		return c.th.Dim.Text("not known")
	}
	left := e.NotAfter.Sub(c.now)
	if left <= 0 {
		return c.th.Bad.Text(Life(left))
	}
	return Life(left)
}

// chainName is the common name where there is one: all else of a subject is
// told below.
func chainName(e workflow.ChainElement) string {
	if e.Subject == "" {
		return "unknown, SHA-256 " + prefix(e.SHA256) + prefix(e.SHA1)
	}
	for part := range strings.SplitSeq(e.Subject, ",") {
		if cn, ok := strings.CutPrefix(strings.TrimSpace(part), "CN="); ok {
			return cn
		}
	}
	return e.Subject
}

func prefix(hex string) string { return hex[:min(len(hex), 12)] }

func (c *Chain) broken(i int) bool {
	for _, b := range c.view.Breaks {
		if b.Element == i {
			return true
		}
	}
	return false
}

func (c *Chain) mark(yes bool) string {
	if yes {
		return c.th.OK.Text(c.th.Done)
	}
	return c.th.Dim.Text(c.th.Skipped)
}

// sent is the place among the certificates that were sent.
func (c *Chain) sent(e workflow.ChainElement) string {
	if e.Sent == 0 {
		return c.mark(false)
	}
	if c.view.Sent.Count == 0 {
		return c.mark(true)
	}
	return c.th.OK.Text(fmt.Sprintf("%d/%d", e.Sent, c.view.Sent.Count))
}

func (c *Chain) held(e workflow.ChainElement) string {
	switch {
	case e.Held == "":
		return c.mark(false)
	case e.Verified:
		return c.th.OK.Text("verified")
	}
	return c.th.Warn.Text("unproved")
}

// detailRows are facts of the chosen certificate, where it breaks, and what the
// rules found in it, then what they found in files as a whole.
func (c *Chain) detailRows(w int) []string {
	th := c.th
	e := c.selected()
	r := &report{th: th, w: w}
	title := th.Strong.Text(th.Clean(e.Subject))
	if e.Subject == "" {
		title = th.Strong.Text("A certificate of which only the thumbprint is known")
	}
	r.rows = append(r.rows, ui.Spread(ui.Cut(title, w, th.Ellipsis), th.Dim.Text(e.Role), w, th.Ellipsis))
	c.facts(r, e)
	for _, b := range c.view.Breaks {
		if b.Element == c.list.Cursor {
			r.rows = append(r.rows, "")
			r.finding(th.Failed, th.Bad, b.Rule, b.Text, b.Fix)
		}
	}
	for _, f := range c.view.Findings {
		if f.Element == c.list.Cursor && (f.Severity != "error" || e.Outside) {
			r.rows = append(r.rows, "")
			c.finding(r, f)
		}
	}
	r.rows = append(r.rows, c.fileFindings(w)...)
	return r.rows
}

func (c *Chain) facts(r *report, e *workflow.ChainElement) {
	th := c.th
	var parts []string
	switch {
	case e.Issuer == "":
	case e.Issuer == e.Subject:
		parts = append(parts, "self-signed")
	default:
		r.text("", "issued by "+e.Issuer, th.Dim)
	}
	parts = append(parts, present(e.Key)...)
	if !e.NotAfter.IsZero() {
		life := "until " + e.NotAfter.UTC().Format("2 Jan 2006 15:04 MST")
		if !c.now.IsZero() {
			life += " (" + Life(e.NotAfter.Sub(c.now)) + ")"
		}
		parts = append(parts, life)
	}
	r.text("", strings.Join(parts, ", "), th.Plain)
	r.thumbprint("SHA-1   (DPS) ", e.SHA1)
	r.thumbprint("SHA-256 (hub) ", e.SHA256)
	if e.Held != "" {
		r.text("", "DPS holds it as "+e.Held, th.Plain)
	}
	if e.Named {
		r.text("", "the enrollment ("+c.view.Enrollment+") names it", th.Plain)
	}
	if e.File == "" {
		r.text("", "no file of this device holds it", th.Warn)
		return
	}
	place := e.File
	if e.Position > 1 {
		place += fmt.Sprintf(", certificate %d in it", e.Position)
	}
	r.rows = append(r.rows, th.Dim.Text(ui.CutLeft(th.Clean(place), r.w, th.Ellipsis)))
}

// thumbprint is one that may be broken over two rows, never cut: people compare
// all of it.
func (r *report) thumbprint(label, hex string) {
	if hex == "" {
		hex = "not known here"
	}
	for i, row := range ui.Wrap(hex, r.w-ui.Width(label)) {
		lead := r.th.Dim.Text(label)
		if i > 0 {
			lead = ui.Blank(ui.Width(label))
		}
		r.rows = append(r.rows, lead+row)
	}
}

func (r *report) finding(glyph string, st theme.Style, rule, text, fix string) {
	for i, row := range ui.Wrap(r.th.Clean(strings.TrimSpace(rule+" "+text)), r.w-2) {
		lead := "  "
		if i == 0 {
			lead = st.Text(glyph) + " "
		}
		r.rows = append(r.rows, lead+st.Text(row))
	}
	r.rows = append(r.rows, ui.Labelled(r.th, "fix", fix, r.w)...)
}

func (c *Chain) finding(r *report, f workflow.ChainFinding) {
	th := c.th
	switch f.Severity {
	case "error":
		r.finding(th.Failed, th.Bad, f.Rule, f.Observed, f.Fix)
	case "warning":
		r.finding(th.Warning, th.Warn, f.Rule, f.Observed, f.Fix)
	default:
		r.finding(th.Dot, th.Dim, f.Rule, f.Observed, "")
	}
}

// fileFindings are about keys and files as a whole.
func (c *Chain) fileFindings(w int) []string {
	r := &report{th: c.th, w: w}
	for _, f := range c.view.Findings {
		if f.Element < 0 {
			r.rows = append(r.rows, "")
			c.finding(r, f)
		}
	}
	return r.rows
}

// textRows is the certificate as openssl x509 -text writes it.
func (c *Chain) textRows(w, h int) []string {
	th := c.th
	e := c.selected()
	if e.Text == "" {
		return append([]string{th.Dim.Text("as openssl x509 -text shows it"), ""}, ui.Wrap("No file here holds this certificate, so that its text is not known.", w)...)
	}
	var rows []string
	for _, l := range th.CleanLines(e.Text) {
		text := strings.TrimLeft(l, " ")
		lead := min(len(l)-len(text), w/3)
		for i, r := range ui.Wrap(text, w-lead-2) {
			if i > 0 {
				r = "  " + r
			}
			rows = append(rows, ui.Blank(lead)+r)
		}
	}
	seen, above, below := c.text.Window(rows, max(h-1, 0))
	where := ""
	if above+below > 0 {
		where = fmt.Sprintf("rows %d to %d of %d", above+1, above+len(seen), len(rows))
	}
	title := th.Dim.Text("openssl x509 -text")
	if c.inside {
		title = th.Accent.Text(th.Bullet) + " " + th.Strong.Text("openssl x509 -text")
	}
	return append([]string{ui.Spread(title, th.Dim.Text(where), w, th.Ellipsis)}, seen...)
}

// verdict is the last row: whether the places agree.
func (c *Chain) verdict(w int) string {
	th := c.th
	v := c.view
	var text string
	switch n := len(v.Breaks); {
	case n > 0:
		text = th.Bad.Text(th.Failed) + " " + fitting(w-3,
			plural(n, "break")+": "+th.Clean(v.Breaks[0].Text), plural(n, "break")+"; the rows marked "+th.Failed+" say which", plural(n, "break"))
	case !v.Sent.Known:
		text = th.Dim.Text(th.Waiting) + " nothing was sent yet; the files " + c.filesVerdict()
	default:
		text = th.OK.Text(th.Done) + " " + fitting(w-3,
			"no break between files, what was sent, DPS, enrollment and IoT Hub", "no break: all places agree")
	}
	return ui.Pad(" "+text, w, th.Ellipsis)
}

func (c *Chain) filesVerdict() string {
	for _, f := range c.view.Findings {
		if f.Severity == "error" {
			return "have errors"
		}
	}
	return "are in order"
}
