package screen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"dpslab/tui/theme"
	"dpslab/tui/ui"
	"dpslab/workflow"
)

// report collects the rows of one exchange, w cells wide.
type report struct {
	th   *theme.Theme
	w    int
	rows []string
}

// exchangeRows shows an exchange in full: request, answer, what TLS agreed on
// and which certificates were really sent, and where the time went.
func exchangeRows(th *theme.Theme, x *workflow.Exchange, w int) []string {
	r := &report{th: th, w: max(w, 20)}
	r.text("", x.Method+" "+x.URL, th.Strong)
	r.text("", strings.Join(present(x.Service, x.Operation, x.Started.Local().Format("15:04:05.000"), x.Proto), ", "), th.Dim)
	r.headers(x.RequestHeader)
	r.body(x.RequestBody)
	r.answer(x)
	r.tls(x)
	r.timing(x)
	return r.rows
}

func present(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// text adds plain text, broken where it is too long: nothing is cut here,
// because this is the place where people look for the whole.
func (r *report) text(lead, s string, st theme.Style) {
	for i, row := range ui.Wrap(r.th.Clean(s), r.w-ui.Width(lead)) {
		if i > 0 {
			lead = ui.Blank(ui.Width(lead))
		}
		r.rows = append(r.rows, lead+st.Text(row))
	}
}

func (r *report) title(s string) { r.rows = append(r.rows, "", r.th.Accent.Text(s)) }

func (r *report) headers(h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			r.text("  ", name+": "+v, r.th.Plain)
		}
	}
}

func (r *report) body(s string) {
	if s == "" {
		return
	}
	r.rows = append(r.rows, "")
	for _, line := range r.th.CleanLines(pretty(s)) {
		text := strings.TrimLeft(line, " ")
		indent := min(len(line)-len(text), r.w/2) // deep nesting must not eat the width
		for i, row := range ui.Wrap(text, r.w-4-indent) {
			if i > 0 {
				row = "  " + row
			}
			r.rows = append(r.rows, "  "+ui.Blank(indent)+row)
		}
	}
}

// pretty indents JSON and leaves every other text as it is.
func pretty(s string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(s), "", "  ") != nil {
		return s
	}
	return b.String()
}

func (r *report) answer(x *workflow.Exchange) {
	if x.Status == 0 {
		r.title("No answer")
		r.text("  ", x.Error, r.th.Bad)
		return
	}
	st := r.th.OK
	if x.Status >= 300 {
		st = r.th.Bad
	}
	r.rows = append(r.rows, "", r.th.Accent.Text("Answer")+" "+st.Text(r.th.Clean(fmt.Sprintf("%d %s", x.Status, x.Reason))))
	r.headers(x.ResponseHeader)
	r.body(x.ResponseBody)
	if x.Truncated {
		r.text("  ", "a body was longer than what is kept", r.th.Warn)
	}
}

func (r *report) tls(x *workflow.Exchange) {
	t := x.TLS
	if t == nil {
		return
	}
	r.title("TLS")
	r.text("  ", strings.Join(present(t.Version, t.CipherSuite, "server name "+t.ServerName), ", "), r.th.Plain)
	r.certificates("the server sent", x, false)
	switch {
	case len(t.Client) > 0:
		r.certificates("the device sent", x, true)
	case t.Requested:
		r.text("  ", "the server asked for a certificate; none was sent", r.th.Warn)
	default:
		r.text("  ", "no client certificate was asked for, none was sent", r.th.Dim)
	}
}

func (r *report) certificates(who string, x *workflow.Exchange, client bool) {
	cs := x.TLS.Server
	if client {
		cs = x.TLS.Client
	}
	if len(cs) == 0 {
		return
	}
	r.text("  ", fmt.Sprintf("%s %s", who, certificates(len(cs))), r.th.Strong)
	for _, c := range cs {
		r.text("    ", c.Subject, r.th.Plain)
		kind := "issued by " + c.Issuer
		if c.Issuer == c.Subject {
			kind = "self-signed"
		}
		if c.CA {
			kind += ", CA"
		}
		r.text("      ", kind+", until "+c.NotAfter.UTC().Format("2 Jan 2006 15:04 MST"), r.th.Dim)
		r.text("      ", "SHA-1   "+c.SHA1, r.th.Dim)
		r.text("      ", "SHA-256 "+c.SHA256, r.th.Dim)
	}
}

func certificates(n int) string {
	if n == 1 {
		return "1 certificate"
	}
	return fmt.Sprintf("%d certificates", n)
}

func (r *report) timing(x *workflow.Exchange) {
	t := x.Timing
	r.title("Timing")
	var parts []string
	for _, p := range []struct {
		name string
		ms   float64
	}{{"DNS", t.DNS}, {"connect", t.Connect}, {"TLS", t.TLS}, {"wait", t.Wait}} {
		if p.ms > 0 {
			parts = append(parts, fmt.Sprintf("%s %.1f", p.name, p.ms))
		}
	}
	parts = append(parts, fmt.Sprintf("in all %.1f ms", t.Total))
	if t.Reused {
		parts = append(parts, "on a connection that was open already")
	}
	r.text("  ", strings.Join(parts, ", "), r.th.Plain)
}
